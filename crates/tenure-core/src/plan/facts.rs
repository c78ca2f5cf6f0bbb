//! A DeletionPlan as it is stored: the record, and how far it was carried out.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::PlanDigest;
use crate::contents::clean::Scope;
use crate::trail::{Entry, Event};
use crate::{Accounts, Cancel, Disposition, ResourceVersion, Uid};

/// How far a plan was carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Something is awaited before anything happens.
    #[default]
    Waiting,
    /// It is being carried out.
    Executing,
    /// It was carried out.
    Done,
    /// It will never be carried out.
    Void,
}

impl Phase {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Executing => "Executing",
            Self::Done => "Done",
            Self::Void => "Void",
        }
    }

    /// Whether nothing more comes.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Void)
    }
}

/// Who asked for the deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The user, as the API server knew them.
    pub user: String,
    /// The account, if it acts for people: then which person asked is unknown.
    pub via: Option<String>,
}

impl Requester {
    /// Whoever used that account.
    pub fn of(user: &str, accounts: &Accounts) -> Self {
        let via = (!accounts.is_person(user)).then(|| user.to_owned());
        Self { user: user.to_owned(), via }
    }
}

/// One person's agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who agreed.
    pub user: String,
    /// Their groups.
    pub groups: Vec<String>,
    /// To what.
    pub digest: PlanDigest,
}

/// How far a plan was carried out, and what happened on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanStatus {
    /// How far.
    pub phase: Phase,
    /// Why it waits, as `(reason, message)`.
    pub waiting: Vec<(String, String)>,
    /// What happened, chained.
    pub history: Vec<Entry>,
}

/// A DeletionPlan as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFacts {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: Uid,
    /// The version that was read.
    pub resource_version: ResourceVersion,
    /// UID of the Project.
    pub project_uid: Uid,
    /// UID of the Namespace.
    pub namespace_uid: Uid,
    /// What is to become of it.
    pub disposition: Disposition,
    /// What `Clean` takes away, where that is the disposition.
    pub scope: Option<Scope>,
    /// Kinds that it leaves.
    pub keep_kinds: BTreeSet<String>,
    /// Whether it has to be confirmed.
    pub confirmation: bool,
    /// The version of the Project whose labels and annotations are recorded, to make it anew.
    pub project_version: ResourceVersion,
    /// Digest of what was decided.
    pub digest: PlanDigest,
    /// How many confirmations have expired.
    pub attempt: u32,
    /// When it was decided, or decided anew.
    pub decided: Option<Timestamp>,
    /// Who asked; `None` where admission did not see it.
    pub requester: Option<Requester>,
    /// Who agreed.
    pub approvals: Vec<Approval>,
    /// The annotation [`crate::keys::CANCEL`] on the plan itself, where the Project may be gone.
    pub cancel: Cancel,
    /// How far it was carried out.
    pub status: PlanStatus,
}

impl PlanFacts {
    /// When the last such thing happened under the digest that stands.
    pub fn last(&self, event: Event) -> Option<Timestamp> {
        let same =
            |entry: &&Entry| entry.event == event && entry.digest_of_plan == self.digest.as_str();
        self.status.history.iter().rev().find(same).map(|entry| entry.at)
    }

    /// Whether what stands is being carried out: nothing else was begun since it was.
    pub fn has_begun(&self) -> bool {
        let started = self.status.history.iter().rev().find(|entry| entry.event == Event::Started);
        self.status.phase == Phase::Executing
            && started.is_some_and(|entry| entry.digest_of_plan == self.digest.as_str())
    }

    /// Whether its deletion was called off, and the Project has yet to be made anew.
    pub fn awaits_restoration(&self) -> bool {
        self.status.phase == Phase::Void
            && self.status.history.last().is_some_and(|entry| entry.event == Event::Cancelled)
    }
}
