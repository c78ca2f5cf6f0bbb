//! `plans`, `approve`, `cancel`, `confirm` and `breaker`: what is under way, and what people say to
//! it.

use clap::{Args, Subcommand};
use tenure_core::plan::PlanDigest;

use super::{ResultFormat, TableArguments, WriteArguments};
use crate::target::Target;

/// `plans`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # What is under way, and what has ended
  kubectl tenure plans

  # What is decided, awaited and done about Project payments
  kubectl tenure plans payments")]
pub struct PlansArguments {
    /// Name of a DeletionPlan, or of a Project, whose newest one is meant
    #[arg(value_name = "NAME", conflicts_with = "namespace")]
    pub name: Option<String>,
    /// Which of them, and how they are printed.
    #[command(flatten)]
    pub table: TableArguments,
}

/// `approve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # See what is decided, and agree to it in your own name
  kubectl tenure approve payments

  # Agree to exactly that, without being asked
  kubectl tenure approve payments --digest sha256:…")]
pub struct ApproveArguments {
    /// Name of a DeletionPlan, or of a Project, whose newest one is meant
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What to agree to; nobody is asked
    #[arg(long, value_name = "DIGEST", value_parser = super::delete::digest)]
    pub digest: Option<PlanDigest>,
    /// One of your groups, which counts. By default all that the policies ask for
    #[arg(long, value_name = "NAME")]
    pub group: Vec<String>,
    /// How it is written.
    #[command(flatten)]
    pub write: WriteArguments,
}

/// `confirm`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # See what is decided, and confirm it
  kubectl tenure confirm project/payments

  # Confirm exactly that, without being asked
  kubectl tenure confirm project/payments --digest sha256:…")]
pub struct ConfirmArguments {
    /// project/NAME, or NAME
    #[arg(value_name = "KIND/NAME")]
    pub target: Target,
    /// What to confirm; nobody is asked
    #[arg(long, value_name = "DIGEST", value_parser = super::delete::digest)]
    pub digest: Option<PlanDigest>,
    /// How it is written.
    #[command(flatten)]
    pub write: WriteArguments,
}

/// `cancel`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # Call the deletion of Project payments off
  kubectl tenure cancel project/payments

It protects, so nobody is asked: the Project is made anew, and keeps its namespace. Beside Kargo
the Project may be gone by then: what is called off is its plan, while something is awaited.")]
pub struct CancelArguments {
    /// project/NAME, or NAME
    #[arg(value_name = "KIND/NAME")]
    pub target: Target,
    /// How it is written.
    #[command(flatten)]
    pub write: WriteArguments,
}

/// `breaker`.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  # Whether deletions are carried out, and if not, why
  kubectl tenure breaker

  # They are meant: go on
  kubectl tenure breaker close --reason \"the old clusters are taken down\""
)]
pub struct BreakerArguments {
    /// What to do; without it, its state is told.
    #[command(subcommand)]
    pub act: Option<BreakerAct>,
    /// How to print it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: ResultFormat,
}

/// What to do with the breaker.
#[derive(Debug, Subcommand)]
pub enum BreakerAct {
    /// Say that the deletions are meant, so that they go on
    Close {
        /// Why, for those who ask later
        #[arg(long, value_name = "TEXT", value_parser = super::reason)]
        reason: String,
        /// How it is written.
        #[command(flatten)]
        write: WriteArguments,
    },
}
