//! `kubectl tenure` on a real control plane with a server that is asked, as real users.

use tenure_core::Mode;

/// How the server runs.
const MODE: Mode = Mode::Standalone;

mod adopting;
mod auditing;
mod bare;
mod brakes;
mod delete;
mod dialogue;
mod following;
mod people;
mod plan;
mod schema;
mod support;
mod terminating;
