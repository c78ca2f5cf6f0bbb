//! Taking everything back, for an uninstall: no finalizer or record of ours stays on any
//! Project or Namespace, and no Namespace is deleted.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use kube::core::PartialObjectMeta;
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tenure_api::Project;
use tenure_cluster::{Cluster, RequestError};
use tenure_core::lifecycle::Release;
use tenure_core::{Step, keys};

/// Objects per page of a list.
const PAGE: u32 = 500;

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
    let ours = [keys::PROJECT_UID, keys::ORIGIN, keys::LEDGER];
    let marked = |ns: &PartialObjectMeta<Namespace>| {
        ours.iter().any(|key| ns.annotations().contains_key(*key))
            || ns.finalizers().iter().any(|finalizer| finalizer == keys::FINALIZER)
    };
    let mut names = listed(&projects, |_| true).await?;
    names.extend(listed(&namespaces, marked).await?);
    names.sort();
    names.dedup();
    Ok(names)
}

/// Names of the objects of a kind that are of interest, page by page.
async fn listed<K>(
    api: &Api<PartialObjectMeta<K>>,
    interesting: impl Fn(&PartialObjectMeta<K>) -> bool,
) -> Result<Vec<String>, RequestError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let mut names = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let doing = format!("list {}", K::plural(&()));
        let list = api.list(&page).await.map_err(|error| RequestError::new(doing, error))?;
        names.extend(list.iter().filter(|k| interesting(k)).map(PartialObjectMeta::name_any));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(names),
        }
    }
}
