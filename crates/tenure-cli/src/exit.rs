//! How a command ends, if not well: one kind of failure for each exit code.

use std::process::ExitCode;

use schemars::JsonSchema;
use serde::Serialize;
use tenure_cluster::{Category, RequestError};

use crate::text::shown;

/// How a command ends.
pub type Outcome<T = ()> = Result<T, Failure>;

/// What kind of failure, by how bad it is: of several, the worst gives the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub enum Kind {
    /// It was declined, or has to be confirmed first; nothing was written.
    Declined,
    /// It was not done when the waiting ended, in time or by Ctrl-C; it goes on.
    TimedOut,
    /// The plan that was to be carried out is no longer the plan.
    PlanChanged,
    /// It is refused, by claims, by gates, or by the API server; it was called off; or what was
    /// looked at is not as it should be.
    Refused,
    /// The command line cannot be read.
    Usage,
    /// Anything else.
    Error,
}

impl Kind {
    /// The exit codes, with what each means, in their order.
    pub const ALL: [(Self, &str); 6] = [
        (Self::Error, "error"),
        (Self::Usage, "the command line cannot be read"),
        (
            Self::Refused,
            "refused, by claims, gates or the API server, or called off; or `doctor` or \
             `audit verify` found something; the cause is in the message",
        ),
        (Self::Declined, "declined, or a confirmation is needed; nothing was written"),
        (Self::TimedOut, "not done when the waiting ended, in time or by Ctrl-C; it goes on"),
        (
            Self::PlanChanged,
            "the plan no longer holds: nothing was deleted, or less than was agreed to",
        ),
    ];

    /// The exit code.
    pub fn number(self) -> u8 {
        match self {
            Self::Error => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Declined => 4,
            Self::TimedOut => 5,
            Self::PlanChanged => 6,
        }
    }

    /// The exit code.
    pub fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }
}

/// Why a command did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Of which kind.
    pub kind: Kind,
    /// Why. Others may have written it, on several lines.
    pub message: String,
    /// More about it, a line each.
    pub details: Vec<String>,
    /// Commands that lead on.
    pub next: Vec<String>,
}

impl Failure {
    /// A failure of that kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: Vec::new(), next: Vec::new() }
    }

    /// Something failed.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Kind::Error, message)
    }

    /// The command line makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// It is refused.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// It was declined, or has to be confirmed first.
    pub fn declined(message: impl Into<String>) -> Self {
        Self::new(Kind::Declined, message)
    }

    /// With a line more about it. Whatever it says, it stays one.
    #[must_use]
    pub fn detail(mut self, line: impl AsRef<str>) -> Self {
        self.details.push(shown(line.as_ref()).into_owned());
        self
    }

    /// With a command that leads on.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next.push(command.into());
        self
    }

    /// The exit code.
    pub fn code(&self) -> ExitCode {
        self.kind.code()
    }

    /// Why, with everything about it.
    pub fn whole(&self) -> String {
        let details = self.details.iter().map(String::as_str);
        std::iter::once(self.message.as_str()).chain(details).collect::<Vec<_>>().join("\n")
    }

    /// A request that was not answered as hoped: refused, where the API server or somebody it asks
    /// said no.
    pub fn of_request(doing: &str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                let kind = match status.code {
                    403 | 422 => Kind::Refused,
                    _ => Kind::Error,
                };
                let told = if status.message.is_empty() { &status.reason } else { &status.message };
                Self::new(kind, format!("failed to {doing}: {told}"))
            }
            other => Self::error(format!("failed to {doing}: {}", told(other))),
        }
    }
}

/// What the client says of a request, without the kind of error that it is to the client.
pub(crate) fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Service(error) => causes(&**error),
        other => causes(other),
    }
}

/// An error with everything that led to it, each once.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(found) = cause {
        let text = found.to_string();
        if !told.contains(&text) {
            told.push_str(": ");
            told.push_str(&text);
        }
        cause = found.source();
    }
    told
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::error(causes(error.as_ref()))
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let kind = if error.category() == Category::Refused { Kind::Refused } else { Kind::Error };
        Self::new(kind, format!("failed to {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_told_in_order() {
        let numbers: Vec<_> = Kind::ALL.iter().map(|(kind, _)| kind.number()).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn an_error_is_worse_than_a_refusal_and_that_than_a_decline() {
        assert!(Kind::Error > Kind::Refused && Kind::Refused > Kind::Declined);
    }
}
