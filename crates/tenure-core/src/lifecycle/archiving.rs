//! Nothing is destroyed, and nobody is let go of, before the trail is where it has to be kept.

use super::live::rest_deciding;
use super::{Archived, Observation, Step, Wait};
use crate::status::Progress;
use crate::{Decision, Gate, ProjectFacts, Source};

/// The step that brings the history into the archive, or waits for it, if anything is missing
/// that has to be there.
pub(super) fn first(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    decision: impl FnOnce() -> Decision,
) -> Option<Step> {
    if seen.archived == Archived::Pending {
        return Some(Step::Archive);
    }
    let gate = gate(seen, project)?;
    let mut decision = decision();
    decision.gates.push(gate.clone());
    let held = Progress::Held(vec![gate]);
    Some(rest_deciding(seen, project, &held, &decision, Step::Wait(Wait::Retry)))
}

/// What is awaited where the trail has to be kept and cannot be. Why it cannot is in the log: the
/// words of networks and stores differ each time, and would be a write each time.
pub(super) fn gate(seen: &Observation<'_>, project: &ProjectFacts) -> Option<Gate> {
    let why = match &seen.archived {
        Archived::Kept | Archived::Pending => return None,
        Archived::Failed(_) => "which cannot be written; the log of Tenure says why",
        Archived::Nowhere => "and there is none; give Tenure one with --archive",
    };
    let required = seen.settings.archive_required || seen.demands(project).terms.archive;
    let reason = || format!("the trail has to be kept in an archive, {why}");
    required.then(|| Gate { source: Source::Trail, reason: reason() })
}
