//! Steps on the plan and the breaker.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::{ObjectMeta, Patch};
use tenure_api::install::BREAKER;
use tenure_api::plan::{
    DeletionPlanSpec, PlannedDecision, PlannedNamespace, PlannedProject, Requester,
};
use tenure_api::{DeletionPlan, Project};
use tenure_core::plan::{self, Current, Plan, PlanStatus};
use tenure_core::trail::Event;
use tenure_core::{Disposition, Mode, keys};

use super::{patch, post};
use crate::error::Failure;
use crate::gather::Cluster;
use crate::patch::ObjectPatch;
use crate::world::World;
use crate::{RequestError, breaker};

impl Cluster {
    pub(crate) fn plans(&self) -> Api<DeletionPlan> {
        Api::all(self.client.clone())
    }

    /// Writes what was decided: creates the plan, or puts the decision in place of the one that
    /// it holds. Who agreed stays, and who asked, unless somebody asks now. `let_in` is when the
    /// deletion was let in, if that is not on the Project.
    pub(crate) async fn record_plan(
        &self,
        plan: &Plan,
        let_in: Option<Timestamp>,
        world: &mut World,
    ) -> Result<(), RequestError> {
        // Whoever asks again for the same does not make it newer.
        let same = world.plan_facts.as_ref().filter(|stored| stored.digest == plan.digest());
        let decided = same.and_then(|stored| stored.decided).unwrap_or_else(|| self.clock.now());
        let decided_at = Some(Time(decided));
        let decision = PlannedDecision { decided_at, ..PlannedDecision::from(plan) };
        let project = world.project.as_ref().map(|p| self.planned(p, let_in));
        let asks = world.requester.as_ref().map(planned_requester);
        let doing = format!("record the plan for project {}", world.name);
        let own = world.plan.as_ref().filter(|s| s.spec.project.uid == plan.project_uid.as_str());
        let stored = match own {
            Some(stored) => {
                let mut change = ObjectPatch::of(&stored.metadata)
                    .set("/spec/namespace", serde_json::json!(planned_namespace(plan)))
                    .set("/spec/decision", serde_json::json!(decision));
                // What is recorded of a Project that is gone stays.
                if let Some(project) = project {
                    change = change.set("/spec/project", serde_json::json!(project));
                }
                if let Some(asks) = asks {
                    change = change.set("/spec/requester", serde_json::json!(asks));
                }
                let change: Patch<()> = change.build();
                let name = stored.metadata.name.as_deref().unwrap_or_default();
                self.within(doing, self.plans().patch(name, &patch(), &change)).await?
            }
            None => {
                let Some(project) = project else { return Ok(()) };
                let stored = new_plan(plan, project, decision, asks);
                self.within(doing, self.plans().create(&post(), &stored)).await?
            }
        };
        self.take_plan(Some(stored), world)
    }

    /// What is recorded of a Project.
    fn planned(&self, project: &Project, let_in: Option<Timestamp>) -> PlannedProject {
        PlannedProject::of(project, let_in, &self.settings)
    }

    /// Writes what the Project says now.
    pub(super) async fn record_project(&self, world: &mut World) -> Result<(), RequestError> {
        let (Some(project), Some(stored)) = (&world.project, &world.plan) else { return Ok(()) };
        let change: Patch<()> = ObjectPatch::of(&stored.metadata)
            .set("/spec/project", serde_json::json!(self.planned(project, None)))
            .build();
        let name = stored.metadata.name.as_deref().unwrap_or_default();
        let doing = format!("record project {}", world.name);
        let stored = self.within(doing, self.plans().patch(name, &patch(), &change)).await?;
        self.take_plan(Some(stored), world)
    }

    pub(crate) async fn advance_plan(
        &self,
        status: &PlanStatus,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let (Some(stored), Some(facts)) = (&world.plan, &world.plan_facts) else { return Ok(()) };
        let doing = format!("advance the plan for project {}", world.name);
        let mut new = status.history.iter().skip(facts.status.history.len());
        let begins = new.any(|entry| entry.event == Event::Started);
        let starts = begins && facts.disposition == Disposition::Delete;
        let now = self.clock.now();
        // Sixty-four passes at once must not each find room for one more deletion.
        let flows = |breaker: &plan::Breaker| breaker.current(now) == Current::Flows;
        if starts && !self.store.reserve(&facts.name, now, &self.settings.breaker, flows) {
            return Err(RequestError { doing, failure: Failure::Changed });
        }
        let generation = stored.metadata.generation;
        let old = stored.status.clone().unwrap_or_default();
        let status = old.saying(status, generation, &Time(now));
        let change: Patch<()> =
            ObjectPatch::of(&stored.metadata).set("/status", serde_json::json!(status)).build();
        let name = stored.metadata.name.as_deref().unwrap_or_default();
        let stored = self.within(doing, self.plans().patch_status(name, &patch(), &change)).await?;
        self.take_plan(Some(stored), world)
    }

    fn take_plan(&self, plan: Option<DeletionPlan>, world: &mut World) -> Result<(), RequestError> {
        world.set_plan(plan)?;
        if let Some(facts) = &world.plan_facts {
            self.store.put_plan(&world.name, facts);
        }
        self.look_into_archive(world);
        Ok(())
    }

    /// Makes the Project anew whose deletion was called off: held from the start, and bound to
    /// the Namespace of the one before.
    pub(super) async fn restore_project(&self, world: &mut World) -> Result<(), RequestError> {
        let Some(plan) = &world.plan else { return Ok(()) };
        let PlannedProject { name, uid, labels, annotations, .. } = &plan.spec.project;
        let mut annotations = annotations.clone();
        annotations.retain(|key, _| key != keys::CANCEL && key != keys::CONFIRM);
        annotations.insert(keys::RESTORED_FROM.to_owned(), uid.clone());
        annotations.insert(keys::NAMESPACE_UID.to_owned(), plan.spec.namespace.uid.clone());
        // Kargo puts its own on it.
        let holds = self.settings.mode == Mode::Standalone;
        let project = Project {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                labels: Some(labels.clone()),
                annotations: Some(annotations),
                finalizers: holds.then(|| vec![keys::FINALIZER.to_owned()]),
                ..Default::default()
            },
            status: None,
        };
        let projects: Api<Project> = Api::all(self.client.clone());
        let doing = format!("restore project {name}");
        let project = self.within(doing, projects.create(&post(), &project)).await?;
        world.set_project(Some(project), &self.settings)?;
        self.store.put_project(&world.name, world.project_facts.as_ref());
        Ok(())
    }

    /// Opens the breaker. A ConfigMap holds it, so that it stays open whoever restarts.
    pub(super) async fn open_breaker(
        &self,
        why: &str,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let opened = self.clock.now().to_string();
        let data = BTreeMap::from([
            (breaker::OPENED.to_owned(), opened),
            (breaker::WHY.to_owned(), why.to_owned()),
        ]);
        let doing = "open the breaker".to_owned();
        let maps = self.breaker_maps();
        let map = match &world.breaker_map {
            Some(map) => {
                let change: Patch<()> = ObjectPatch::of(&map.metadata)
                    .remove_annotation(keys::CLOSED_BY)
                    .remove_annotation(keys::CLOSED_BECAUSE)
                    .set("/data", serde_json::json!(data))
                    .build();
                self.within(doing, maps.patch(BREAKER, &patch(), &change)).await?
            }
            None => {
                let map = ConfigMap {
                    metadata: ObjectMeta { name: Some(BREAKER.to_owned()), ..Default::default() },
                    data: Some(data),
                    ..Default::default()
                };
                self.within(doing, maps.create(&post(), &map)).await?
            }
        };
        tracing::error!(why, "the breaker opens: nothing more is deleted until a person closes it");
        self.take_breaker(map, world);
        Ok(())
    }

    /// Closes the breaker, and records who asked for it, and when.
    pub(super) async fn close_breaker(
        &self,
        by: &str,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let Some(map) = &world.breaker_map else { return Ok(()) };
        let mut data = map.data.clone().unwrap_or_default();
        data.insert(breaker::CLOSED.to_owned(), self.clock.now().to_string());
        data.insert(breaker::CLOSED_BY.to_owned(), by.to_owned());
        let change: Patch<()> =
            ObjectPatch::of(&map.metadata).set("/data", serde_json::json!(data)).build();
        let doing = "close the breaker".to_owned();
        let map = self.within(doing, self.breaker_maps().patch(BREAKER, &patch(), &change)).await?;
        tracing::warn!(by, "the breaker is closed: deletions go on");
        self.take_breaker(map, world);
        Ok(())
    }

    fn take_breaker(&self, map: ConfigMap, world: &mut World) {
        self.store.put_breaker(Some(&map));
        world.breaker = self.store.breaker(Some(&map), self.settings.breaker);
        world.breaker_map = Some(Arc::new(map));
    }

    pub(crate) fn breaker_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.settings.tenure_namespace)
    }
}

fn planned_namespace(plan: &Plan) -> PlannedNamespace {
    PlannedNamespace { uid: plan.namespace_uid.to_string(), origin: plan.origin.map(Into::into) }
}

fn planned_requester(requester: &plan::Requester) -> Requester {
    Requester { user: requester.user.clone(), via: requester.via.clone() }
}

fn new_plan(
    plan: &Plan,
    project: PlannedProject,
    decision: PlannedDecision,
    requester: Option<Requester>,
) -> DeletionPlan {
    let name = plan::name(&project.name, &plan.project_uid);
    let spec = DeletionPlanSpec {
        project,
        namespace: planned_namespace(plan),
        decision,
        requester,
        approvals: Vec::new(),
    };
    DeletionPlan::new(&name, spec)
}
