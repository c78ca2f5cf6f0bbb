//! What the watches leave in memory, reduced to what is needed to tell whether anything needs a
//! look: facts of Projects and labelled Namespaces, versions of provisioned objects, numbers of
//! Warehouses and Stages. Namespaces that are not a Project's never get here.
//!
//! Nothing is done on the store's word alone: it may be stale. What was written is put here at
//! once, by resourceVersion, so that the watch's echo of it wakes nobody.

mod access;
mod health;
mod plans;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use kube::core::ObjectMeta;
use tenure_core::lifecycle::Access;
use tenure_core::status::Stats;
use tenure_core::{CrdState, NamespaceFacts, Observation, ProjectFacts, ResourceVersion, Settings};

pub use access::AccessSlot;
pub use health::HealthByNamespace;
pub use plans::project_of_plan;

/// The watches, each of which must have listed everything once before anything is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the variants are the kinds")]
pub enum Watched {
    Projects,
    Namespaces,
    ServiceAccounts,
    Roles,
    RoleBindings,
    ClusterRoles,
    ClusterRoleBindings,
    Controllers,
    ProjectCrd,
    Policies,
    Plans,
    Breaker,
}

impl Watched {
    /// Those that only who provides for Projects has to know.
    pub const PROVIDED: [Self; 6] = [
        Self::ServiceAccounts,
        Self::Roles,
        Self::RoleBindings,
        Self::ClusterRoles,
        Self::ClusterRoleBindings,
        Self::Controllers,
    ];
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Projects,
        Self::Namespaces,
        Self::ServiceAccounts,
        Self::Roles,
        Self::RoleBindings,
        Self::ClusterRoles,
        Self::ClusterRoleBindings,
        Self::Controllers,
        Self::ProjectCrd,
        Self::Policies,
        Self::Plans,
        Self::Breaker,
    ];
}

/// What the watches leave in memory.
#[derive(Debug, Default)]
pub struct Store {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    complete: BTreeSet<Watched>,
    projects: HashMap<Box<str>, ProjectFacts>,
    namespaces: HashMap<Box<str>, NamespaceFacts>,
    access: access::Slots,
    controllers: BTreeSet<String>,
    crd: Option<CrdState>,
    health: health::Tally,
    plans: plans::Plans,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a watch has listed everything.
    pub fn complete(&self, watched: Watched) {
        self.lock().complete.insert(watched);
    }

    /// Whether every watch has listed everything at least once.
    pub fn is_complete(&self) -> bool {
        self.lock().complete.len() == Watched::ALL.len()
    }

    /// Names of all Projects.
    pub fn project_names(&self) -> Vec<String> {
        self.lock().projects.keys().map(ToString::to_string).collect()
    }

    /// Names of all labelled Namespaces.
    pub fn namespace_names(&self) -> Vec<String> {
        self.lock().namespaces.keys().map(ToString::to_string).collect()
    }

    /// How many Projects there are.
    pub fn project_count(&self) -> usize {
        self.lock().projects.len()
    }

    /// Puts a Project, or takes it away. Whether that was news.
    pub fn put_project(&self, name: &str, facts: Option<&ProjectFacts>) -> bool {
        let mut inner = self.lock();
        put(&mut inner.projects, name, facts, |facts| &facts.resource_version)
    }

    /// Takes a Project away that was deleted at that version.
    pub fn remove_project(&self, name: &str, meta: &ObjectMeta) -> bool {
        remove(&mut self.lock().projects, name, meta, |facts| &facts.resource_version)
    }

    /// Puts a Namespace, or takes it away. Whether that was news.
    pub fn put_namespace(&self, name: &str, facts: Option<&NamespaceFacts>) -> bool {
        let mut inner = self.lock();
        // A Namespace without the label is not watched, so nobody would tell us of its end.
        let facts = facts.filter(|facts| facts.labelled);
        put(&mut inner.namespaces, name, facts, |facts| &facts.resource_version)
    }

    /// Takes a Namespace away that left the watch at that version.
    pub fn remove_namespace(&self, name: &str, meta: &ObjectMeta) -> bool {
        remove(&mut self.lock().namespaces, name, meta, |facts| &facts.resource_version)
    }

    /// Puts what was seen of the Project CRD.
    /// Whether that was news.
    pub fn put_crd(&self, meta: Option<&ObjectMeta>) -> bool {
        let seen = Some(crate::gather::crd_state(meta));
        std::mem::replace(&mut self.lock().crd, seen) != seen
    }

    /// Puts the names of the ServiceAccounts of Kargo's controllers. Whether that was news.
    pub fn put_controllers(&self, names: BTreeSet<String>) -> bool {
        let mut inner = self.lock();
        let news = inner.controllers != names;
        inner.controllers = names;
        news
    }

    /// Names of the ServiceAccounts of Kargo's controllers.
    pub fn controllers(&self) -> Vec<String> {
        self.lock().controllers.iter().cloned().collect()
    }

    /// Numbers of a Project's Warehouses and Stages, if those kinds exist.
    pub fn stats(&self, name: &str) -> Option<Stats> {
        self.lock().health.stats(name)
    }

    /// What is known of one Project and its Namespace: good enough to tell that nothing needs a
    /// look, or that something does.
    pub fn observe<'a>(
        &self,
        name: &'a str,
        settings: &'a Settings,
        now: Timestamp,
    ) -> Observation<'a> {
        let inner = self.lock();
        let project = inner.projects.get(name).cloned();
        let access = Access::Known(match &project {
            Some(project) => {
                let controllers: Vec<_> = inner.controllers.iter().cloned().collect();
                inner.access.facts(name, &project.uid, &controllers)
            }
            None => inner.access.left_over(name),
        });
        Observation {
            name,
            as_of: now,
            project,
            namespace: inner.namespaces.get(name).cloned(),
            crd: inner.crd.unwrap_or(CrdState::Unusable),
            access,
            blockers: None,
            plan: None,
            recorded: None,
            policies: inner.plans.policies(),
            contents: None,
            remaining: None,
            breaker: tenure_core::plan::Breaker::default(),
            requester: None,
            archived: tenure_core::lifecycle::Archived::default(),
            stats: inner.health.stats(name),
            trouble: None,
            settings,
        }
    }
}

/// Orders two versions of one object. API servers count up, but that is not promised for every
/// server we may meet: versions that are not numbers are taken as newer.
fn is_newer(candidate: &str, than: &str) -> bool {
    match (candidate.parse::<u64>(), than.parse::<u64>()) {
        (Ok(candidate), Ok(than)) => candidate > than,
        _ => candidate != than,
    }
}

fn put<T: Clone + PartialEq>(
    map: &mut HashMap<Box<str>, T>,
    name: &str,
    facts: Option<&T>,
    version: impl Fn(&T) -> &ResourceVersion,
) -> bool {
    let Some(facts) = facts else { return map.remove(name).is_some() };
    match map.get_mut(name) {
        Some(old) if !is_newer(version(facts).as_str(), version(old).as_str()) => false,
        Some(old) => {
            *old = facts.clone();
            true
        }
        None => {
            map.insert(name.into(), facts.clone());
            true
        }
    }
}

fn remove<T>(
    map: &mut HashMap<Box<str>, T>,
    name: &str,
    meta: &ObjectMeta,
    version: impl Fn(&T) -> &ResourceVersion,
) -> bool {
    let gone_at = meta.resource_version.as_deref().unwrap_or_default();
    let stays = map.get(name).is_some_and(|old| is_newer(version(old).as_str(), gone_at));
    !stays && map.remove(name).is_some()
}
