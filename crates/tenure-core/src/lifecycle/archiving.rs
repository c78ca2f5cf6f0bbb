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
    match &seen.archived {
        Archived::Kept => None,
        Archived::Pending => Some(Step::Archive),
        Archived::Failed(_) if !seen.settings.archive_required => None,
        Archived::Failed(_) => Some(wait(seen, project, decision())),
    }
}

/// Waits for the archive. Why it cannot be written is in the log: the words of networks and
/// stores differ each time, and would be a write each time.
fn wait(seen: &Observation<'_>, project: &ProjectFacts, mut decision: Decision) -> Step {
    let gate = Gate {
        source: Source::Trail,
        reason: "the trail has to be kept in the archive, which cannot be written; the log of \
                 Tenure says why"
            .to_owned(),
    };
    decision.gates.push(gate.clone());
    let held = Progress::Held(vec![gate]);
    rest_deciding(seen, project, &held, &decision, Step::Wait(Wait::Retry))
}
