//! The lifecycle: from what was observed to the next single step.
//!
//! [`next_step`] is total and deterministic. Because every step is one request, or one set of
//! requests that do not depend on each other, a crash between any two leaves a state that is
//! again an [`Observation`], from which the same function goes on.
//!
//! The order of the steps carries the invariants:
//! - the Project is held by its finalizer before anything is made for it, so that a Project
//!   deleted at once leaves nothing behind;
//! - the plan is recorded before anything it says is done, and its outcome before the Project is
//!   let go of;
//! - the record stands on the Namespace before anything is added to it, so that release knows;
//! - the Namespace is deleted only at the UID and resourceVersion that the decision read;
//! - the Project is let go of last, when its Namespace is gone or released.

mod archiving;
mod clean;
mod companion;
mod deleting;
mod expiry;
mod former;
mod gates;
mod live;
mod observation;
mod orphan;
mod planning;
mod releasing;
mod step;
mod telling;

pub use gates::reasons;
pub use live::home;
pub use observation::{Access, Archived, Observation, Trouble, TroubleKind};
pub use orphan::still_let;
pub use planning::{Preview, preview};
pub use releasing::release_step;
pub use step::{Release, Step, Wait};
pub use telling::reopened;

use jiff::Timestamp;

use crate::{Mode, NamespaceName, status::Progress};

/// The next step towards where the observed Project and Namespace should be.
///
/// `now` is the API server's idea of the time, as far as it is known.
pub fn next_step(seen: &Observation<'_>, now: Timestamp) -> Step {
    if seen.settings.mode == Mode::Companion {
        return companion::next(seen, now);
    }
    let Some(project) = &seen.project else { return orphan::next(seen, now) };
    if let Err(why) = NamespaceName::parse(seen.name) {
        return live::unfit(seen, project, Progress::InvalidName(why.to_string()));
    }
    match project.deleting {
        Some(_) => deleting::next(seen, project, now),
        None => live::next(seen, project, now),
    }
}
