//! What every test finds on the control plane: Tenure's CRDs, ServiceAccount and roles, and what
//! Kargo's chart would have installed, as far as Projects depend on it.

use anyhow::Context as _;
use kube::api::{Patch, PatchParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Api, Client, discovery};
use serde_json::{Value, json};
use tenure_api::install;

/// The namespace that Tenure runs in.
pub const TENURE_NAMESPACE: &str = "tenure-system";
/// The namespace that Kargo would run in.
pub const KARGO_NAMESPACE: &str = "kargo";

/// Installs everything, by server-side apply.
pub(crate) async fn install(client: &Client) -> anyhow::Result<()> {
    let mut objects: Vec<Value> = install::crds().iter().map(|crd| json!(crd)).collect();
    objects.push(json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": KARGO_NAMESPACE},
    }));
    objects.push(json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {
            "name": "kargo-controller", "namespace": KARGO_NAMESPACE,
            "labels": {"app.kubernetes.io/component": "controller"},
        },
    }));
    for role in
        ["kargo-project-admin", "kargo-project-secrets-reader", "kargo-controller-read-secrets"]
    {
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": role},
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}],
        }));
    }
    objects.extend(install::manifests(TENURE_NAMESPACE, KARGO_NAMESPACE));
    for object in objects {
        apply(client, &object).await?;
    }
    wait_for_projects(client).await
}

/// Applies an object whose kind the API server knows.
///
/// # Errors
/// If it is refused.
pub(crate) async fn apply(client: &Client, object: &Value) -> anyhow::Result<DynamicObject> {
    let object: DynamicObject = serde_json::from_value(object.clone())?;
    let types = object.types.clone().context("the object has no kind")?;
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    let kind = GroupVersionKind::gvk(group, version, &types.kind);
    let (resource, _) = discovery::pinned_kind(client, &kind).await?;
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let name = object.metadata.name.clone().unwrap_or_default();
    let params = PatchParams::apply("tenure-testbed").force();
    api.patch(&name, &params, &Patch::Apply(&object))
        .await
        .with_context(|| format!("apply {} {name}", types.kind))
}

async fn wait_for_projects(client: &Client) -> anyhow::Result<()> {
    let projects: Api<tenure_api::Project> = Api::all(client.clone());
    crate::eventually("Projects are served", async || {
        projects.list(&Default::default()).await.ok()
    })
    .await;
    Ok(())
}
