//! Plans, policies and the breaker, as the watches see them.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::ObjectMeta;
use tenure_core::plan::{Breaker, BreakerLimit, BreakerRecord, PlanFacts};
use tenure_core::policy::Policy;
use tenure_core::trail::Event;
use tenure_core::{Disposition, ResourceVersion, Uid};

use super::{Inner, Store, is_newer};

/// How long it is remembered that a deletion began: as long as the widest window.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// What is kept of plans.
#[derive(Debug, Default)]
pub(super) struct Plans {
    /// Projects whose plan has not ended: the UID of each, and the version of its plan.
    unfinished: HashMap<Box<str>, (Uid, ResourceVersion)>,
    /// When deletions began, by plan.
    started: HashMap<Box<str>, Timestamp>,
    policies: Arc<[Policy]>,
    breaker: Option<BreakerRecord>,
}

impl Plans {
    pub(super) fn policies(&self) -> Arc<[Policy]> {
        self.policies.clone()
    }
}

impl Inner {
    /// The breaker with that record.
    fn breaker(&self, record: Option<BreakerRecord>, limit: BreakerLimit) -> Breaker {
        let started = self.plans.started.values().copied().collect();
        // Beside Kargo, Projects go before their plans are carried out.
        let gone = self.plans.unfinished.keys().filter(|name| !self.projects.contains_key(*name));
        Breaker { record, started, projects: self.projects.len() + gone.count(), limit }
    }
}

impl Store {
    /// Puts a plan. Whether it has not ended, and that was news.
    pub fn put_plan(&self, project: &str, plan: &PlanFacts) -> bool {
        let mut inner = self.lock();
        let plans = &mut inner.plans;
        let known = plans.unfinished.get(project).filter(|(uid, _)| *uid == plan.project_uid);
        let version = &plan.resource_version;
        let news = known.is_none_or(|(_, old)| is_newer(version.as_str(), old.as_str()));
        let ended = plan.status.phase.is_final() && !plan.awaits_restoration();
        if !ended && news {
            let entry = (plan.project_uid.clone(), version.clone());
            plans.unfinished.insert(project.into(), entry);
        } else if ended && known.is_some() {
            plans.unfinished.remove(project);
        }
        let started = plan.status.history.iter().rev().find(|e| e.event == Event::Started);
        if let Some(started) = started.filter(|_| plan.disposition == Disposition::Delete) {
            let newest = plans.started.values().max().copied().unwrap_or(started.at);
            plans.started.insert(plan.name.as_str().into(), started.at);
            plans.started.retain(|_, at| newest.duration_since(*at) < REMEMBERED);
        }
        !ended && news
    }

    /// Takes a plan away that was deleted.
    pub fn remove_plan(&self, project: &str, uid: &Uid) {
        let mut inner = self.lock();
        if inner.plans.unfinished.get(project).is_some_and(|(known, _)| known == uid) {
            inner.plans.unfinished.remove(project);
        }
    }

    /// Projects whose plan has not ended.
    pub fn unfinished_projects(&self) -> Vec<String> {
        self.lock().plans.unfinished.keys().map(ToString::to_string).collect()
    }

    /// The UID of the Project of that name whose plan has not ended.
    pub fn unfinished(&self, project: &str) -> Option<Uid> {
        self.lock().plans.unfinished.get(project).map(|(uid, _)| uid.clone())
    }

    /// Puts a complete list of policies. Whether it was news.
    pub fn put_policies(&self, policies: Vec<Policy>) -> bool {
        let mut inner = self.lock();
        let news = *inner.plans.policies != *policies;
        inner.plans.policies = policies.into();
        news
    }

    /// Every policy.
    pub fn policies(&self) -> Arc<[Policy]> {
        self.lock().plans.policies.clone()
    }

    /// Puts the breaker's ConfigMap. Whether that was news.
    pub fn put_breaker(&self, map: Option<&ConfigMap>) -> bool {
        let record = map.map(crate::breaker::record);
        let mut inner = self.lock();
        let news = inner.plans.breaker != record;
        inner.plans.breaker = record;
        news
    }

    /// The breaker, with what was read of its record.
    pub(crate) fn breaker(&self, map: Option<&ConfigMap>, limit: BreakerLimit) -> Breaker {
        self.lock().breaker(map.map(crate::breaker::record), limit)
    }

    /// Finds room for one more deletion to begin, and takes it. Whether there was any.
    pub(crate) fn reserve(
        &self,
        plan: &str,
        now: Timestamp,
        limit: &BreakerLimit,
        flows: impl FnOnce(&Breaker) -> bool,
    ) -> bool {
        let mut inner = self.lock();
        if inner.plans.started.contains_key(plan) {
            return true;
        }
        let room = flows(&inner.breaker(inner.plans.breaker.clone(), *limit));
        if room {
            inner.plans.started.insert(plan.into(), now);
        }
        room
    }
}

/// The Project's UID in a plan's name, and the Project's name.
pub fn project_of_plan(meta: &ObjectMeta) -> Option<(&str, Uid)> {
    let (project, uid) = meta.name.as_deref()?.split_once('.')?;
    Some((project, Uid::new(uid)))
}
