//! From a Project that is being deleted to a plan that may be carried out.
//!
//! What is decided is recorded before anything is done; what is awaited is recorded while it is;
//! and only a plan whose digest is the recorded one, with every gate open and its beginning in
//! its history, comes out of here.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::gates::{distrust, gates, interrupted};
use super::live::{rest_deciding, unwatched};
use super::telling::{Telling, void};
use super::{Archived, Observation, Step, Wait};
use crate::contents::clean::{KEEP_KINDS, Scope};
use crate::plan::{Alternative, Consent, Current, Phase, Plan, PlanFacts};
use crate::policy::Demands;
use crate::status::Progress;
use crate::trail::Event;
use crate::{
    Decision, Disposition, Gate, GateKind, NamespaceFacts, Profile, ProjectFacts, Source, Tenancy,
    decide, tenancy,
};

/// How soon to look again at contents that could not be seen.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
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
    let (Some(project), Some(namespace)) = (&seen.project, &seen.namespace) else {
        return Ok(None);
    };
    if namespace.deleting.is_some() {
        return Ok(None);
    }
    let (plan, decision) = choose(seen, project, namespace, now)?;
    let mut gates = gates(seen, project, &plan, decision.gates, now);
    if plan.disposition == Disposition::Delete
        && let Current::MustOpen(why) | Current::Interrupted(why) | Current::MustClose(why) =
            seen.breaker.current(now)
    {
        gates.push(interrupted(&why));
    }
    Ok(Some(Preview { plan, gates }))
}

/// The plan as it would be recorded, whatever is awaited.
pub(super) fn preview_of(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    now: Timestamp,
) -> Result<Plan, Step> {
    choose(seen, project, namespace, now).map(|(plan, _)| plan)
}

/// The plan that may be carried out now; else the step that leads there, or the rest.
pub(super) fn planned(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    namespace: &NamespaceFacts,
    now: Timestamp,
) -> Result<Plan, Step> {
    let (plan, decision) = choose(seen, project, namespace, now)?;
    let Some(stored) = &seen.plan else { return Err(Step::RecordPlan(Box::new(plan))) };
    if stored.namespace_uid != namespace.uid {
        return Err(void(stored, now, "another namespace of its name stands in its place"));
    }
    if expired(seen, stored, now) {
        let told = "nobody acted on the confirmation in time; it has to be given anew";
        return Err(Telling::of(stored, now).entry(Event::ConfirmationExpired, None, told).step());
    }
    // Leave to delete is taken back before the record says so, as it is given after: a DELETE that
    // is on its way holds for the version that the finalizer stands on.
    let has_leave =
        namespace.finalizer && stored.disposition == Disposition::Delete && stored.has_begun();
    if stored.digest != plan.digest() {
        if has_leave {
            return Err(Step::RemoveNamespaceFinalizer);
        }
        return Err(Step::RecordPlan(Box::new(plan)));
    }
    let mut gates = gates(seen, project, &plan, decision.gates, now);
    gates.extend(distrust(stored));
    if gates.is_empty() && plan.disposition == Disposition::Delete {
        let starts = stored.last(Event::Started).is_none();
        match seen.breaker.current(now) {
            Current::Flows => {}
            Current::MustOpen(why) if starts => return Err(Step::OpenBreaker(why)),
            Current::MustOpen(_) => {}
            Current::Interrupted(why) => gates.push(interrupted(&why)),
            Current::MustClose(by) => return Err(Step::CloseBreaker(by)),
        }
    }
    if !gates.is_empty() && has_leave {
        return Err(Step::RemoveNamespaceFinalizer);
    }
    if !gates.is_empty() {
        return Err(wait(seen, project, namespace, &plan, stored, gates, now));
    }
    // Whoever calls a deletion off takes the finalizer off the Namespace before that is recorded.
    // So nothing is deleted without it, nor by a beginning that was recorded without it.
    if plan.disposition == Disposition::Delete && !namespace.finalizer {
        return Err(match stored.status.phase {
            Phase::Executing => Telling::of(stored, now).phase(Phase::Waiting).step(),
            _ => Step::AddNamespaceFinalizer,
        });
    }
    // What was decided anew while an earlier decision was carried out has to begin anew, too.
    if !stored.has_begun() {
        return Err(start(seen, project, &plan, stored, now));
    }
    kept(seen, project, &plan).map_or(Ok(plan), Err)
}

/// The step that brings the history into the archive, or waits for it, if anything is missing.
fn kept(seen: &Observation<'_>, project: &ProjectFacts, plan: &Plan) -> Option<Step> {
    match &seen.archived {
        Archived::Kept => None,
        Archived::Pending => Some(Step::Archive),
        Archived::Failed(_) if !seen.settings.archive_required => None,
        Archived::Failed(why) => {
            let gate = Gate {
                kind: GateKind::Waiting,
                source: Source::Trail,
                reason: format!("the trail has to be kept, and it failed to {why}"),
            };
            let mut decision = plan.decision();
            decision.gates.push(gate.clone());
            let held = Progress::Held(vec![gate]);
            Some(rest_deciding(seen, project, &held, &decision, Step::Wait(Wait::Retry)))
        }
    }
}

/// The plan as it stands, or the one that a person confirmed in its stead.
fn choose(
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
    let consent = Consent { confirm: project.confirm.as_ref(), stored: seen.plan.as_ref() };
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
    let stored = seen.plan.as_ref().filter(|plan| plan.project_uid == project.uid);
    let plan = Plan {
        project_uid: project.uid.clone(),
        namespace_uid: namespace.uid.clone(),
        origin: match tenancy(project, namespace) {
            Tenancy::Owned(origin) => Some(origin),
            Tenancy::Unrecorded(_) | Tenancy::NotOwned(_) => None,
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
        contents: contents.cloned(),
        confirmation: destroys && (terms.confirmation || discharged || scope == Some(Scope::All)),
        approvals: if destroys { terms.approvals.clone() } else { Default::default() },
        not_before: (destroys && !grace.is_zero())
            .then(|| asked.saturating_add(grace).unwrap_or(Timestamp::MAX)),
        attempt: stored.map_or(0, |plan| {
            plan.attempt + u32::from(plan.last(Event::ConfirmationExpired).is_some())
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

/// Whether a confirmation was given, and something else was awaited for too long after it.
fn expired(seen: &Observation<'_>, stored: &PlanFacts, now: Timestamp) -> bool {
    let holds =
        SignedDuration::try_from(seen.settings.confirmation_holds).unwrap_or(SignedDuration::MAX);
    !stored.has_begun()
        && stored.last(Event::ConfirmationExpired).is_none()
        && stored.last(Event::Confirmed).is_some_and(|at| now.duration_since(at) > holds)
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
    let consent = Consent { confirm: project.confirm.as_ref(), stored: seen.plan.as_ref() };
    if plan.confirmation
        && stored.last(Event::Confirmed).is_none()
        && consent.confirms(&stored.digest)
    {
        let told = "a person confirmed this very plan";
        telling = telling.entry(Event::Confirmed, None, told);
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
    let mut reasons: Vec<(String, String)> = Vec::new();
    for gate in &gates {
        let source = gate.source.as_str();
        match reasons.iter_mut().find(|(known, _)| known == source) {
            Some((_, why)) => {
                why.push_str("; ");
                why.push_str(&gate.reason);
            }
            None => reasons.push((source.to_owned(), gate.reason.clone())),
        }
    }
    let told = decided(seen, project, plan, stored, now);
    let sources = |reasons: &[(String, String)]| -> Vec<String> {
        reasons.iter().map(|(source, _)| source.clone()).collect()
    };
    let now_awaited = sources(&reasons);
    let told = if stored.last(Event::Decided).is_some()
        && sources(&stored.status.waiting) == now_awaited
    {
        told
    } else {
        let breaker = now_awaited.iter().any(|source| source == Source::Breaker.as_str());
        let event = if breaker { Event::BreakerOpened } else { Event::Waiting };
        told.entry(event, None, &format!("it waits: {}", now_awaited.join(", ")))
    };
    let step = told.waiting(reasons).step();
    if step != Step::AdvancePlan(Box::new(stored.status.clone())) {
        return step;
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
