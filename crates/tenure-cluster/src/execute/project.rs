//! Steps on the Project.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::{DeleteParams, Patch, Preconditions};
use tenure_api::Project;
use tenure_core::status::{Report, condition_type};
use tenure_core::{Uid, keys};

use super::{is_empty, patch};
use crate::RequestError;
use crate::gather::Cluster;
use crate::patch::ObjectPatch;
use crate::world::World;

impl Cluster {
    fn projects(&self) -> Api<Project> {
        Api::all(self.client.clone())
    }

    pub(super) async fn hold_project(&self, world: &mut World) -> Result<(), RequestError> {
        self.patch_project("hold", world, |patch| patch.add_finalizer()).await
    }

    pub(super) async fn bind_project(
        &self,
        uid: &Uid,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let annotation = [(keys::NAMESPACE_UID, uid.as_str())];
        self.patch_project("bind", world, |patch| patch.annotate(&annotation)).await
    }

    /// Forgets the binding, which is in the annotation, in the status, or in both: one of them
    /// at a time, for each is a request of its own.
    pub(super) async fn unbind_project(&self, world: &mut World) -> Result<(), RequestError> {
        let annotated =
            world.project_facts.as_ref().is_some_and(|p| p.bound_by_annotation.is_some());
        if annotated {
            return self
                .patch_project("unbind", world, |patch| {
                    patch.remove_annotation(keys::NAMESPACE_UID)
                })
                .await;
        }
        let Some(project) = &world.project else { return Ok(()) };
        let mut status = project.status.clone().unwrap_or_default();
        status.conditions.retain(|c| c.type_ != condition_type::NAMESPACE_BOUND);
        self.patch_status("unbind", &status, world).await
    }

    pub(super) async fn let_go_of_project(&self, world: &mut World) -> Result<(), RequestError> {
        self.patch_project("let go of", world, |patch| patch.remove_finalizer()).await
    }

    /// Has Kargo let go of the Namespace whatever is decided. What keep-namespace said before stands
    /// beside it, so that the stamp can be taken off again.
    pub(crate) async fn stamp_project(
        &self,
        plan: &str,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let annotations = world.project.as_ref().and_then(|p| p.metadata.annotations.as_ref());
        let before = annotations.and_then(|a| a.get(keys::KEEP_NAMESPACE)).cloned();
        self.patch_project("stamp", world, |patch| {
            // What a person says meanwhile must not be written over.
            let patch = patch.at_this_version();
            let stamp = [(keys::KEEP_NAMESPACE, keys::TRUE), (keys::STAMP, plan)];
            match &before {
                Some(before) => patch.annotate(&[(keys::STAMPED_OVER, before)]),
                None => patch.remove_annotation(keys::STAMPED_OVER),
            }
            .annotate(&stamp)
        })
        .await
    }

    /// Takes the stamp off, and puts back what it said over.
    pub(super) async fn withdraw_stamp(&self, world: &mut World) -> Result<(), RequestError> {
        let Some(project) = &world.project else { return Ok(()) };
        let stamped = project.metadata.annotations.clone().unwrap_or_default();
        let before = tenure_api::unstamped(&project.metadata);
        self.patch_project("take the stamp off", world, |patch| {
            let mut patch = patch.at_this_version();
            for key in [keys::STAMP, keys::STAMPED_OVER, keys::KEEP_NAMESPACE] {
                patch = match before.get(key) {
                    Some(value) if stamped.get(key) != Some(value) => {
                        patch.annotate(&[(key, value)])
                    }
                    Some(_) => patch,
                    None => patch.remove_annotation(key),
                };
            }
            patch
        })
        .await
    }

    pub(super) async fn delete_project(
        &self,
        uid: &Uid,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(uid.to_string()),
                resource_version: None,
            }),
            ..Default::default()
        };
        let doing = format!("delete project {}", world.name);
        let answer = self.within(doing, self.projects().delete(&world.name, &params)).await?;
        world.set_project(answer.left(), &self.settings)
    }

    pub(super) async fn report_status(
        &self,
        report: &Report,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let Some(project) = &world.project else { return Ok(()) };
        let now = Time(jiff::Timestamp::now());
        let status = project.status.clone().unwrap_or_default().with(report, &now);
        self.patch_status("report the status of", &status, world).await
    }

    async fn patch_status(
        &self,
        verb: &str,
        status: &tenure_api::ProjectStatus,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let Some(project) = &world.project else { return Ok(()) };
        let change: Patch<()> =
            ObjectPatch::of(&project.metadata).set("/status", serde_json::json!(status)).build();
        let doing = format!("{verb} project {}", world.name);
        let project = self
            .within(doing, self.projects().patch_status(&world.name, &patch(), &change))
            .await?;
        world.set_project(Some(project), &self.settings)?;
        self.store.put_project(&world.name, world.project_facts.as_ref());
        Ok(())
    }

    async fn patch_project(
        &self,
        verb: &str,
        world: &mut World,
        change: impl for<'a> FnOnce(ObjectPatch<'a>) -> ObjectPatch<'a>,
    ) -> Result<(), RequestError> {
        let Some(project) = &world.project else { return Ok(()) };
        let change = change(ObjectPatch::of(&project.metadata)).build();
        if is_empty(&change) {
            return Ok(());
        }
        let doing = format!("{verb} project {}", world.name);
        let project =
            self.within(doing, self.projects().patch(&world.name, &patch(), &change)).await?;
        // One that is being deleted and that nobody holds any more is gone with this answer. The
        // watch may have said so already, and nothing would take it out of the store again.
        let meta = &project.metadata;
        let gone =
            meta.deletion_timestamp.is_some() && meta.finalizers.as_ref().is_none_or(Vec::is_empty);
        world.set_project((!gone).then_some(project), &self.settings)?;
        self.store.put_project(&world.name, world.project_facts.as_ref());
        Ok(())
    }
}
