//! `Clean`: the Namespace stays, and what is the Project's goes, wave after wave.
//!
//! What recreates the rest goes first, and access last, for the finalizers of the rest may need
//! it. A wave is asked to go at once, and the next begins when nothing of it is left. What
//! refuses to go is named, and never forced.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::live::rest_deciding;
use super::{Observation, Step, Wait};
use crate::contents::clean::Cleaning;
use crate::plan::Plan;
use crate::status::Progress;
use crate::trail::Event;
use crate::{Disposition, ProjectFacts};

/// How often to look whether a wave is gone. No watch shows what is in a Namespace.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The same, once something there is in no hurry.
const LOOK_AGAIN_LATER: Duration = Duration::from_secs(15);
/// After how long it is reported that something is in no hurry.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// How many of what refuses to go are named.
const NAMED: usize = 5;

/// The next step of cleaning; `None` when nothing is left to take away.
pub(super) fn next(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    plan: &Plan,
    now: Timestamp,
) -> Option<Step> {
    debug_assert_eq!(plan.disposition, Disposition::Clean);
    let began = seen.plan_of(project).and_then(|stored| stored.last(Event::Started));
    let cleaning = Cleaning {
        scope: plan.scope.unwrap_or_default(),
        keep_kinds: plan.keep_kinds.clone(),
        project: plan.project_uid.clone(),
        made_before: began,
    };
    let Some(remaining) = seen.remaining.as_deref() else {
        return Some(Step::ReadRemaining(cleaning));
    };
    if !remaining.unseen.is_empty() {
        let kinds: Vec<_> = remaining.unseen.iter().take(NAMED).map(|u| u.kind.as_str()).collect();
        let progress = Progress::Leaving(format!("could not see {}", kinds.join(", ")));
        let rest = Step::Wait(Wait::AtMost(LOOK_AGAIN_LATER));
        return Some(rest_deciding(seen, project, &progress, &plan.decision(), rest));
    }
    let wave = remaining.waves.first()?;
    if wave.to_ask > 0 {
        return Some(Step::CleanWave(cleaning, wave.wave));
    }
    let refusing: Vec<_> = remaining
        .objects
        .iter()
        .filter(|left| left.deleting && !left.finalizers.is_empty())
        .take(NAMED)
        .map(|left| format!("{} (finalizer {})", left.object, left.finalizers.join(", ")))
        .collect();
    let long = began.is_some_and(|began| now.duration_since(began) > PATIENCE);
    if refusing.is_empty() && !long {
        return Some(Step::Wait(Wait::AtMost(LOOK_AGAIN)));
    }
    let waiting = if refusing.is_empty() {
        String::new()
    } else {
        format!("; waiting for {}", refusing.join(", "))
    };
    let left = remaining.objects();
    let progress = Progress::Leaving(format!("objects that have yet to go: {left}{waiting}"));
    let rest = Step::Wait(Wait::AtMost(LOOK_AGAIN_LATER));
    Some(rest_deciding(seen, project, &progress, &plan.decision(), rest))
}
