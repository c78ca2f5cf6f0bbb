//! What is written into a plan's history.

use jiff::Timestamp;

use super::Step;
use crate::plan::{Phase, PlanFacts, PlanStatus};
use crate::trail::{self, Event};

/// What a plan waits for while something fails, and is tried again.
pub(super) const RETRYING: &str = "Retrying";

/// The next status of a plan, growing.
pub(super) struct Telling<'a> {
    plan: &'a PlanFacts,
    now: Timestamp,
    status: PlanStatus,
}

impl<'a> Telling<'a> {
    pub(super) fn of(plan: &'a PlanFacts, now: Timestamp) -> Self {
        Self { plan, now, status: plan.status.clone() }
    }

    /// Adds an entry. One for which there is no room is left out: what carries a plan out or ends
    /// it always has room.
    pub(super) fn entry(mut self, event: Event, by: Option<&str>, message: &str) -> Self {
        let Self { plan, now, status } = &mut self;
        if trail::has_room(&status.history, event) {
            let digest = plan.digest.as_str();
            let entry =
                trail::append(&status.history, &plan.name, *now, event, digest, by, message);
            status.history.push(entry);
        }
        self
    }

    pub(super) fn phase(mut self, phase: Phase) -> Self {
        self.status.phase = phase;
        if phase != Phase::Waiting {
            self.status.waiting.clear();
        }
        self
    }

    pub(super) fn waiting(mut self, reasons: Vec<(String, String)>) -> Self {
        self.status.phase = Phase::Waiting;
        self.status.waiting = reasons;
        self
    }

    pub(super) fn step(self) -> Step {
        Step::AdvancePlan(Box::new(self.status))
    }
}

/// Records how a plan ended whose Namespace is gone or released, unless that is recorded.
pub(super) fn conclude(plan: Option<&PlanFacts>, now: Timestamp) -> Option<Step> {
    let plan = plan?;
    let telling = Telling::of(plan, now);
    let told = match plan.status.phase {
        Phase::Done | Phase::Void => return None,
        Phase::Executing => {
            let outcome = match plan.disposition {
                crate::Disposition::Delete => "the namespace is gone",
                crate::Disposition::Clean => "what was the Project's is gone; the namespace stays",
                crate::Disposition::Retain => {
                    "what the Project added is taken back, if anything; the namespace stays"
                }
            };
            telling.phase(Phase::Done).entry(Event::Done, None, outcome)
        }
        Phase::Waiting => telling.phase(Phase::Void).entry(
            Event::Void,
            None,
            "the namespace went, or was released, before the plan was carried out",
        ),
    };
    Some(told.step())
}

/// The status of a plan that ended while its Project lives on, now that its deletion is asked for
/// again.
pub fn reopened(plan: &PlanFacts, now: Timestamp) -> PlanStatus {
    let told = "the deletion is asked for again, after the plan had ended";
    Telling::of(plan, now).entry(Event::Decided, None, told).waiting(Vec::new()).status
}

/// Records that a plan will never be carried out.
pub(super) fn void(plan: &PlanFacts, now: Timestamp, why: &str) -> Step {
    Telling::of(plan, now).phase(Phase::Void).entry(Event::Void, None, why).step()
}
