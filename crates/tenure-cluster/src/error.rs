//! What can go wrong with a request, and what that means for the next attempt.

use kube::core::Status;
use tenure_api::FactsError;

use crate::not_found::NOT_ABOUT_IT;

/// A request that failed.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {failure}")]
pub struct RequestError {
    /// What was asked for, as a fragment that fits "failed to …".
    pub doing: String,
    /// Why it failed.
    pub failure: Failure,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The API server answered with an error.
    #[error("{}", describe(.0))]
    Refused(Box<Status>),
    /// The API server answered that it may not be, one request of several.
    #[error("{0}")]
    Denied(String),
    /// The object changed since it was read, so the decision is taken again.
    #[error("it changed since it was read")]
    Changed,
    /// Nobody knows whether it was carried out: no answer, or one that does not say.
    #[error("no certain answer: {0}")]
    Unknown(String),
    /// The API server answered something that is not what was asked for.
    #[error("{0}")]
    Nonsense(String),
}

/// How the API server answers a JSON patch of which a test fails, with code 422, which is also
/// that of an invalid object and of a denial by policy.
const PATCH_DOES_NOT_FIT: &str = "the server rejected our request due to an error in our request";

/// What a failure means for the next attempt; also its label in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// Read again and decide again.
    Conflict,
    /// The server asks for patience, or did not answer.
    Transient,
    /// A person has to do something.
    Refused,
}

impl Category {
    /// The category's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Transient => "transient",
            Self::Refused => "refused",
        }
    }
}

impl RequestError {
    /// Wraps what the client returned.
    pub fn new(doing: impl Into<String>, error: kube::Error) -> Self {
        let failure = match error {
            kube::Error::Api(status) if status.is_conflict() => Failure::Changed,
            kube::Error::Api(status) => Failure::Refused(status),
            kube::Error::SerdeError(error) => Failure::Nonsense(error.to_string()),
            kube::Error::Service(error) => Failure::Unknown(error.to_string()),
            other => Failure::Unknown(other.to_string()),
        };
        Self { doing: doing.into(), failure }
    }

    /// What was read lacks what decisions need.
    pub(crate) fn nonsense(doing: impl Into<String>, error: &FactsError) -> Self {
        Self { doing: doing.into(), failure: Failure::Nonsense(error.to_string()) }
    }

    /// Whether the API server said of the very object that it does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(&self.failure, Failure::Refused(status) if status.code == 404)
    }

    /// Whether an answer said 404 without being about the object, as for a kind that is not served.
    pub(crate) fn is_not_about_it(&self) -> bool {
        matches!(&self.failure, Failure::Refused(status) if status.reason == NOT_ABOUT_IT)
    }

    /// What the failure means for the next attempt.
    pub fn category(&self) -> Category {
        match &self.failure {
            Failure::Changed => Category::Conflict,
            Failure::Refused(status) => match status.code {
                404 | 409 | 410 => Category::Conflict,
                422 if status.message.starts_with(PATCH_DOES_NOT_FIT) => Category::Conflict,
                429 | 500..=599 | 0 => Category::Transient,
                _ => Category::Refused,
            },
            Failure::Denied(_) => Category::Refused,
            Failure::Unknown(_) | Failure::Nonsense(_) => Category::Transient,
        }
    }
}

fn describe(status: &Status) -> String {
    if status.message.is_empty() {
        format!("the API server answered {} {}", status.code, status.reason)
    } else {
        status.message.clone()
    }
}
