//! From a Project that is being deleted to a plan that may be carried out.
//!
//! What is decided is recorded before anything is done; what is awaited is recorded while it is;
//! and only a plan whose digest is the recorded one, with every gate open and its beginning in
//! its history, comes out of here.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::deleting::ANOTHER_NAMESPACE;
use super::expiry::{expired, lapsed};
use super::gates::{breaker, distrust, gates, interrupted, reasons};
use super::live::{rest_deciding, unwatched};
use super::telling::{Telling, void};
use super::{Archived, Observation, Step, Wait, archiving};
use crate::contents::clean::{KEEP_KINDS, Scope};
use crate::plan::{Alternative, Current, Phase, Plan, PlanFacts};
use crate::policy::Demands;
use crate::status::{Progress, cap};
use crate::trail::{self, Event};
use crate::{
    Decision, Disposition, Gate, NamespaceFacts, NamespaceState, Profile, ProjectFacts, Source,
    Tenancy, decide, tenancy,
};

/// How soon to look again at contents that could not be seen.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Among how many of the last entries what is awaited is not told again.
const RECENT: usize = 8;

/// What would happen if the Project were deleted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// What is decided.
    pub plan: Plan,
    /// What would have to be awaited.
    pub gates: Vec<Gate>,
}

/// What would happen if the Project were deleted now: what execution would do, without a write.
///
/// `None` if there is nothing to decide: no Project, no Namespace, or one that is going.
///
/// # Errors
/// Gives the step that has to be taken first: [`Step::ReadContents`].
pub fn preview(seen: &Observation<'_>, now: Timestamp) -> Result<Option<Preview>, Step> {
    let (Some(project), Some(namespace)) = (seen.subject(), &seen.namespace) else {
        return Ok(None);
    };
    if namespace.deleting.is_some() {
        return Ok(None);
    }
    let (plan, decision) = choose(seen, project, namespace, now)?;
    let mut gates = gates(seen, project, &plan, &plan.digest(), decision.gates, now);
    if plan.disposition == Disposition::Delete
        && let Current::MustOpen(why) | Current::Interrupted(why) | Current::MustClose(why) =
            seen.breaker.current(now)
    {
        gates.push(interrupted(&why));
    }
    gates.extend(archiving::gate(seen, project).filter(|_| plan.destroys()));
    gates.extend(seen.plan_of(project).and_then(distrust));
    Ok(Some(Preview { plan, gates }))
}

/// The plan as it would be recorded, whatever is awaited and whatever is in the Namespace.
pub(super) fn sketch(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    now: Timestamp,
) -> Plan {
    draft(seen, project, namespace, &seen.demands(project), false, now).0
}

/// The plan that may be carried out now; else the step that leads there, or the rest.
pub(super) fn planned(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    now: Timestamp,
) -> Result<Plan, Step> {
    let stored = seen.plan_of(project);
    if let Some(stored) = stored
        && stored.namespace_uid != namespace.uid
    {
        return Err(void(stored, now, ANOTHER_NAMESPACE));
    }
    let resumed = stored.and_then(|stored| resumed(seen, project, namespace, stored, now));
    let resumes = resumed.is_some();
    let (plan, decision) = resumed.map_or_else(|| choose(seen, project, namespace, now), Ok)?;
    let Some(stored) = stored else { return Err(Step::RecordPlan(Box::new(plan))) };
    // Leave to delete is taken back before the record says so, as it is given after: a DELETE that
    // is on its way holds for the version that it stands on.
    let has_leave = seen.has_leave(namespace)
        && stored.disposition == Disposition::Delete
        && stored.has_begun();
    let take_leave = |step: Step| Err(if has_leave { seen.take_leave() } else { step });
    if !resumes && expired(seen, &plan, stored, now) {
        let told = "nobody acted on the confirmation in time; it has to be given anew";
        let telling = Telling::of(stored, now).phase(Phase::Waiting);
        return take_leave(telling.entry(Event::ConfirmationExpired, None, told).step());
    }
    if !resumes && stored.digest != plan.digest() {
        return take_leave(Step::RecordPlan(Box::new(plan)));
    }
    let mut gates = gates(seen, project, &plan, &stored.digest, decision.gates, now);
    gates.extend(distrust(stored));
    if gates.is_empty() && plan.disposition == Disposition::Delete {
        gates.extend(breaker(seen, stored.has_begun(), now)?);
    }
    if !gates.is_empty() {
        return take_leave(wait(seen, project, namespace, &plan, stored, gates, now));
    }
    begun(seen, project, namespace, plan, stored, now)
}

/// The plan whose gates are open, once its beginning is recorded.
fn begun(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    plan: Plan,
    stored: &PlanFacts,
    now: Timestamp,
) -> Result<Plan, Step> {
    // Whoever calls a deletion off takes the leave off the Namespace before that is recorded.
    // So nothing is deleted without it, nor by a beginning that was recorded without it.
    if plan.disposition == Disposition::Delete && !seen.has_leave(namespace) {
        return Err(match stored.status.phase {
            Phase::Executing => Telling::of(stored, now).phase(Phase::Waiting).step(),
            _ => seen.give_leave(stored),
        });
    }
    // What was decided anew while an earlier decision was carried out has to begin anew, too.
    if !stored.has_begun() {
        return Err(start(seen, project, &plan, stored, now));
    }
    archiving::first(seen, project, || plan.decision()).map_or(Ok(plan), Err)
}

/// A cleaning that has begun, and goes on as it was confirmed: what it takes away is no longer
/// there to be decided by. Only a claim that demands more ends it.
fn resumed(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    stored: &PlanFacts,
    now: Timestamp,
) -> Option<(Plan, Decision)> {
    if stored.disposition != Disposition::Clean || !stored.has_begun() {
        return None;
    }
    let mut plan = sketch(seen, project, namespace, now);
    if plan.claims.iter().any(|claim| claim.at_least > Disposition::Clean) {
        return None;
    }
    let decision = seen.decide(project);
    plan.disposition = Disposition::Clean;
    plan.discharged = false;
    plan.scope = stored.scope;
    plan.keep_kinds.clone_from(&stored.keep_kinds);
    plan.confirmation = stored.confirmation;
    Some((plan, decision))
}

/// The plan as it stands, or the one that a person confirmed in its stead.
pub(super) fn choose(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    now: Timestamp,
) -> Result<(Plan, Decision), Step> {
    let demands = seen.demands(project);
    let (mut plan, decision) = draft(seen, project, namespace, &demands, false, now);
    if seen.contents.is_none() && wants_contents(seen, &plan, &decision, &demands) {
        return Err(Step::ReadContents);
    }
    if plan.presumptions.is_empty() {
        return Ok((plan, decision));
    }
    let (against, discharged) = draft(seen, project, namespace, &demands, true, now);
    if against.disposition == plan.disposition {
        return Ok((plan, decision));
    }
    let consent = seen.consent(project);
    let digest = against.digest();
    if consent.confirms(&digest) {
        return Ok((against, discharged));
    }
    plan.alternative = Some(Alternative { disposition: against.disposition, digest });
    Ok((plan, decision))
}

fn draft(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    demands: &Demands,
    discharged: bool,
    now: Timestamp,
) -> (Plan, Decision) {
    let contents = seen.contents.as_deref();
    let mut snapshot = seen.snapshot(project);
    if let NamespaceState::Active { tenancy, .. } = &mut snapshot.namespace
        && let Tenancy::Unrecorded(origin) = *tenancy
        && project.bound().is_none()
    {
        // It is recorded before anything is planned.
        *tenancy = Tenancy::Owned(origin);
    }
    snapshot.discharged = discharged;
    if let Some(contents) = contents {
        snapshot.foreign = contents.foreign(&project.managers).into_iter().cloned().collect();
    }
    let decision = decide(&snapshot);
    let destroys = decision.disposition < Disposition::Retain;
    let scope = (decision.disposition == Disposition::Clean).then(|| demands.scope());
    let terms = &demands.terms;
    let grace = SignedDuration::try_from(terms.grace_period).unwrap_or(SignedDuration::MAX);
    let asked = project.deleting.unwrap_or(now);
    let stored = seen.plan_of(project);
    let plan = Plan {
        project_uid: project.uid.clone(),
        namespace_uid: namespace.uid.clone(),
        origin: match tenancy(project, namespace) {
            Tenancy::Owned(origin) | Tenancy::Unrecorded(origin) => Some(origin),
            Tenancy::NotOwned(_) => None,
        },
        disposition: decision.disposition,
        scope,
        keep_kinds: terms
            .keep_kinds
            .clone()
            .unwrap_or_else(|| KEEP_KINDS.map(str::to_owned).into()),
        claims: decision.claims.clone(),
        presumptions: decision.presumptions.clone(),
        discharged,
        warnings: decision.warnings.clone(),
        policies: demands.policies.clone(),
        foreign: snapshot.foreign,
        contents: seen.contents.clone(),
        confirmation: destroys && (terms.confirmation || discharged || scope == Some(Scope::All)),
        approvals: if destroys { terms.approvals.clone() } else { Default::default() },
        not_before: (destroys && !grace.is_zero())
            .then(|| asked.saturating_add(grace).unwrap_or(Timestamp::MAX)),
        attempt: stored.map_or(0, |plan| {
            let expired = plan.last(Event::ConfirmationExpired).is_some();
            plan.attempt + u32::from(expired || lapsed(seen, project, plan, now))
        }),
        alternative: None,
    };
    (plan, decision)
}

/// Whether what is in the Namespace could change what is decided, or has to be shown to whoever
/// decides. Where it could not, nobody looks.
fn wants_contents(
    seen: &Observation<'_>,
    plan: &Plan,
    decision: &Decision,
    demands: &Demands,
) -> bool {
    let claimed = decision.claims.iter().map(|claim| claim.at_least).max();
    if claimed == Some(Disposition::Retain) {
        return false;
    }
    // A presumption that is not confirmed against decides, but what could be confirmed is shown.
    let presumes = match seen.settings.profile {
        Profile::Protective => true,
        Profile::Kargo => {
            demands.terms.shared.is_some_and(|at_least| at_least > Disposition::Delete)
        }
    };
    presumes || plan.confirmation || !plan.approvals.is_empty() || plan.scope.is_some()
}

/// What the history lacks of what was decided and agreed to.
fn decided<'a>(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    plan: &Plan,
    stored: &'a PlanFacts,
    now: Timestamp,
) -> Telling<'a> {
    let mut telling = Telling::of(stored, now);
    if stored.last(Event::Decided).is_none() {
        telling = telling.entry(Event::Decided, None, &plan.explain());
    }
    let consent = seen.consent(project);
    let demanded = plan.confirmation || !plan.approvals.is_empty();
    if demanded
        && stored.last(Event::Confirmed).is_none()
        && consent.missing(plan, &stored.digest).is_empty()
    {
        let who = consent.who(&stored.digest).join(", ");
        let by = (!who.is_empty()).then_some(who.as_str());
        telling = telling.entry(Event::Confirmed, by, "people agreed to this very plan");
    }
    let breaker = Source::Breaker.as_str();
    if stored.status.waiting.iter().any(|(reason, _)| reason == breaker)
        && let Some((_, by)) = seen.breaker.record.as_ref().and_then(|r| r.closed.as_ref())
    {
        telling = telling.entry(Event::BreakerClosed, Some(by), "deletions go on");
    }
    telling
}

fn start(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    plan: &Plan,
    stored: &PlanFacts,
    now: Timestamp,
) -> Step {
    let told = match plan.disposition {
        Disposition::Delete => "the namespace is about to be deleted",
        Disposition::Clean => "what is the Project's is about to be deleted",
        Disposition::Retain => "what the Project added is about to be taken back, if anything",
    };
    decided(seen, project, plan, stored, now)
        .phase(Phase::Executing)
        .entry(Event::Started, None, told)
        .step()
}

/// Waits, and says for what: in the plan, and on the Project.
fn wait(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    plan: &Plan,
    stored: &PlanFacts,
    gates: Vec<Gate>,
    now: Timestamp,
) -> Step {
    // As it is stored, so that it reads back the same.
    let reasons: Vec<_> =
        reasons(&gates).into_iter().map(|(source, why)| (source, cap(why))).collect();
    let told = decided(seen, project, plan, stored, now);
    let sources = |reasons: &[(String, String)]| -> Vec<String> {
        reasons.iter().map(|(source, _)| source.clone()).collect()
    };
    let now_awaited = sources(&reasons);
    let breaker = now_awaited.iter().any(|source| source == Source::Breaker.as_str());
    let event = if breaker { Event::BreakerOpened } else { Event::Waiting };
    let message = format!("it waits: {}", now_awaited.join(", "));
    // What comes and goes is told once.
    let known = |entry: &trail::Entry| entry.event == event && entry.message == message;
    let told_already = sources(&stored.status.waiting) == now_awaited
        || stored.status.history.iter().rev().take(RECENT).any(known);
    let told = if told_already { told } else { told.entry(event, None, &message) };
    let step = told.waiting(reasons).step();
    if step != Step::AdvancePlan(Box::new(stored.status.clone())) {
        return step;
    }
    if seen.archived == Archived::Pending {
        return Step::Archive;
    }
    let rest = until(&gates, plan, namespace, now);
    let mut decision = plan.decision();
    decision.gates.clone_from(&gates);
    rest_deciding(seen, project, &Progress::Held(gates), &decision, rest)
}

/// When to look again, if nothing happens before.
fn until(gates: &[Gate], plan: &Plan, namespace: &NamespaceFacts, now: Timestamp) -> Step {
    let by_gates = gates.iter().filter_map(|gate| match gate.source {
        Source::Grace => plan.not_before.map(|at| at.duration_since(now).unsigned_abs()),
        Source::Contents => Some(LOOK_AGAIN),
        _ => None,
    });
    let unwatched = match unwatched(namespace) {
        Step::Wait(Wait::AtMost(time)) => Some(time),
        _ => None,
    };
    // A wait that is a moment too short would be one look too many.
    let soonest = by_gates.chain(unwatched).min().map(|time| time + Duration::from_millis(50));
    Step::Wait(soonest.map_or(Wait::Event, Wait::AtMost))
}
