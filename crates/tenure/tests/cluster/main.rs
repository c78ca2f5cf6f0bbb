//! Tenure on a real control plane.
//!
//! One `tenure server`, under its own least-privilege ServiceAccount, serves most tests here,
//! each of which has names of its own. What it did is read from the API server's audit log.
//! Tests of what concerns a whole cluster start one of their own.

mod support;

mod access;
mod adoption;
mod brakes;
mod inputs;
mod lifecycle;
mod plans;
mod replicas;
mod tiers;
mod uninstall;
mod weaknesses;
