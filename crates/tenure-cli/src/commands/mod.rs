//! What each command does, one file for each.

pub mod breaker;
pub mod delete;
pub mod list;
mod marks;
mod plan;
pub mod plans;
pub mod say;
pub mod why;

use crate::arguments::{Arguments, Command};
use crate::exit::Outcome;
use crate::printer::Printer;

pub(crate) async fn run(arguments: &Arguments, printer: &mut Printer) -> Outcome {
    let Arguments { command, global } = arguments;
    match command {
        Command::List(arguments) => list::run(arguments, global, printer).await,
        Command::Plan(arguments) => Box::pin(plan::run(arguments, global, printer)).await,
        Command::Why(arguments) => Box::pin(why::run(arguments, global, printer)).await,
        Command::Delete(arguments) => Box::pin(delete::run(arguments, global, printer)).await,
        Command::Keep(arguments) => Box::pin(marks::keep(arguments, global, printer)).await,
        Command::Hold(arguments) => Box::pin(marks::hold(arguments, global, printer)).await,
        Command::Plans(arguments) => plans::run(arguments, global, printer).await,
        Command::Approve(arguments) => say::approve(arguments, global, printer).await,
        Command::Confirm(arguments) => Box::pin(say::confirm(arguments, global, printer)).await,
        Command::Cancel(arguments) => say::cancel(arguments, global, printer).await,
        Command::Breaker(arguments) => breaker::run(arguments, global, printer).await,
    }
}
