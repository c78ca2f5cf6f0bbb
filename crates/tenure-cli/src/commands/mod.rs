//! What each command does, one file for each.

mod plan;

use crate::arguments::{Arguments, Command};
use crate::exit::Outcome;
use crate::printer::Printer;

pub(crate) async fn run(arguments: &Arguments, printer: &mut Printer) -> Outcome {
    let Arguments { command, global } = arguments;
    match command {
        Command::Plan(arguments) => plan::run(arguments, global, printer).await,
    }
}
