//! Beside Kargo: every test of admission again, with a stand-in for Kargo's management controller
//! as a process of its own, and what is particular to this mode.

use tenure_core::Mode;

/// How the server runs.
const MODE: Mode = Mode::Companion;

#[path = "../admission/support.rs"]
mod support;

#[path = "../admission/agreement.rs"]
mod agreement;
#[path = "../admission/arrival.rs"]
mod arrival;
#[path = "../admission/cascades.rs"]
mod cascades;
#[path = "../admission/guard.rs"]
mod guard;
#[path = "../admission/without.rs"]
mod without;

mod beside;
mod deleting;
mod late;
mod plans;
mod stamps;
mod switching;
