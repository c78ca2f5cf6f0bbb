//! `list` and `why`.

use clap::Args;

use super::{AssumedArguments, ResultFormat, TableFormat};
use crate::target::Target;

/// `list`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # What would become of every namespace, as far as is known without a look
  kubectl tenure list

  # Those of a team, with why
  kubectl tenure list -l team=payments -o wide")]
pub struct ListArguments {
    /// Only Projects with these labels, as for kubectl; none that is gone has any
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// Which of them, and how they are printed.
    #[command(flatten)]
    pub table: TableArguments,
}

/// Of which namespace, and how it is printed.
#[derive(Args, Debug)]
pub struct TableArguments {
    /// Only what is of the Project that has this namespace
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// What is of every namespace, which is so anyway
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// How to print it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: TableFormat,
}

/// `why`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # Why namespace payments is kept, who said so, and what would change it
  kubectl tenure why project/payments")]
pub struct WhyArguments {
    /// project/NAME, or NAME
    #[arg(value_name = "KIND/NAME", required_unless_present = "namespace")]
    pub target: Option<Target>,
    /// The same as namespace/NAME
    #[arg(short, long, value_name = "NAME", conflicts_with = "target")]
    pub namespace: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: ResultFormat,
    /// What to assume where the server does not say.
    #[command(flatten)]
    pub assumed: AssumedArguments,
}
