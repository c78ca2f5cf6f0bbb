//! The Helm chart: what it renders, what it refuses, and that the API server takes it.
//!
//! Helm itself is the witness; it is built once from its Go module.

mod arguments;
mod beside;
mod cluster;
mod install;
mod objects;
mod rendering;
mod support;
mod values;
