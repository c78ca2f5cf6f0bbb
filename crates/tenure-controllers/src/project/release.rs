//! Taking everything back, for an uninstall: no finalizer or record of ours stays on any
//! Project or Namespace, no plan waits for somebody to carry it out, and no Namespace is deleted.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use kube::core::PartialObjectMeta;
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tenure_api::{DeletionPlan, Project};
use tenure_cluster::{Cluster, RequestError, Store, read_if_served};
use tenure_core::lifecycle::{Trouble, release_step};
use tenure_core::{Step, keys};

/// Objects per page of a list.
const PAGE: u32 = 500;
/// Plans per page: each may be as large as etcd lets it be.
const PAGE_OF_PLANS: u32 = 20;
/// Steps for one Project; more mean that something puts back what is taken.
const MOST_STEPS: usize = 20;
/// For how long what fails for one Project is tried again: a policy that was taken away is still
/// enforced for a moment, and others write too.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long before it is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// What was taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    projects: BTreeSet<String>,
    namespaces: BTreeSet<String>,
    plans: usize,
    /// Projects whose deletion was called off, and that could not be made anew.
    lost: BTreeSet<String>,
}

impl fmt::Display for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { projects, namespaces, plans, lost } = self;
        let (projects, namespaces) = (projects.len(), namespaces.len());
        write!(
            f,
            "projects released: {projects}, namespaces released: {namespaces}, plans ended: {plans}; \
             nothing was deleted"
        )?;
        if lost.is_empty() {
            return Ok(());
        }
        let lost: Vec<_> = lost.iter().map(String::as_str).collect();
        write!(
            f,
            "; not made anew, although their deletion was called off: {}; what they were is in their \
             DeletionPlans",
            lost.join(", ")
        )
    }
}

/// Not everything was taken back.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Something could not be read or written.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// What is taken back is there again.
    #[error("{0} does not come to rest; does a server still run?")]
    Restless(String),
}

/// Takes every finalizer and record back, and ends every plan. Labels and access stay: Kargo may
/// take over.
///
/// # Errors
/// If anything could not be read or written; what was taken back stays so, and it can be run
/// again.
pub async fn release_all(client: &Client, cluster: &Cluster) -> Result<Released, ReleaseError> {
    let mut released = Released::default();
    // Where a definition went first, there is nothing of its kind to take back.
    let cluster = &cluster.clone().without_server();
    let mut names = names(client).await?;
    let mut left = unfinished(client, cluster.store()).await?;
    names.extend(left.iter().cloned());
    loop {
        for name in &names {
            persist(cluster, name, &mut released).await?;
        }
        // A Project's name may have more than one plan, of which one is seen at a time.
        let before = left.len();
        left = unfinished(client, cluster.store()).await?;
        match left.first() {
            None => return Ok(released),
            Some(name) if left.len() >= before => return Err(ReleaseError::Restless(name.clone())),
            Some(_) => names = left.iter().cloned().collect(),
        }
    }
}

/// Takes back what is of that name, and tries again for a while what fails.
async fn persist(
    cluster: &Cluster,
    name: &str,
    released: &mut Released,
) -> Result<(), ReleaseError> {
    let start = Instant::now();
    loop {
        let insist = start.elapsed() < PATIENCE;
        match Box::pin(release(cluster, name, insist, released)).await {
            Err(ReleaseError::Request(error)) if insist => {
                tracing::debug!(project = name, %error, "will try again");
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// Takes back what is of that name. A Project that cannot be made anew whose deletion was called off
/// holds nothing else up, unless that is insisted on.
async fn release(
    cluster: &Cluster,
    name: &str,
    insist: bool,
    released: &mut Released,
) -> Result<(), ReleaseError> {
    let mut trouble = None;
    let mut world = cluster.gather(name).await?;
    for _ in 0..MOST_STEPS {
        let seen = world.observe(cluster.settings(), trouble.clone());
        let step = release_step(&seen, cluster.now());
        let going = seen.plan.as_ref().is_some_and(|plan| !plan.status.phase.is_final());
        drop(seen);
        if step == Step::Done {
            return Ok(());
        }
        if step.wants_fresh_reads() && !world.is_fresh() {
            world = cluster.gather_again(world).await?;
            continue;
        }
        match cluster.execute(&step, &mut world).await {
            Err(error) if step == Step::RestoreProject && !insist => {
                tracing::error!(
                    project = name,
                    "its deletion was called off, and it could not be made anew: failed to {error}"
                );
                trouble = Some(Trouble { kind: step.trouble_kind(), what: error.to_string() });
                world = cluster.gather(name).await?;
                if world.project().is_none() {
                    released.lost.insert(name.to_owned());
                }
                continue;
            }
            outcome => outcome?,
        }
        match step {
            Step::ReleaseNamespace(_) => drop(released.namespaces.insert(name.to_owned())),
            Step::UnbindProject | Step::LetGoOfProject | Step::WithdrawStamp => {
                released.projects.insert(name.to_owned());
            }
            Step::AdvancePlan(_) if going => released.plans += 1,
            _ => {}
        }
    }
    Err(ReleaseError::Restless(name.to_owned()))
}

/// Names of everything that may carry something of ours. Namespaces are listed whole, for one
/// that lost its label may still carry a record.
async fn names(client: &Client) -> Result<BTreeSet<String>, RequestError> {
    let ours = [keys::PROJECT_UID, keys::ORIGIN, keys::LEDGER, keys::LEAVE];
    let marked = |ns: &PartialObjectMeta<Namespace>| {
        ours.iter().any(|key| ns.annotations().contains_key(*key))
            || ns.finalizers().iter().any(|finalizer| finalizer == keys::FINALIZER)
    };
    let name = |project: &PartialObjectMeta<Project>| Some(project.name_any());
    let mut names = listed(client, PAGE, name).await?;
    names.extend(listed(client, PAGE, |ns| marked(ns).then(|| ns.name_any())).await?);
    Ok(names.into_iter().collect())
}

/// Projects whose plan has not ended, once for each such plan. The store learns of them, so that
/// what is gathered has them.
async fn unfinished(client: &Client, store: &Store) -> Result<Vec<String>, RequestError> {
    listed(client, PAGE_OF_PLANS, |plan: &DeletionPlan| {
        // One that cannot be read is in nobody's way: people may delete it.
        let facts = plan.facts().ok()?;
        let project = plan.spec.project.name.clone();
        store.put_plan(&project, &facts);
        (!facts.status.phase.is_final()).then_some(project)
    })
    .await
}

/// What is of interest of the objects of a kind, page by page. There are none where the kind is not
/// installed, or not any more.
async fn listed<K>(
    client: &Client,
    size: u32,
    interest: impl Fn(&K) -> Option<String>,
) -> Result<Vec<String>, RequestError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::all(client.clone());
    let mut found = Vec::new();
    let mut page = ListParams::default().limit(size);
    loop {
        let doing = format!("list {}", K::plural(&()));
        let list = read_if_served::<K, _>(client, api.list(&page)).await;
        let list = list.map_err(|error| RequestError::new(doing, error))?;
        let Some(list) = list else { return Ok(found) };
        found.extend(list.iter().filter_map(&interest));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(found),
        }
    }
}
