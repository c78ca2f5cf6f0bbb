//! `kubectl tenure doctor` on a real control plane, against each cause made real.

mod admission;
mod controllers;
mod machinery;
mod namespaces;
mod projects;
#[path = "../cli/schema.rs"]
mod schema;
mod support;
