//! Steps on the Namespace.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, Preconditions};
use kube::core::{ObjectMeta, PartialObjectMeta, PartialObjectMetaExt};
use tenure_core::access::{AccessFacts, wanted};
use tenure_core::lifecycle::{Access, Release};
use tenure_core::policy::{Demands, Matched};
use tenure_core::{Ledger, Origin, ProjectFacts, ResourceVersion, Uid, keys};

use super::{is_empty, patch, post};
use crate::RequestError;
use crate::gather::Cluster;
use crate::patch::ObjectPatch;
use crate::world::World;

impl Cluster {
    fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.client.clone())
    }

    pub(super) async fn create_namespace(
        &self,
        finalizer: bool,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let Some(project) = &world.project_facts else { return Ok(()) };
        let ledger = Ledger { label: true, ..Ledger::default() }.to_annotation();
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let demands = demands(world, project);
        let mut labels = demands.terms.template_labels;
        let mut annotations = demands.terms.template_annotations;
        labels.extend([owned((keys::PROJECT_LABEL, keys::TRUE))]);
        annotations.extend(record(&project.uid, Origin::Created, &ledger).map(owned));
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(world.name.clone()),
                labels: Some(labels),
                annotations: Some(annotations),
                finalizers: finalizer.then(|| vec![keys::FINALIZER.to_owned()]),
                ..Default::default()
            },
            ..Default::default()
        };
        let doing = format!("create namespace {}", world.name);
        let created = self.within(doing, self.namespaces().create(&post(), &namespace)).await?;
        world.set_namespace(Some(created.metadata.into_response_partial()))?;
        // Nothing can have been provisioned in a Namespace that was not there.
        world.access =
            Access::Known(AccessFacts::nothing(wanted(&world.name, &self.store.controllers())));
        world.found.clear();
        self.store.put_namespace(&world.name, world.namespace_facts.as_ref());
        Ok(())
    }

    pub(super) async fn record_namespace(
        &self,
        origin: Origin,
        ledger: &Ledger,
        finalizer: Option<bool>,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let project = world.project_facts.as_ref().or(world.recorded.as_ref());
        let Some(uid) = project.map(|project| project.uid.clone()) else { return Ok(()) };
        let ledger = ledger.to_annotation();
        self.patch_namespace("record", world, |patch| {
            // Whoever else records it meanwhile, or takes its label away, wins.
            let patch = patch.at_this_version().annotate(&record(&uid, origin, &ledger));
            match finalizer {
                Some(true) => patch.add_finalizer(),
                Some(false) => patch.remove_finalizer(),
                None => patch,
            }
        })
        .await?;
        // What was foreign before may be inherited now.
        world.access = Access::Unread;
        Ok(())
    }

    /// Puts the UID of the Project that was made anew in place of its forerunner's.
    pub(super) async fn rebind_namespace(&self, world: &mut World) -> Result<(), RequestError> {
        let Some(project) = &world.project_facts else { return Ok(()) };
        let uid = project.uid.clone();
        self.patch_namespace("rebind", world, |patch| {
            patch.at_this_version().annotate(&[(keys::PROJECT_UID, uid.as_str())])
        })
        .await?;
        world.access = Access::Unread;
        Ok(())
    }

    pub(super) async fn add_namespace_finalizer(
        &self,
        world: &mut World,
    ) -> Result<(), RequestError> {
        self.patch_namespace("add the finalizer to", world, |patch| patch.add_finalizer()).await
    }

    pub(super) async fn remove_namespace_finalizer(
        &self,
        world: &mut World,
    ) -> Result<(), RequestError> {
        self.patch_namespace("take the finalizer off", world, |patch| patch.remove_finalizer())
            .await
    }

    pub(super) async fn give_leave(
        &self,
        plan: &str,
        world: &mut World,
    ) -> Result<(), RequestError> {
        self.patch_namespace("give leave to delete", world, |patch| {
            patch.at_this_version().annotate(&[(keys::LEAVE, plan)])
        })
        .await
    }

    pub(super) async fn take_leave(&self, world: &mut World) -> Result<(), RequestError> {
        self.patch_namespace("take back the leave to delete", world, |patch| {
            patch.remove_annotation(keys::LEAVE)
        })
        .await
    }

    pub(super) async fn strip_owner_reference(
        &self,
        world: &mut World,
    ) -> Result<(), RequestError> {
        self.patch_namespace("strip", world, |patch| patch.remove_owner_reference()).await
    }

    pub(super) async fn release_namespace(
        &self,
        what: Release,
        world: &mut World,
    ) -> Result<(), RequestError> {
        self.patch_namespace("release", world, |patch| {
            // Somebody who adds the finalizer meanwhile would find no record to it.
            let mut patch = patch
                .at_this_version()
                .remove_annotation(keys::PROJECT_UID)
                .remove_annotation(keys::ORIGIN)
                .remove_annotation(keys::LEDGER)
                .remove_annotation(keys::LEAVE);
            if what.finalizer {
                patch = patch.remove_finalizer();
            }
            if what.label {
                patch = patch.remove_label(keys::PROJECT_LABEL);
            }
            if what.owner_reference {
                patch = patch.remove_owner_reference();
            }
            patch
        })
        .await
    }

    /// The one request that destroys. Both preconditions are what the decision read.
    pub(super) async fn delete_namespace(
        &self,
        uid: &Uid,
        resource_version: &ResourceVersion,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(uid.to_string()),
                resource_version: Some(resource_version.to_string()),
            }),
            ..Default::default()
        };
        let doing = format!("delete namespace {}", world.name);
        let answer = self.within(doing, self.namespaces().delete(&world.name, &params)).await?;
        // The API server answers with the terminating object, or with a status once it is gone.
        let namespace = answer.left().map(|ns| ns.metadata.into_response_partial());
        world.set_namespace(namespace)?;
        self.store.put_namespace(&world.name, world.namespace_facts.as_ref());
        Ok(())
    }

    async fn patch_namespace(
        &self,
        verb: &str,
        world: &mut World,
        change: impl for<'a> FnOnce(ObjectPatch<'a>) -> ObjectPatch<'a>,
    ) -> Result<(), RequestError> {
        let Some(namespace) = &world.namespace else { return Ok(()) };
        let change = change(ObjectPatch::of(&namespace.metadata)).build();
        if is_empty(&change) {
            return Ok(());
        }
        let doing = format!("{verb} namespace {}", world.name);
        let namespace: PartialObjectMeta<Namespace> = self
            .within(doing, self.namespaces().patch_metadata(&world.name, &patch(), &change))
            .await?;
        world.set_namespace(Some(namespace))?;
        self.store.put_namespace(&world.name, world.namespace_facts.as_ref());
        Ok(())
    }
}

/// What policies demand of a Project that has no Namespace yet.
fn demands(world: &World, project: &ProjectFacts) -> Demands {
    let what =
        Matched { name: &world.name, project_labels: &project.labels, namespace_labels: None };
    Demands::of(&world.policies, &what)
}

/// The record of a Namespace.
fn record<'a>(uid: &'a Uid, origin: Origin, ledger: &'a str) -> [(&'static str, &'a str); 3] {
    [(keys::PROJECT_UID, uid.as_str()), (keys::ORIGIN, origin.as_str()), (keys::LEDGER, ledger)]
}
