//! What a trail records.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What happened to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Event {
    /// What becomes of the Namespace was decided, or decided anew.
    Decided,
    /// A gate is closed: the plan waits.
    Waiting,
    /// Somebody confirmed the plan as it was shown.
    Confirmed,
    /// A confirmation no longer counts: its time is over, or the plan is another.
    ConfirmationExpired,
    /// The plan is about to be carried out. Recorded before the first request.
    Started,
    /// It was carried out: the Namespace is gone, cleaned or released.
    Done,
    /// The plan no longer applies to anything.
    Void,
    /// Somebody withdrew the plan.
    Cancelled,
    /// What the plan had removed was put back.
    Restored,
    /// Too much was being deleted: all deletions stop.
    BreakerOpened,
    /// Somebody let deletions go on.
    BreakerClosed,
}

impl Event {
    /// Every event there is.
    pub const ALL: [Self; 11] = [
        Self::Decided,
        Self::Waiting,
        Self::Confirmed,
        Self::ConfirmationExpired,
        Self::Started,
        Self::Done,
        Self::Void,
        Self::Cancelled,
        Self::Restored,
        Self::BreakerOpened,
        Self::BreakerClosed,
    ];

    /// The word for it, as trails, metrics and logs show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "Decided",
            Self::Waiting => "Waiting",
            Self::Confirmed => "Confirmed",
            Self::ConfirmationExpired => "ConfirmationExpired",
            Self::Started => "Started",
            Self::Done => "Done",
            Self::Void => "Void",
            Self::Cancelled => "Cancelled",
            Self::Restored => "Restored",
            Self::BreakerOpened => "BreakerOpened",
            Self::BreakerClosed => "BreakerClosed",
        }
    }

    /// Whether it lets a plan be carried out, carries it out or ends it. The others may come again
    /// and again.
    pub(super) fn is_outcome(self) -> bool {
        match self {
            Self::Started
            | Self::Done
            | Self::Void
            | Self::Cancelled
            | Self::Confirmed
            | Self::ConfirmationExpired
            | Self::Restored => true,
            Self::Decided | Self::Waiting | Self::BreakerOpened | Self::BreakerClosed => false,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
