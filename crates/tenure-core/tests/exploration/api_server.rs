//! What the API server does with each step.
//!
//! The tests that each request carries are those of the executor: every patch tests the UID, and
//! either the value that it takes away or the resourceVersion. What no longer fits is refused.

use std::sync::Arc;

use tenure_core::contents::clean::{Cleaning, Scope, Wave};
use tenure_core::lifecycle::Release;
use tenure_core::plan::{BreakerRecord, Plan, PlanFacts, PlanStatus};
use tenure_core::{Cancel, Ledger, Origin, ResourceVersion, Step, Uid};

use crate::admission::{By, lets_namespace_go};
use crate::cluster::{
    BreakerMap, Cluster, NAME, Namespace, Project, Provided, READ, Record, Status, StoredPlan,
    number, time,
};
use crate::companion::recorded;
use crate::controller::{Left, Seen};
use crate::model::Config;
use crate::properties::Rule;

/// How much of a step that is several requests takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// Only its first request.
    First,
    /// All but its first request.
    Rest,
}

impl Extent {
    pub(crate) fn of<T>(self, mut requests: Vec<T>) -> Vec<T> {
        match self {
            Self::Whole => {}
            Self::First => requests.truncate(1),
            Self::Rest => drop(requests.drain(..1)),
        }
        requests
    }
}

/// How many independent requests the step is.
pub(crate) fn requests(step: &Step) -> usize {
    match step {
        Step::Provision(keys) | Step::Repair(keys) | Step::RemoveAccess(keys) => keys.len(),
        _ => 1,
    }
}

/// One request, or one set of them: what one controller asks of the cluster.
pub(crate) struct Request<'a> {
    pub(crate) seen: Seen,
    pub(crate) cluster: &'a mut Cluster,
    pub(crate) config: &'a Config,
    pub(crate) extent: Extent,
}

impl Request<'_> {
    /// What the controller knows after the answer; `None` if the request was refused, and nothing
    /// has changed.
    pub(crate) fn send(mut self, step: &Step) -> Option<Seen> {
        match step {
            Step::Done | Step::Wait(_) | Step::Archive => {}
            Step::ReadAccess => self.read_access(),
            Step::ReadBlockers => self.seen.blockers = true,
            Step::ReadContents => self.seen.contents = true,
            Step::ReadRemaining(_) => {
                let there = self.cluster.namespace.as_ref();
                let left = |has: fn(&Namespace) -> bool| there.is_some_and(|ns| has(ns));
                let (stage, other) = (left(|ns| ns.stage), left(|ns| ns.other));
                self.seen.remaining = Some(Left { stage, other });
            }
            writes => {
                self.write(writes)?;
                self.seen.wrote = true;
            }
        }
        Some(self.seen)
    }

    fn write(&mut self, step: &Step) -> Option<()> {
        self.judge(step);
        match step {
            Step::RecordPlan(plan) => self.record_plan(plan, None),
            Step::AdvancePlan(status) => self.advance_plan(status),
            Step::OpenBreaker(why) => {
                let (opened, why) = (time(self.cluster.now), why.clone());
                self.set_breaker(BreakerRecord { opened, why, closed: None, asked_by: None })
            }
            Step::CloseBreaker(by) => {
                let mut record = self.seen.breaker.as_ref()?.record.clone();
                record.closed = Some((time(self.cluster.now), by.clone()));
                self.set_breaker(record)
            }
            Step::HoldProject => self.hold_project(),
            Step::BindProject(uid) => self.patch_project(false, |p| p.bound = Some(number(uid))),
            Step::UnbindProject if self.seen.project.as_ref()?.bound.is_some() => {
                let bound = self.seen.project.as_ref()?.bound;
                (self.cluster.project.as_ref()?.bound == bound).then_some(())?;
                self.patch_project(false, |project| project.bound = None)
            }
            Step::UnbindProject => self.patch_project(true, |project| {
                Arc::make_mut(&mut project.status).0.retain(|c| c.bound_uid().is_none());
            }),
            Step::LetGoOfProject => {
                (self.cluster.project.as_ref()?.ours > 0).then_some(())?;
                self.patch_project(false, |project| project.ours -= 1)
            }
            Step::DeleteProject(uid) => {
                (self.cluster.project.as_ref()?.uid == number(uid)).then_some(())?;
                self.cluster.delete_project();
                self.answer_project()
            }
            Step::RestoreProject => self.restore_project(),
            Step::ReportStatus(report) => self.patch_project(true, |project| {
                project.status = Arc::new(Status(report.conditions.clone()));
            }),
            Step::CleanWave(cleaning, wave) => self.clean(cleaning, *wave),
            Step::Provision(keys) => self.provision(keys),
            Step::Repair(keys) => self.repair(keys),
            Step::RemoveAccess(keys) => self.remove_access(keys),
            on_namespace => self.write_namespace(on_namespace),
        }
    }

    fn write_namespace(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::CreateNamespace { finalizer } => self.create_namespace(*finalizer),
            Step::RecordNamespace { origin, ledger, finalizer } => {
                self.record_namespace(*origin, ledger, *finalizer)
            }
            Step::RebindNamespace => {
                let uid = self.seen.project.as_ref()?.uid;
                self.patch_namespace(true, |ns| {
                    if let Some(record) = &mut ns.record {
                        record.project = uid;
                    }
                })?;
                self.note_tenancy(uid)
            }
            Step::AddNamespaceFinalizer => {
                let namespace = self.cluster.namespace.as_ref()?;
                namespace.deleting.is_none().then_some(())?;
                let whole_list = !self.seen.namespace.as_ref()?.foreign;
                self.patch_namespace(whole_list, |ns| ns.ours += 1)
            }
            Step::RemoveNamespaceFinalizer => {
                (self.cluster.namespace.as_ref()?.ours > 0).then_some(())?;
                self.patch_namespace(false, |ns| ns.ours -= 1)
            }
            Step::DeleteNamespace { uid, resource_version } => {
                self.delete_namespace(uid, resource_version)
            }
            Step::ReleaseNamespace(what) => self.release(*what),
            other => self.write_beside_kargo(other),
        }
    }

    /// Patches the Project that was read, at the version that was read or at any.
    pub(crate) fn patch_project(
        &mut self,
        at_version: bool,
        change: impl FnOnce(&mut Project),
    ) -> Option<()> {
        let (now, read) = (self.cluster.project.as_ref()?, self.seen.project.as_ref()?);
        let fits = now.uid == read.uid && (!at_version || now.version == read.version);
        fits.then_some(())?;
        self.cluster.on_project(change);
        self.answer_project()
    }

    fn answer_project(&mut self) -> Option<()> {
        self.seen.project.clone_from(&self.cluster.project);
        Some(())
    }

    fn hold_project(&mut self) -> Option<()> {
        // The API server takes no new finalizer on an object that is being deleted.
        self.cluster.project.as_ref()?.deleting.is_none().then_some(())?;
        let whole_list = !self.seen.project.as_ref()?.foreign;
        self.patch_project(whole_list, |project| project.ours += 1)
    }

    fn restore_project(&mut self) -> Option<()> {
        self.cluster.project.is_none().then_some(())?;
        let plan = self.seen.plan.as_ref()?;
        let (from, bound) = (plan.project, number(&plan.facts.namespace_uid));
        self.cluster.projects += 1;
        let project = Project {
            uid: self.cluster.projects,
            version: self.cluster.next_version(),
            created: self.cluster.now,
            ours: u8::from(!self.config.beside_kargo()),
            bound: Some(bound),
            restored_from: Some(from),
            ..Project::default()
        };
        self.cluster.project = Some(Arc::new(project));
        let past = &mut self.cluster.past;
        let first = past.made_anew.insert(from);
        past.broken.unless(first, Rule::Once);
        self.answer_project()
    }

    pub(crate) fn patch_namespace(
        &mut self,
        at_version: bool,
        change: impl FnOnce(&mut Namespace),
    ) -> Option<()> {
        let (now, read) = (self.cluster.namespace.as_ref()?, self.seen.namespace.as_ref()?);
        let fits = now.uid == read.uid && (!at_version || now.version == read.version);
        fits.then_some(())?;
        self.cluster.on_namespace(change);
        self.seen.namespace.clone_from(&self.cluster.namespace);
        Some(())
    }

    /// Remembers whose the Namespace has become.
    fn note_tenancy(&mut self, project: u8) -> Option<()> {
        let namespace = self.cluster.namespace.as_ref()?.uid;
        self.cluster.past.had.retain(|(of, _)| *of != project);
        self.cluster.past.had.push((project, namespace));
        Some(())
    }

    fn create_namespace(&mut self, finalizer: bool) -> Option<()> {
        self.cluster.namespace.is_none().then_some(())?;
        let project = self.seen.project.as_ref()?.uid;
        self.cluster.namespaces += 1;
        let lives = |p: &Arc<Project>| p.uid == project && p.deleting.is_none();
        let namespace = Namespace {
            late: !self.cluster.project.as_ref().is_some_and(lives),
            uid: self.cluster.namespaces,
            version: self.cluster.next_version(),
            created: self.cluster.now,
            ours: finalizer.into(),
            labelled: true,
            by_controller: true,
            record: Some(Record { project, origin: Origin::Created, label: true, on: None }),
            ..Namespace::default()
        };
        self.cluster.namespace = Some(Arc::new(namespace));
        self.seen.namespace.clone_from(&self.cluster.namespace);
        self.seen.provided = Some(Provided::default());
        self.note_tenancy(project)
    }

    fn record_namespace(
        &mut self,
        origin: Origin,
        ledger: &Ledger,
        held: Option<bool>,
    ) -> Option<()> {
        let project = self.seen.project_number()?;
        let label = ledger.label;
        let on = ledger.namespace.as_ref().and(self.seen.namespace.as_ref()).map(|ns| ns.uid);
        let new = held == Some(true) && self.seen.namespace.as_ref()?.ours == 0;
        (!new || self.cluster.namespace.as_ref()?.deleting.is_none()).then_some(())?;
        self.patch_namespace(true, |ns| {
            ns.record = Some(Record { project, origin, label, on });
            ns.ours = match held {
                Some(true) => ns.ours.max(1),
                Some(false) => ns.ours.saturating_sub(1),
                None => ns.ours,
            };
        })?;
        self.seen.provided = None;
        self.note_tenancy(project)
    }

    fn delete_namespace(&mut self, uid: &Uid, version: &ResourceVersion) -> Option<()> {
        let (now, read) = (self.cluster.namespace.as_ref()?, self.seen.namespace.as_ref()?);
        let as_read = *version == ResourceVersion::new(READ) && now.version == read.version;
        (now.uid == number(uid) && as_read).then_some(())?;
        let let_go =
            !self.config.beside_kargo() || lets_namespace_go(self.cluster, self.config, By::Tenure);
        let_go.then_some(())?;
        let (uid, tick) = (now.uid, self.cluster.now);
        self.cluster.past.deleted = Some(uid);
        self.cluster.on_namespace(|ns| ns.deleting = ns.deleting.or(Some(tick)));
        self.seen.namespace.clone_from(&self.cluster.namespace);
        Some(())
    }

    fn release(&mut self, what: Release) -> Option<()> {
        let (now, read) = (self.cluster.namespace.as_ref()?, self.seen.namespace.as_ref()?);
        let record_fits = read.record.is_none() || now.record == read.record;
        let finalizer_fits = read.ours == 0 || now.ours > 0;
        let label_fits = !what.label || now.labelled;
        (record_fits && finalizer_fits && label_fits).then_some(())?;
        let (recorded, held) = (read.record.is_some(), read.ours > 0);
        self.patch_namespace(self.config.releases_at_version, |ns| {
            ns.record = if recorded { None } else { ns.record.take() };
            ns.leave = false;
            ns.ours -= u8::from(held && what.finalizer);
            ns.labelled &= !what.label;
        })
    }

    /// Deletes, by their UIDs, the objects of the wave that are there when it lists them.
    fn clean(&mut self, cleaning: &Cleaning, wave: Wave) -> Option<()> {
        let all = cleaning.scope == Scope::All;
        self.seen.remaining = None;
        // Nothing of this is written on the Namespace itself, and so its version stays.
        let namespace = Arc::make_mut(self.cluster.namespace.as_mut()?);
        namespace.stage &= wave != Wave::First;
        namespace.other &= !(all && wave == Wave::Second);
        Some(())
    }

    /// Writes what was decided. `let_in` is when the deletion was let in, if it was by whoever
    /// writes this.
    pub(crate) fn record_plan(&mut self, plan: &Plan, let_in: Option<u8>) -> Option<()> {
        let record = |project: &Arc<Project>| recorded(project, let_in);
        let recorded = self.seen.project.as_ref().filter(|_| self.config.beside_kargo());
        let recorded = recorded.map(record);
        self.note_deletion();
        let version = self.cluster.next_version();
        let project = number(&plan.project_uid);
        let alternative = plan.alternative.as_ref().map(|other| other.digest.clone());
        match self.seen.plan.as_ref().filter(|read| read.project == project) {
            Some(read) => {
                let of = read.project;
                let stored = self.cluster.plan_of(of)?;
                (stored.version == read.version).then_some(())?;
                self.cluster.on_plan(of, |stored| {
                    stored.recorded = recorded.or(stored.recorded.take());
                    stored.alternative = alternative;
                    stored.facts.disposition = plan.disposition;
                    stored.facts.scope = plan.scope;
                    stored.facts.keep_kinds.clone_from(&plan.keep_kinds);
                    stored.facts.confirmation = plan.confirmation;
                    stored.facts.digest = plan.digest();
                    stored.facts.attempt = plan.attempt;
                });
                self.answer_plan(of)
            }
            None => {
                self.cluster.plan_of(project).is_none().then_some(())?;
                (recorded.is_some() || !self.config.beside_kargo()).then_some(())?;
                let facts = PlanFacts {
                    name: tenure_core::plan::name(NAME, &plan.project_uid),
                    uid: Uid::new("plan"),
                    resource_version: ResourceVersion::new(READ),
                    project_uid: plan.project_uid.clone(),
                    namespace_uid: plan.namespace_uid.clone(),
                    disposition: plan.disposition,
                    scope: plan.scope,
                    keep_kinds: plan.keep_kinds.clone(),
                    confirmation: plan.confirmation,
                    // What the Project says is no part of these lives.
                    project_version: ResourceVersion::new(READ),
                    digest: plan.digest(),
                    attempt: plan.attempt,
                    decided: None,
                    requester: None,
                    approvals: Vec::new(),
                    cancel: Cancel::No,
                    status: PlanStatus::default(),
                };
                let stored = StoredPlan { project, version, alternative, facts, recorded };
                self.cluster.plans.push(Arc::new(stored));
                self.answer_plan(project)
            }
        }
    }

    pub(crate) fn advance_plan(&mut self, status: &PlanStatus) -> Option<()> {
        self.patch_plan(|stored| stored.facts.status = status.clone())
    }

    /// Changes the plan as it was read.
    pub(crate) fn patch_plan(&mut self, change: impl FnOnce(&mut StoredPlan)) -> Option<()> {
        let read = self.seen.plan.as_ref()?;
        let of = read.project;
        (self.cluster.plan_of(of)?.version == read.version).then_some(())?;
        self.cluster.on_plan(of, change);
        self.answer_plan(of)
    }

    fn answer_plan(&mut self, of: u8) -> Option<()> {
        self.seen.plan = self.cluster.plan_of(of).cloned();
        Some(())
    }

    fn set_breaker(&mut self, record: BreakerRecord) -> Option<()> {
        let version = |map: &Option<Arc<BreakerMap>>| map.as_ref().map(|map| map.version);
        (version(&self.cluster.breaker) == version(&self.seen.breaker)).then_some(())?;
        let version = self.cluster.next_version();
        self.cluster.breaker = Some(Arc::new(BreakerMap { version, record }));
        self.seen.breaker.clone_from(&self.cluster.breaker);
        Some(())
    }
}
