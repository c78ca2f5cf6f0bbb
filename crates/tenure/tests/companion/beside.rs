//! What tests beside Kargo share, besides what they share with those of admission.

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tenure_api::Project;
use tenure_testbed::{Stopped, eventually, wait_for_guard};

use crate::support::Test;

impl Test {
    /// Creates a Project, with those annotations, and waits until it is ready and Tenure has recorded
    /// how it came by its Namespace.
    pub(crate) async fn settled(&self, name: &str, annotations: Value) {
        self.ready(name, annotations).await;
        self.recorded(name, "Created").await;
    }

    /// Waits until it is recorded how the Project came by its Namespace.
    pub(crate) async fn recorded(&self, name: &str, origin: &str) {
        eventually(&format!("{name} is recorded as {origin}"), async || {
            let annotations = self.namespace(name).await?.metadata.annotations?;
            (annotations.get("tenure.dev/origin")? == origin).then_some(())
        })
        .await;
    }

    pub(crate) async fn namespace_gone(&self, name: &str) {
        eventually(&format!("namespace {name} is gone"), async || {
            self.namespace(name).await.is_none().then_some(())
        })
        .await;
    }

    /// What the stand-in for Kargo logged as errors about that name.
    pub(crate) fn kargo_errors(&self, name: &str) -> Vec<String> {
        let errors = self.bed.kargo.as_ref().expect("a stand-in").errors();
        errors.into_iter().filter(|error| error.contains(name)).collect()
    }

    /// Has Kargo do nothing until what is given back is dropped. For a test that is alone.
    pub(crate) fn stop_kargo(&self) -> Stopped<'_> {
        self.bed.kargo.as_ref().expect("a stand-in").stop()
    }

    pub(crate) async fn patch_project(&self, name: &str, metadata: Value) {
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        let patched = self.projects.patch(name, &PatchParams::default(), &patch).await;
        patched.expect("patch the project");
    }

    /// Writes annotations that the rules would refuse.
    pub(crate) async fn annotate_around(&self, name: &str, annotations: Value) {
        let around = self.bed.plane.around_admission().expect("a member of the group");
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        let projects: Api<Project> = Api::all(around);
        let patched = projects.patch(name, &PatchParams::default(), &patch).await;
        patched.expect("annotate the project");
    }

    /// Asks for a Project of that name; what is said if it may not be.
    pub(crate) async fn try_create(&self, name: &str) -> Result<(), String> {
        let created = self.projects.create(&PostParams::default(), &Project::named(name)).await;
        created.map(drop).map_err(|error| error.to_string())
    }

    /// ServiceAccounts, Roles and RoleBindings in the Namespace, as `Kind/name`, sorted.
    pub(crate) async fn access(&self, name: &str) -> Vec<String> {
        access(&self.client, name).await
    }

    /// Has somebody else's webhook, which is not there, be asked before that Project is deleted.
    pub(crate) async fn refuse_deletion_of(&self, name: &str) {
        self.apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [{
                "name": "nobody.example.com", "admissionReviewVersions": ["v1"],
                "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 2,
                "clientConfig": {"url": "https://127.0.0.1:1/nobody"},
                "matchConditions": [
                    {"name": "one", "expression": format!("oldObject.metadata.name == '{name}'")},
                ],
                "rules": [{
                    "apiGroups": ["kargo.akuity.io"], "apiVersions": ["*"],
                    "resources": ["projects"], "operations": ["DELETE"],
                }],
            }],
        }))
        .await;
        let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
        eventually("the other webhook is asked", async || {
            self.projects.delete(name, &dry).await.is_err().then_some(())
        })
        .await;
    }

    pub(crate) async fn allow_deletion_of(&self, name: &str) {
        let configurations: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        configurations.delete(name, &DeleteParams::default()).await.expect("delete");
        let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
        eventually("the other webhook is not asked", async || {
            self.projects.delete(name, &dry).await.ok()
        })
        .await;
    }

    /// Does something while Tenure is not asked about anything.
    pub(crate) async fn unasked(&self, what: impl AsyncFnOnce()) {
        let configurations: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        let mut configuration = configurations.get("tenure").await.expect("Tenure's webhook");
        configurations.delete("tenure", &DeleteParams::default()).await.expect("delete");
        let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
        eventually("the canary is let go", async || {
            self.namespaces.delete("tenure-canary", &dry).await.ok()
        })
        .await;
        what().await;
        configuration.metadata.resource_version = None;
        configurations.create(&PostParams::default(), &configuration).await.expect("put it back");
        wait_for_guard(&self.client).await;
    }
}

/// ServiceAccounts, Roles and RoleBindings in the Namespace, as `Kind/name`, sorted.
pub(crate) async fn access(client: &kube::Client, name: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (kind, path) in [
        ("ServiceAccount", "api/v1/namespaces/{}/serviceaccounts"),
        ("Role", "apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles"),
        ("RoleBinding", "apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings"),
    ] {
        let path = format!("/{}", path.replace("{}", name));
        let request = http::Request::get(path).body(Vec::new()).expect("a request");
        let list: Value = client.request(request).await.expect("list");
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let names = items.iter().filter_map(|item| item["metadata"]["name"].as_str());
        all.extend(names.map(|name| format!("{kind}/{name}")));
    }
    all.sort();
    all
}
