//! `kubectl tenure` on a real control plane with a server that is asked, as real users.

mod adopting;
mod auditing;
mod bare;
mod brakes;
mod delete;
mod dialogue;
mod following;
mod people;
mod plan;
mod support;
