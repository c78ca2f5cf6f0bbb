//! A stand-in for a cluster with one Project and one Namespace.

use std::sync::Arc;

use jiff::Timestamp;
use tenure_core::access::{AccessFacts, AccessState, wanted};
use tenure_core::contents::Contents;
use tenure_core::lifecycle::{Access, Archived, Observation, release_step};
use tenure_core::plan::{Breaker, BreakerRecord, Phase, Plan, PlanFacts};
use tenure_core::policy::Policy;
use tenure_core::{
    Cancel, CrdState, Disposition, Keep, Ledger, NamespaceFacts, Origin, ProjectFacts,
    ResourceVersion, Settings, Stamp, Statements, Step, Uid, Wish, next_step,
};

const NAME: &str = "payments";

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) project: Option<ProjectFacts>,
    pub(crate) namespace: Option<NamespaceFacts>,
    /// What is provisioned, as it is.
    provisioned: bool,
    /// What the controller knows of it.
    access: Access,
    pub(crate) settings: Settings,
    pub(crate) plan: Option<PlanFacts>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) archived: Archived,
    pub(crate) breaker: Breaker,
    /// What there is to see in the Namespace, and what was seen of it.
    pub(crate) there: Contents,
    pub(crate) contents: Option<Arc<Contents>>,
    pub(crate) now: Timestamp,
    versions: u64,
    uids: u64,
}

/// What people do meanwhile.
pub(crate) const CHANGES: [fn(&mut World); 6] = [
    |_| {},
    |world| world.on_namespace(|ns| ns.statements.keep = Keep::Yes),
    |world| world.on_namespace(|ns| ns.statements.wish = Wish::Illegible("\"x\"".to_owned())),
    |world| world.on_namespace(|ns| ns.labelled = false),
    |world| {
        if let Some(project) = &mut world.project {
            project.statements.keep = Keep::Yes;
        }
    },
    |world| {
        // It was deleted directly, and another of its name was made, records and all.
        let version = world.version();
        if let Some(ns) = world.namespace.as_mut().filter(|ns| ns.deleting.is_none()) {
            ns.uid = Uid::new("another");
            ns.resource_version = version;
        }
    },
];

impl World {
    pub(crate) fn with_project() -> Self {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        Self {
            project: Some(ProjectFacts {
                uid: Uid::new("project-1"),
                resource_version: ResourceVersion::new("1"),
                generation: 1,
                created: now,
                deleting: None,
                finalizer: false,
                statements: Statements::default(),
                bound_by_annotation: None,
                labels: Default::default(),
                managers: Default::default(),
                confirm: None,
                cancel: Cancel::No,
                restored_from: None,
                stamp: None,
                keeps: false,
                conditions: Vec::new(),
                stats: None,
            }),
            namespace: None,
            provisioned: false,
            access: Access::Unread,
            settings: Settings::default(),
            plan: None,
            policies: Vec::new(),
            archived: Archived::Nowhere,
            breaker: Breaker::default(),
            there: Contents::default(),
            contents: None,
            now,
            versions: 1,
            uids: 0,
        }
    }

    /// A Project that is ready.
    pub(crate) fn ready() -> Self {
        let mut world = Self::with_project();
        while !world.next().is_rest() {
            let step = world.next();
            world.apply(&step);
        }
        world.forget();
        world
    }

    pub(crate) fn next(&self) -> Step {
        next_step(&self.seen(), self.now)
    }

    /// What comes next where everything is taken back.
    pub(crate) fn next_of_release(&self) -> Step {
        release_step(&self.seen(), self.now)
    }

    /// What the lifecycle sees.
    pub(crate) fn seen(&self) -> Observation<'_> {
        Observation {
            name: NAME,
            as_of: self.now,
            project: self.project.clone(),
            namespace: self.namespace.clone(),
            crd: CrdState::Established,
            access: self.access.clone(),
            blockers: None,
            plan: self.plan.clone(),
            requester: None,
            policies: self.policies.clone().into(),
            contents: self.contents.clone(),
            remaining: None,
            breaker: self.breaker.clone(),
            archived: self.archived.clone(),
            stats: None,
            recorded: None,
            trouble: None,
            settings: &self.settings,
        }
    }

    /// The controller ends, and another one knows nothing.
    pub(crate) fn forget(&mut self) {
        self.access = Access::Unread;
        self.contents = None;
    }

    pub(crate) fn delete_project(&mut self) {
        let now = self.now;
        match &mut self.project {
            Some(project) if project.finalizer => project.deleting = Some(now),
            _ => self.project = None,
        }
    }

    pub(crate) fn namespace_goes(&mut self) {
        if self.namespace.as_ref().is_some_and(|ns| ns.deleting.is_some() && !ns.finalizer) {
            self.namespace = None;
            self.provisioned = false;
            self.forget();
        }
    }

    pub(crate) fn let_time_pass(&mut self) {
        self.now += jiff::SignedDuration::from_secs(30);
        self.namespace_goes();
    }

    pub(crate) fn namespace_mut(&mut self) -> &mut NamespaceFacts {
        self.namespace.as_mut().expect("a namespace")
    }

    fn on_namespace(&mut self, change: impl FnOnce(&mut NamespaceFacts)) {
        let version = self.version();
        if let Some(namespace) = &mut self.namespace {
            change(namespace);
            namespace.resource_version = version;
        }
    }

    fn version(&mut self) -> ResourceVersion {
        self.versions += 1;
        ResourceVersion::new(self.versions.to_string())
    }

    fn known_access(&self) -> Access {
        let state = if self.provisioned { AccessState::Current } else { AccessState::Missing };
        let wanted = wanted(NAME, &["kargo-controller".to_owned()]);
        Access::Known(AccessFacts {
            wanted: wanted.into_iter().map(|key| (key, state)).collect(),
            ..AccessFacts::default()
        })
    }

    fn record(&mut self, plan: &Plan, resource_version: ResourceVersion) {
        let (status, approvals) =
            self.plan.take().map(|p| (p.status, p.approvals)).unwrap_or_default();
        self.plan = Some(PlanFacts {
            name: tenure_core::plan::name(NAME, &plan.project_uid),
            uid: Uid::new("plan"),
            resource_version,
            project_uid: plan.project_uid.clone(),
            namespace_uid: plan.namespace_uid.clone(),
            disposition: plan.disposition,
            scope: plan.scope,
            keep_kinds: plan.keep_kinds.clone(),
            confirmation: plan.confirmation,
            project_version: self.project.as_ref().expect("a project").resource_version.clone(),
            digest: plan.digest(),
            attempt: plan.attempt,
            decided: Some(self.now),
            requester: None,
            approvals,
            cancel: Cancel::No,
            status,
        });
    }

    /// Does what the API server would.
    pub(crate) fn apply(&mut self, step: &Step) {
        let (now, version) = (self.now, self.version());
        match step {
            Step::Done | Step::Wait(_) | Step::ReadBlockers => {}
            Step::ReadContents => self.contents = Some(Arc::new(self.there.clone())),
            Step::RecordPlan(plan) => self.record(plan, version),
            Step::AdvancePlan(status) => {
                let plan = self.plan.as_mut().expect("a plan");
                plan.status = (**status).clone();
                plan.resource_version = version;
                let name = plan.name.clone();
                tenure_core::trail::verify(&name, &plan.status.history).expect("an unbroken trail");
            }
            Step::RecordProject => {
                let project = self.project.as_ref().expect("a project");
                let plan = self.plan.as_mut().expect("a plan");
                plan.project_version = project.resource_version.clone();
                plan.resource_version = version;
            }
            Step::OpenBreaker(why) => {
                let (opened, why) = (now, why.clone());
                self.breaker.record =
                    Some(BreakerRecord { opened, why, closed: None, asked_by: None });
            }
            Step::CloseBreaker(by) => {
                let record = self.breaker.record.as_mut().expect("a breaker");
                record.closed = Some((now, by.clone()));
            }
            Step::Archive | Step::ReadRemaining(_) | Step::CleanWave(..) => {
                unreachable!("not in these lives")
            }
            Step::RestoreProject => {
                assert!(self.project.is_none(), "it exists");
                let plan = self.plan.as_ref().expect("a plan");
                let mut project = Self::with_project().project.expect("a project");
                project.uid = Uid::new("project-2");
                project.finalizer = true;
                project.restored_from = Some(plan.project_uid.clone());
                project.bound_by_annotation = Some(plan.namespace_uid.clone());
                self.project = Some(project);
            }
            Step::RebindNamespace => {
                let uid = self.project.as_ref().map(|p| p.uid.clone());
                self.on_namespace(|ns| ns.project_uid = uid);
            }
            Step::ReadAccess => self.access = self.known_access(),
            Step::HoldProject => {
                let project = self.project.as_mut().expect("a project");
                assert!(project.deleting.is_none(), "a finalizer on a deleted Project is refused");
                project.finalizer = true;
            }
            Step::BindProject(uid) => {
                self.project.as_mut().expect("a project").bound_by_annotation = Some(uid.clone());
            }
            Step::UnbindProject => {
                let project = self.project.as_mut().expect("a project");
                project.bound_by_annotation = None;
                project.conditions.retain(|c| c.bound_uid().is_none());
            }
            Step::LetGoOfProject => {
                let project = self.project.as_mut().expect("a project");
                project.finalizer = false;
                if project.deleting.is_some() {
                    self.project = None;
                }
            }
            Step::DeleteProject(uid) => {
                assert_eq!(self.project.as_ref().map(|p| &p.uid), Some(uid));
                self.delete_project();
            }
            Step::ReportStatus(report) => {
                let project = self.project.as_mut().expect("a project");
                project.conditions.clone_from(&report.conditions);
            }
            Step::CreateNamespace { finalizer } => {
                assert!(self.namespace.is_none(), "it exists");
                self.uids += 1;
                self.namespace = Some(NamespaceFacts {
                    uid: Uid::new(format!("namespace-{}", self.uids)),
                    resource_version: version,
                    created: now,
                    deleting: None,
                    labelled: true,
                    labelled_by_controller: true,
                    finalizer: *finalizer,
                    leave: false,
                    owner_reference: false,
                    statements: Statements::default(),
                    labels: Default::default(),
                    project_uid: self.project.as_ref().map(|p| p.uid.clone()),
                    origin: Some(Ok(Origin::Created)),
                    ledger: Some(Ok(Ledger { label: true, ..Ledger::default() })),
                });
                self.access = self.known_access();
            }
            Step::RecordNamespace { origin, ledger, finalizer } => {
                let uid = self.project.as_ref().map(|p| p.uid.clone());
                let (origin, ledger) = (*origin, ledger.clone());
                self.on_namespace(|ns| {
                    ns.project_uid = uid;
                    ns.origin = Some(Ok(origin));
                    ns.ledger = Some(Ok(ledger));
                    ns.finalizer = finalizer.unwrap_or(ns.finalizer);
                });
            }
            Step::AddNamespaceFinalizer => self.on_namespace(|ns| ns.finalizer = true),
            Step::RemoveNamespaceFinalizer => self.on_namespace(|ns| ns.finalizer = false),
            Step::StripOwnerReference => self.on_namespace(|ns| ns.owner_reference = false),
            Step::DeleteNamespace { uid, resource_version } => {
                let project = self.project.as_ref().expect("nobody deletes for no Project");
                let protected = project.statements.keep != Keep::Absent;
                let ns = self.namespace.as_mut().expect("a namespace");
                assert_eq!((&ns.uid, &ns.resource_version), (uid, resource_version));
                assert_eq!(ns.project_uid.as_ref(), Some(&project.uid), "not ours");
                assert_eq!(ns.statements, Statements::default(), "protected");
                assert!(!protected && ns.labelled, "protected");
                let plan = self.plan.as_ref().expect("a record");
                assert_eq!(
                    (plan.disposition, plan.status.phase),
                    (Disposition::Delete, Phase::Executing)
                );
                assert_eq!(plan.namespace_uid, *uid, "another namespace's record");
                ns.deleting = Some(now);
            }
            Step::StampProject(plan) => {
                let project = self.project.as_mut().expect("a project");
                project.stamp = Some(Stamp { plan: plan.clone(), at: now });
                project.keeps = true;
            }
            Step::WithdrawStamp => {
                let project = self.project.as_mut().expect("a project");
                project.stamp = None;
                project.keeps = false;
            }
            Step::GiveLeave(_) => self.on_namespace(|ns| ns.leave = true),
            Step::TakeLeave => self.on_namespace(|ns| ns.leave = false),
            Step::ReleaseNamespace(what) => {
                let what = *what;
                self.on_namespace(|ns| {
                    ns.project_uid = None;
                    ns.origin = None;
                    ns.ledger = None;
                    ns.finalizer = false;
                    ns.labelled &= !what.label;
                });
            }
            Step::Provision(keys) => {
                // Whole only with its last part.
                self.provisioned = keys.len() == 1 || self.provisioned;
                let Access::Known(access) = &mut self.access else { return };
                for (key, state) in &mut access.wanted {
                    if keys.contains(key) {
                        *state = AccessState::Current;
                    }
                }
            }
            Step::Repair(_) => {}
            Step::RemoveAccess(keys) => {
                self.provisioned = false;
                let Access::Known(access) = &mut self.access else { return };
                for (key, state) in &mut access.wanted {
                    if keys.contains(key) {
                        *state = AccessState::Missing;
                    }
                }
            }
        }
    }

    /// What must hold at the end of a life.
    pub(crate) fn judge(&mut self, case: &str) {
        if self.project.is_some() {
            // It was never deleted, or is stalled: it comes to rest, and stays there.
            for _ in 0..3 {
                let step = self.next();
                self.apply(&step);
            }
            assert!(self.next().is_rest(), "{case}: {:?}", self.next());
            return;
        }
        let Some(namespace) = &self.namespace else { return };
        assert!(namespace.deleting.is_none(), "{case}: the Project went before its Namespace");
        let another = namespace.uid == Uid::new("another");
        assert!(!namespace.finalizer || another, "{case}: a finalizer is left behind");
        assert!(!namespace.recorded() || another, "{case}: a record is left behind");
        assert!(!self.provisioned || another, "{case}: access is left behind");
    }
}
