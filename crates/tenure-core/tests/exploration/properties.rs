//! What must hold, whatever happens in which order.
//!
//! A rule about a step is judged when the API server accepts the step, by what stands then and by
//! what the controller had read; a rule about where everything ends is judged on every state in
//! which nobody is busy.

use std::sync::Arc;

use tenure_core::plan::{Phase, PlanFacts, PlanStatus};
use tenure_core::trail::{self, Event};
use tenure_core::{Disposition, Profile, Step};

use crate::api_server::{Extent, Request};
use crate::cluster::{Cluster, Namespace, Provided, StoredPlan, namespace_uid, number};
use crate::companion::trespasses;
use crate::controller::{Controller, Decided, Seen};
use crate::model::Config;
use crate::together::{self, kargo_goes_on};

/// The rules that were broken so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Broken(u32);

/// A rule of which every step is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Rule {
    Authorised,
    Protected,
    Fresh,
    Identity,
    Ownership,
    Order,
    Foreign,
    Confirmed,
    Trail,
    RecordFirst,
    DoneAfterwards,
    CalledOff,
    CalledOffInTime,
    StillAuthorised,
    Guarded,
    Kargos,
    Once,
}

impl Broken {
    pub(crate) fn has(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u8) != 0
    }

    pub(crate) fn unless(&mut self, holds: bool, rule: Rule) {
        if !holds {
            self.0 |= 1 << rule as u8;
        }
    }
}

impl Request<'_> {
    /// Judges a step that is about to be accepted.
    pub(crate) fn judge(&mut self, step: &Step) {
        let mut broken = self.cluster.past.broken;
        let (seen, cluster, config) = (&self.seen, &*self.cluster, self.config);
        if let Some(rule) = trespasses(step, cluster, config) {
            broken.unless(false, rule);
        }
        match step {
            Step::DeleteNamespace { uid, .. } => {
                delete(&mut broken, seen, cluster, config, number(uid));
            }
            Step::ReleaseNamespace(what) => {
                release(&mut broken, seen, cluster);
                let came = |r: &crate::cluster::Record| r.label;
                let record = cluster.namespace.as_ref().and_then(|ns| ns.record.as_ref());
                broken.unless(!what.label || record.is_some_and(came), Rule::Foreign);
            }
            Step::CleanWave(..) => {
                let of = seen.project_number();
                broken.unless(of.is_some_and(|of| seen.has_begun(of)), Rule::RecordFirst);
                let says = seen.plan.as_ref().map(|plan| plan.facts.disposition);
                broken.unless(says == Some(Disposition::Clean), Rule::RecordFirst);
                broken.unless(!seen.wrote, Rule::Fresh);
                // A wave that is on its way cannot be stopped; it was decided on the Project's own.
                let its = |ns: &Arc<Namespace>| of.is_some_and(|of| ns.is_of(of));
                broken.unless(seen.namespace.as_ref().is_some_and(its), Rule::Ownership);
                let read = seen.namespace.as_ref().map(|ns| ns.uid);
                let now = cluster.namespace.as_ref().map(|ns| ns.uid);
                broken.unless(now.is_none() || read == now, Rule::Identity);
            }
            Step::LetGoOfProject => {
                broken.unless(!seen.wrote, Rule::Fresh);
                broken.unless(may_let_go(seen, cluster), Rule::Order);
            }
            Step::DeleteProject(uid) => {
                let now = cluster.project.as_ref().map(|project| project.uid);
                broken.unless(now == Some(number(uid)), Rule::Identity);
            }
            Step::AdvancePlan(status) => advance(&mut broken, seen, cluster, config, status),
            _ => {}
        }
        self.cluster.past.broken = broken;
    }
}

/// Whether the plan allows that Namespace to be deleted for that Project.
fn allows(plan: &PlanFacts, project: u8, namespace: u8) -> bool {
    number(&plan.project_uid) == project
        && plan.namespace_uid == namespace_uid(namespace)
        && plan.disposition == Disposition::Delete
        && plan.status.phase == Phase::Executing
        && begun_last(plan)
        && trail::verify(&plan.name, &plan.status.history).is_ok()
}

/// Whether the last thing that was begun is what stands.
fn begun_last(plan: &PlanFacts) -> bool {
    let last = plan.status.history.iter().rev().find(|entry| entry.event == Event::Started);
    last.is_some_and(|entry| entry.digest_of_plan == plan.digest.as_str())
}

fn delete(broken: &mut Broken, seen: &Seen, cluster: &Cluster, config: &Config, uid: u8) {
    let (Some(namespace), Some(project)) = (&cluster.namespace, seen.project_number()) else {
        broken.unless(cluster.namespace.is_none(), Rule::Authorised);
        return;
    };
    let allowed = |plan: Option<&PlanFacts>| plan.is_some_and(|plan| allows(plan, project, uid));
    broken.unless(allowed(seen.plan.as_ref().map(|plan| &plan.facts)), Rule::Authorised);
    // What was refused is not carried out because its Project went all the same.
    let was_deleted = seen.project.is_some() || cluster.past.let_in == Some(project);
    broken.unless(was_deleted, Rule::Authorised);
    let stored = cluster.plan_of(project).map(|plan| &plan.facts);
    broken.unless(allowed(stored), Rule::StillAuthorised);
    broken.unless(!seen.wrote, Rule::Fresh);
    let by_project = seen.subject().is_some_and(|project| project.said().protects());
    broken.unless(!namespace.says.protects() && !by_project, Rule::Protected);
    broken.unless(namespace.uid == uid, Rule::Identity);
    owned(broken, seen, cluster);
    broken.unless(namespace.labelled, Rule::Ownership);
    let called_off =
        |plan: &PlanFacts| plan.status.history.iter().any(|entry| entry.event == Event::Cancelled);
    broken.unless(!stored.is_some_and(called_off), Rule::CalledOff);
    broken.unless(cluster.past.called_off != Some(project), Rule::CalledOff);
    if config.confirmed(cluster) {
        let given = |plan: &StoredPlan| cluster.past.confirmed.contains(&plan.facts.digest);
        broken.unless(seen.plan.as_deref().is_some_and(given), Rule::Confirmed);
    }
}

/// The Namespace as it stands is recorded as the Project's that was read.
fn owned(broken: &mut Broken, seen: &Seen, cluster: &Cluster) {
    let Some(namespace) = &cluster.namespace else { return };
    let ours = seen.project_number().is_some_and(|project| namespace.is_of(project));
    broken.unless(ours, Rule::Ownership);
}

fn release(broken: &mut Broken, seen: &Seen, cluster: &Cluster) {
    broken.unless(!seen.wrote, Rule::Fresh);
    let Some(namespace) = &cluster.namespace else { return };
    let read = seen.namespace.as_ref().map(|ns| ns.uid);
    broken.unless(read == Some(namespace.uid), Rule::Identity);
    let Some(project) = seen.subject() else {
        // A record may be taken back of a Project that is gone, not of one that was overlooked.
        let lives = cluster.project.as_ref().is_some_and(|project| namespace.is_of(project.uid));
        broken.unless(!lives, Rule::Ownership);
        return;
    };
    owned(broken, seen, cluster);
    let begun = seen.has_begun(project.uid)
        || seen.plan.as_ref().is_some_and(|plan| plan.facts.status.phase.is_final());
    broken.unless(begun, Rule::RecordFirst);
}

/// Whether the Namespace of the Project is gone, was released, is somebody else's, or stays
/// because the deletion was called off.
fn may_let_go(seen: &Seen, cluster: &Cluster) -> bool {
    let Some(project) = seen.project_number() else { return true };
    let stored = cluster.plan_of(project);
    let called_off = stored.is_some_and(|plan| plan.facts.awaits_restoration());
    // One that is made for a Project after its deletion was asked for, by a controller that had
    // not heard of it, is released by whoever finds it.
    let late = cluster.namespace.as_ref().is_some_and(|ns| ns.late);
    called_off || late || is_settled(cluster, project, false)
}

/// Whether nothing of the Project is left on the Namespace that it had.
fn is_settled(cluster: &Cluster, project: u8, beside_kargo: bool) -> bool {
    let had = cluster.had(project);
    let Some(namespace) = cluster.namespace.as_ref().filter(|ns| Some(ns.uid) == had) else {
        return true;
    };
    let others = namespace.record.as_ref().is_some_and(|record| record.project != project);
    // Whether Kargo holds it is Kargo's affair.
    others || (namespace.record.is_none() && (namespace.ours == 0 || beside_kargo))
}

fn advance(
    broken: &mut Broken,
    seen: &Seen,
    cluster: &Cluster,
    config: &Config,
    status: &PlanStatus,
) {
    let Some(read) = &seen.plan else { return };
    let PlanFacts { name, status: before, digest, namespace_uid, disposition, .. } = &read.facts;
    let grows = status.history.starts_with(&before.history);
    broken.unless(grows && trail::verify(name, &status.history).is_ok(), Rule::Trail);
    let namespace = number(namespace_uid);
    for entry in status.history.iter().skip(before.history.len()) {
        match entry.event {
            Event::Started if config.confirmed(cluster) && *disposition < Disposition::Retain => {
                let confirmed = |of: &&trail::Entry| {
                    of.event == Event::Confirmed && of.digest_of_plan == digest.as_str()
                };
                let last = status.history.iter().rev().find(confirmed);
                let holds = config.settings.confirmation_holds.as_secs();
                let fresh = last.is_some_and(|of| {
                    entry.at.duration_since(of.at).unsigned_abs().as_secs() <= holds
                });
                let given = cluster.past.confirmed.contains(digest);
                broken.unless(given && fresh, Rule::Confirmed);
            }
            Event::Done => {
                let there = cluster.namespace.as_ref().is_some_and(|ns| ns.uid == namespace);
                let done = match disposition {
                    Disposition::Delete => !there,
                    _ => is_settled(cluster, read.project, config.beside_kargo()),
                };
                broken.unless(done, Rule::DoneAfterwards);
            }
            Event::Cancelled => {
                let too_late = cluster.past.deleted == Some(namespace);
                broken.unless(!too_late, Rule::CalledOffInTime);
            }
            _ => {}
        }
    }
}

/// What can come of a deletion that was called off.
pub(crate) const RESTORED: &str = "the Project is there again, and its namespace as it was";

/// Whether another Project has taken the place of one whose deletion was called off, in the very
/// Namespace that that one had.
pub(crate) fn is_restored(cluster: &Cluster) -> bool {
    let (Some(project), Some(namespace)) = (&cluster.project, &cluster.namespace) else {
        return false;
    };
    let former = project.restored_from.and_then(|former| cluster.had(former));
    project.deleting.is_none()
        && former == Some(namespace.uid)
        && namespace.deleting.is_none()
        && namespace.is_of(project.uid)
        && namespace.stage
        && namespace.other
}

/// How many steps a controller may take until it rests, and how often time has to pass.
const MOST_STEPS: usize = 60;
const MOST_TICKS: u8 = 4;

/// Whether one controller, undisturbed, brings the cluster to where it should be, and then
/// writes nothing more.
pub(crate) fn converges(cluster: &Cluster, config: &Config) -> Result<Cluster, String> {
    let mut cluster = cluster.clone();
    let mut steps = Vec::new();
    let (mut ticks, mut rounds) = (0, 0);
    loop {
        while let Some(name) = pass_on(&mut cluster, config, &mut steps)? {
            if steps.len() > MOST_STEPS {
                return Err(format!("it goes on and on: {name} after {steps:?}"));
            }
        }
        if config.beside_kargo() && kargo_goes_on(&mut cluster, config) {
            rounds += 1;
            if rounds > MOST_STEPS {
                return Err(format!("Kargo goes on and on after {steps:?}"));
            }
            continue;
        }
        if settle(&mut cluster) {
            continue;
        }
        if ticks == MOST_TICKS {
            break;
        }
        ticks += 1;
        cluster.now += 1;
    }
    ends_well(&cluster, config).map_err(|why| format!("{why} after {steps:?}"))?;
    Ok(cluster)
}

/// One pass, up to its rest; the last write it made, if any.
fn pass_on(
    cluster: &mut Cluster,
    config: &Config,
    steps: &mut Vec<&'static str>,
) -> Result<Option<&'static str>, String> {
    let mut controller = Controller::Idle;
    let mut last = None;
    loop {
        let Decided { seen, step, .. } = match controller {
            Controller::Ready(decided) => *decided,
            other => {
                controller = other;
                for _ in 0..3 {
                    controller = controller.read(cluster, config);
                    if matches!(controller, Controller::Ready(_) | Controller::Idle) {
                        break;
                    }
                }
                match controller {
                    Controller::Ready(decided) => *decided,
                    _ => return Ok(last),
                }
            }
        };
        steps.push(step.name());
        if !step.only_reads() {
            last = Some(step.name());
        }
        if steps.len() > MOST_STEPS {
            return Ok(last);
        }
        let mut after = cluster.clone();
        let request = Request { seen, cluster: &mut after, config, extent: Extent::Whole };
        let Some(seen) = request.send(&step) else {
            if config.beside_kargo() {
                // Admission writes plans, too: one that is there already is read then.
                return Ok(Some(step.name()));
            }
            return Err(format!("undisturbed, {} is refused after {steps:?}", step.name()));
        };
        *cluster = after;
        controller = seen.goes_on(cluster, config);
        if matches!(controller, Controller::Idle) {
            return Ok(last);
        }
    }
}

/// What others do by themselves: they take their finalizers off what is deleted, and a Namespace
/// goes that nothing holds. Whether there was anything to do.
pub(crate) fn settle(cluster: &mut Cluster) -> bool {
    if cluster.namespace_may_go() {
        cluster.namespace_goes();
        return true;
    }
    if cluster.namespace.as_ref().is_some_and(|ns| ns.deleting.is_some() && ns.foreign) {
        cluster.on_namespace(|ns| ns.foreign = false);
        return true;
    }
    if cluster.project.as_ref().is_some_and(|p| p.deleting.is_some() && p.foreign) {
        cluster.on_project(|project| project.foreign = false);
        return true;
    }
    false
}

/// Whether everything is where it should be, as far as people let it.
fn ends_well(cluster: &Cluster, config: &Config) -> Result<(), String> {
    if config.beside_kargo() {
        return together::ends_well(cluster, config).map_err(str::to_owned);
    }
    let Some(project) = &cluster.project else { return without_project(cluster, config) };
    let namespace = cluster.namespace.as_ref().filter(|ns| ns.deleting.is_none());
    if project.deleting.is_none() {
        let there = namespace.ok_or("the Project has no Namespace")?;
        if there.labelled && there.record.is_none() && project.bound.is_none_or(|b| b == there.uid)
        {
            return Err("the Namespace has no record".to_owned());
        }
        if config.unborn && config.ticks == 0 && !there.is_of(project.uid) {
            return Err("the Project is not at home".to_owned());
        }
        return Ok(());
    }
    let held = project.says.lien || namespace.is_some_and(|ns| ns.says.lien);
    let open = cluster.breaker.as_ref().is_some_and(|map| map.record.closed.is_none());
    let stored = cluster.plan_of(project.uid).map(|plan| &plan.facts);
    let waits = stored
        .is_some_and(|plan| plan.status.phase == Phase::Waiting && !plan.status.waiting.is_empty());
    let unconfirmed = stored.is_some_and(|plan| {
        config.confirmed(cluster)
            && plan.disposition < Disposition::Retain
            && project.confirm.as_ref() != Some(&plan.digest)
            && plan.approvals.iter().all(|approval| approval.digest != plan.digest)
    });
    let unapproved = stored.is_some_and(|plan| config.approvals() > plan.approvals.len());
    match waits && (held || open || unconfirmed || unapproved) {
        true => Ok(()),
        false => Err("the Project stays although nothing holds it".to_owned()),
    }
}

fn without_project(cluster: &Cluster, config: &Config) -> Result<(), String> {
    if let Some(namespace) = &cluster.namespace {
        let forgotten = namespace.record.is_some() || (namespace.ours > 0 && !namespace.labelled);
        if forgotten {
            return Err("a record is left behind".to_owned());
        }
    }
    let Provided { inside, role, binding } = cluster.provided;
    // A second controller may provide what it had decided on before; see docs/exploration.md.
    let checked = config.settings.profile == Profile::Protective && config.controllers == 1;
    if checked && inside.or(role).or(binding).is_some() {
        return Err("access is left behind".to_owned());
    }
    if cluster.plans.iter().any(|plan| !plan.ended()) {
        return Err("a plan never ends".to_owned());
    }
    Ok(())
}
