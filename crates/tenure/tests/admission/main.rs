//! Admission on a real control plane: an API server that calls the webhook over TLS, people who
//! are what RBAC lets them be, and kubectl.
//!
//! One server under its own least-privilege ServiceAccount serves most tests, which have names of
//! their own.

use tenure_core::Mode;

/// How the server runs. `tests/companion` has the same tests beside Kargo.
const MODE: Mode = Mode::Standalone;

mod support;

mod agreement;
mod arrival;
mod cascades;
mod guard;
mod making;
mod without;
