//! `kubectl-tenure`, which kubectl runs as `kubectl tenure`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl_tenure::run()
}
