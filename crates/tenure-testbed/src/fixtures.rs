//! What every test finds on the control plane: Tenure's CRDs, ServiceAccount and roles, and what
//! Kargo's chart would have installed, as far as Projects depend on it.

use anyhow::Context as _;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Api, Client, discovery};
use serde_json::{Value, json};
use tenure_api::Project;
use tenure_api::install::{self, Installation};
use tenure_core::Mode;

/// The namespace that Tenure runs in.
pub const TENURE_NAMESPACE: &str = "tenure-system";
/// The namespace that Kargo would run in.
pub const KARGO_NAMESPACE: &str = "kargo";

/// The group that admission's rules let pass: see [`crate::ControlPlane::around_admission`].
pub const BREAK_GLASS_GROUP: &str = "tenure:break-glass";

/// Installs Tenure for that mode, by server-side apply.
///
/// # Errors
/// If something is refused.
pub async fn install_tenure(client: &Client, mode: Mode) -> anyhow::Result<()> {
    let mut objects: Vec<Value> = install::crds().iter().map(|crd| json!(crd)).collect();
    let installation = Installation {
        mode,
        namespace: TENURE_NAMESPACE.to_owned(),
        kargo_namespace: KARGO_NAMESPACE.to_owned(),
        break_glass_group: Some(BREAK_GLASS_GROUP.to_owned()),
        ..Installation::default()
    };
    objects.extend(install::manifests(&installation));
    objects.extend(install::contents_manifests(TENURE_NAMESPACE));
    for object in objects {
        apply(client, &object).await?;
    }
    wait_for_projects(client).await?;
    wait_for_rules(client).await;
    Ok(())
}

/// Installs what Kargo would have, by server-side apply.
pub(crate) async fn install_kargo(client: &Client) -> anyhow::Result<()> {
    let mut objects = vec![json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": KARGO_NAMESPACE},
    })];
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
    objects.extend(["Warehouse", "Stage"].map(health_kind));
    for object in objects {
        apply(client, &object).await?;
    }
    Ok(())
}

/// Applies an object whose kind the API server knows.
///
/// # Errors
/// If it is refused.
pub async fn apply(client: &Client, object: &Value) -> anyhow::Result<DynamicObject> {
    let (api, object) = untyped(client, object).await?;
    let name = object.metadata.name.clone().unwrap_or_default();
    let params = PatchParams::apply("tenure-testbed").force();
    api.patch(&name, &params, &Patch::Apply(&object)).await.with_context(|| format!("apply {name}"))
}

/// Creates an object as that field manager.
///
/// # Errors
/// If it is refused.
pub async fn create_as(
    client: &Client,
    manager: &str,
    object: &Value,
) -> anyhow::Result<DynamicObject> {
    let (api, object) = untyped(client, object).await?;
    let params = PostParams { field_manager: Some(manager.to_owned()), ..Default::default() };
    api.create(&params, &object).await.context("create")
}

/// The object, and where objects of its kind are.
async fn untyped(
    client: &Client,
    object: &Value,
) -> anyhow::Result<(Api<DynamicObject>, DynamicObject)> {
    let object: DynamicObject = serde_json::from_value(object.clone())?;
    let types = object.types.clone().context("the object has no kind")?;
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    let kind = GroupVersionKind::gvk(group, version, &types.kind);
    let (resource, _) = discovery::pinned_kind(client, &kind).await?;
    let api = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    Ok((api, object))
}

/// A stand-in for Kargo's Warehouse or Stage: the real ones cannot be had without Kargo's chart,
/// and Tenure reads nothing of them but what is here.
fn health_kind(kind: &str) -> Value {
    let singular = kind.to_ascii_lowercase();
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{singular}s.kargo.akuity.io")},
        "spec": {
            "group": "kargo.akuity.io", "scope": "Namespaced",
            "names": {"kind": kind, "plural": format!("{singular}s"), "singular": singular},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": anything, "status": anything},
                }},
            }],
        },
    })
}

/// A namespace as Argo CD and Helm leave one: a Deployment with a tracking id, a Role, a
/// NetworkPolicy, a ResourceQuota, a registry credential, and Helm's marks. In the order to apply.
pub fn filled_namespace(name: &str) -> Vec<Value> {
    let helm = json!({
        "meta.helm.sh/release-name": "platform", "meta.helm.sh/release-namespace": "platform",
    });
    let selector = json!({"matchLabels": {"app": "web"}});
    vec![
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {
                "name": name, "labels": {"team": "payments"},
                "annotations": {"argocd.argoproj.io/tracking-id": format!("shop:/Namespace:/{name}")},
            },
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "web", "namespace": name,
                "annotations": {
                    "argocd.argoproj.io/tracking-id": format!("shop:apps/Deployment:{name}/web"),
                },
            },
            "spec": {
                "selector": selector,
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "web", "image": "example.com/web:1"}]},
                },
            },
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "deployer", "namespace": name, "annotations": helm},
            "rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}],
        }),
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "deny-all", "namespace": name, "annotations": helm},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
        }),
        json!({
            "apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": "compute", "namespace": name, "annotations": helm},
            "spec": {"hard": {"pods": "10"}},
        }),
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": "registry", "namespace": name},
            "stringData": {".dockerconfigjson": "{\"auths\":{}}"},
        }),
    ]
}

/// The API server takes a moment to know a policy. The last one it is told refuses this name; what
/// came before it is known by then.
async fn wait_for_rules(client: &Client) {
    let projects: Api<Project> = Api::all(client.clone());
    let dry = PostParams { dry_run: true, ..Default::default() };
    crate::eventually("the rules hold", async || {
        projects.create(&dry, &Project::named("kube-probe")).await.is_err().then_some(())
    })
    .await;
}

async fn wait_for_projects(client: &Client) -> anyhow::Result<()> {
    let projects: Api<Project> = Api::all(client.clone());
    let policies: Api<tenure_api::DeletionPolicy> = Api::all(client.clone());
    let plans: Api<tenure_api::DeletionPlan> = Api::all(client.clone());
    crate::eventually("Projects, policies and plans are served", async || {
        projects.list(&Default::default()).await.ok()?;
        policies.list(&Default::default()).await.ok()?;
        plans.list(&Default::default()).await.ok()
    })
    .await;
    Ok(())
}
