//! All output: results on standard output, everything else on standard error.
//!
//! Whether a stream has colour is decided for each by itself, unless it is said of the whole program
//! that none has. Who stops reading has read enough: that ends quietly.

use std::io::{self, IsTerminal as _, Write};

use anstream::AutoStream;
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::text::{BAD, CAREFUL, FAINT, Text};
use crate::view::json::{self, Document};

/// All output.
#[derive(Debug, Default)]
pub struct Printer {
    machine: Option<Machine>,
    answered: bool,
}

/// A form for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// JSON, indented.
    Json,
    /// YAML.
    Yaml,
}

impl Printer {
    /// From here on results are for programs, if there is a form for them: a failure is told in
    /// that form, too.
    pub fn for_programs(&mut self, machine: Option<Machine>) {
        self.machine = machine;
    }

    /// Whether results are for programs.
    pub fn machine(&self) -> Option<Machine> {
        self.machine
    }

    /// Whether somebody can be asked: both what they read and what they answer by is a terminal.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether progress can be drawn.
    pub fn can_draw(&self) -> bool {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        io::stderr().is_terminal() && !dumb
    }

    /// A line of the result.
    ///
    /// # Errors
    /// If it could not be written, and not because nobody reads any more.
    pub fn line(&self, text: &Text) -> Outcome {
        self.raw(&format!("{text}\n"))
    }

    /// The result, as lines that were put together from [`Text`].
    ///
    /// # Errors
    /// If it could not be written, and not because nobody reads any more.
    pub fn raw(&self, text: &str) -> Outcome {
        let mut out = self.out();
        quietly(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
    }

    /// A result for programs.
    ///
    /// # Errors
    /// If it could not be written, and not because nobody reads any more.
    pub fn document(&mut self, machine: Machine, document: &impl Serialize) -> Outcome {
        self.answered = true;
        let out = io::BufWriter::new(io::stdout().lock());
        quietly(json::write(out, machine, document))
    }

    /// Tells, beside the result.
    pub fn tell(&self, text: &Text) {
        // There is nobody left to tell that it could not be told.
        drop(writeln!(self.err(), "{text}"));
    }

    /// Tells a line that was put together from [`Text`].
    pub fn tell_rendered(&self, line: &str) {
        drop(writeln!(self.err(), "{line}"));
    }

    /// Warns.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.tell(&Text::styled(CAREFUL, "warning: ").and(text));
    }

    /// Tells why a command did not do what it was asked for, and what leads on.
    pub fn failure(&mut self, failure: &Failure) {
        self.tell_failure(failure);
        if let Some(machine) = self.machine.filter(|_| !self.answered) {
            // It has been told in words; who does not read this does not miss it.
            drop(self.document(machine, &Document::failure(failure)));
        }
    }

    fn tell_failure(&self, failure: &Failure) {
        for line in lines(failure) {
            self.tell(&line);
        }
    }

    /// One more failure of a command that is about several objects: the worst is kept, for it ends
    /// the command; what is not is told, in words only. Each is told once.
    pub fn one_of_several(&self, worst: &mut Option<Failure>, failure: Failure) {
        let worse = worst.as_ref().is_none_or(|worst| failure.kind > worst.kind);
        let other = if worse { worst.replace(failure) } else { Some(failure) };
        if let Some(other) = other.filter(|other| worst.as_ref() != Some(other)) {
            self.tell_failure(&other);
        }
    }

    fn out(&self) -> AutoStream<io::StdoutLock<'static>> {
        anstream::stdout().lock()
    }

    fn err(&self) -> AutoStream<io::StderrLock<'static>> {
        anstream::stderr().lock()
    }
}

/// What is told of a failure. What others wrote on several lines looks like nothing of ours.
fn lines(failure: &Failure) -> Vec<Text> {
    let Failure { message, details, next, .. } = failure;
    let mut told = message.lines();
    let first = Text::styled(BAD, "error: ").and(told.next().unwrap_or_default());
    let theirs = told.map(|line| Text::styled(FAINT, "  | ").and(line));
    let details = details.iter().map(|line| Text::plain("  ").and(line));
    let next = next.iter().map(|command| Text::styled(FAINT, "  next: ").and(command));
    std::iter::once(first).chain(theirs).chain(details).chain(next).collect()
}

/// Nobody reading any more is no failure.
fn quietly(written: io::Result<()>) -> Outcome {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::error(format!("failed to write: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_names_no_command() {
        let failure = Failure::refused("denied: x\n  next: rm -r /")
            .detail("Lien: y\n  next: rm -r /")
            .next("kubectl tenure plan");
        let told: Vec<_> = lines(&failure)
            .iter()
            .map(|line| anstream::adapter::strip_str(&line.to_string()).to_string())
            .collect();
        assert_eq!(
            told,
            [
                "error: denied: x",
                "  |   next: rm -r /",
                "  Lien: y\\u{a}  next: rm -r /",
                "  next: kubectl tenure plan",
            ]
        );
    }
}
