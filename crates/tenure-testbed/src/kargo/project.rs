//! The reconciler of Projects.

use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::ResourceExt as _;
use sha2::{Digest as _, Sha256};
use tenure_api::{HealthStats, KindStats, Project, ProjectStats, health_of};
use tenure_core::access::cluster_role_name;
use tenure_core::keys;

use super::conditions::{self, READY, RECONCILING, STALLED};
use super::provision::Unlabelled;
use super::{Kargo, RESYNC, delete, ensure_finalizer, remove_finalizer};

impl Kargo {
    /// One pass over the Project of that name, and its Namespace. Says when to look again.
    ///
    /// # Errors
    /// If the pass failed; that is in the journal too.
    pub async fn reconcile_project(&self, name: &str) -> anyhow::Result<Option<Duration>> {
        let done = self.pass_over_project(name).await;
        self.journal.error_of("project", name, &done);
        done
    }

    async fn pass_over_project(&self, name: &str) -> anyhow::Result<Option<Duration>> {
        let Some(mut project) = self.cache.projects.get(name) else { return Ok(None) };
        // Before it is known whether the Project is being deleted.
        ensure_finalizer(&self.cluster(), &mut project)
            .await
            .context("put the finalizer on the Project")?;
        if project.metadata.deletion_timestamp.is_some() {
            self.clean_up(&mut project).await?;
            return Ok(None);
        }
        let mut wanted = project.clone();
        let synced = self.sync(&mut project, &mut wanted).await;
        let written = self.patch_status(&mut project, wanted.status.as_ref()).await;
        let written = written.context("write the status");
        match (synced, written) {
            (Ok(()), Ok(())) => Ok(Some(RESYNC)),
            (Ok(()), Err(error)) => Err(error),
            (Err(error), written) => {
                self.journal.error_of("project", name, &written);
                Err(error)
            }
        }
    }

    /// Provisions and counts, with the status written after each. A status that could not be
    /// written is not minded: the next one is written over what is known to be there.
    async fn sync(&self, project: &mut Project, wanted: &mut Project) -> anyhow::Result<()> {
        self.provision(wanted).await?;
        let written = self.patch_status(project, wanted.status.as_ref()).await;
        let name = project.name_any();
        self.journal.error_of("project", &name, &written.context("write the status"));
        self.count(wanted);
        let written = self.patch_status(project, wanted.status.as_ref()).await;
        self.journal.error_of("project", &name, &written.context("write the status"));
        Ok(())
    }

    /// What is done for a Project that is being deleted. Whose the Namespace is, nobody asks.
    async fn clean_up(&self, project: &mut Project) -> anyhow::Result<()> {
        let name = project.name_any();
        let role = shortened(cluster_role_name(&name));
        delete(&self.cluster::<ClusterRoleBinding>(), &role)
            .await
            .context("delete the ClusterRoleBinding")?;
        delete(&self.cluster::<ClusterRole>(), &role).await.context("delete the ClusterRole")?;
        if let Some(mut namespace) = self.cache.namespaces.get(&name) {
            remove_finalizer(&self.cluster(), &mut namespace)
                .await
                .context("take the finalizer off the Namespace")?;
            // Only if there was a finalizer to take off is this the Namespace as it is.
            if !keeps(project.annotations()) && !keeps(namespace.annotations()) {
                delete(&self.cluster::<Namespace>(), &name)
                    .await
                    .context("delete the Namespace")?;
            }
        }
        remove_finalizer(&self.cluster(), project)
            .await
            .context("take the finalizer off the Project")
    }

    /// Makes the Namespace and the access, and says in the conditions how far it came. That the
    /// Project was stalled stays said when it no longer is.
    async fn provision(&self, project: &mut Project) -> anyhow::Result<()> {
        let syncing = "the Namespace and the access are being made";
        conditions::set(project, RECONCILING, true, "Syncing", syncing.to_owned());
        conditions::set(project, READY, false, "Syncing", syncing.to_owned());
        if let Err(error) = self.ensure_namespace(&project.name_any()).await {
            if error.is::<Unlabelled>() {
                let reason = "ExistingNamespaceMissingLabel";
                conditions::set(project, STALLED, true, reason, format!("{error:#}"));
            } else {
                conditions::remove(project, STALLED);
            }
            return failed(project, "EnsuringNamespaceFailed", error);
        }
        if let Err(error) = self.ensure_system_access(project).await {
            return failed(project, "EnsuringSystemPermissionsFailed", error);
        }
        if let Err(error) = self.ensure_controllers_access(project).await {
            return failed(project, "EnsuringControllerPermissionsFailed", error);
        }
        if let Err(error) = self.ensure_users_access(project).await {
            return failed(project, "EnsuringDefaultUserRoles", error);
        }
        conditions::remove(project, RECONCILING);
        let ready = "the Namespace and the access are there";
        conditions::set(project, READY, true, "Synced", ready.to_owned());
        Ok(())
    }

    /// Counts Warehouses and Stages of a Project that is ready.
    fn count(&self, project: &mut Project) {
        if !conditions::is_true(project, READY) {
            return;
        }
        let name = project.name_any();
        let count = |kind: &str, objects: Vec<kube::core::DynamicObject>| {
            let health: Vec<_> =
                objects.iter().filter_map(|object| health_of(kind, &object.data)).collect();
            let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            KindStats {
                count: number(health.len()),
                health: HealthStats { healthy: number(health.iter().filter(|h| **h).count()) },
            }
        };
        project.status.get_or_insert_default().stats = Some(ProjectStats {
            warehouses: count("Warehouse", self.cache.warehouses.all_in(&name)),
            stages: count("Stage", self.cache.stages.all_in(&name)),
        });
    }
}

fn failed(project: &mut Project, reason: &str, error: anyhow::Error) -> anyhow::Result<()> {
    conditions::set(project, READY, false, reason, format!("{error:#}"));
    Err(error)
}

/// Whether the annotation keeps the Namespace: by this value, to the letter.
fn keeps(annotations: &std::collections::BTreeMap<String, String>) -> bool {
    annotations.get(keys::KEEP_NAMESPACE).is_some_and(|value| value == keys::TRUE)
}

/// The longest name that an object may have.
const LONGEST: usize = 253;

/// A name that is too long ends in eight digits of its hash.
fn shortened(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let hash: String = Sha256::digest(&name).iter().take(4).map(|b| format!("{b:02x}")).collect();
    format!("{}-{hash}", &name[..LONGEST - 9])
}
