//! What the lifecycle sees.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Step;
use crate::access::{AccessFacts, Purpose};
use crate::contents::Contents;
use crate::contents::clean::Remaining;
use crate::plan::{Breaker, Consent, Plan, PlanFacts, Requester};
use crate::policy::{Demands, Matched, Policy};
use crate::status::{self, Progress, Report, Stats};
use crate::{
    Blocker, Cancel, CrdState, Decision, Disposition, Mode, NamespaceFacts, NamespaceState, Origin,
    ProjectFacts, Settings, Snapshot, Tenancy, decide, tenancy,
};

/// What is known of the provisioned access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It has not been read.
    Unread,
    /// It was read, or follows from what was done.
    Known(AccessFacts),
}

/// What part of the work failed at the last attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// Making, recording or changing the Namespace.
    Namespace,
    /// Providing or taking back access.
    Access(Purpose),
    /// Asking for the deletion of the Project, because its Namespace goes.
    DeleteProject,
    /// Anything else about the deletion.
    Deletion,
}

/// The failure of the last attempt, for which a person may have to do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What part of the work failed.
    pub kind: TroubleKind,
    /// What failed and why, as a fragment that fits "failed to …".
    pub what: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Whether the trail is where it has to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Archived {
    /// There is no archive.
    #[default]
    Nowhere,
    /// Everything is in it.
    Kept,
    /// Something was written that is not in it yet.
    Pending,
    /// It could not be written; why.
    Failed(String),
}

/// Everything that the next step depends on.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    /// The name of the Project and its Namespace.
    pub name: &'a str,
    /// When it was begun to read this, by the API server's clock: nothing of it is older.
    pub as_of: Timestamp,
    /// The Project, if there is one.
    pub project: Option<ProjectFacts>,
    /// The Namespace, if there is one.
    pub namespace: Option<NamespaceFacts>,
    /// What was seen of the Project CRD.
    pub crd: CrdState,
    /// The provisioned access.
    pub access: Access,
    /// What keeps a terminating Namespace; `None` if nobody has looked.
    pub blockers: Option<Vec<Blocker>>,
    /// The stored plan of the Project, or of one before it whose plan has not ended.
    pub plan: Option<PlanFacts>,
    /// What that plan recorded of its Project, if the Project's deletion was let in; beside Kargo
    /// alone, where a plan outlives its Project.
    pub recorded: Option<ProjectFacts>,
    /// Who asks for the deletion right now; `None` if nobody does, or nobody saw who.
    pub requester: Option<Requester>,
    /// Every DeletionPolicy.
    pub policies: Arc<[Policy]>,
    /// What is in the Namespace; `None` if nobody has looked.
    pub contents: Option<Arc<Contents>>,
    /// What `Clean` has yet to take away; `None` if nobody has looked since it last did.
    pub remaining: Option<Arc<Remaining>>,
    /// The breaker.
    pub breaker: Breaker,
    /// Whether the trail is where it has to be kept.
    pub archived: Archived,
    /// Numbers of Warehouses and Stages; `None` where those kinds do not exist.
    pub stats: Option<Stats>,
    /// The failure of the last attempt.
    pub trouble: Option<Trouble>,
    /// What does not change.
    pub settings: &'a Settings,
}

impl Observation<'_> {
    /// Decides on what was observed.
    pub fn decide(&self, project: &ProjectFacts) -> Decision {
        decide(&self.snapshot(project))
    }

    /// How long after Tenure let a deletion in it may still be refused.
    pub(super) fn lets_in_within(&self) -> SignedDuration {
        SignedDuration::try_from(self.settings.lets_in_within).unwrap_or(SignedDuration::MAX)
    }

    /// How long what people agreed to counts if nothing comes of it.
    pub(super) fn confirmation_holds(&self) -> SignedDuration {
        SignedDuration::try_from(self.settings.confirmation_holds).unwrap_or(SignedDuration::MAX)
    }

    /// Whether Kargo's management controller provides for Projects and lets go of them.
    pub(super) fn beside_kargo(&self) -> bool {
        self.settings.mode == Mode::Companion
    }

    /// The Project; or, beside Kargo, what its plan recorded of one that is gone while the plan has
    /// yet to be carried out.
    pub fn subject(&self) -> Option<&ProjectFacts> {
        self.project.as_ref().or_else(|| {
            let plan = self.plan.as_ref().filter(|plan| !plan.status.phase.is_final())?;
            self.recorded.as_ref().filter(|project| project.uid == plan.project_uid)
        })
    }

    /// Whether the Namespace has to be read again, for what was read after it may be younger than what
    /// was read of it: a Namespace that was made for a Project which is gone by now, or leave that was
    /// given before its plan was begun. Whoever takes it for missing could record that nothing is
    /// deleted while a DELETE is on its way.
    pub fn wants_namespace_again(&self) -> bool {
        let Some(project) = self.subject() else { return false };
        let recorded = self.namespace.as_ref().and_then(|ns| ns.project_uid.as_ref());
        if self.project.is_none() && recorded != Some(&project.uid) {
            return true;
        }
        let deletes = self
            .plan_of(project)
            .is_some_and(|plan| plan.disposition == Disposition::Delete && plan.has_begun());
        let without_leave = |ns: &NamespaceFacts| ns.deleting.is_none() && !self.has_leave(ns);
        deletes && self.namespace.as_ref().is_some_and(without_leave)
    }

    /// Whether the stored plan says that, so that admission has nothing to write.
    ///
    /// Of a deletion that is let in it has to say what the Project says now, also where that changes
    /// no digest: once the Project is gone, nothing else counts. And it has to be of this deletion,
    /// not of an earlier one that somebody else refused, and that is about to be ended: that one left
    /// no stamp, or was let in too long ago.
    pub fn is_recorded(&self, plan: &Plan, lets_in: bool) -> bool {
        let own = self.plan.as_ref().filter(|stored| stored.project_uid == plan.project_uid);
        own.is_some_and(|stored| {
            let ended = stored.status.phase.is_final();
            let said = match (lets_in, &self.recorded) {
                (true, recorded) => {
                    !ended && recorded.as_ref().is_some_and(|recorded| self.says_of_now(recorded))
                }
                // Of one that somebody else refused, and that is refused now.
                (false, Some(recorded)) => recorded.deleting.is_none() || !ended,
                (false, None) => true,
            };
            stored.digest == plan.digest()
                && stored.namespace_uid == plan.namespace_uid
                && stored.requester == self.requester
                && (said || !self.beside_kargo())
        })
    }

    /// Whether that was recorded of the Project as it is, when the deletion was let in that is asked
    /// for now.
    fn says_of_now(&self, recorded: &ProjectFacts) -> bool {
        let (Some(project), Some(let_in)) = (&self.project, recorded.deleting) else {
            return false;
        };
        let soon = |time: Timestamp| time.duration_since(let_in) < self.lets_in_within();
        let stamped = project.stamp.as_ref().is_some_and(|stamp| soon(stamp.at));
        stamped && soon(self.as_of) && recorded.says_as(project)
    }

    /// Whether a person called the deletion of the Project off that was asked for.
    pub fn is_called_off(&self, project: &ProjectFacts) -> bool {
        project.deleting.is_some() && self.cancel(project) == Cancel::Yes
    }

    /// Whether the Namespace says that it may be deleted: by our finalizer, or, where that is
    /// Kargo's, by a mark of its own. It is taken off before a record says otherwise, and so ends
    /// the version that a DELETE on its way holds for.
    pub(super) fn has_leave(&self, namespace: &NamespaceFacts) -> bool {
        if self.beside_kargo() { namespace.leave } else { namespace.finalizer }
    }

    /// The step that says so.
    pub(super) fn give_leave(&self, plan: &PlanFacts) -> Step {
        if self.beside_kargo() {
            Step::GiveLeave(plan.name.clone())
        } else {
            Step::AddNamespaceFinalizer
        }
    }

    /// The step that takes it off.
    pub(super) fn take_leave(&self) -> Step {
        if self.beside_kargo() { Step::TakeLeave } else { Step::RemoveNamespaceFinalizer }
    }

    /// Whether a person calls the deletion off: on the Project, or on its plan.
    pub(super) fn cancel(&self, project: &ProjectFacts) -> Cancel {
        match (&project.cancel, self.plan_of(project).map(|plan| &plan.cancel)) {
            (Cancel::No, Some(on_plan)) => on_plan.clone(),
            (Cancel::Illegible(_), Some(Cancel::Yes)) => Cancel::Yes,
            (on_project, _) => on_project.clone(),
        }
    }

    /// Decides as if the Namespace were recorded as the Project's, with that origin.
    pub(super) fn decide_as(&self, project: &ProjectFacts, origin: Origin) -> Decision {
        let mut snapshot = self.snapshot(project);
        if let NamespaceState::Active { tenancy, .. } = &mut snapshot.namespace {
            *tenancy = Tenancy::Owned(origin);
        }
        decide(&snapshot)
    }

    pub(super) fn snapshot(&self, project: &ProjectFacts) -> Snapshot {
        let demands = self.demands(project);
        Snapshot::new(self.name, project, self.namespace.as_ref(), self.crd, demands, self.settings)
    }

    /// The stored plan of that very Project.
    pub(super) fn plan_of(&self, project: &ProjectFacts) -> Option<&PlanFacts> {
        self.plan.as_ref().filter(|plan| plan.project_uid == project.uid)
    }

    /// What people said about the Project's plan.
    pub(super) fn consent<'a>(&'a self, project: &'a ProjectFacts) -> Consent<'a> {
        let stored = self.plan_of(project);
        let asked = stored.and_then(|plan| plan.requester.as_ref());
        let requester = self.requester.as_ref().or(asked);
        let accounts = &self.settings.accounts;
        Consent { confirm: project.confirm.as_ref(), stored, requester, accounts }
    }

    /// What policies demand.
    pub(super) fn demands(&self, project: &ProjectFacts) -> Demands {
        let namespace_labels = self.namespace.as_ref().map(|ns| &ns.labels);
        let what = Matched { name: self.name, project_labels: &project.labels, namespace_labels };
        Demands::of(&self.policies, &what)
    }

    /// The report that the status should hold at this progress.
    pub(super) fn report(
        &self,
        project: &ProjectFacts,
        progress: &Progress,
        decision: &Decision,
    ) -> Report {
        let bound = project.bound();
        let recorded = self.namespace.as_ref().and_then(|ns| match tenancy(project, ns) {
            Tenancy::Owned(origin) => Some((ns.uid.clone(), origin.as_str())),
            Tenancy::Unrecorded(_) | Tenancy::NotOwned(_) => None,
        });
        let kept = bound.map(|uid| (uid, "Bound"));
        let bound = recorded.or_else(|| {
            // The Namespace is gone or not ours: what was recorded stays recorded, word for word.
            let how = project.conditions.iter().find(|c| c.bound_uid().is_some()).map(|c| match c
                .reason
                .as_str()
            {
                "Created" => "Created",
                "Adopted" => "Adopted",
                _ => "Bound",
            });
            kept.map(|(uid, bound)| (uid, how.unwrap_or(bound)))
        });
        status::report(
            project.generation,
            progress,
            decision,
            bound.as_ref().map(|(uid, how)| (uid, *how)),
            self.stats,
        )
    }
}
