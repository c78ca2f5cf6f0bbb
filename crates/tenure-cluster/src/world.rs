//! One Project and its Namespace, as they were read and as they were changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::core::PartialObjectMeta;
use tenure_api::{DeletionPlan, FactsError, Project, namespace_facts, project_facts};
use tenure_core::access::{AccessKey, AccessKind};
use tenure_core::contents::Contents;
use tenure_core::contents::clean::Remaining;
use tenure_core::lifecycle::{Access, Archived, Trouble};
use tenure_core::plan::{self, PlanFacts, Requester};
use tenure_core::policy::Policy;
use tenure_core::status::Stats;
use tenure_core::{
    Blocker, CrdState, Mode, NamespaceFacts, Observation, ProjectFacts, Settings, Uid,
};

use crate::RequestError;

/// One Project and its Namespace, as they were read and as they were changed since.
pub struct World {
    pub(crate) name: String,
    /// When it was begun to read it.
    pub(crate) as_of: Timestamp,
    pub(crate) project: Option<Project>,
    pub(crate) namespace: Option<PartialObjectMeta<Namespace>>,
    pub(crate) project_facts: Option<ProjectFacts>,
    pub(crate) namespace_facts: Option<NamespaceFacts>,
    pub(crate) crd: CrdState,
    pub(crate) access: Access,
    /// Identities of provisioned objects that were found.
    pub(crate) found: BTreeMap<AccessKey, Found>,
    /// Beside Kargo: what else there is of each kind, at which version.
    pub(crate) listed: BTreeMap<AccessKind, Listed>,
    pub(crate) blockers: Option<Vec<Blocker>>,
    pub(crate) stats: Option<Stats>,
    pub(crate) plan: Option<DeletionPlan>,
    pub(crate) plan_facts: Option<PlanFacts>,
    /// What the plan recorded of a Project whose deletion was let in.
    pub(crate) recorded: Option<ProjectFacts>,
    /// Who asks for the deletion right now, where admission sees it.
    pub(crate) requester: Option<Requester>,
    pub(crate) policies: Arc<[Policy]>,
    pub(crate) contents: Option<Arc<Contents>>,
    pub(crate) remaining: Option<Arc<Remaining>>,
    pub(crate) breaker_map: Option<Arc<ConfigMap>>,
    pub(crate) breaker: plan::Breaker,
    pub(crate) archived: Archived,
    /// Whether nothing was written since both objects were read.
    pub(crate) fresh: bool,
}

/// The objects of a kind in a Namespace, at one version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed {
    pub(crate) resource_version: String,
    /// Names of those that are not to be taken away.
    pub(crate) others: BTreeSet<String>,
}

/// A provisioned object that was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) meta: kube::core::ObjectMeta,
    /// Whether it carries our label, so that a deletion by label takes it.
    pub(crate) labelled: bool,
    /// Whether it carries the label of the Project in whose place this one was made.
    pub(crate) relabel: bool,
    /// Whether it can only be brought back by being made anew.
    pub(crate) anew: bool,
}

impl World {
    /// Of neither anything is known.
    pub(crate) fn unread(
        name: &str,
        as_of: Timestamp,
        policies: Arc<[Policy]>,
        stats: Option<Stats>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            as_of,
            project: None,
            namespace: None,
            project_facts: None,
            namespace_facts: None,
            crd: CrdState::Established,
            access: Access::Unread,
            found: BTreeMap::new(),
            listed: BTreeMap::new(),
            blockers: None,
            stats,
            plan: None,
            plan_facts: None,
            recorded: None,
            requester: None,
            policies,
            contents: None,
            remaining: None,
            breaker_map: None,
            breaker: plan::Breaker::default(),
            archived: Archived::default(),
            fresh: true,
        }
    }

    /// The world as the lifecycle sees it.
    pub fn observe<'a>(
        &'a self,
        settings: &'a Settings,
        trouble: Option<Trouble>,
    ) -> Observation<'a> {
        Observation {
            name: &self.name,
            as_of: self.as_of,
            project: self.project_facts.clone(),
            namespace: self.namespace_facts.clone(),
            crd: self.crd,
            access: self.access.clone(),
            blockers: self.blockers.clone(),
            plan: self.plan_facts.clone(),
            recorded: self.recorded.clone().filter(|_| settings.mode == Mode::Companion),
            requester: self.requester.clone(),
            policies: self.policies.clone(),
            contents: self.contents.clone(),
            remaining: self.remaining.clone(),
            breaker: self.breaker.clone(),
            archived: self.archived.clone(),
            stats: self.stats,
            trouble,
            settings,
        }
    }

    /// Whether nothing was written since both objects were read.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Whether there is a Namespace.
    pub fn has_namespace(&self) -> bool {
        self.namespace.is_some()
    }

    /// Whether there is a Project whose Namespace is gone or going.
    pub(crate) fn has_nothing_left(&self) -> bool {
        let stands = self.namespace_facts.as_ref().is_some_and(|ns| ns.deleting.is_none());
        self.project_facts.is_some() && !stands
    }

    /// Whether the Project is being deleted, and the Namespace, if there is one, is not recorded
    /// as its own.
    pub(crate) fn is_deleted_without_its_own(&self) -> bool {
        let recorded = self.namespace_facts.as_ref().and_then(|ns| ns.project_uid.as_ref());
        self.project_facts
            .as_ref()
            .is_some_and(|project| project.deleting.is_some() && Some(&project.uid) != recorded)
    }

    /// Whether the Project has to be made anew, because its deletion was called off.
    pub fn awaits_restoration(&self) -> bool {
        self.plan_facts.as_ref().is_some_and(PlanFacts::awaits_restoration)
    }

    /// The Namespace's facts, if there is a Namespace.
    pub fn namespace(&self) -> Option<&NamespaceFacts> {
        self.namespace_facts.as_ref()
    }

    /// The Namespace's annotations.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        self.namespace.as_ref().and_then(|ns| ns.metadata.annotations.clone()).unwrap_or_default()
    }

    /// The stored plan, if there is one that matters.
    pub fn plan(&self) -> Option<&PlanFacts> {
        self.plan_facts.as_ref()
    }

    /// What was seen of the Project CRD.
    pub fn crd(&self) -> CrdState {
        self.crd
    }

    /// Whether a person has to close the breaker before anything is deleted. Once one has asked for
    /// that, the next deletion closes it.
    pub fn breaker_holds(&self) -> bool {
        let record = self.breaker.record.as_ref();
        record.is_some_and(|record| record.closed.is_none() && record.asked_by.is_none())
    }

    /// Every DeletionPolicy, as far as it was read.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The Project's facts, if there is a Project.
    pub fn project(&self) -> Option<&ProjectFacts> {
        self.project_facts.as_ref()
    }

    /// The Project's facts; or, beside Kargo, those of one that is gone while its plan has yet to be
    /// carried out.
    pub fn subject(&self, settings: &Settings) -> Option<ProjectFacts> {
        self.observe(settings, None).subject().cloned()
    }

    /// UID of the Project that access is provided for, or was, if it is gone.
    pub(crate) fn tenant_uid(&self) -> Option<Uid> {
        let project = self.project_facts.as_ref().map(|project| project.uid.clone());
        project.or_else(|| self.namespace_facts.as_ref()?.project_uid.clone())
    }

    pub(crate) fn set_project(
        &mut self,
        project: Option<Project>,
        settings: &Settings,
    ) -> Result<(), RequestError> {
        let facts = project.as_ref().map(|project| project_facts(project, settings));
        self.project_facts = facts.transpose().map_err(|e| self.nonsense(&e))?;
        self.project = project;
        Ok(())
    }

    pub(crate) fn set_plan(&mut self, plan: Option<DeletionPlan>) -> Result<(), RequestError> {
        let facts = plan.as_ref().map(DeletionPlan::facts);
        self.plan_facts = facts.transpose().map_err(|e| self.nonsense(&e))?;
        self.recorded = plan.as_ref().and_then(DeletionPlan::recorded_project);
        self.plan = plan;
        Ok(())
    }

    pub(crate) fn set_namespace(
        &mut self,
        namespace: Option<PartialObjectMeta<Namespace>>,
    ) -> Result<(), RequestError> {
        self.namespace_facts = namespace
            .as_ref()
            .map(|namespace| namespace_facts(&namespace.metadata))
            .transpose()
            .map_err(|e| self.nonsense(&e))?;
        self.namespace = namespace;
        Ok(())
    }

    fn nonsense(&self, error: &FactsError) -> RequestError {
        RequestError::nonsense(format!("read {}", self.name), error)
    }
}
