//! `keep` and `hold`: what keeps a namespace, or keeps anything from being deleted.

use clap::{ArgGroup, Args};

use super::WriteArguments;
use crate::target::Target;

/// `keep`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # Keep namespace payments when its Project goes
  kubectl tenure keep project/payments --reason \"shared with billing\"

  # Keep two, whatever their Projects say
  kubectl tenure keep namespace/payments namespace/billing

  # No longer
  kubectl tenure keep project/payments --remove

It sets kargo.akuity.io/keep-namespace, which Kargo reads as well, and shows how the decision changes.")]
pub struct KeepArguments {
    /// project/NAME or namespace/NAME. Can be given several times
    #[arg(value_name = "KIND/NAME", required = true)]
    pub targets: Vec<Target>,
    /// Why, for those who come across it
    #[arg(long, value_name = "TEXT", value_parser = super::reason, conflicts_with = "remove")]
    pub reason: Option<String>,
    /// What is done.
    #[command(flatten)]
    pub how: MarkArguments,
}

/// `hold`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").args(["reason", "remove"]).required(true), after_help = "\
Examples:
  # Nobody deletes Project payments before the audit is over
  kubectl tenure hold payments --name audit --reason \"quarter not closed\"

  # A deletion that is under way waits, too
  kubectl tenure hold ns/payments --name audit --reason \"quarter not closed\"

  # The audit is over
  kubectl tenure hold project/payments --name audit --remove")]
pub struct HoldArguments {
    /// project/NAME or namespace/NAME. Can be given several times
    #[arg(value_name = "KIND/NAME", required = true)]
    pub targets: Vec<Target>,
    /// What the lien is called: letters, digits, '-', '_' and '.', at most 63
    #[arg(long, value_name = "NAME", value_parser = lien)]
    pub name: String,
    /// Why, for those who come across it
    #[arg(long, value_name = "TEXT", value_parser = super::reason)]
    pub reason: Option<String>,
    /// What is done.
    #[command(flatten)]
    pub how: MarkArguments,
}

/// What is done, and how it is told.
#[derive(Args, Debug)]
pub struct MarkArguments {
    /// Take it off
    #[arg(long)]
    pub remove: bool,
    /// How it is written.
    #[command(flatten)]
    pub write: WriteArguments,
}

/// Reads the name of a lien, which is what follows the slash in a key.
fn lien(name: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let ends = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric());
    if ends && name.len() <= 63 && name.chars().all(legal) {
        Ok(name.to_owned())
    } else {
        Err("a lien's name is made of at most 63 letters, digits, and inner '-', '_' and '.'"
            .into())
    }
}
