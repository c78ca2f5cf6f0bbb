//! `tenure uninstall`: nothing is left on the cluster that waits for Tenure.
//!
//! The order matters. What refuses writes goes first, or it would refuse these, and would stand
//! there unanswered once the server is gone. Then the server ends, or it would put back what is
//! taken; that it has ended is known from its Lease, which nobody else can hold. Each part can be
//! done again, so whatever interrupts it, it is run once more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tenure_api::Published;
use tenure_api::install::{BREAKER, CANARY, NAME, SETTINGS, WEBHOOK_TLS, barriers};
use tenure_cluster::{Clock, Cluster, Store};
use tenure_controllers::project::release_all;
use tenure_core::{Mode, Settings};

use crate::arguments::UninstallArguments;
use crate::leader::{LEASE, Leadership};
use crate::{archive, telemetry};

/// The server's pods.
const PODS: &str = "app.kubernetes.io/name=tenure,app.kubernetes.io/component=server";
/// How often it is looked whether they are gone.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

pub(crate) fn run(arguments: &UninstallArguments) -> anyhow::Result<()> {
    telemetry::start(&arguments.logs)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?
        .block_on(uninstall(arguments))
}

async fn uninstall(arguments: &UninstallArguments) -> anyhow::Result<()> {
    let clock = Clock::default();
    let client = arguments.cluster.client(&clock).await?;
    let namespace = arguments.namespace.as_str();
    let taken = take_barriers_away(&client).await?;
    println!("took away {taken} guards and webhooks");

    end_server(&client, namespace, arguments.patience).await?;
    let mut leadership = Leadership::by_lease(client.clone(), namespace).await?;
    let held = leadership.leads.wait_for(|leads| *leads);
    tokio::time::timeout(arguments.patience, held)
        .await
        .with_context(|| format!("lease {namespace}/{LEASE} is held: another server runs"))?
        .context("the election ended")?;
    println!("no server runs");

    let mode = match arguments.mode {
        Some(mode) => mode.into(),
        None => published_mode(&client, namespace).await?,
    };
    let settings = Settings { mode, tenure_namespace: namespace.to_owned(), ..Settings::default() };
    let mut cluster = Cluster::new(client.clone(), Arc::new(settings), Arc::new(Store::default()))
        .with_clock(clock);
    if let Some(url) = &arguments.archive {
        cluster = cluster.with_sink(archive::open(url)?);
    }
    let released = release_all(&client, &cluster).await.context("take everything back")?;
    println!("{released}");

    leadership.give_back().await;
    remove::<Lease>(&client, namespace, LEASE).await?;
    remove::<ConfigMap>(&client, namespace, BREAKER).await?;
    remove::<Secret>(&client, namespace, WEBHOOK_TLS).await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    match namespaces.delete(CANARY, &DeleteParams::default()).await {
        Err(error) if !is_absent(&error) => return Err(error).context("delete the canary"),
        _ => {}
    }
    // Last, for it says how to do all this again.
    remove::<ConfigMap>(&client, namespace, SETTINGS).await
}

/// How the server ran that led last. Nobody guesses: in one mode the finalizers are Tenure's to take
/// off, in the other Kargo's to keep.
async fn published_mode(client: &Client, namespace: &str) -> anyhow::Result<Mode> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let map = maps.get_opt(SETTINGS).await.context("read how the server ran")?;
    let unknown =
        || format!("ConfigMap {namespace}/{SETTINGS} does not say how the server ran; give --mode");
    let published = Published::read(&map.with_context(unknown)?);
    Ok(published.map_err(anyhow::Error::msg).with_context(unknown)?.mode.into())
}

/// Deletes what the API server asks before it lets anybody write. How many there were.
async fn take_barriers_away(client: &Client) -> anyhow::Result<usize> {
    let mut taken = 0;
    for (resource, name) in barriers() {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let ApiResource { kind, .. } = &resource;
        match api.delete(&name, &DeleteParams::default()).await {
            Ok(_) => taken += 1,
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error).with_context(|| format!("delete {kind} {name}")),
        }
    }
    Ok(taken)
}

/// Has the Deployment run no pods, and waits until there are none.
async fn end_server(client: &Client, namespace: &str, patience: Duration) -> anyhow::Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let none = Patch::Merge(serde_json::json!({"spec": {"replicas": 0}}));
    match deployments.patch_scale(NAME, &PatchParams::default(), &none).await {
        Ok(_) => {}
        // It runs elsewhere, or did; the Lease will tell.
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(error).context("scale the server down"),
    }
    let pods: Api<PartialObjectMeta<Pod>> = Api::namespaced(client.clone(), namespace);
    let start = Instant::now();
    loop {
        let left = pods.list(&ListParams::default().labels(PODS)).await.context("list pods")?;
        if left.items.is_empty() {
            return Ok(());
        }
        ensure!(start.elapsed() < patience, "{} pods of the server are left", left.items.len());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Deletes an object that the server made, if it is there.
async fn remove<K>(client: &Client, namespace: &str, name: &str) -> anyhow::Result<()>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    match api.delete(name, &DeleteParams::default()).await {
        Err(error) if !is_absent(&error) => {
            Err(error).with_context(|| format!("delete {} {name}", K::kind(&())))
        }
        _ => Ok(()),
    }
}

fn is_absent(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_not_found())
}
