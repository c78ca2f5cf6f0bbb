//! A Project that is not being deleted: its Namespace exists, is recorded, and gives access.

use std::time::Duration;

use jiff::Timestamp;

use super::expiry::forget;
use super::{Access, Archived, Observation, Step, Trouble, TroubleKind, Wait, companion, former};
use crate::access::{AccessFacts, AccessKind, AccessState, Purpose};
use crate::status::Progress;
use crate::{
    Decision, Disposition, Ledger, NamespaceFacts, NotOwned, Origin, ProjectFacts, Tenancy, tenancy,
};

/// How often a Namespace is looked at that no watch shows.
const LOOK_AT_UNWATCHED: Duration = Duration::from_secs(15);

pub(super) fn next(seen: &Observation<'_>, project: &ProjectFacts, now: Timestamp) -> Step {
    if seen.settings.is_system(seen.name) {
        return unfit(seen, project, Progress::SystemNamespace);
    }
    if project.stamp.is_some() {
        // It was Tenure's word to a Kargo that looked after Projects then.
        return Step::WithdrawStamp;
    }
    if let Some(step) = former::next(seen, project, now) {
        return step;
    }
    if seen.archived == Archived::Pending {
        return Step::Archive;
    }
    if let Some(step) = forget(seen, project, now) {
        return step;
    }
    if let Some(trouble) = &seen.trouble
        && trouble.kind != TroubleKind::DeleteProject
    {
        return troubled(seen, project, trouble);
    }
    let Some(namespace) = &seen.namespace else { return without_namespace(seen, project) };
    if namespace.deleting.is_some() {
        return namespace_goes(seen, project, namespace);
    }
    if namespace.owner_reference {
        // Whoever the Namespace belongs to: with it, garbage collection would take it.
        return Step::StripOwnerReference;
    }
    match tenancy(project, namespace) {
        Tenancy::NotOwned(why) => not_owned(seen, project, namespace, &why),
        Tenancy::Unrecorded(_) if !project.finalizer => Step::HoldProject,
        Tenancy::Unrecorded(origin) => record(seen, project, origin),
        // It was recorded beside Kargo. What Kargo provided there has yet to be listed.
        Tenancy::Owned(origin) if namespace.recorded_on().is_some() => {
            record(seen, project, origin)
        }
        Tenancy::Owned(_) => keep_in_shape(seen, project, namespace),
    }
}

/// A Project that can have no Namespace is told so, and let go of when it is deleted.
pub(super) fn unfit(seen: &Observation<'_>, project: &ProjectFacts, progress: Progress) -> Step {
    match project.deleting {
        None => rest_at(seen, project, &progress, Step::Wait(Wait::Event)),
        Some(_) if project.finalizer => Step::LetGoOfProject,
        Some(_) => Step::Done,
    }
}

/// Reports the progress if the status does not say it yet, and otherwise rests.
pub(super) fn rest_at(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    progress: &Progress,
    rest: Step,
) -> Step {
    rest_deciding(seen, project, progress, &seen.decide(project), rest)
}

/// The same, with a decision that was made from more than what [`rest_at`] looks at.
pub(super) fn rest_deciding(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    progress: &Progress,
    decision: &Decision,
    rest: Step,
) -> Step {
    if seen.beside_kargo() {
        return companion::rest(seen, project, progress, rest);
    }
    let report = seen.report(project, progress, decision);
    if report.agrees_with(&project.conditions, project.stats.as_ref()) {
        rest
    } else {
        Step::ReportStatus(report)
    }
}

fn troubled(seen: &Observation<'_>, project: &ProjectFacts, trouble: &Trouble) -> Step {
    let progress = match trouble.kind {
        TroubleKind::Access(purpose) => Progress::AccessFailed(purpose, trouble.what.clone()),
        _ => Progress::NamespaceFailed(trouble.what.clone()),
    };
    rest_at(seen, project, &progress, Step::Wait(Wait::Retry))
}

fn without_namespace(seen: &Observation<'_>, project: &ProjectFacts) -> Step {
    // First the finalizer: the patch proves that the Project still lives, and from then on it
    // cannot go without us. Made the other way round, a Project deleted in between would leave
    // a labelled Namespace behind that anybody's next Project could move into.
    if !project.finalizer {
        return Step::HoldProject;
    }
    if project.bound().is_some() {
        return Step::UnbindProject;
    }
    home(seen, project)
}

/// The step that makes the Project's Namespace, recorded as its own: for one that is held, or is
/// about to be created and will be.
pub fn home(seen: &Observation<'_>, project: &ProjectFacts) -> Step {
    Step::CreateNamespace { finalizer: wants_finalizer(seen, project) }
}

/// The finalizer is on the Namespace while its deletion would have to be followed by a
/// clean-up; a Namespace that is to be kept is not tied to its Project.
fn wants_finalizer(seen: &Observation<'_>, project: &ProjectFacts) -> bool {
    seen.decide(project).disposition < Disposition::Retain
}

/// The Namespace was deleted while the Project lives. If it carries our finalizer the Project
/// follows. The finalizer goes even if the Project may not be deleted: nothing can save a
/// terminating Namespace, and it would hang for ever.
fn namespace_goes(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
) -> Step {
    let refused =
        matches!(&seen.trouble, Some(trouble) if trouble.kind == TroubleKind::DeleteProject);
    let ours = matches!(tenancy(project, namespace), Tenancy::Owned(_) | Tenancy::Unrecorded(_));
    if namespace.finalizer && ours && !refused && project.statements.liens.is_empty() {
        return Step::DeleteProject(project.uid.clone());
    }
    if namespace.finalizer {
        return Step::RemoveNamespaceFinalizer;
    }
    rest_at(seen, project, &Progress::NamespaceTerminating, unwatched(namespace))
}

fn not_owned(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    why: &NotOwned,
) -> Step {
    if namespace.finalizer && *why == (NotOwned::Unlabelled { recorded: true }) {
        return Step::RemoveNamespaceFinalizer;
    }
    let progress = Progress::NotOwned {
        unlabelled: matches!(why, NotOwned::Unlabelled { .. }),
        why: why.reason(),
    };
    rest_at(seen, project, &progress, unwatched(namespace))
}

/// The rest that suits the Namespace: one without the label is not watched, and has to be looked
/// at from time to time.
pub(super) fn unwatched(namespace: &NamespaceFacts) -> Step {
    Step::Wait(if namespace.labelled { Wait::Event } else { Wait::AtMost(LOOK_AT_UNWATCHED) })
}

/// Records the Namespace as this Project's.
pub(super) fn record(seen: &Observation<'_>, project: &ProjectFacts, origin: Origin) -> Step {
    let inherited = if seen.beside_kargo() {
        // All access is Kargo's, and it may have yet to provide it.
        Vec::new()
    } else {
        // What an earlier Kargo provided carries no label of ours, but its marks.
        let Access::Known(access) = &seen.access else { return Step::ReadAccess };
        access.kargos.iter().map(ToString::to_string).collect()
    };
    // A label that a controller wrote came with the Project, and one that `adopt` wrote for its sake;
    // any other was there before it.
    let opened =
        |namespace: &NamespaceFacts| matches!(&namespace.ledger, Some(Ok(l)) if l.opened());
    let recorded = |namespace: &NamespaceFacts| match (&namespace.project_uid, &namespace.ledger) {
        (Some(_), Some(Ok(ledger))) => Some(ledger.label),
        _ => None,
    };
    let label = seen.namespace.as_ref().and_then(recorded).unwrap_or_else(|| {
        origin == Origin::Created || seen.namespace.as_ref().is_some_and(opened)
    });
    let namespace = seen.namespace.as_ref().filter(|_| seen.beside_kargo());
    let recorded_on = namespace.map(|namespace| namespace.uid.clone());
    let wants_finalizer = || seen.decide_as(project, origin).disposition < Disposition::Retain;
    Step::RecordNamespace {
        origin,
        ledger: Ledger { label, inherited, namespace: recorded_on },
        finalizer: (!seen.beside_kargo()).then(wants_finalizer),
    }
}

fn keep_in_shape(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
) -> Step {
    if !project.finalizer {
        return Step::HoldProject;
    }
    if matches!(namespace.origin, Some(Ok(Origin::Adopted))) && project.bound().is_none() {
        return Step::BindProject(namespace.uid.clone());
    }
    match (wants_finalizer(seen, project), namespace.finalizer) {
        (true, false) => return Step::AddNamespaceFinalizer,
        (false, true) => return Step::RemoveNamespaceFinalizer,
        _ => {}
    }
    let Access::Known(access) = &seen.access else { return Step::ReadAccess };
    if let Some(step) = provide(access) {
        return step;
    }
    if let Some(obstacle) = access.obstacle() {
        let what = format!(
            "provide {obstacle}: one that is not Tenure's grants something else; rename or \
             delete it"
        );
        let progress = Progress::AccessFailed(obstacle.purpose(), what);
        return rest_at(seen, project, &progress, Step::Wait(Wait::Retry));
    }
    rest_at(seen, project, &Progress::Ready, Step::Done)
}

/// What is to be done for the access, if anything. The ClusterRoleBinding comes after the rest,
/// for the API server checks what a binding grants against the ClusterRole that it finds.
fn provide(access: &AccessFacts) -> Option<Step> {
    if !access.in_state(AccessState::Unverified).is_empty() {
        return Some(Step::ReadAccess);
    }
    let (last, first): (Vec<_>, Vec<_>) = access
        .in_state(AccessState::Missing)
        .into_iter()
        .partition(|key| key.kind == AccessKind::ClusterRoleBinding);
    for missing in [first, last] {
        if !missing.is_empty() {
            return Some(Step::Provision(missing));
        }
    }
    let drifted = access.in_state(AccessState::Drifted);
    if !drifted.is_empty() {
        return Some(Step::Repair(drifted));
    }
    if !access.surplus.is_empty() {
        return Some(Step::RemoveAccess(access.surplus.clone()));
    }
    None
}

impl Step {
    /// What part of the work it is a failure of, when the step fails.
    pub fn trouble_kind(&self) -> TroubleKind {
        match self {
            Self::Provision(keys) | Self::Repair(keys) | Self::RemoveAccess(keys) => {
                let purpose = keys.iter().map(crate::access::AccessKey::purpose).min();
                TroubleKind::Access(purpose.unwrap_or(Purpose::System))
            }
            Self::ReadAccess => TroubleKind::Access(Purpose::System),
            Self::DeleteProject(_) => TroubleKind::DeleteProject,
            Self::DeleteNamespace { .. } | Self::ReleaseNamespace(_) | Self::LetGoOfProject => {
                TroubleKind::Deletion
            }
            _ => TroubleKind::Namespace,
        }
    }
}
