//! The command line: one definition, from which help, man pages, completions and the reference
//! come as well. One file for each group of commands.

mod global;
mod plan;

use std::time::Duration;

use clap::{CommandFactory as _, Parser, Subcommand};

pub use global::GlobalArguments;
pub use plan::{AssumedArguments, Choice, PlanArguments, PlanFormat};

use crate::exit::Kind;

/// Asks what becomes of a namespace when its Kargo Project goes, and acts on the answer.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-tenure",
    bin_name = "kubectl tenure",
    version,
    disable_help_subcommand = true,
    after_help = exit_codes(),
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalArguments,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what would become of a namespace if its Project were deleted now; nothing is written
    Plan(PlanArguments),
}

/// The definition of the command line.
pub fn command() -> clap::Command {
    Arguments::command()
}

fn exit_codes() -> String {
    let mut text = "Exit codes:\n  0  done".to_owned();
    for (kind, means) in Kind::ALL {
        text.push_str(&format!("\n  {}  {means}", kind.number()));
    }
    text
}

/// Reads a time such as `90s`, `5m` or `24h`.
fn duration(text: &str) -> Result<Duration, String> {
    let read: jiff::SignedDuration =
        text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(read).map_err(|_| "it must not be negative".to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }
}
