//! A Project that is being deleted: what becomes of its Namespace is decided, recorded and
//! carried out, then the Project is let go of.

use jiff::{SignedDuration, Timestamp};

use super::live::{record, rest_at, unfit};
use super::planning::{planned, sketch};
use super::telling::{Telling, conclude, void};
use super::{Access, Observation, Release, Step, Wait, archiving, clean, former};
use crate::access::AccessKey;
use crate::listing::first_of;
use crate::plan::{Phase, Plan, PlanFacts};
use crate::status::Progress;
use crate::trail::{self, Event};
use crate::{
    Blocker, Cancel, Disposition, Mode, NamespaceFacts, NotOwned, Profile, ProjectFacts, Settings,
    Tenancy, Uid, tenancy,
};

/// Why a plan ends whose Namespace is not there any more.
pub(super) const ANOTHER_NAMESPACE: &str = "another namespace of its name stands in its place";
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
    if let Some(step) = former::next(seen, project, now) {
        return step;
    }
    carry(seen, project, now)
}

/// Carries out what is decided about the Namespace of a Project that nobody but Tenure holds any
/// more; beside Kargo, of one that is gone.
pub(super) fn carry(seen: &Observation<'_>, project: &ProjectFacts, now: Timestamp) -> Step {
    if let Some(trouble) = &seen.trouble {
        let progress = Progress::Leaving(format!("failed to {trouble}"));
        return rest_at(seen, project, &progress, Step::Wait(Wait::Retry));
    }
    let Some(namespace) = &seen.namespace else { return let_go(seen, project, now) };
    let tenancy = tenancy(project, namespace);
    if namespace.deleting.is_some() {
        return while_it_goes(seen, project, namespace, &tenancy, now);
    }
    if namespace.owner_reference {
        // Whoever the Namespace belongs to: once the Project is gone, garbage collection would
        // take it.
        return Step::StripOwnerReference;
    }
    if let Some(step) = ended(seen, project, namespace, &tenancy, now) {
        return step;
    }
    if let Tenancy::Unrecorded(origin) = tenancy {
        // What stands there now may be the next one's.
        return match seen.plan_of(project).filter(|plan| plan.namespace_uid != namespace.uid) {
            Some(plan) => void(plan, now, ANOTHER_NAMESPACE),
            None => record(seen, project, origin),
        };
    }
    if seen.cancel(project) == Cancel::Yes && can_be_told(seen.plan_of(project)) {
        return call_off(seen, project, namespace, now);
    }
    match planned(seen, project, namespace, now) {
        Ok(plan) => carry_out(seen, project, namespace, &tenancy, &plan, now),
        Err(step) => step,
    }
}

/// Whether the Namespace still carries what the Project's coming added.
fn is_held(tenancy: &Tenancy) -> bool {
    matches!(
        tenancy,
        Tenancy::Owned(_) | Tenancy::NotOwned(NotOwned::Unlabelled { recorded: true })
    )
}

/// What is left to do where the Namespace needs no plan any more: its plan has ended, or it was
/// released, by us or by a person.
fn ended(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    tenancy: &Tenancy,
    now: Timestamp,
) -> Option<Step> {
    let plan = seen.plan_of(project);
    if plan.is_some_and(PlanFacts::awaits_restoration) {
        // The Project is made anew once this one is gone, and finds everything in place.
        return Some(let_go_archived(seen, project));
    }
    let phase = plan.map_or(Phase::Waiting, |plan| plan.status.phase);
    if is_held(tenancy) {
        // The plan never says how a Namespace ended that is still held; if it does, something
        // else wrote it, and what is safe is to release.
        return phase.is_final().then(|| release(seen, project, namespace, now));
    }
    let released = match tenancy {
        // Nothing is begun beside Kargo that is not recorded.
        Tenancy::Unrecorded(_) if seen.beside_kargo() => phase == Phase::Executing,
        // Unrecorded although the Project is bound to it: the record was taken back.
        Tenancy::Unrecorded(_) => project.bound().is_some(),
        _ => phase == Phase::Executing && plan.is_some_and(|p| p.disposition > Disposition::Delete),
    };
    (released || phase.is_final()).then(|| let_go(seen, project, now))
}

fn carry_out(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    tenancy: &Tenancy,
    plan: &Plan,
    now: Timestamp,
) -> Step {
    match (tenancy, plan.disposition) {
        (Tenancy::Owned(_), Disposition::Delete) => Step::DeleteNamespace {
            uid: namespace.uid.clone(),
            resource_version: namespace.resource_version.clone(),
        },
        (Tenancy::Owned(_), Disposition::Clean) => clean::next(seen, project, plan, now)
            .unwrap_or_else(|| release(seen, project, namespace, now)),
        _ if is_held(tenancy) => release(seen, project, namespace, now),
        _ => let_go(seen, project, now),
    }
}

/// A person calls the deletion off: that is recorded, with the Project as it was, and then the
/// Project is let go of, so that it can be made anew.
fn call_off(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    now: Timestamp,
) -> Step {
    let Some(plan) = seen.plan_of(project) else {
        // What is in the Namespace matters to nobody who leaves it alone.
        return Step::RecordPlan(Box::new(sketch(seen, project, namespace, now)));
    };
    if plan.namespace_uid != namespace.uid {
        // What the person wants back is gone; nobody may be told that it was spared.
        return void(plan, now, ANOTHER_NAMESPACE);
    }
    if seen.has_leave(namespace) {
        // A DELETE may be on its way: another controller's, or one whose answer was lost. It
        // holds for the version it was decided on, which this write ends; whoever decides anew
        // reads that the deletion is called off.
        return seen.take_leave();
    }
    if plan.project_version != project.resource_version {
        // Whatever was said on the Project since, it says when it is made anew.
        return Step::RecordProject;
    }
    let told = "a person called the deletion off; the Project is made anew";
    let telling = Telling::of(plan, now).phase(Phase::Void);
    telling.entry(Event::Cancelled, None, told).step()
}

/// Whether a history has room to say that its deletion was called off: what is not said there is not
/// made anew. One that has none holds everything, and says so.
fn can_be_told(plan: Option<&PlanFacts>) -> bool {
    plan.is_none_or(|plan| trail::has_room(&plan.status.history, Event::Cancelled))
}

/// Takes back what was provisioned outside the Namespace, records how the plan ended, and lets go
/// of the Project.
fn let_go(seen: &Observation<'_>, project: &ProjectFacts, now: Timestamp) -> Step {
    if let Some(step) = taking_back_outside(seen) {
        return step;
    }
    let there = |uid: &Uid| seen.namespace.as_ref().is_some_and(|namespace| namespace.uid == *uid);
    let plan = seen.plan_of(project);
    if let Some(plan) = plan
        && plan.status.phase == Phase::Executing
        && plan.disposition == Disposition::Delete
        && there(&plan.namespace_uid)
    {
        return void(plan, now, "the namespace was released before it was deleted");
    }
    if seen.project.is_none()
        && let Some(step) = archiving::first(seen, project, || seen.decide(project))
    {
        // Once it is concluded, nobody comes back to the plan of a Project that is gone.
        return step;
    }
    if let Some(step) = conclude(plan, now) {
        return step;
    }
    let_go_archived(seen, project)
}

/// Lets go of the Project, once the trail is where it has to be kept.
fn let_go_archived(seen: &Observation<'_>, project: &ProjectFacts) -> Step {
    let let_go = match (seen.beside_kargo(), &seen.project) {
        (false, _) => Step::LetGoOfProject,
        // Somebody else holds it.
        (true, Some(_)) => Step::Wait(Wait::Event),
        (true, None) => Step::Done,
    };
    archiving::first(seen, project, || seen.decide(project)).unwrap_or(let_go)
}

/// The step that takes back what was provided outside the Namespace, if anything is left. Kargo
/// does so itself where it provides.
fn taking_back_outside(seen: &Observation<'_>) -> Option<Step> {
    if seen.beside_kargo() {
        return None;
    }
    taking_back(seen, |key| !key.kind.namespaced())
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
    if let Some(step) = taking_back_outside(seen) {
        return step;
    }
    if namespace.finalizer && !seen.beside_kargo() {
        return Step::RemoveNamespaceFinalizer;
    }
    // What the plan says is being deleted is waited for, whoever takes its marks off meanwhile.
    let by_plan = seen.plan_of(project).is_some_and(|plan| {
        plan.namespace_uid == namespace.uid
            && plan.disposition == Disposition::Delete
            && plan.status.phase == Phase::Executing
    });
    if !by_plan && !is_held(tenancy) && !matches!(tenancy, Tenancy::Unrecorded(_)) {
        return let_go(seen, project, now);
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
    let named = blockers.iter().map(|blocker| match blocker.finalizers.as_slice() {
        [] => blocker.object.clone(),
        finalizers => format!("{} (finalizer {})", blocker.object, finalizers.join(", ")),
    });
    let named = first_of(named, NAMED_BLOCKERS);
    format!("the namespace is terminating, waiting for {named}")
}

/// Takes back from a Namespace that stays what the Project's coming added to it.
fn release(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    now: Timestamp,
) -> Step {
    if let Some(step) = taking_back(seen, |key| takes_back(seen.settings, key)) {
        return step;
    }
    let what = what_to_release(seen.settings.profile, namespace);
    if what.label || namespace.recorded() || namespace.finalizer {
        // A Namespace that keeps its label looks, once released, like one that was never
        // recorded. That the Project is bound to it is what tells the two apart; beside Kargo, that
        // its plan was begun.
        let bound = seen.beside_kargo() || project.bound().is_some();
        if namespace.labelled && !what.label && !bound {
            return Step::BindProject(namespace.uid.clone());
        }
        return Step::ReleaseNamespace(what);
    }
    let_go(seen, project, now)
}

/// Whether what was provisioned is taken back from a Namespace that stays. In profile `kargo` what
/// is in it stays too; what is outside it, Kargo takes back itself where it provides.
pub(super) fn takes_back(settings: &Settings, key: &AccessKey) -> bool {
    match key.kind.namespaced() {
        true => settings.profile == Profile::Protective,
        false => settings.mode == Mode::Standalone,
    }
}

/// What release takes off the Namespace besides the record.
pub(super) fn what_to_release(profile: Profile, namespace: &NamespaceFacts) -> Release {
    let label_came_with_it = matches!(&namespace.ledger, Some(Ok(ledger)) if ledger.label);
    Release {
        label: namespace.labelled && label_came_with_it && profile == Profile::Protective,
        finalizer: true,
        owner_reference: namespace.owner_reference,
    }
}
