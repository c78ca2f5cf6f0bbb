//! What can go wrong with an archive.

use std::time::Duration;

use tenure_core::trail::Fault;

/// Why an archive did not do what it was asked for, as a fragment that fits "failed to …".
/// No message holds credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The URL or the options do not lead to an archive.
    #[error("open the archive {url}: {why}")]
    Open {
        /// The archive.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// A trail of this subject cannot be archived.
    #[error(
        "name a folder {0:?}: a subject has at most 253 of a-z, 0-9, hyphens and dots, the last \
         two only inside"
    )]
    Subject(String),
    /// The store refused, or could not be reached.
    #[error("{doing} in {url}: {why}")]
    Store {
        /// What was asked for.
        doing: String,
        /// The archive.
        url: String,
        /// What the store said.
        why: String,
        /// Whether it may go better another time.
        category: Category,
    },
    /// The store did not answer. Whether it did what it was asked for is not known.
    #[error("{doing} in {url}: no answer within {after:?}")]
    NoAnswer {
        /// What was asked for.
        doing: String,
        /// The archive.
        url: String,
        /// How long it was waited.
        after: Duration,
    },
    /// Another entry of the same number is there.
    #[error(
        "archive entry {sequence} of {subject} in {url}: another entry of that number is there"
    )]
    Forked {
        /// Whose trail it is.
        subject: String,
        /// Which entry.
        sequence: u64,
        /// The archive.
        url: String,
    },
    /// What should be an entry is none.
    #[error("read {object} in {url}: {why}")]
    Illegible {
        /// The object's path.
        object: String,
        /// The archive.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The entries that are there are not a whole trail.
    #[error("verify the trail of {subject} in {url}: {fault}")]
    Fault {
        /// Whose trail it is.
        subject: String,
        /// The archive.
        url: String,
        /// The first thing that is wrong.
        fault: Fault,
    },
}

/// What an error means for the next attempt; also its label in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// Try again: the store is not reachable, full, or busy.
    Transient,
    /// A person has to do something: the archive, a right or an option is wrong.
    Refused,
    /// Somebody tampered with what is there.
    Tampered,
}

impl Category {
    /// The category's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Refused => "refused",
            Self::Tampered => "tampered",
        }
    }
}

impl ArchiveError {
    /// What the error means for the next attempt.
    pub fn category(&self) -> Category {
        match self {
            Self::Open { .. } | Self::Subject(_) => Category::Refused,
            Self::Store { category, .. } => *category,
            Self::NoAnswer { .. } => Category::Transient,
            Self::Forked { .. } | Self::Illegible { .. } | Self::Fault { .. } => Category::Tampered,
        }
    }
}
