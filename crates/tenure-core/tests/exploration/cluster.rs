//! What stands in the cluster, reduced to what decisions depend on.
//!
//! UIDs are small numbers that count up, times are ticks of an hour. A [`Version`] is compared
//! and never hashed: which number it is says nothing, whether it still is the same does.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tenure_core::plan::{BreakerRecord, PlanDigest, PlanFacts};
use tenure_core::status::Condition;
use tenure_core::trail::Event;
use tenure_core::{
    Cancel, Disposition, Keep, Ledger, Lien, NamespaceFacts, Origin, ProjectFacts, ResourceVersion,
    Stamp, Statements, Uid, Wish,
};

use crate::properties::Broken;

pub(crate) const NAME: &str = "payments";
/// The version of whatever was read, as the lifecycle sees it.
pub(crate) const READ: &str = "read";

/// The resourceVersion of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) u32);

impl Hash for Version {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// The time at a tick.
pub(crate) fn time(tick: u8) -> Timestamp {
    let start = Timestamp::from_second(1_800_000_000).expect("a time");
    start + SignedDuration::from_hours(tick.into())
}

pub(crate) fn project_uid(uid: u8) -> Uid {
    Uid::new(format!("project-{uid}"))
}

pub(crate) fn namespace_uid(uid: u8) -> Uid {
    Uid::new(format!("namespace-{uid}"))
}

/// The number in a UID.
pub(crate) fn number(uid: &Uid) -> u8 {
    uid.as_str().rsplit('-').next().and_then(|n| n.parse().ok()).expect("one of our UIDs")
}

/// What a person says on an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Says {
    pub(crate) keep: bool,
    pub(crate) lien: bool,
    /// Whether it wishes for Clean.
    pub(crate) clean: bool,
}

impl Says {
    pub(crate) fn protects(&self) -> bool {
        self.keep || self.lien || self.clean
    }

    fn statements(&self) -> Statements {
        Statements {
            keep: if self.keep { Keep::Yes } else { Keep::Absent },
            liens: if self.lien {
                [Lien { name: "audit".into(), reason: "running".into() }].into()
            } else {
                Default::default()
            },
            wish: if self.clean { Wish::AtLeast(Disposition::Clean) } else { Wish::Absent },
            ..Statements::default()
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) Vec<Condition>);

impl Hash for Status {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for Condition { kind, status, reason, message, observed_generation } in &self.0 {
            (kind, status, reason, message, observed_generation).hash(state);
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Project {
    pub(crate) uid: u8,
    pub(crate) version: Version,
    pub(crate) created: u8,
    pub(crate) deleting: Option<u8>,
    /// How often our finalizer is in the list.
    pub(crate) ours: u8,
    /// Whether somebody else's is.
    pub(crate) foreign: bool,
    pub(crate) says: Says,
    pub(crate) bound: Option<u8>,
    pub(crate) confirm: Option<PlanDigest>,
    pub(crate) cancel: bool,
    pub(crate) restored_from: Option<u8>,
    pub(crate) status: Arc<Status>,
    /// When it was stamped. Then it says keep, whoever said so before.
    pub(crate) stamp: Option<u8>,
}

impl Project {
    /// What people said on it. Whether they say keep on a stamped one as well, nobody can tell.
    pub(crate) fn said(&self) -> Says {
        Says { keep: self.says.keep && self.stamp.is_none(), ..self.says.clone() }
    }

    pub(crate) fn facts(&self) -> ProjectFacts {
        ProjectFacts {
            uid: project_uid(self.uid),
            resource_version: ResourceVersion::new(READ),
            generation: 1,
            created: time(self.created),
            deleting: self.deleting.map(time),
            finalizer: self.ours > 0,
            statements: self.said().statements(),
            bound_by_annotation: self.bound.map(namespace_uid),
            labels: Default::default(),
            managers: BTreeSet::new(),
            confirm: self.confirm.clone(),
            cancel: if self.cancel { Cancel::Yes } else { Cancel::No },
            restored_from: self.restored_from.map(project_uid),
            stamp: self.stamp.map(|at| Stamp {
                plan: tenure_core::plan::name(NAME, &project_uid(self.uid)),
                at: time(at),
            }),
            keeps: self.says.keep,
            conditions: self.status.0.clone(),
            stats: None,
        }
    }
}

/// What Tenure wrote on the Namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    pub(crate) project: u8,
    pub(crate) origin: Origin,
    /// Whether the label came with the Project.
    pub(crate) label: bool,
    /// The Namespace that it was written on, if it says so.
    pub(crate) on: Option<u8>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Namespace {
    pub(crate) uid: u8,
    pub(crate) version: Version,
    pub(crate) created: u8,
    pub(crate) deleting: Option<u8>,
    pub(crate) ours: u8,
    pub(crate) foreign: bool,
    pub(crate) says: Says,
    pub(crate) labelled: bool,
    pub(crate) by_controller: bool,
    pub(crate) record: Option<Record>,
    /// Whether it says that it may be deleted, beside Kargo.
    pub(crate) leave: bool,
    /// Whether it was made for a Project whose deletion had been asked for by then.
    pub(crate) late: bool,
    /// Whether a Stage is in it.
    pub(crate) stage: bool,
    /// Whether something else is in it.
    pub(crate) other: bool,
}

impl Namespace {
    pub(crate) fn facts(&self) -> NamespaceFacts {
        let record = self.record.as_ref();
        NamespaceFacts {
            uid: namespace_uid(self.uid),
            resource_version: ResourceVersion::new(READ),
            created: time(self.created),
            deleting: self.deleting.map(time),
            labelled: self.labelled,
            labelled_by_controller: self.by_controller,
            finalizer: self.ours > 0,
            leave: self.leave,
            owner_reference: false,
            statements: self.says.statements(),
            labels: Default::default(),
            project_uid: record.map(|record| project_uid(record.project)),
            origin: record.map(|record| Ok(record.origin)),
            ledger: record.map(|record| {
                let namespace = record.on.map(namespace_uid);
                Ok(Ledger { label: record.label, namespace, ..Ledger::default() })
            }),
        }
    }

    /// Whether its record names that Project.
    pub(crate) fn is_of(&self, project: u8) -> bool {
        self.record.as_ref().is_some_and(|record| record.project == project)
    }
}

/// A DeletionPlan as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredPlan {
    pub(crate) project: u8,
    pub(crate) version: Version,
    /// What could be confirmed instead, as the plan shows it.
    pub(crate) alternative: Option<PlanDigest>,
    pub(crate) facts: PlanFacts,
    /// What it recorded of its Project, beside Kargo.
    pub(crate) recorded: Option<Arc<Project>>,
}

impl StoredPlan {
    /// Whether nothing more comes.
    pub(crate) fn ended(&self) -> bool {
        self.facts.status.phase.is_final() && !self.facts.awaits_restoration()
    }
}

/// Histories that differ only in how often something happened are one: what depends on a
/// history is its last word, what was begun last, and when each thing last happened under
/// each digest.
impl Hash for StoredPlan {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let PlanFacts { disposition, digest, attempt, approvals, status, .. } = &self.facts;
        (self.project, &self.alternative, disposition, digest, attempt).hash(state);
        (approvals.len(), self.facts.cancel == Cancel::Yes, &self.recorded).hash(state);
        status.phase.as_str().hash(state);
        status.waiting.hash(state);
        let latest: BTreeSet<_> = status
            .history
            .iter()
            .rev()
            .map(|entry| (&entry.digest_of_plan, entry.event, entry.at))
            .collect();
        latest.hash(state);
        status.history.last().map(|entry| entry.event).hash(state);
        let begun = status.history.iter().rev().find(|entry| entry.event == Event::Started);
        begun.map(|entry| &entry.digest_of_plan).hash(state);
    }
}

/// The breaker's ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BreakerMap {
    pub(crate) version: Version,
    pub(crate) record: BreakerRecord,
}

impl Hash for BreakerMap {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let BreakerRecord { opened, why, closed, asked_by } = &self.record;
        (opened, why, closed, asked_by).hash(state);
    }
}

/// The provisioned access, each part with the Project it was provided for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Provided {
    /// In the Namespace.
    pub(crate) inside: Option<u8>,
    /// The ClusterRole.
    pub(crate) role: Option<u8>,
    /// Its binding.
    pub(crate) binding: Option<u8>,
}

/// What has happened, for properties to look back on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Past {
    /// Which Namespace each Project came to have.
    pub(crate) had: Vec<(u8, u8)>,
    /// Every digest that a person confirmed when it was shown.
    pub(crate) confirmed: BTreeSet<PlanDigest>,
    /// The Namespace whose DELETE by us was accepted last.
    pub(crate) deleted: Option<u8>,
    /// The record of the last Namespace that went, for somebody to copy.
    pub(crate) record: Option<Record>,
    /// The Project whose deletion Tenure let in last, or saw.
    pub(crate) let_in: Option<u8>,
    /// The Project that was let in last while it said that its deletion is called off.
    pub(crate) called_off: Option<u8>,
    /// The Projects in whose place another one was made, because their deletion was called off.
    pub(crate) made_anew: BTreeSet<u8>,
    pub(crate) broken: Broken,
}

/// The cluster, as far as one name is concerned.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Cluster {
    pub(crate) now: u8,
    pub(crate) project: Option<Arc<Project>>,
    /// The Project that was admitted, and is not stored yet, if it ever is.
    pub(crate) admitted: Option<u8>,
    pub(crate) namespace: Option<Arc<Namespace>>,
    pub(crate) plans: Vec<Arc<StoredPlan>>,
    pub(crate) breaker: Option<Arc<BreakerMap>>,
    pub(crate) provided: Provided,
    pub(crate) projects: u8,
    pub(crate) namespaces: u8,
    pub(crate) versions: Version,
    pub(crate) past: Past,
}

impl Cluster {
    pub(crate) fn next_version(&mut self) -> Version {
        self.versions.0 += 1;
        self.versions
    }

    pub(crate) fn plan_of(&self, project: u8) -> Option<&Arc<StoredPlan>> {
        self.plans.iter().find(|plan| plan.project == project)
    }

    /// The Project whose plan has not ended, as the watches would know it.
    pub(crate) fn unfinished(&self) -> Option<u8> {
        self.plans.iter().rev().find(|plan| !plan.ended()).map(|plan| plan.project)
    }

    /// Whether the Project of that UID has yet to be made anew, as far as its plan says.
    pub(crate) fn to_be_made_anew(&self, project: u8) -> bool {
        self.plan_of(project).is_some_and(|plan| plan.facts.awaits_restoration())
    }

    pub(crate) fn on_project(&mut self, change: impl FnOnce(&mut Project)) {
        let version = self.next_version();
        let Some(project) = &mut self.project else { return };
        let project = Arc::make_mut(project);
        change(project);
        project.version = version;
        if project.deleting.is_some() && project.ours == 0 && !project.foreign {
            self.project = None;
        }
    }

    pub(crate) fn on_namespace(&mut self, change: impl FnOnce(&mut Namespace)) {
        let version = self.next_version();
        let Some(namespace) = &mut self.namespace else { return };
        let namespace = Arc::make_mut(namespace);
        change(namespace);
        namespace.version = version;
    }

    pub(crate) fn on_plan(&mut self, project: u8, change: impl FnOnce(&mut StoredPlan)) {
        let version = self.next_version();
        let Some(plan) = self.plans.iter_mut().find(|plan| plan.project == project) else { return };
        let plan = Arc::make_mut(plan);
        change(plan);
        plan.version = version;
    }

    pub(crate) fn delete_project(&mut self) {
        let now = self.now;
        self.on_project(|project| project.deleting = project.deleting.or(Some(now)));
    }

    pub(crate) fn delete_namespace(&mut self) {
        let now = self.now;
        self.on_namespace(|ns| ns.deleting = ns.deleting.or(Some(now)));
    }

    /// Whether the Namespace is about to vanish, now that its content is gone.
    pub(crate) fn namespace_may_go(&self) -> bool {
        self.namespace
            .as_ref()
            .is_some_and(|ns| ns.deleting.is_some() && ns.ours == 0 && !ns.foreign)
    }

    pub(crate) fn namespace_goes(&mut self) {
        if let Some(gone) = self.namespace.take() {
            self.past.record.clone_from(&gone.record);
        }
        self.provided.inside = None;
    }

    /// Which Namespace the Project came to have.
    pub(crate) fn had(&self, project: u8) -> Option<u8> {
        self.past.had.iter().rev().find(|(of, _)| *of == project).map(|(_, ns)| *ns)
    }
}
