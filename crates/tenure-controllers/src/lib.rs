//! The controllers.
//!
//! A Project and its Namespace share a name and a fate, so one key stands for both: whatever
//! happens to either, or to what was provisioned for them, wakes that key. What is then done is
//! for `tenure-core`'s lifecycle to say.
//!
//! - [`project`]: what is done for a woken Project, and taking everything back for an uninstall;
//! - `watch`: one folder of watches, each of which fills the store and wakes Projects;
//! - [`Queue`]: who is woken when, how many at once, and when again after a failure.

mod manager;
mod metrics;
pub mod project;
mod queue;
mod watch;

pub use manager::{Health, Manager};
pub use metrics::Metrics;
pub use queue::{Queue, Verdict, Waker};
