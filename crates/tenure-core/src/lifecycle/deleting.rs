//! A Project that is being deleted: its Namespace goes or is released, then the Project is
//! let go of.

use jiff::{SignedDuration, Timestamp};

use super::live::{record, rest_at, unfit, unwatched};
use super::{Access, Observation, Release, Step, Wait};
use crate::access::AccessKey;
use crate::status::Progress;
use crate::{
    Blocker, Disposition, NamespaceFacts, NotOwned, Profile, ProjectFacts, Tenancy, tenancy,
};

/// How often the status is brought up to date while a Namespace takes its time.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// How long beyond the patience content may take to go before it is reported all the same.
const LONG: SignedDuration = SignedDuration::from_secs(60);
/// How many blockers the status names; more would not be read.
const NAMED_BLOCKERS: usize = 5;

pub(super) fn next(seen: &Observation<'_>, project: &ProjectFacts, now: Timestamp) -> Step {
    if seen.settings.is_system(seen.name) {
        return unfit(seen, project, Progress::SystemNamespace);
    }
    if !project.finalizer {
        // It was deleted before we held it, and so nothing was made for it; or somebody took
        // our finalizer off, and what follows is not ours to decide. Adding it now is refused.
        return Step::Done;
    }
    if let Some(trouble) = &seen.trouble {
        let progress = Progress::Leaving(format!("failed to {trouble}"));
        return rest_at(seen, project, &progress, Step::Wait(Wait::Retry));
    }
    let Some(namespace) = &seen.namespace else { return let_go(seen) };
    let tenancy = tenancy(project, namespace);
    if namespace.deleting.is_some() {
        return while_it_goes(seen, project, namespace, &tenancy, now);
    }
    if namespace.owner_reference {
        // Whoever the Namespace belongs to: once the Project is gone, garbage collection would
        // take it.
        return Step::StripOwnerReference;
    }
    if let Tenancy::Unrecorded(origin) = tenancy {
        // Unrecorded although the Project is bound to it: the record was taken back, by our
        // release or by a person. Either way it stays.
        let released = project.bound().is_some();
        return if released { let_go(seen) } else { record(seen, project, origin) };
    }
    let decision = seen.decide(project);
    if !decision.gates.is_empty() {
        let held = Progress::Held(decision.gates);
        return rest_at(seen, project, &held, unwatched(namespace));
    }
    match (tenancy, decision.disposition) {
        (Tenancy::Owned(_), Disposition::Delete) => Step::DeleteNamespace {
            uid: namespace.uid.clone(),
            resource_version: namespace.resource_version.clone(),
        },
        // `Clean` protects less than `Retain`, so releasing keeps what it promises to keep.
        (Tenancy::Owned(_), Disposition::Clean | Disposition::Retain)
        | (Tenancy::NotOwned(NotOwned::Unlabelled { recorded: true }), _) => {
            release(seen, project, namespace)
        }
        _ => let_go(seen),
    }
}

/// Takes back what was provisioned outside the Namespace, then lets go of the Project.
fn let_go(seen: &Observation<'_>) -> Step {
    match taking_back(seen, |key| !key.kind.namespaced()) {
        Some(step) => step,
        None => Step::LetGoOfProject,
    }
}

/// The step that takes back those provisioned objects, if any are left.
pub(super) fn taking_back(
    seen: &Observation<'_>,
    which: impl Fn(&AccessKey) -> bool,
) -> Option<Step> {
    let Access::Known(access) = &seen.access else { return Some(Step::ReadAccess) };
    let ours: Vec<_> = access.ours().into_iter().filter(which).collect();
    (!ours.is_empty()).then_some(Step::RemoveAccess(ours))
}

/// Waits for a terminating Namespace, and says what keeps it.
fn while_it_goes(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    tenancy: &Tenancy,
    now: Timestamp,
) -> Step {
    if let Some(step) = taking_back(seen, |key| !key.kind.namespaced()) {
        return step;
    }
    if namespace.finalizer {
        return Step::RemoveNamespaceFinalizer;
    }
    let ours = !matches!(tenancy, Tenancy::NotOwned(why) if *why != NotOwned::Unlabelled { recorded: true });
    if !ours {
        return Step::LetGoOfProject;
    }
    let since = namespace.deleting.unwrap_or(now);
    let patience = SignedDuration::try_from(seen.settings.patience).unwrap_or(SignedDuration::MAX);
    let left = patience - now.duration_since(since);
    if left.is_positive() {
        return Step::Wait(Wait::AtMost(left.unsigned_abs()));
    }
    let Some(blockers) = &seen.blockers else { return Step::ReadBlockers };
    let look_again = Step::Wait(Wait::AtMost(LOOK_AGAIN.unsigned_abs()));
    // Content that is merely still there is on its way out, and not worth a write each time a
    // thousand namespaces go at once.
    let stuck = blockers.iter().any(|blocker| !blocker.finalizers.is_empty() || blocker.failure);
    if !stuck && (-left) < LONG {
        return look_again;
    }
    rest_at(seen, project, &Progress::Leaving(describe(blockers)), look_again)
}

fn describe(blockers: &[Blocker]) -> String {
    if blockers.is_empty() {
        return "the namespace is terminating".to_owned();
    }
    let named: Vec<_> = blockers
        .iter()
        .take(NAMED_BLOCKERS)
        .map(|blocker| match blocker.finalizers.as_slice() {
            [] => blocker.object.clone(),
            finalizers => format!("{} (finalizer {})", blocker.object, finalizers.join(", ")),
        })
        .collect();
    let more = match blockers.len().saturating_sub(NAMED_BLOCKERS) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!("the namespace is terminating, waiting for {}{more}", named.join(", "))
}

/// Takes back from a Namespace that stays what the Project's coming added to it.
fn release(seen: &Observation<'_>, project: &ProjectFacts, namespace: &NamespaceFacts) -> Step {
    if let Some(step) = taking_back(seen, |key| takes_back(seen.settings.profile, key)) {
        return step;
    }
    let what = what_to_release(seen.settings.profile, namespace);
    if what.label || namespace.recorded() || namespace.finalizer {
        // A Namespace that keeps its label looks, once released, like one that was never
        // recorded. That the Project is bound to it is what tells the two apart.
        if namespace.labelled && !what.label && project.bound().is_none() {
            return Step::BindProject(namespace.uid.clone());
        }
        return Step::ReleaseNamespace(what);
    }
    Step::LetGoOfProject
}

/// In profile `kargo` what was provisioned in a Namespace that stays, stays too.
pub(super) fn takes_back(profile: Profile, key: &AccessKey) -> bool {
    profile == Profile::Protective || !key.kind.namespaced()
}

/// What release takes off the Namespace besides the record.
pub(super) fn what_to_release(profile: Profile, namespace: &NamespaceFacts) -> Release {
    let label_came_with_it = matches!(&namespace.ledger, Some(Ok(ledger)) if ledger.label);
    Release {
        label: namespace.labelled && label_came_with_it && profile == Profile::Protective,
        owner_reference: namespace.owner_reference,
    }
}
