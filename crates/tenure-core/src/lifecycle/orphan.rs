//! A Namespace whose Project is gone without us: its finalizer was taken off by hand, or the
//! CustomResourceDefinition went. Or with us, because its deletion was called off.
//!
//! What the Project's annotations said can no longer be asked, so nothing is deleted: the
//! Namespace is released, or its Project made anew.

use jiff::Timestamp;

use super::deleting::{takes_back, taking_back, what_to_release};
use super::telling::{conclude, void};
use super::{Access, Archived, Observation, Step, Wait};
use crate::CrdState;
use crate::plan::PlanFacts;

pub(super) fn next(seen: &Observation<'_>, now: Timestamp) -> Step {
    if seen.archived == Archived::Pending {
        return Step::Archive;
    }
    if let Some(plan) = &seen.plan
        && plan.awaits_restoration()
        && seen.crd == CrdState::Established
    {
        return Step::RestoreProject;
    }
    let Some(namespace) = &seen.namespace else { return without_namespace(seen, now) };
    if namespace.deleting.is_some() {
        // Whoever deleted it would wait for ever.
        return if namespace.finalizer { Step::RemoveNamespaceFinalizer } else { Step::Done };
    }
    if namespace.project_uid.is_none() || seen.settings.is_system(seen.name) {
        return abandoned(seen, now).unwrap_or(Step::Done);
    }
    if seen.crd != CrdState::Established {
        return Step::Wait(Wait::Event);
    }
    if let Some(step) = taking_back(seen, |key| takes_back(seen.settings.profile, key)) {
        return step;
    }
    Step::ReleaseNamespace(what_to_release(seen.settings.profile, namespace))
}

/// Neither is there: what was provisioned outside the Namespace for a Project of that name may be.
fn without_namespace(seen: &Observation<'_>, now: Timestamp) -> Step {
    let Access::Known(access) = &seen.access else { return Step::ReadAccess };
    let left = access.ours();
    if left.is_empty() {
        conclude(seen.plan.as_ref(), now).unwrap_or(Step::Done)
    } else if seen.crd == CrdState::Established {
        Step::RemoveAccess(left)
    } else {
        Step::Wait(Wait::Event)
    }
}

/// Ends a plan that nobody will carry out.
fn abandoned(seen: &Observation<'_>, now: Timestamp) -> Option<Step> {
    let going = |plan: &&PlanFacts| !plan.status.phase.is_final();
    let plan = seen.plan.as_ref().filter(going)?;
    Some(void(plan, now, "its Project went without Tenure; the namespace stays"))
}
