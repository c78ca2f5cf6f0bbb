//! Faults at every request of a creation, a deletion and a kept deletion.
//!
//! The controller's own code runs here in the test, under Tenure's own ServiceAccount, against a
//! real control plane; the n-th of its requests meets a fault, for every n. Afterwards a second
//! controller, which knows nothing of the first, finishes. What both did is judged by the API
//! server's audit log. Only `through_proxy` runs the server as a process, with its watches.

mod absence;
mod every_request;
mod races;
mod support;
mod through_proxy;
