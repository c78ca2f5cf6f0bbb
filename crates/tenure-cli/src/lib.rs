//! `kubectl tenure`: ask first, then act.
//!
//! Invariants:
//! - nothing is written before it was shown what, and where, and a person or a digest agreed;
//! - results go to standard output and everything else to standard error, all of it through the
//!   [`printer`], which lets no text of a cluster steer the terminal;
//! - what ends a command early is a [`Failure`], and its exit code says which kind.

pub mod arguments;
mod choice;
pub mod commands;
mod dialog;
pub mod exit;
mod kubeconfig;
mod look;
mod plan_file;
pub mod printer;
mod reference;
mod remedy;
mod session;
mod target;
pub mod text;
mod typed;
pub mod view;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use crate::arguments::Arguments;
use crate::exit::{Failure, Outcome};
use crate::printer::{Machine, Printer};
use crate::view::json::Document;

pub use crate::arguments::command;
pub use crate::reference::reference;
pub use crate::view::schema;

/// Does what the command line says.
pub fn run() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    if typed::no_color(&words) {
        anstream::ColorChoice::Never.write_global();
    }
    let mut printer = Printer::default();
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(told) => {
            // What is told repeats what was typed, or pasted.
            let told = Arguments::try_parse_from(typed::shown(&words)).err().unwrap_or(told);
            return tell_usage(&told, typed::machine(&words), &mut printer);
        }
    };
    match act(&arguments, &mut printer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            printer.failure(&failure);
            failure.code()
        }
    }
}

fn act(arguments: &Arguments, printer: &mut Printer) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let outcome = runtime.block_on(commands::run(arguments, printer));
    // Somebody may still be asked on a thread of its own; nobody waits for an answer any more.
    runtime.shutdown_background();
    outcome
}

/// Help and version are results; what cannot be read as a command line is not.
fn tell_usage(told: &clap::Error, machine: Option<Machine>, printer: &mut Printer) -> ExitCode {
    // Whoever reads may have read enough.
    drop(told.print());
    if !told.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if let Some(machine) = machine {
        // What is wrong comes first; it has been told in words, with how to write it instead.
        let told = told.render().to_string();
        let wrong = told.split("\n\n").next().unwrap_or(&told);
        let failure = Failure::usage(wrong.strip_prefix("error: ").unwrap_or(wrong));
        drop(printer.document(machine, &Document::failure(&failure)));
    }
    exit::Kind::Usage.code()
}
