//! What it costs to know what is in a namespace.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{DynamicObject, PostParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::{Value, json};
use tenure_testbed::{ControlPlane, apply, eventually};

use super::report::Row;
use crate::cargo::example;

/// Requests of the bench itself at once.
const AT_ONCE: usize = 48;
/// Kinds that the small namespace has objects of.
pub(super) const KINDS: usize = 30;
/// Objects of the small namespace.
pub(super) const SMALL: usize = 1_000;
/// Objects of the large one.
pub(super) const LARGE: usize = 70_000;
/// Times that the small namespace is read; the median counts.
const TIMES: usize = 9;

pub(crate) async fn measure(quick: bool, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let reader = example("tenure-cluster", "contents")?;
    let plane = ControlPlane::start_temporary().await?;
    println!("contents of {SMALL} objects of {KINDS} kinds");
    small(&plane, &reader, rows).await?;
    if !quick {
        println!("contents of {LARGE} objects");
        large(&plane, &reader, rows).await?;
    }
    Ok(())
}

async fn small(plane: &ControlPlane, reader: &Path, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let client = plane.admin()?;
    create_namespace(&client, "small").await?;
    let mut kinds = Vec::new();
    for n in 0..KINDS {
        kinds.push(define(&client, n).await?);
    }
    for kind in &kinds {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "small", kind);
        eventually("the kind is served", async || api.list(&Default::default()).await.ok()).await;
    }
    create(&client, "small", &kinds, SMALL).await?;
    let report = read(plane, reader, "small", TIMES)?;
    check(&report, SMALL)?;
    let mut times: Vec<f64> =
        report["milliseconds"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().context("nothing was measured")?;
    let name = format!("contents of {SMALL} objects of {KINDS} kinds");
    rows.push(Row::new(&name, "ms", median).at_most(300.0));
    Ok(())
}

async fn large(plane: &ControlPlane, reader: &Path, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let client = plane.admin()?;
    create_namespace(&client, "large").await?;
    let configmaps = ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
    create(&client, "large", &[configmaps], LARGE).await?;
    let report = read(plane, reader, "large", 1)?;
    check(&report, LARGE)?;
    let mib = |key: &str| report[key].as_f64().map(|kib| kib / 1024.0);
    let before = mib("kibBefore").context("only Linux tells of memory")?;
    let peak = mib("kibPeak").context("only Linux tells of memory")?;
    let seconds = report["milliseconds"][0].as_f64().unwrap_or_default() / 1_000.0;
    let name = format!("memory to read {LARGE} objects, at most");
    rows.push(Row::new(&name, "MiB", peak - before).at_most(150.0));
    rows.push(Row::new(&format!("contents of {LARGE} objects"), "s", seconds));
    Ok(())
}

async fn create_namespace(client: &Client, name: &str) -> anyhow::Result<()> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    apply(client, &namespace).await.map(drop)
}

/// Defines a kind whose objects hold anything.
pub(super) async fn define(client: &Client, n: usize) -> anyhow::Result<ApiResource> {
    let (group, plural, kind) =
        ("bench.example.com".to_owned(), format!("things{n}"), format!("Thing{n}"));
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    apply(
        client,
        &json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": format!("thing{n}")},
                "versions": [{
                    "name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": anything},
                }],
            },
        }),
    )
    .await?;
    let (version, api_version) = ("v1".to_owned(), format!("{group}/v1"));
    Ok(ApiResource { group, version, api_version, kind, plural })
}

/// Creates objects as tools leave them: labels, a tracking id, a checksum, managed fields.
pub(super) async fn create(
    client: &Client,
    namespace: &str,
    kinds: &[ApiResource],
    objects: usize,
) -> anyhow::Result<()> {
    let params =
        PostParams { field_manager: Some("argocd-controller".to_owned()), ..Default::default() };
    let params = &params;
    futures::stream::iter(0..objects)
        .map(|n| {
            let kind = &kinds[n % kinds.len()];
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, kind);
            let object = json!({
                "apiVersion": kind.api_version, "kind": kind.kind,
                "metadata": {
                    "name": format!("thing-{n}"),
                    "labels": {
                        "app.kubernetes.io/name": "bench", "app.kubernetes.io/instance": "bench",
                        "app.kubernetes.io/component": format!("part-{}", n % 100),
                    },
                    "annotations": {
                        "argocd.argoproj.io/tracking-id": format!(
                            "app-{}:{}/{}:{namespace}/thing-{n}", n % 20, kind.group, kind.kind
                        ),
                        "checksum/config": format!("{n:064}"),
                    },
                },
                "data": {"key": format!("{n:0128}")},
            });
            async move {
                let object: DynamicObject = serde_json::from_value(object)?;
                api.create(params, &object).await.map(drop).context("create an object")
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await
}

fn read(
    plane: &ControlPlane,
    reader: &Path,
    namespace: &str,
    times: usize,
) -> anyhow::Result<Value> {
    let output = Command::new(reader)
        .args([namespace, &times.to_string()])
        .env("KUBECONFIG", plane.kubeconfig())
        .output()
        .context("run the reader")?;
    if !output.status.success() {
        bail!("the reader failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("read what the reader prints")
}

/// All that was made has to have been seen, beside the few objects that each namespace has.
fn check(report: &Value, made: usize) -> anyhow::Result<()> {
    let seen = report["contents"]["objects"].as_u64().unwrap_or_default() as usize;
    let unseen = report["contents"]["unseen"].as_array().is_some_and(|unseen| !unseen.is_empty());
    if unseen || !(made..made + 10).contains(&seen) {
        bail!("of {made} objects {seen} were seen");
    }
    Ok(())
}
