//! `kubectl tenure` beside Kargo: what it does otherwise too, with a stand-in for Kargo's management
//! controller as a process of its own, and what is particular to this mode.

use tenure_core::Mode;

/// How the server runs.
const MODE: Mode = Mode::Companion;

#[path = "../cli/schema.rs"]
mod schema;
#[path = "../cli/support.rs"]
mod support;

#[path = "../cli/adopting.rs"]
mod adopting;
#[path = "../cli/brakes.rs"]
mod brakes;
#[path = "../cli/delete.rs"]
mod delete;
#[path = "../cli/dialogue.rs"]
mod dialogue;
#[path = "../cli/following.rs"]
mod following;
#[path = "../cli/people.rs"]
mod people;
#[path = "../cli/plan.rs"]
mod plan;
#[path = "../cli/terminating.rs"]
mod terminating;

mod outliving;
