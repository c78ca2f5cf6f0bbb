//! Tenure on a real control plane.
//!
//! One `tenure server`, under its own least-privilege ServiceAccount, serves all tests here, each
//! of which has names of its own. What it did is read from the API server's audit log.

mod support;

mod lifecycle;
