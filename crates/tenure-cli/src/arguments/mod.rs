//! The command line: one definition, from which help, man pages, completions and the reference
//! come as well. One file for each group of commands.

mod adopt;
mod audit;
mod delete;
mod doctor;
mod global;
mod list;
mod marks;
mod plan;
mod plans;
mod tools;

use std::time::Duration;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

pub use adopt::{AdoptArguments, HowArguments, ReleaseArguments};
pub use audit::{
    ArchiveArguments, AuditAct, AuditArguments, AuditExportArguments, AuditListArguments,
    AuditShowArguments, AuditVerifyArguments, SelectorArgument, Since,
};
pub use delete::{DeleteArguments, DryRun, WriteArguments};
pub use doctor::{DoctorArguments, TreeFormat};
pub use global::GlobalArguments;
pub use list::{ListArguments, TableArguments, WhyArguments};
pub use marks::{HoldArguments, KeepArguments, MarkArguments};
pub use plan::{AssumedArguments, Choice, PlanArguments, PlanFormat};
pub use plans::{
    ApproveArguments, BreakerAct, BreakerArguments, CancelArguments, ConfirmArguments,
    PlansArguments,
};
pub use tools::{CompleteArguments, CompletionAct, CompletionArguments, VersionArguments};

use crate::exit::{Failure, Kind, Outcome};
use crate::printer::Machine;
use crate::target::Target;

/// Longest reason that may be given.
const LONGEST_REASON: usize = 1_000;

/// Asks what becomes of a namespace when its Kargo Project goes, and acts on the answer.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-tenure",
    bin_name = "kubectl tenure",
    version,
    max_term_width = 100,
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
    /// List every Project: what would become of its namespace, what holds it, what is under way
    List(ListArguments),
    /// Say what would become of a namespace if its Project were deleted now; nothing is written
    Plan(Box<PlanArguments>),
    /// Say what decides about a namespace, who said so and when, and what would change it
    Why(WhyArguments),
    /// Show the plan, ask, delete the Project, and stay until it is done
    Delete(Box<DeleteArguments>),
    /// Keep a namespace when its Project goes, or no longer
    Keep(KeepArguments),
    /// Put a lien on a Project or a namespace, or take it off
    Hold(HoldArguments),
    /// Show DeletionPlans: what is decided, awaited and done
    Plans(PlansArguments),
    /// Agree to a plan that asks for approvals, in your own name
    Approve(ApproveArguments),
    /// Confirm what is decided about a Project
    Confirm(ConfirmArguments),
    /// Call the deletion of a Project off
    Cancel(CancelArguments),
    /// Show whether too many namespaces were deleted, and close the breaker
    Breaker(BreakerArguments),
    /// Open a namespace that stands for a Project that is to move in, and record that
    Adopt(AdoptArguments),
    /// Take exactly back what adoption added to a namespace that no Project lives in
    Release(ReleaseArguments),
    /// Say why a namespace hangs in Terminating, or would, and what to do about it, safest first
    Doctor(DoctorArguments),
    /// Show the trails of deletions, and prove that they are whole
    Audit(Box<AuditArguments>),
    /// Print completions for a shell, or have kubectl complete `kubectl tenure`
    Completion(CompletionArguments),
    /// Print the version of this program and of Tenure's server
    Version(VersionArguments),
    /// Answer kubectl_complete-tenure
    #[command(name = "__complete", hide = true)]
    Complete(CompleteArguments),
}

/// How a table is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// As a table
    #[default]
    Table,
    /// As a table, with why
    Wide,
    /// As JSON
    Json,
    /// As YAML
    Yaml,
    /// Names alone
    Name,
}

impl TableFormat {
    /// Its form for programs, if it is one.
    pub fn machine(self) -> Option<Machine> {
        match self {
            Self::Json => Some(Machine::Json),
            Self::Yaml => Some(Machine::Yaml),
            Self::Table | Self::Wide | Self::Name => None,
        }
    }
}

/// How what became of something is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ResultFormat {
    /// In words
    #[default]
    Text,
    /// As JSON
    Json,
    /// As YAML
    Yaml,
}

impl ResultFormat {
    /// Its form for programs, if it is one.
    pub fn machine(self) -> Option<Machine> {
        match self {
            Self::Json => Some(Machine::Json),
            Self::Yaml => Some(Machine::Yaml),
            Self::Text => None,
        }
    }
}

/// The definition of the command line.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// What a command is about that takes a target or a namespace's name.
///
/// # Errors
/// If the name can be none.
pub(crate) fn target_of(target: Option<&Target>, namespace: Option<&str>) -> Outcome<Target> {
    match (target, namespace) {
        (Some(target), _) => Ok(target.clone()),
        (None, Some(namespace)) => format!("namespace/{namespace}").parse().map_err(Failure::usage),
        (None, None) => Err(Failure::usage("say of what: project/NAME or namespace/NAME")),
    }
}

/// Reads a digest.
///
/// # Errors
/// If it is none.
pub(crate) fn read_digest(text: &str) -> Result<tenure_core::plan::PlanDigest, String> {
    delete::digest(text)
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
        text.parse().map_err(|_| "a time is written such as 90s, 10m or 24h".to_owned())?;
    Duration::try_from(read).map_err(|_| "it must not be negative".to_owned())
}

/// Reads a time, or 0 without a unit.
fn duration_or_zero(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { duration(text) }
}

/// Reads a reason, which is one line that somebody will read.
fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        Err("it says nothing".to_owned())
    } else if text.len() > LONGEST_REASON {
        Err(format!("it is longer than {LONGEST_REASON} bytes"))
    } else if text.chars().any(char::is_control) {
        Err("it must be one line of text".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }
}
