//! A Project that has a forerunner of its name: one whose plan never ended, or whose deletion was
//! called off so that this one was made in its place.

use jiff::Timestamp;

use super::telling::{Telling, void};
use super::{Archived, Observation, Step};
use crate::ProjectFacts;
use crate::plan::Phase;
use crate::trail::Event;

pub(super) fn next(seen: &Observation<'_>, project: &ProjectFacts, now: Timestamp) -> Option<Step> {
    let plan = seen.plan.as_ref().filter(|plan| plan.project_uid != project.uid)?;
    if seen.archived == Archived::Pending {
        return Some(Step::Archive);
    }
    if plan.awaits_restoration() {
        if project.restored_from.as_ref() != Some(&plan.project_uid) {
            return Some(void(plan, now, "another Project of its name was created instead"));
        }
        let recorded = seen.namespace.as_ref().filter(|namespace| {
            namespace.deleting.is_none()
                && namespace.uid == plan.namespace_uid
                && namespace.project_uid.as_ref() == Some(&plan.project_uid)
        });
        if recorded.is_some() {
            return Some(Step::RebindNamespace);
        }
        let told = format!("the Project was made anew, with UID {}", project.uid);
        let telling = Telling::of(plan, now).phase(Phase::Void);
        return Some(telling.entry(Event::Restored, None, &told).step());
    }
    if plan.status.phase.is_final() {
        return None;
    }
    Some(void(plan, now, "its Project went without Tenure, and another of its name was created"))
}
