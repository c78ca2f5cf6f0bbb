//! Beside Kargo's management controller, which provides for Projects and lets go of them.
//!
//! What is Kargo's stays Kargo's: no status, finalizer or access is written while it holds the
//! Project. What becomes of the Namespace was decided when the deletion was let in; the stamp on
//! the Project has Kargo let go of the Namespace, whatever was decided; and once Kargo has let go
//! of the Project too, its plan is carried out, by what the plan recorded of it.
//!
//! A stamp can be taken off at any time without harm: the API server admits a deletion anew when
//! its object has changed, and what is not stamped is stamped then.

use jiff::Timestamp;

use super::expiry::forget;
use super::gates::reasons;
use super::live::{record, unwatched};
use super::planning::choose;
use super::telling::{RETRYING, Telling};
use super::{Archived, Observation, Step, Wait, deleting, former, orphan};
use crate::plan::{self, Phase, PlanFacts};
use crate::status::{Progress, cap};
use crate::trail::{self, Event};
use crate::{NamespaceFacts, NamespaceName, ProjectFacts, Tenancy, tenancy};

/// What a plan waits for while its Namespace takes its time to go.
const TERMINATING: &str = "NamespaceTerminating";
/// While objects take theirs, of which a Namespace is cleaned.
const CLEANING: &str = "Cleaning";

pub(super) fn next(seen: &Observation<'_>, now: Timestamp) -> Step {
    let step = decided(seen, now);
    if !step.is_rest() {
        return step;
    }
    works_again(seen).unwrap_or(step)
}

fn decided(seen: &Observation<'_>, now: Timestamp) -> Step {
    match &seen.project {
        Some(project) if project.deleting.is_none() => live(seen, project, now),
        Some(project) if is_nobodys(seen) => untouched(seen, project),
        Some(project) => match former::next(seen, project, now) {
            Some(step) => step,
            None if project.finalizer => kargo_lets_go(seen, project, now),
            None => deleting::carry(seen, project, now),
        },
        None => match seen.subject() {
            Some(recorded) => deleting::carry(seen, recorded, now),
            None => orphan::next(seen, now),
        },
    }
}

/// Whether no Namespace can be the Project's.
fn is_nobodys(seen: &Observation<'_>) -> bool {
    seen.settings.is_system(seen.name) || NamespaceName::parse(seen.name).is_err()
}

/// The Namespace, if there is one that is not going.
fn standing<'a>(seen: &'a Observation<'_>) -> Option<&'a NamespaceFacts> {
    seen.namespace.as_ref().filter(|namespace| namespace.deleting.is_none())
}

/// A system namespace is nobody's to decide about, and Kargo's least of all.
fn untouched(seen: &Observation<'_>, project: &ProjectFacts) -> Step {
    if project.finalizer && standing(seen).is_some() && !project.keeps {
        return Step::StampProject(plan::name(seen.name, &project.uid));
    }
    Step::Done
}

/// Kargo looks after the Project. Of its Namespace is recorded whose it is.
fn live(seen: &Observation<'_>, project: &ProjectFacts, now: Timestamp) -> Step {
    if seen.archived == Archived::Pending {
        // Nothing waits for it, and once a plan has ended, nobody comes back to it soon.
        return Step::Archive;
    }
    if let Some(step) = refused_after_all(seen, project, now) {
        return step;
    }
    if is_nobodys(seen) {
        return Step::Done;
    }
    if let Some(step) = former::next(seen, project, now).or_else(|| forget(seen, project, now)) {
        return step;
    }
    if seen.namespace.is_none() && project.bound_by_annotation.is_some() {
        // It was made anew for that one, and Kargo makes it another.
        return Step::UnbindProject;
    }
    let Some(namespace) = standing(seen) else { return Step::Done };
    if namespace.owner_reference {
        // With it, garbage collection would take the Namespace once the Project is gone.
        return Step::StripOwnerReference;
    }
    match tenancy(project, namespace) {
        Tenancy::Unrecorded(origin) => record(seen, project, origin),
        Tenancy::Owned(_) if namespace.leave => Step::TakeLeave,
        // Recorded by a Tenure that ran alone, and bound there by what Kargo may drop.
        Tenancy::Owned(origin) if namespace.recorded_on().is_none() => {
            record(seen, project, origin)
        }
        Tenancy::Owned(_) => Step::Done,
        Tenancy::NotOwned(_) => unwatched(namespace),
    }
}

/// Takes the stamp off a Project whose deletion Tenure let in and somebody else refused, and ends
/// its plan.
fn refused_after_all(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    now: Timestamp,
) -> Option<Step> {
    let plan = seen.plan_of(project).filter(|plan| !plan.status.phase.is_final());
    let recorded = plan.and(seen.recorded.as_ref()).and_then(|recorded| recorded.deleting);
    let stamped = project.stamp.as_ref().map(|stamp| stamp.at);
    let let_in = recorded.max(stamped)?;
    // The Project was as it is when it was read, which may be a while ago.
    let left = seen.lets_in_within() - seen.as_of.duration_since(let_in);
    if left.is_positive() {
        return Some(Step::Wait(Wait::AtMost(left.unsigned_abs())));
    }
    if stamped.is_some() {
        return Some(Step::WithdrawStamp);
    }
    let plan = plan?;
    let ended = Telling::of(plan, now).phase(Phase::Void);
    // This may come again and again, as often as somebody tries: the room that is kept for what
    // carries a plan out is not spent on it.
    if !trail::has_room(&plan.status.history, Event::Waiting) {
        return Some(ended.step());
    }
    let told = "Tenure let the deletion in, and somebody else refused it";
    Some(ended.entry(Event::Void, None, told).step())
}

/// Waits until Kargo has let go of the Project. If Tenure was not asked about its deletion, it is
/// decided now, and Kargo is told before it comes to the Namespace, or after it was refused.
fn kargo_lets_go(seen: &Observation<'_>, project: &ProjectFacts, now: Timestamp) -> Step {
    let lets_go = Step::Wait(Wait::Event);
    let Some(namespace) = standing(seen) else { return lets_go };
    if !project.keeps {
        return Step::StampProject(plan::name(seen.name, &project.uid));
    }
    if namespace.owner_reference {
        return Step::StripOwnerReference;
    }
    let Some(plan) = seen.plan_of(project) else {
        if let Tenancy::Unrecorded(origin) = tenancy(project, namespace) {
            return record(seen, project, origin);
        }
        return match choose(seen, project, namespace, now) {
            Ok((plan, _)) => Step::RecordPlan(Box::new(plan)),
            Err(step) => step,
        };
    };
    let recorded = seen.recorded.as_ref().is_some_and(|recorded| recorded.says_as(project));
    if !recorded && !plan.status.phase.is_final() {
        // Once the Project is gone, it can say nothing more.
        return Step::RecordProject;
    }
    lets_go
}

/// Rests, and says on the plan what it runs into: the Project's status is Kargo's to write.
pub(super) fn rest(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    progress: &Progress,
    rest: Step,
) -> Step {
    // What a plan that has yet to begin waits for is on it already, unless something fails.
    let told = |plan: &&PlanFacts| match plan.status.phase {
        Phase::Executing => true,
        Phase::Waiting => seen.trouble.is_some(),
        Phase::Done | Phase::Void => false,
    };
    let Some(plan) = seen.plan_of(project).filter(told) else { return rest };
    let goes = seen.namespace.as_ref().is_some_and(|ns| ns.deleting.is_some());
    let waiting: Vec<_> = match (progress, &seen.trouble) {
        (Progress::Leaving(why), Some(_)) => {
            // What people are asked for, and who opened a gate, is told on.
            let others = plan.status.waiting.iter().filter(|(word, _)| word != RETRYING);
            let others = others.filter(|_| plan.status.phase == Phase::Waiting).cloned();
            others.chain([(RETRYING.to_owned(), cap(why.clone()))]).collect()
        }
        (Progress::Leaving(why), None) if goes => vec![(TERMINATING.to_owned(), cap(why.clone()))],
        (Progress::Leaving(why), None) => vec![(CLEANING.to_owned(), cap(why.clone()))],
        (Progress::Held(gates), None) => {
            reasons(gates).into_iter().map(|(source, why)| (source, cap(why))).collect()
        }
        _ => return rest,
    };
    if plan.status.waiting == waiting {
        return rest;
    }
    Step::AdvancePlan(Box::new(plan::PlanStatus { waiting, ..plan.status.clone() }))
}

/// Says no more on the plan that something fails which does not.
fn works_again(seen: &Observation<'_>) -> Option<Step> {
    let under_way = |plan: &&PlanFacts| !plan.status.phase.is_final();
    let plan = seen.plan.as_ref().filter(under_way).filter(|_| seen.trouble.is_none())?;
    let mut status = plan.status.clone();
    status.waiting.retain(|(word, _)| word != RETRYING);
    (status.waiting.len() < plan.status.waiting.len()).then(|| Step::AdvancePlan(Box::new(status)))
}
