//! A Namespace whose Project is gone without us: its finalizer was taken off by hand, or the
//! CustomResourceDefinition went.
//!
//! What the Project's annotations said can no longer be asked, so nothing is deleted: the
//! Namespace is released.

use super::deleting::{takes_back, taking_back, what_to_release};
use super::{Observation, Step, Wait};
use crate::CrdState;

pub(super) fn next(seen: &Observation<'_>) -> Step {
    let Some(namespace) = &seen.namespace else { return Step::Done };
    if namespace.deleting.is_some() {
        // Whoever deleted it would wait for ever.
        return if namespace.finalizer { Step::RemoveNamespaceFinalizer } else { Step::Done };
    }
    if namespace.project_uid.is_none() || seen.settings.is_system(seen.name) {
        return Step::Done;
    }
    if seen.crd != CrdState::Established {
        return Step::Wait(Wait::Event);
    }
    if let Some(step) = taking_back(seen, |key| takes_back(seen.settings.profile, key)) {
        return step;
    }
    Step::ReleaseNamespace(what_to_release(seen.settings.profile, namespace))
}
