//! A Namespace whose Project is gone without us: its finalizer was taken off by hand, or the
//! CustomResourceDefinition went. Or with us, because its deletion was called off.
//!
//! What the Project's annotations said can no longer be asked, so nothing is deleted: the
//! Namespace is released, or its Project made anew.

use jiff::{SignedDuration, Timestamp};

use super::deleting::{takes_back, taking_back, what_to_release};
use super::telling::{RETRYING, conclude, void};
use super::{Access, Archived, Observation, Release, Step, Trouble, Wait};
use crate::plan::{PlanFacts, PlanStatus};
use crate::status::cap;
use crate::{CrdState, NamespaceFacts, Origin};

/// How long after admission made its Namespace a Project may be stored. The others who are asked
/// may take 30 s, which is the most that the API server gives a webhook.
const ARRIVES_WITHIN: SignedDuration = SignedDuration::from_secs(45);

pub(super) fn next(seen: &Observation<'_>, now: Timestamp) -> Step {
    if seen.archived == Archived::Pending {
        return Step::Archive;
    }
    if let Some(plan) = &seen.plan
        && plan.awaits_restoration()
        && seen.crd == CrdState::Established
    {
        return match &seen.trouble {
            None => Step::RestoreProject,
            Some(trouble) => not_made_anew(plan, trouble),
        };
    }
    let Some(namespace) = &seen.namespace else { return without_namespace(seen, now) };
    if namespace.deleting.is_some() {
        // Whoever deleted it would wait for ever, but for Kargo.
        return if namespace.finalizer && !seen.beside_kargo() {
            Step::RemoveNamespaceFinalizer
        } else {
            Step::Done
        };
    }
    if namespace.project_uid.is_none() || seen.settings.is_system(seen.name) {
        return abandoned(seen, now).unwrap_or(Step::Done);
    }
    if seen.crd != CrdState::Established {
        return Step::Wait(Wait::Event);
    }
    if let Some(wait) = arrival(seen, namespace) {
        return wait;
    }
    let what = what_to_release(seen.settings.profile, namespace);
    if namespace.recorded_on().is_some_and(|uid| *uid != namespace.uid) {
        // It comes out of a backup, and its Project may follow: the record says nothing about it, and
        // so nothing that it says is taken back.
        return Step::ReleaseNamespace(Release { label: false, ..what });
    }
    if let Some(step) = taking_back(seen, |key| takes_back(seen.settings, key)) {
        return step;
    }
    Step::ReleaseNamespace(what)
}

/// Says on the plan why the Project whose deletion was called off is still not there.
fn not_made_anew(plan: &PlanFacts, trouble: &Trouble) -> Step {
    let waiting = vec![(RETRYING.to_owned(), cap(format!("failed to {trouble}")))];
    if plan.status.waiting == waiting {
        return Step::Wait(Wait::Retry);
    }
    Step::AdvancePlan(Box::new(PlanStatus { waiting, ..plan.status.clone() }))
}

/// Why no Project of that name may come now, if so, as far as records go: its Namespace is still
/// recorded as another's. It is released first, so that nobody moves in unseen.
///
/// # Errors
/// Gives the step that has to be taken first: [`Step::ReadAccess`].
pub fn still_let(seen: &Observation<'_>) -> Result<Option<String>, Step> {
    let stands = |namespace: &&NamespaceFacts| namespace.deleting.is_none();
    let (None, Some(namespace)) = (&seen.project, seen.namespace.as_ref().filter(stands)) else {
        return Ok(None);
    };
    let name = seen.name;
    if seen.subject().is_some() {
        return Ok(Some(format!(
            "namespace {name} is that of another Project {name}, which is gone, and what was decided \
             about it has yet to be carried out; wait for it, or call it off: kubectl tenure plans"
        )));
    }
    if namespace.project_uid.is_none() {
        return Ok(None);
    }
    if seen.plan.as_ref().is_some_and(PlanFacts::awaits_restoration) {
        return Ok(Some(format!(
            "the deletion of Project {name} was called off, and the Project is about to be made anew; \
             wait for it, or see what keeps it: kubectl tenure plans"
        )));
    }
    match arrival(seen, namespace) {
        Some(Step::Wait(Wait::AtMost(left))) => Ok(Some(format!(
            "namespace {name} was made for a Project {name} whose creation was under way a moment \
             ago; if that was refused, the namespace is released in {} s; try again then",
            left.as_secs().max(1)
        ))),
        Some(step) => Err(step),
        None => Ok(Some(format!(
            "namespace {name} is recorded as that of another Project {name}, which is gone; it is \
             about to be released; try again in a moment"
        ))),
    }
}

/// Waits for a Project whose creation may be under way: admission makes the Namespace before the
/// Project is stored. Of one that was there already more is left than admission makes.
fn arrival(seen: &Observation<'_>, namespace: &NamespaceFacts) -> Option<Step> {
    if seen.beside_kargo() {
        // What Kargo makes has no record yet.
        return None;
    }
    // That there is no Project was so when it was looked for, which may be a while ago.
    let left = ARRIVES_WITHIN - seen.as_of.duration_since(namespace.created);
    if namespace.origin != Some(Ok(Origin::Created)) || !left.is_positive() {
        return None;
    }
    let Access::Known(access) = &seen.access else { return Some(Step::ReadAccess) };
    let came = access.ours().iter().any(|key| !key.comes_first());
    (!came).then(|| Step::Wait(Wait::AtMost(left.unsigned_abs())))
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
