//! `delete`.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tenure_core::plan::PlanDigest;

use super::Choice;
use crate::target::Target;

/// `delete`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # See what becomes of namespace payments, agree, and stay until it is done
  kubectl tenure delete project/payments

  # Delete the Project, and leave the namespace with everything in it
  kubectl tenure delete project/payments --disposition retain

  # Carry out exactly the plan that was looked at, without being asked
  digest=$(kubectl tenure plan payments -o digest)
  kubectl tenure delete project/payments --digest \"$digest\"
  kubectl tenure delete project/payments --plan payments.plan.json

  # Try what would be answered
  kubectl tenure delete project/payments --dry-run=server

On a terminal it asks, and nothing is written before the answer. Without one nothing is asked, and
nothing happens unless --digest or --plan is the plan of that moment.")]
pub struct DeleteArguments {
    /// project/NAME, or NAME. Can be given several times
    #[arg(value_name = "KIND/NAME", required = true)]
    pub targets: Vec<Target>,
    /// Nothing is deleted by what it carries, but by its name.
    #[arg(short = 'l', long, hide = true, value_parser = no_selector)]
    pub selector: Option<Infallible>,
    /// State the choice; what claims forbid is refused, and nothing is written
    #[arg(long, value_enum, value_name = "CHOICE", ignore_case = true)]
    pub disposition: Option<Choice>,
    /// Carry out the plan of that digest, or nothing; nobody is asked
    #[arg(long, value_name = "DIGEST", value_parser = digest, conflicts_with = "plan")]
    pub digest: Option<PlanDigest>,
    /// Carry out the plan in that file, or nothing; nobody is asked, unless another person made it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "disposition")]
    pub plan: Option<PathBuf>,
    /// Write nothing: show the plan only, or also have the API server say what it would answer
    #[arg(long, value_enum, value_name = "WHERE", num_args = 0..=1, require_equals = true,
          default_value_t, default_missing_value = "client")]
    pub dry_run: DryRun,
    /// Stay until it is done
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub wait: bool,
    /// How long to stay, such as 10m; 0 for as long as it takes
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = super::duration_or_zero)]
    pub timeout: Duration,
    /// How to print what became of it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: super::ResultFormat,
    /// Name every object, instead of counting those of a kind
    #[arg(long)]
    pub full: bool,
}

/// Says how Projects are found by their labels, and then named.
fn no_selector(text: &str) -> Result<Infallible, String> {
    Err(format!("Projects are deleted by name; those of it are: kubectl tenure list -l '{text}'"))
}

/// How something small is written, and told.
#[derive(Args, Debug)]
pub struct WriteArguments {
    /// Write nothing: show what would change only, or also have the API server say what it would
    /// answer
    #[arg(long, value_enum, value_name = "WHERE", default_value_t, num_args = 0..=1,
          default_missing_value = "client", require_equals = true)]
    pub dry_run: DryRun,
    /// How to print what became of it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: super::ResultFormat,
}

/// Where a dry run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// It is none
    #[default]
    None,
    /// Before anything is sent
    Client,
    /// Before anything is kept
    Server,
}

impl DryRun {
    /// What is told of something that is done, or would be.
    pub fn told(self, what: &str) -> String {
        match self {
            Self::None => what.to_owned(),
            Self::Client => format!("nothing was sent: {what} (dry run)"),
            Self::Server => format!("it would be accepted: {what} (dry run)"),
        }
    }

    /// The word for it in results.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Client => "Client",
            Self::Server => "Server",
        }
    }
}

/// Reads a digest.
///
/// # Errors
/// If it is none.
pub(super) fn digest(text: &str) -> Result<PlanDigest, String> {
    let legal = |c: char| c.is_ascii_digit() || matches!(c, 'a'..='f');
    let digits = text.strip_prefix(PlanDigest::PREFIX);
    if text.len() == PlanDigest::LENGTH && digits.is_some_and(|d| d.chars().all(legal)) {
        Ok(PlanDigest::new(text))
    } else {
        Err(format!("a digest is {} and 64 digits of 0-9 and a-f", PlanDigest::PREFIX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_whole_or_none() {
        let whole = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(digest(&whole), Ok(PlanDigest::new(whole.as_str())));
        for wrong in
            ["", "sha256:", "0a", &whole[..70], &format!("{whole}0"), &whole.to_uppercase()]
        {
            assert!(digest(wrong).is_err(), "{wrong}");
        }
    }
}
