//! What Kargo's chart gives its management controller and its webhook, as far as the stand-in
//! needs it.

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use tenure_api::Project;
use tenure_core::keys;

use crate::{KARGO_NAMESPACE, apply, eventually};

/// ServiceAccount of the management controller, and name of its role.
pub const CONTROLLER: &str = "kargo-management-controller";
/// ServiceAccount of the webhook, and name of its role.
pub const WEBHOOK: &str = "kargo-webhooks-server";

/// Gives both their accounts and roles, and the cluster Projects, if it has none.
///
/// # Errors
/// If something is refused.
pub async fn install(client: &Client) -> anyhow::Result<()> {
    let kargo = keys::KARGO_GROUP;
    let rbac = "rbac.authorization.k8s.io";
    let any = ["*"].as_slice();
    let read = ["get", "list", "watch"].as_slice();
    let controller = [
        rule("", &["namespaces"], &["create", "delete", "get", "list", "patch", "watch"]),
        rule("", &["configmaps", "secrets", "serviceaccounts"], any),
        rule(rbac, &["clusterroles", "clusterrolebindings", "rolebindings", "roles"], any),
        rule(kargo, &["projects"], &["delete", "get", "list", "patch", "update", "watch"]),
        rule(kargo, &["projects/status"], &["patch"]),
        rule(kargo, &["stages", "warehouses"], read),
    ];
    let webhook = [
        rule("", &["namespaces"], &["create", "get", "list", "update", "watch"]),
        rule("", &["configmaps", "secrets", "serviceaccounts"], any),
        rule(rbac, &["rolebindings", "roles"], any),
        rule(kargo, &["projects"], read),
    ];
    let accounts = [(CONTROLLER, controller.as_slice()), (WEBHOOK, webhook.as_slice())];
    for (name, rules) in accounts {
        for object in account(name, rules) {
            apply(client, &object).await?;
        }
    }
    hold_controllers(client).await?;
    let projects: Api<Project> = Api::all(client.clone());
    if projects.list(&Default::default()).await.is_err() {
        let mut definition = json!(Project::crd());
        definition["apiVersion"] = "apiextensions.k8s.io/v1".into();
        definition["kind"] = "CustomResourceDefinition".into();
        apply(client, &definition).await?;
        eventually("Projects are served", async || {
            projects.list(&Default::default()).await.ok().map(drop)
        })
        .await;
    }
    Ok(())
}

/// Puts the finalizer on the accounts of Kargo's controllers. The stand-in does so itself, as Kargo
/// does; but several that are driven by hand would be in each other's way.
async fn hold_controllers(client: &Client) -> anyhow::Result<()> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), KARGO_NAMESPACE);
    let label = format!("{}={}", keys::COMPONENT_LABEL, keys::COMPONENT_CONTROLLER);
    for account in accounts.list(&ListParams::default().labels(&label)).await? {
        if account.finalizers().is_empty() {
            let hold = Patch::Merge(json!({"metadata": {"finalizers": [keys::FINALIZER]}}));
            accounts.patch(&account.name_any(), &PatchParams::default(), &hold).await?;
        }
    }
    Ok(())
}

/// Has the API server ask the webhook at that address, whose certificate is that.
///
/// # Errors
/// If it is refused.
pub async fn install_webhook(client: &Client, base: &str, certificate: &str) -> anyhow::Result<()> {
    let bundle = k8s_openapi::ByteString(certificate.as_bytes().to_vec());
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "kargo"},
        "webhooks": [{
            "name": "project.kargo.akuity.io",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "NoneOnDryRun",
            "failurePolicy": "Fail",
            "clientConfig": {
                "url": format!("{base}/validate-kargo-akuity-io-v1alpha1-project"),
                "caBundle": bundle,
            },
            "rules": [{
                "scope": "Cluster",
                "apiGroups": [keys::KARGO_GROUP],
                "apiVersions": ["v1alpha1"],
                "resources": ["projects"],
                "operations": ["CREATE", "UPDATE"],
            }],
        }],
    });
    apply(client, &configuration).await?;
    Ok(())
}

fn account(name: &str, rules: &[Value]) -> [Value; 3] {
    let rbac = "rbac.authorization.k8s.io";
    [
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": KARGO_NAMESPACE},
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole",
            "metadata": {"name": name}, "rules": rules,
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": KARGO_NAMESPACE}],
        }),
    ]
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}
