//! `doctor`: why a namespace hangs, or would.

use clap::{Args, ValueEnum};

use crate::printer::Machine;
use crate::target::Target;

/// `doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # Why namespace payments does not go, and what to do about it, safest first
  kubectl tenure doctor namespace/payments

  # What would hang if a namespace that stands were deleted
  kubectl tenure doctor namespace/checkout

  # Every namespace that is terminating, and Tenure itself
  kubectl tenure doctor

  # What holds it up, for scripts
  kubectl tenure doctor payments -o json | jq '.namespaces[].findings[].cause'

It changes nothing. What you may not read is told as unseen. Whether the API server asks Tenure is
tried, in dry runs, if you may delete namespaces.

It exits with 0 if nothing was found that holds anything up, and with 3 if something was.")]
pub struct DoctorArguments {
    /// namespace/NAME, or the NAME alone; without it, all that are terminating, and Tenure itself
    #[arg(value_name = "NAMESPACE")]
    pub target: Option<Target>,
    /// The same as namespace/NAME
    #[arg(short, long, value_name = "NAME", conflicts_with = "target")]
    pub namespace: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: TreeFormat,
}

/// How something is printed that has parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TreeFormat {
    /// As a tree
    #[default]
    Tree,
    /// As JSON
    Json,
    /// As YAML
    Yaml,
}

impl TreeFormat {
    /// Its form for programs, if it is one.
    pub fn machine(self) -> Option<Machine> {
        match self {
            Self::Json => Some(Machine::Json),
            Self::Yaml => Some(Machine::Yaml),
            Self::Tree => None,
        }
    }
}
