//! Taking everything back, for an uninstall: no finalizer or record of ours stays on any
//! Project or Namespace, and no Namespace is deleted.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use kube::core::PartialObjectMeta;
use kube::{Client, ResourceExt as _};
use tenure_api::Project;
use tenure_cluster::{Cluster, RequestError};
use tenure_core::lifecycle::Release;
use tenure_core::{Step, keys};

/// What was taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Projects whose finalizer or binding was taken off.
    pub projects: usize,
    /// Namespaces whose finalizer or record was taken off.
    pub namespaces: usize,
}

/// Takes every finalizer and record back. Labels and access stay: Kargo may take over.
///
/// # Errors
/// If anything could not be read or written; what was taken back stays so, and it can be run
/// again.
pub async fn release_all(client: &Client, cluster: &Cluster) -> Result<Released, RequestError> {
    let mut released = Released::default();
    for name in names(client).await? {
        let mut world = cluster.gather(&name).await?;
        let seen = world.observe(cluster.settings(), None);
        let namespace = seen.namespace.as_ref().is_some_and(|ns| ns.recorded() || ns.finalizer);
        let (finalizer, bound) = seen
            .project
            .as_ref()
            .map_or((false, false), |project| (project.finalizer, project.bound().is_some()));
        drop(seen);
        if namespace {
            let step = Step::ReleaseNamespace(Release { label: false, owner_reference: false });
            cluster.execute(&step, &mut world).await?;
            released.namespaces += 1;
        }
        while world.project().is_some_and(|project| project.bound().is_some()) {
            cluster.execute(&Step::UnbindProject, &mut world).await?;
        }
        if finalizer {
            cluster.execute(&Step::LetGoOfProject, &mut world).await?;
        }
        released.projects += usize::from(finalizer || bound);
    }
    Ok(released)
}

/// Names of everything that may carry something of ours. Namespaces are listed whole, for one
/// that lost its label may still carry a record.
async fn names(client: &Client) -> Result<Vec<String>, RequestError> {
    let projects: Api<PartialObjectMeta<Project>> = Api::all(client.clone());
    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
    let all = ListParams::default();
    let mut names: Vec<_> = projects
        .list(&all)
        .await
        .map_err(|e| RequestError::new("list projects", e))?
        .iter()
        .map(PartialObjectMeta::name_any)
        .collect();
    let marked = |ns: &&PartialObjectMeta<Namespace>| {
        ns.annotations().contains_key(keys::PROJECT_UID)
            || ns.finalizers().iter().any(|finalizer| finalizer == keys::FINALIZER)
    };
    let namespaces =
        namespaces.list(&all).await.map_err(|e| RequestError::new("list namespaces", e))?;
    names.extend(namespaces.iter().filter(marked).map(PartialObjectMeta::name_any));
    names.sort();
    names.dedup();
    Ok(names)
}
