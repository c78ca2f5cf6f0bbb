//! Asking a person. Enter, the end of input and Ctrl-C all mean no.
//!
//! A line is read as the terminal edits it: the terminal itself knows what Ctrl-C and Ctrl-D mean.
//! Nothing that was typed before the question answers it.

use std::io::{self, Write as _};

use nix::sys::termios::{FlushArg, tcflush};

use crate::exit::{Failure, Outcome};
use crate::text::Text;

/// What has to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `y` or `yes`.
    Yes,
    /// That very word.
    Word(String),
}

/// What was answered.
enum Answer {
    Line(String),
    End,
    Interrupted,
}

/// Asks, on standard error.
///
/// # Errors
/// If the answer is anything but what is wanted, or it cannot be told from what was typed before.
pub(crate) async fn ask(question: &Text, wanted: &Wanted) -> Outcome {
    let how = match wanted {
        Wanted::Yes => " [y/N] ".to_owned(),
        Wanted::Word(word) => format!(" Type {word} to go on: "),
    };
    // Before the question, so that there is no moment in which Ctrl-C does anything else.
    let interrupted = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    let mut interrupted =
        interrupted.map_err(|error| Failure::error(format!("failed to listen: {error}")))?;
    // As late as can be; after the question, it would take an answer away that came at once.
    tcflush(io::stdin(), FlushArg::TCIFLUSH).map_err(|error| {
        Failure::error(format!("failed to discard what was typed before the question: {error}"))
    })?;
    let mut err = anstream::stderr().lock();
    drop(write!(err, "{question}{how}").and_then(|()| err.flush()));
    drop(err);
    let answer = tokio::select! {
        _ = interrupted.recv() => Answer::Interrupted,
        read = tokio::task::spawn_blocking(read_line) => match read {
            Ok(Some(line)) => Answer::Line(line),
            Ok(None) | Err(_) => Answer::End,
        },
    };
    let said = match &answer {
        Answer::Line(line) => line.trim(),
        Answer::End | Answer::Interrupted => {
            // Nobody ended the line of the question.
            drop(writeln!(anstream::stderr()));
            ""
        }
    };
    let meant = match wanted {
        Wanted::Yes => said.eq_ignore_ascii_case("y") || said.eq_ignore_ascii_case("yes"),
        Wanted::Word(word) => said == word,
    };
    if meant {
        return Ok(());
    }
    Err(Failure::declined(match answer {
        Answer::Interrupted => "interrupted; nothing was written",
        Answer::End => "not answered; nothing was written",
        Answer::Line(_) if said.is_empty() => "declined; nothing was written",
        Answer::Line(_) => match wanted {
            Wanted::Yes => "declined; nothing was written",
            Wanted::Word(_) => "that is not its name; nothing was written",
        },
    }))
}

/// Does what was agreed to. Ctrl-C ends that, too: since the question it means nothing to the system
/// any more, and a request may hang.
///
/// # Errors
/// If it fails, or is interrupted.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => {
            Err(Failure::error("interrupted; whether it was written before is not known; look again"))
        }
    }
}

/// A line of standard input, or nothing at its end.
fn read_line() -> Option<String> {
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line),
    }
}
