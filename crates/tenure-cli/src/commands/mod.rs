//! What each command does, one file for each.

pub mod adopt;
pub mod audit;
mod authors;
pub mod breaker;
mod cancel;
mod completion;
pub mod delete;
mod doctor;
pub mod list;
pub mod marks;
mod plan;
pub mod plans;
pub mod say;
pub mod version;
mod ways;
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
        Command::Cancel(arguments) => cancel::run(arguments, global, printer).await,
        Command::Breaker(arguments) => breaker::run(arguments, global, printer).await,
        Command::Adopt(arguments) => Box::pin(adopt::adopt(arguments, global, printer)).await,
        Command::Release(arguments) => Box::pin(adopt::release(arguments, global, printer)).await,
        Command::Audit(arguments) => Box::pin(audit::run(arguments, global, printer)).await,
        Command::Completion(arguments) => completion::run(&arguments.act, printer),
        Command::Version(arguments) => version::run(arguments, global, printer).await,
        Command::Complete(arguments) => completion::answer(&arguments.words, printer),
        Command::Doctor(arguments) => Box::pin(doctor::run(arguments, global, printer)).await,
    }
}
