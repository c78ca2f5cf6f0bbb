//! One controller: what it has read, and what it decides on that.
//!
//! It reads the Namespace, then the Project, then the plan and the breaker, each at a moment of
//! its own. A write that is answered goes into what it knows; anything else makes it forget.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tenure_core::access::{AccessFacts, AccessKey, AccessKind, AccessState, cluster_role_name};
use tenure_core::contents::Contents;
use tenure_core::contents::clean::{Remaining, Scope, Wave, WaveCount};
use tenure_core::lifecycle::{Access, Archived};
use tenure_core::plan::Breaker;
use tenure_core::trail::Event;
use tenure_core::{CrdState, Disposition, Observation, Step};

use crate::cluster::{
    BreakerMap, Cluster, NAME, Namespace, Project, Provided, StoredPlan, project_uid, time,
};
use crate::model::Config;

/// What a controller has read, and what follows from what it did since.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Seen {
    pub(crate) namespace: Option<Arc<Namespace>>,
    pub(crate) project: Option<Arc<Project>>,
    pub(crate) plan: Option<Arc<StoredPlan>>,
    pub(crate) breaker: Option<Arc<BreakerMap>>,
    pub(crate) provided: Option<Provided>,
    pub(crate) contents: bool,
    pub(crate) remaining: Option<Left>,
    pub(crate) blockers: bool,
    pub(crate) wrote: bool,
    /// When the Project was looked for, where that counts.
    pub(crate) as_of: u8,
}

/// What `Clean` has yet to take away.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Left {
    pub(crate) stage: bool,
    pub(crate) other: bool,
}

/// Where a controller is in its pass.
#[derive(Clone, Debug, Default)]
pub(crate) enum Controller {
    /// It knows nothing.
    #[default]
    Idle,
    /// It reads both objects again, before a step that destroys or gives up something.
    Again { of: Option<u8>, provided: Option<Provided>, contents: bool },
    /// It has read the Namespace.
    Halfway { before: Box<Controller>, namespace: Option<Arc<Namespace>> },
    /// It has read the Project, too.
    Mostly { before: Box<Controller>, seen: Box<Seen> },
    /// It has read everything, and decided.
    Ready(Box<Decided>),
}

/// A step, and what it was decided on.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub(crate) seen: Seen,
    pub(crate) step: Arc<Step>,
    /// When.
    pub(crate) at: u8,
}

impl Controller {
    /// What it knows, and whether each of that is still as it was read.
    pub(crate) fn hash_in<H: Hasher>(&self, cluster: &Cluster, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Idle => {}
            Self::Again { of, provided, contents } => (of, provided, contents).hash(state),
            Self::Halfway { before, namespace } => {
                before.hash_in(cluster, state);
                namespace.hash(state);
                same_namespace(cluster, namespace.as_deref()).hash(state);
            }
            Self::Mostly { before, seen } => {
                before.hash_in(cluster, state);
                seen.hash_in(cluster, state);
            }
            Self::Ready(decided) => {
                decided.seen.hash_in(cluster, state);
                decided.at.hash(state);
            }
        }
    }

    /// Reads the next thing. A pass that comes to rest leaves nothing behind.
    pub(crate) fn read(self, cluster: &Cluster, config: &Config) -> Self {
        match self {
            before @ (Self::Idle | Self::Again { .. }) => {
                Self::Halfway { before: Box::new(before), namespace: cluster.namespace.clone() }
            }
            Self::Halfway { before, namespace } => {
                let project = cluster.project.clone();
                let counts = project.is_none() || config.beside_kargo();
                let as_of = if counts { cluster.now } else { 0 };
                let seen = Box::new(Seen { namespace, project, as_of, ..Seen::default() });
                let apart = config.reads_apart || (config.looks_again && seen.saw_nothing());
                let mostly = Self::Mostly { before, seen };
                if apart { mostly } else { mostly.read(cluster, config) }
            }
            Self::Mostly { before, mut seen } => {
                if config.looks_again && seen.saw_nothing() {
                    // That there is none was so before the Project was read, and perhaps before it was made.
                    seen.namespace.clone_from(&cluster.namespace);
                }
                seen.read_the_rest(cluster);
                if config.looks_again && seen.wants_namespace_again(config) {
                    seen.namespace.clone_from(&cluster.namespace);
                }
                if let Self::Again { of, provided, contents } = *before {
                    let tenant = seen.tenant();
                    if tenant == of || tenant.is_none() {
                        (seen.provided, seen.contents) = (provided, contents);
                    }
                }
                seen.goes_on(cluster, config)
            }
            ready @ Self::Ready(_) => ready,
        }
    }
}

impl Controller {
    /// Reads the next thing, and is answered that something else does not exist. That is blindness:
    /// the pass ends, and nothing is known.
    pub(crate) fn read_astray(self, cluster: &Cluster, config: &Config) -> Self {
        if !config.believes_any_404 {
            return Self::Idle;
        }
        let mut believed = cluster.clone();
        match &self {
            Self::Idle | Self::Again { .. } => believed.namespace = None,
            Self::Halfway { .. } => believed.project = None,
            Self::Mostly { seen, .. } if seen.saw_nothing() => believed.namespace = None,
            Self::Mostly { .. } => believed.plans.clear(),
            Self::Ready(_) => {}
        }
        self.read(&believed, config)
    }
}

pub(crate) fn same_namespace(cluster: &Cluster, read: Option<&Namespace>) -> bool {
    cluster.namespace.as_ref().map(|ns| ns.version) == read.map(|ns| ns.version)
}

impl Seen {
    pub(crate) fn hash_in<H: Hasher>(&self, cluster: &Cluster, state: &mut H) {
        self.hash(state);
        self.has_current_record().hash(state);
        same_namespace(cluster, self.namespace.as_deref()).hash(state);
        let version = |p: &Option<Arc<Project>>| p.as_ref().map(|p| p.version);
        (version(&cluster.project) == version(&self.project)).hash(state);
        let current = self.plan.as_ref().and_then(|plan| cluster.plan_of(plan.project));
        (current.map(|p| p.version) == self.plan.as_ref().map(|p| p.version)).hash(state);
        let version = |b: &Option<Arc<BreakerMap>>| b.as_ref().map(|b| b.version);
        (version(&cluster.breaker) == version(&self.breaker)).hash(state);
    }

    /// Whether a Project is being deleted, and no Namespace was there that is recorded as its own.
    pub(crate) fn saw_nothing(&self) -> bool {
        let project = self.project.as_ref().filter(|project| project.deleting.is_some());
        let its = |uid| self.namespace.as_ref().is_some_and(|ns| ns.is_of(uid));
        project.is_some_and(|project| !its(project.uid))
    }

    /// Reads what a deletion depends on besides the two objects.
    pub(crate) fn read_the_rest(&mut self, cluster: &Cluster) {
        let recorded = self.namespace.as_ref().and_then(|ns| ns.record.as_ref()).map(|r| r.project);
        let of = match &self.project {
            Some(project) if project.deleting.is_some() => {
                let is_former = |uid: &u8| Some(*uid) == recorded || cluster.to_be_made_anew(*uid);
                Some(project.restored_from.filter(is_former).unwrap_or(project.uid))
            }
            Some(project) => project
                .restored_from
                .filter(|uid| Some(*uid) == recorded)
                .or_else(|| cluster.unfinished()),
            None => recorded.or_else(|| cluster.unfinished()),
        };
        self.read_plan(of, cluster);
    }

    /// The same, to say what would become of it.
    pub(crate) fn read_for_outlook(&mut self, cluster: &Cluster) {
        self.contents = true;
        match &self.project {
            Some(project) => self.read_plan(Some(project.uid), cluster),
            None => self.read_the_rest(cluster),
        }
    }

    fn read_plan(&mut self, of: Option<u8>, cluster: &Cluster) {
        self.plan = of.and_then(|of| cluster.plan_of(of)).cloned();
        self.breaker.clone_from(&cluster.breaker);
    }

    /// For whom access is provided.
    pub(crate) fn tenant(&self) -> Option<u8> {
        let recorded = || self.namespace.as_ref()?.record.as_ref().map(|record| record.project);
        self.project.as_ref().map(|project| project.uid).or_else(recorded)
    }

    /// Where the pass is, now that this is known.
    pub(crate) fn goes_on(self, cluster: &Cluster, config: &Config) -> Controller {
        let at = cluster.now;
        let step = self.next(at, config);
        if step.is_rest() {
            return Controller::Idle;
        }
        if step.wants_fresh_reads() && self.wrote && !config.skips_fresh_reads {
            let of = self.tenant();
            return Controller::Again { of, provided: self.provided, contents: self.contents };
        }
        Controller::Ready(Box::new(Decided { seen: self, step, at }))
    }

    /// The next step, which is asked for again and again.
    fn next(&self, now: u8, config: &Config) -> Arc<Step> {
        let mut hasher = DefaultHasher::new();
        (self, self.has_current_record(), now).hash(&mut hasher);
        let last = self.plan.as_ref().and_then(|plan| plan.facts.status.history.last());
        last.map(|entry| entry.digest.as_str()).hash(&mut hasher);
        config.memory.step(hasher.finish(), || self.ask(now, config))
    }

    fn ask(&self, now: u8, config: &Config) -> Step {
        (config.next)(&self.observe(config), time(now))
    }

    /// What was read, as the lifecycle sees it.
    pub(crate) fn observe<'c>(&self, config: &'c Config) -> Observation<'c> {
        let started = self
            .plan
            .iter()
            .filter(|plan| plan.facts.disposition == Disposition::Delete)
            .filter_map(|plan| plan.facts.last(Event::Started));
        Observation {
            name: NAME,
            as_of: time(self.as_of),
            project: self.project.as_ref().map(|project| project.facts()),
            namespace: self.namespace.as_ref().map(|namespace| namespace.facts()),
            crd: CrdState::Established,
            access: self.access(config),
            blockers: self.blockers.then(Vec::new),
            plan: self.plan_facts(),
            requester: None,
            policies: config.policies.clone(),
            contents: self.contents.then(|| Arc::new(Contents::default())),
            remaining: self.remaining.map(|left| Arc::new(left.remaining(config.scope()))),
            breaker: Breaker {
                record: self.breaker.as_ref().map(|breaker| breaker.record.clone()),
                started: config.others_started.iter().copied().map(time).chain(started).collect(),
                projects: 1,
                limit: config.settings.breaker,
            },
            archived: Archived::Kept,
            stats: None,
            recorded: self.recorded(),
            trouble: None,
            settings: &config.settings,
        }
    }

    fn access(&self, config: &Config) -> Access {
        let Some(provided) = self.provided else { return Access::Unread };
        let [inside, role, binding] = access_keys();
        if config.beside_kargo() {
            // Of what Kargo provided nothing says for whom.
            let wanted = provided.inside.map(|_| (inside, AccessState::Current));
            let wanted = wanted.into_iter().collect();
            return Access::Known(AccessFacts { wanted, ..AccessFacts::default() });
        }
        let Some(tenant) = self.tenant() else {
            let left = [(role, provided.role), (binding, provided.binding)];
            let surplus = left.into_iter().filter_map(|(key, of)| of.map(|_| key)).collect();
            return Access::Known(AccessFacts { surplus, ..AccessFacts::default() });
        };
        let former = self.project.as_ref().and_then(|project| project.restored_from);
        let state = |of: Option<u8>, inside: bool| match of {
            None => AccessState::Missing,
            Some(of) if of == tenant => AccessState::Current,
            Some(of) if !inside || former == Some(of) => AccessState::Drifted,
            Some(_) => AccessState::Foreign { matches: true },
        };
        let wanted = vec![
            (inside, state(provided.inside, true)),
            (role, state(provided.role, false)),
            (binding, state(provided.binding, false)),
        ];
        Access::Known(AccessFacts { wanted, ..AccessFacts::default() })
    }

    /// The Project that the step is about.
    pub(crate) fn project_number(&self) -> Option<u8> {
        self.subject().map(|project| project.uid)
    }

    /// Whether the plan that was read is of that Project, begun, and neither ended nor undone.
    pub(crate) fn has_begun(&self, project: u8) -> bool {
        self.plan.as_ref().is_some_and(|plan| {
            plan.facts.project_uid == project_uid(project) && plan.facts.has_begun()
        })
    }
}

/// The access, reduced to one object of each sort.
pub(crate) fn access_keys() -> [AccessKey; 3] {
    let key = |kind, name: &str| AccessKey { kind, name: name.to_owned() };
    let outside = cluster_role_name(NAME);
    [
        key(AccessKind::RoleBinding, "kargo-admin"),
        key(AccessKind::ClusterRole, &outside),
        key(AccessKind::ClusterRoleBinding, &outside),
    ]
}

impl Left {
    fn remaining(self, scope: Scope) -> Remaining {
        let other = self.other && scope == Scope::All;
        let waves = [(self.stage, Wave::First), (other, Wave::Second)];
        let waves = waves.into_iter().filter(|(there, _)| *there);
        let waves = waves.map(|(_, wave)| WaveCount { wave, objects: 1, to_ask: 1 }).collect();
        Remaining { waves, objects: Vec::new(), unseen: Vec::new() }
    }
}
