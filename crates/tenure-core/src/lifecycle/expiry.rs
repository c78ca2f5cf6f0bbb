//! What people agreed to counts for a time, and then has to be said anew.

use jiff::Timestamp;

use super::telling::Telling;
use super::{Observation, Step};
use crate::ProjectFacts;
use crate::plan::{Phase, Plan, PlanFacts};
use crate::trail::{self, Event};

/// Whether a confirmation was given, and nothing came of it for too long. While the Namespace is
/// left alone anyway, it holds.
pub(super) fn expired(
    seen: &Observation<'_>,
    plan: &Plan,
    stored: &PlanFacts,
    now: Timestamp,
) -> bool {
    let holds = seen.confirmation_holds();
    let since = |at: Timestamp| plan.not_before.map_or(at, |not_before| at.max(not_before));
    stored.last(Event::ConfirmationExpired).is_none()
        && trail::has_room(&stored.status.history, Event::ConfirmationExpired)
        && stored.last(Event::Confirmed).is_some_and(|at| now.duration_since(since(at)) > holds)
}

/// Whether what people agreed to is of a deletion that came to nothing too long ago, and that nobody
/// has asked for since: its plan has ended, and so nothing more is written there.
pub(super) fn lapsed(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    stored: &PlanFacts,
    now: Timestamp,
) -> bool {
    let holds = seen.confirmation_holds();
    project.deleting.is_none()
        && stored.status.phase.is_final()
        && stored.decided.max(stored.last(Event::Decided)).is_some_and(|at| {
            // Each time that it is asked for again is told there.
            now.duration_since(at) > holds
        })
}

/// Lets what people agreed to expire where the deletion was refused, and not asked for again.
pub(super) fn forget(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    now: Timestamp,
) -> Option<Step> {
    let plan = seen.plan_of(project).filter(|plan| plan.status.phase == Phase::Waiting)?;
    let holds = seen.confirmation_holds();
    let expired = now.duration_since(plan.decided?) > holds
        && plan.last(Event::ConfirmationExpired).is_none()
        && trail::has_room(&plan.status.history, Event::ConfirmationExpired);
    let told = "nobody asked for the deletion again in time; what was agreed to no longer counts";
    expired.then(|| Telling::of(plan, now).entry(Event::ConfirmationExpired, None, told).step())
}
