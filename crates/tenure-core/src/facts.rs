//! What was observed of the two objects, reduced to what decisions need.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::contents::Manager;
use crate::ledger::LedgerError;
use crate::plan::PlanDigest;
use crate::status::{Condition, Stats};
use crate::{Cancel, Ledger, Origin, ResourceVersion, Statements, Uid};

/// A Project as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectFacts {
    /// Its UID.
    pub uid: Uid,
    /// The version that was read.
    pub resource_version: ResourceVersion,
    /// `metadata.generation`, for `observedGeneration`.
    pub generation: i64,
    /// When it was created, by the API server's clock.
    pub created: Timestamp,
    /// When its deletion was asked for.
    pub deleting: Option<Timestamp>,
    /// Whether it carries [`crate::keys::FINALIZER`].
    pub finalizer: bool,
    /// What its annotations say about the Namespace.
    pub statements: Statements,
    /// The annotation [`crate::keys::NAMESPACE_UID`].
    pub bound_by_annotation: Option<Uid>,
    /// Its labels, by which policies select.
    pub labels: BTreeMap<String, String>,
    /// Who manages it.
    pub managers: BTreeSet<Manager>,
    /// The annotation [`crate::keys::CONFIRM`].
    pub confirm: Option<PlanDigest>,
    /// The annotation [`crate::keys::CANCEL`].
    pub cancel: Cancel,
    /// The annotation [`crate::keys::RESTORED_FROM`].
    pub restored_from: Option<Uid>,
    /// The annotation [`crate::keys::STAMP`]. What it says over is what `statements` say.
    pub stamp: Option<Stamp>,
    /// Whether [`crate::keys::KEEP_NAMESPACE`] says `"true"`, whoever wrote it: that is all that
    /// Kargo goes by.
    pub keeps: bool,
    /// `status.conditions`.
    pub conditions: Vec<Condition>,
    /// `status.stats`.
    pub stats: Option<Stats>,
}

/// Tenure's word on a Project that its deletion was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The name of the plan.
    pub plan: String,
    /// When it was written, by the API server's clock, in whole seconds.
    pub at: Timestamp,
}

impl ProjectFacts {
    /// Whether it says the same as that one, as far as it is recorded in plans.
    pub(crate) fn says_as(&self, other: &Self) -> bool {
        let said = |of: &Self| {
            let Self { uid, statements, bound_by_annotation, labels, confirm, cancel, .. } =
                of.clone();
            (uid, statements, bound_by_annotation, labels, confirm, cancel)
        };
        said(self) == said(other)
    }

    /// The UID of the Namespace this Project is bound to: what the annotation says, for that
    /// is a person's or our explicit word, else what the condition `NamespaceBound` recorded.
    pub fn bound(&self) -> Option<Uid> {
        self.bound_by_annotation
            .clone()
            .or_else(|| self.conditions.iter().find_map(Condition::bound_uid))
    }
}

/// A Namespace as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its UID.
    pub uid: Uid,
    /// The version that was read.
    pub resource_version: ResourceVersion,
    /// When it was created, by the API server's clock.
    pub created: Timestamp,
    /// When its deletion was asked for.
    pub deleting: Option<Timestamp>,
    /// Whether the label [`crate::keys::PROJECT_LABEL`] says `"true"`.
    pub labelled: bool,
    /// Whether that label was written by Kargo or Tenure, by `managedFields`.
    pub labelled_by_controller: bool,
    /// Whether it carries [`crate::keys::FINALIZER`].
    pub finalizer: bool,
    /// Whether it carries [`crate::keys::LEAVE`].
    pub leave: bool,
    /// Whether an ownerReference names a Project, as old versions of Kargo left it.
    pub owner_reference: bool,
    /// What its annotations say about its fate.
    pub statements: Statements,
    /// Its labels, by which policies select.
    pub labels: BTreeMap<String, String>,
    /// The annotation [`crate::keys::PROJECT_UID`].
    pub project_uid: Option<Uid>,
    /// The annotation [`crate::keys::ORIGIN`]: absent, legible, or its illegible value.
    pub origin: Option<Result<Origin, String>>,
    /// The annotation [`crate::keys::LEDGER`].
    pub ledger: Option<Result<Ledger, LedgerError>>,
}

impl NamespaceFacts {
    /// Whether Tenure wrote anything into its annotations.
    pub fn recorded(&self) -> bool {
        self.project_uid.is_some() || self.origin.is_some() || self.ledger.is_some() || self.leave
    }

    /// The UID of the Namespace that the record says it was written on, which it does beside Kargo.
    pub fn recorded_on(&self) -> Option<&Uid> {
        self.ledger.as_ref()?.as_ref().ok()?.namespace.as_ref()
    }
}

/// One thing that keeps a terminating Namespace from going.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blocker {
    /// The object, as `resource.group/name`; the kind, when objects could not be listed; or the
    /// failure.
    pub object: String,
    /// The finalizers it carries; empty when it is only still there.
    pub finalizers: Vec<String>,
    /// Whether it is no object but a failure that the namespace controller reports.
    pub failure: bool,
}
