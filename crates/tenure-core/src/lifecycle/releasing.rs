//! Taking everything back, so that Tenure can be uninstalled: no finalizer or record of ours stays,
//! no plan is left that nobody will carry out, and nothing is deleted.

use jiff::Timestamp;

use super::telling::{Telling, conclude, void};
use super::{Archived, Observation, Release, Step};
use crate::plan::{Phase, PlanFacts};
use crate::trail::Event;
use crate::{CrdState, Disposition};

/// The next step towards a Project and a Namespace that carry nothing of ours, and
/// [`Step::Done`] once there is none. Labels and access stay: Kargo may take over.
pub fn release_step(seen: &Observation<'_>, now: Timestamp) -> Step {
    if seen.archived == Archived::Pending {
        return Step::Archive;
    }
    if let Some(step) = make_anew(seen, now) {
        return step;
    }
    let deleting = seen.project.as_ref().is_some_and(|project| project.deleting.is_some());
    if let Some(namespace) = &seen.namespace {
        // Kargo goes on holding what it holds.
        let finalizer = namespace.finalizer && !seen.beside_kargo();
        if namespace.recorded() || finalizer {
            // A DELETE may be on its way. This write ends the version that it holds for, so what
            // the plan says next is true.
            let owner_reference = namespace.owner_reference;
            return Step::ReleaseNamespace(Release { label: false, finalizer, owner_reference });
        }
        if deleting && namespace.owner_reference {
            // Once the Project is gone, garbage collection would take the Namespace.
            return Step::StripOwnerReference;
        }
    }
    if let Some(plan) = seen.plan.as_ref().filter(|plan| !plan.status.phase.is_final()) {
        return end(seen, plan, now);
    }
    match &seen.project {
        // On one that is being deleted it is what keeps the Namespace.
        Some(project) if project.stamp.is_some() && !deleting => Step::WithdrawStamp,
        Some(project) if project.bound().is_some() => Step::UnbindProject,
        Some(project) if project.finalizer && !seen.beside_kargo() => Step::LetGoOfProject,
        _ => Step::Done,
    }
}

/// Keeps the promise of a deletion that was called off: its Project is made anew, while somebody
/// is there who knows how.
fn make_anew(seen: &Observation<'_>, now: Timestamp) -> Option<Step> {
    let plan = seen.plan.as_ref().filter(|plan| plan.awaits_restoration())?;
    match &seen.project {
        // Where that fails, the rest is taken back all the same.
        None if seen.crd == CrdState::Established && seen.trouble.is_none() => {
            Some(Step::RestoreProject)
        }
        None => None,
        Some(project) if project.uid == plan.project_uid => {
            (project.finalizer && !seen.beside_kargo()).then_some(Step::LetGoOfProject)
        }
        Some(project) if project.restored_from.as_ref() == Some(&plan.project_uid) => {
            let told = format!("the Project was made anew, with UID {}", project.uid);
            let telling = Telling::of(plan, now).phase(Phase::Void);
            Some(telling.entry(Event::Restored, None, &told).step())
        }
        Some(_) => Some(void(plan, now, "another Project of its name was created instead")),
    }
}

/// Ends a plan that nobody will carry out.
fn end(seen: &Observation<'_>, plan: &PlanFacts, now: Timestamp) -> Step {
    let its = seen.namespace.as_ref().filter(|namespace| namespace.uid == plan.namespace_uid);
    let why = match its {
        Some(namespace) if namespace.deleting.is_some() => {
            "Tenure was taken back while the namespace was going"
        }
        Some(_) => "Tenure was taken back before the plan was carried out; the namespace stays",
        None if plan.disposition == Disposition::Delete => {
            return conclude(Some(plan), now).unwrap_or(Step::Done);
        }
        None => "the namespace went before the plan was carried out",
    };
    void(plan, now, why)
}
