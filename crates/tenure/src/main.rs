//! The Tenure server: arguments, wiring, probes, and an orderly end.

mod archive;
mod arguments;
mod connection;
mod leader;
mod mode;
mod probes;
mod publish;
mod server;
mod telemetry;
mod uninstall;
mod webhook;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Server(arguments) => server::run(*arguments),
        Command::Uninstall(arguments) => uninstall::run(&arguments),
        Command::Crds => {
            print(tenure_api::install::crds().iter().map(|crd| serde_json::json!(crd)))
        }
        Command::Manifests(arguments) => {
            let mut manifests = tenure_api::install::manifests(&arguments.installation());
            manifests.extend(tenure_api::install::people_manifests());
            if !arguments.no_contents {
                manifests.extend(tenure_api::install::contents_manifests(&arguments.namespace));
            }
            if arguments.clean {
                manifests.extend(tenure_api::install::clean_manifests(&arguments.namespace));
            }
            print(manifests.into_iter())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints objects as one YAML stream, ready for `kubectl apply -f -`.
fn print(objects: impl Iterator<Item = serde_json::Value>) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    for object in objects {
        let written = write!(out, "---\n{}", serde_saphyr::to_string(&object)?);
        match written {
            // Whoever reads has read enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(())
}
