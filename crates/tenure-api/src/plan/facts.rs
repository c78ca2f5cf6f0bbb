//! From a Project to what a plan records of it, and from a plan to what decisions are made by.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use tenure_core::plan::{self, PlanDigest, PlanFacts, PlanStatus};
use tenure_core::{Cancel, ProjectFacts, ResourceVersion, Settings, Statements, Uid, keys};

use super::{COMPLETE, DeletionPlan, PlannedProject};
use crate::{FactsError, Project, facts};

impl PlannedProject {
    /// What is recorded of a Project, whose deletion was let in at that time, if it was.
    pub fn of(project: &Project, let_in: Option<Timestamp>, settings: &Settings) -> Self {
        let ObjectMeta {
            name,
            uid,
            resource_version,
            labels,
            creation_timestamp,
            deletion_timestamp,
            ..
        } = &project.metadata;
        Self {
            name: name.clone().unwrap_or_default(),
            uid: uid.clone().unwrap_or_default(),
            resource_version: resource_version.clone().unwrap_or_default(),
            labels: labels.clone().unwrap_or_default(),
            annotations: facts::unstamped(&project.metadata),
            created_at: creation_timestamp.clone(),
            deleted_at: deletion_timestamp.clone().or(let_in.map(Time)),
            managers: facts::managers(&project.metadata, settings),
        }
    }
}

impl DeletionPlan {
    /// The Project as it was recorded, if its deletion was let in: what is decided by once it is
    /// gone. It is held by nobody.
    pub fn recorded_project(&self) -> Option<ProjectFacts> {
        let PlannedProject {
            name: _,
            uid,
            resource_version,
            labels,
            annotations,
            created_at,
            deleted_at,
            managers,
        } = &self.spec.project;
        let annotation = |key: &str| annotations.get(key).map(String::as_str);
        Some(ProjectFacts {
            uid: Uid::new(uid.as_str()),
            resource_version: ResourceVersion::new(resource_version.as_str()),
            generation: 0,
            // Where it is not known, the Namespace was there before.
            created: created_at.as_ref().map_or(Timestamp::MAX, |at| at.0),
            deleting: Some(deleted_at.as_ref()?.0),
            finalizer: false,
            statements: Statements::read(annotations, labels),
            bound_by_annotation: annotation(keys::NAMESPACE_UID).map(Uid::new),
            labels: labels.clone(),
            managers: managers.clone(),
            confirm: annotation(keys::CONFIRM).map(PlanDigest::new),
            cancel: Cancel::read(annotation(keys::CANCEL)),
            restored_from: annotation(keys::RESTORED_FROM).map(Uid::new),
            stamp: None,
            keeps: true,
            conditions: Vec::new(),
            stats: None,
        })
    }

    /// The plan as decisions see it.
    ///
    /// # Errors
    /// If it lacks what only the API server gives an object.
    pub fn facts(&self) -> Result<PlanFacts, FactsError> {
        let (meta, spec) = (&self.metadata, &self.spec);
        let status = self.status.clone().unwrap_or_default();
        let version = meta.resource_version.as_deref().map(ResourceVersion::new);
        Ok(PlanFacts {
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.as_deref().map(Uid::new).ok_or(FactsError("metadata.uid"))?,
            resource_version: version.ok_or(FactsError("metadata.resourceVersion"))?,
            project_uid: Uid::new(spec.project.uid.as_str()),
            namespace_uid: Uid::new(spec.namespace.uid.as_str()),
            disposition: spec.decision.disposition.into(),
            scope: spec.decision.scope.map(Into::into),
            keep_kinds: spec.decision.keep_kinds.clone(),
            confirmation: spec.decision.confirmation,
            project_version: ResourceVersion::new(spec.project.resource_version.as_str()),
            digest: PlanDigest::new(spec.decision.digest.as_str()),
            attempt: spec.decision.attempt,
            decided: spec.decision.decided_at.as_ref().map(|at| at.0),
            requester: spec.requester.as_ref().map(|requester| plan::Requester {
                user: requester.user.clone(),
                via: requester.via.clone(),
            }),
            approvals: spec
                .approvals
                .iter()
                .map(|approval| plan::Approval {
                    user: approval.user.clone(),
                    groups: approval.groups.clone(),
                    digest: PlanDigest::new(approval.digest.as_str()),
                })
                .collect(),
            cancel: Cancel::read(
                meta.annotations.as_ref().and_then(|a| a.get(keys::CANCEL)).map(String::as_str),
            ),
            status: PlanStatus {
                phase: status.phase.into(),
                waiting: status
                    .conditions
                    .into_iter()
                    .filter(|condition| condition.type_ != COMPLETE)
                    .map(|condition| (condition.type_, condition.message))
                    .collect(),
                history: status.history,
            },
        })
    }
}
