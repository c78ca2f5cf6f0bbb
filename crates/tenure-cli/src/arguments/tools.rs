//! `completion` and `version`, and what kubectl asks for.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ResultFormat;

/// `completion`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # For `kubectl tenure <TAB>`: kubectl asks kubectl_complete-tenure on the PATH
  kubectl tenure completion install

  # The same in a directory of your choice
  kubectl tenure completion install --dir ~/.local/bin

  # For `kubectl-tenure <TAB>`, in bash
  source <(kubectl-tenure completion bash)

kubectl's own completion has to be set up as well: kubectl completion -h.")]
pub struct CompletionArguments {
    /// For what.
    #[command(subcommand)]
    pub act: CompletionAct,
}

/// For what.
#[derive(Debug, Subcommand)]
pub enum CompletionAct {
    /// Print a script for bash
    Bash,
    /// Print a script for zsh
    Zsh,
    /// Print a script for fish
    Fish,
    /// Print a script for PowerShell
    #[command(name = "powershell")]
    PowerShell,
    /// Write kubectl_complete-tenure, which kubectl asks for completions
    Install {
        /// Where to write it; by default where this program is
        #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

/// `version`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # Which version this is, and which one Tenure's server has
  kubectl tenure version

  # Without asking the cluster
  kubectl tenure version --client")]
pub struct VersionArguments {
    /// Do not ask the cluster
    #[arg(long)]
    pub client: bool,
    /// How to print it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: ResultFormat,
}

/// What kubectl asks through kubectl_complete-tenure.
#[derive(Args, Debug)]
pub struct CompleteArguments {
    /// What was typed; the last is to be completed
    #[arg(last = true)]
    pub words: Vec<OsString>,
}
