//! What a contributor runs: `cargo xtask --help`.

mod bench;
mod cargo;
mod cluster;
mod codegen;
mod demo;
mod deps;
mod dist;
mod progress;
mod soak;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tests, demo, bench, and a cluster to try things on.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play the story of a Project and its Namespace on a real control plane
    Demo(demo::Arguments),
    /// Run every check: format, lints, dependencies, generated files, tests, demo
    Test(test::Arguments),
    /// Measure, on a real control plane; exits 0 only if every target is met
    Bench(bench::Arguments),
    /// Play random schedules beside Kargo; exits 0 only if everything holds in each
    Soak(soak::Arguments),
    /// A control plane to try things on
    #[command(subcommand)]
    Cluster(Cluster),
    /// Write generated files; with --check only say whether they are up to date
    Codegen {
        /// Write nothing; fail if something would change
        #[arg(long)]
        check: bool,
    },
    /// Build the server and kubectl-tenure for release as static binaries, and pack the latter for krew
    Dist {
        /// Where releases are found; the archive is expected at URL/vVERSION/NAME
        #[arg(long, value_name = "URL", default_value = "https://example.com/tenure/releases")]
        base_url: String,
    },
    /// Check which crate of the workspace depends on which
    Deps,
    /// Check bans, licences and sources of dependencies by cargo-deny, and record that they passed
    Deny,
}

#[derive(Subcommand)]
enum Cluster {
    /// Start one, print its kubeconfig's path, and stay until Ctrl-C or `cluster down`
    Up {
        /// Where it keeps its files
        #[arg(long, default_value = "target/cluster")]
        dir: PathBuf,
        /// Port of the API server; a free one by default
        #[arg(long)]
        port: Option<u16>,
    },
    /// End the one that was started there
    Down {
        /// Where it keeps its files
        #[arg(long, default_value = "target/cluster")]
        dir: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Test(arguments) => test::run_checks(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Soak(arguments) => soak::soak(&arguments),
        Command::Cluster(Cluster::Up { dir, port }) => cluster::up(&dir, port).await,
        Command::Cluster(Cluster::Down { dir }) => cluster::down(&dir),
        Command::Codegen { check } => codegen::run(check),
        Command::Dist { base_url } => dist::run(&base_url),
        Command::Deps => deps::run(),
        Command::Deny => test::deny(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
