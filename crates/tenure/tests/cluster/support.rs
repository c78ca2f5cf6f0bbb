//! What the tests share: the server, and short ways to say what they do.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Weak};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use tenure_api::Project;
use tenure_testbed::{ControlPlane, Process, TENURE_NAMESPACE, eventually};

/// The user that the server is, in the audit log.
pub(crate) const SERVER: &str = "system:serviceaccount:tenure-system:tenure";

/// A control plane with a server on it, as long as any test holds it.
pub(crate) struct Bed {
    /// Ends before the control plane does.
    _server: Process,
    pub(crate) plane: Arc<ControlPlane>,
}

/// One test's view.
pub(crate) struct Test {
    pub(crate) bed: Arc<Bed>,
    pub(crate) client: Client,
    pub(crate) projects: Api<Project>,
    pub(crate) namespaces: Api<Namespace>,
}

impl Test {
    pub(crate) async fn start() -> Self {
        static SHARED: tokio::sync::Mutex<Weak<Bed>> = tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        let bed = match shared.upgrade() {
            Some(bed) => bed,
            None => {
                let bed = Arc::new(start_bed().await);
                *shared = Arc::downgrade(&bed);
                bed
            }
        };
        drop(shared);
        let client = bed.plane.admin().expect("an administrator");
        Self {
            projects: Api::all(client.clone()),
            namespaces: Api::all(client.clone()),
            client,
            bed,
        }
    }

    pub(crate) async fn create(&self, name: &str, annotations: &[(&str, &str)]) {
        let project = project(name, annotations);
        self.projects.create(&PostParams::default(), &project).await.expect("create the project");
    }

    pub(crate) async fn create_ready(&self, name: &str, annotations: &[(&str, &str)]) {
        self.create(name, annotations).await;
        self.condition(name, "Ready", "True").await;
    }

    /// Waits for a condition, and gives its reason and message.
    pub(crate) async fn condition(&self, name: &str, kind: &str, status: &str) -> (String, String) {
        eventually(&format!("{name} has condition {kind}={status}"), async || {
            let project = self.projects.get_opt(name).await.expect("read the project")?;
            let conditions = project.status?.conditions;
            let found = conditions.into_iter().find(|c| c.type_ == kind && c.status == status)?;
            Some((found.reason, found.message))
        })
        .await
    }

    pub(crate) async fn namespace(&self, name: &str) -> Option<Namespace> {
        self.namespaces.get_opt(name).await.expect("read the namespace")
    }

    pub(crate) async fn delete(&self, name: &str) {
        let deleted = self.projects.delete(name, &DeleteParams::default()).await;
        deleted.expect("delete the project");
    }

    /// Deletes the Project and waits until it is gone.
    pub(crate) async fn delete_and_wait(&self, name: &str) {
        self.delete(name).await;
        self.project_gone(name).await;
    }

    pub(crate) async fn project_gone(&self, name: &str) {
        eventually(&format!("project {name} is gone"), async || {
            self.projects.get_opt(name).await.expect("read the project").is_none().then_some(())
        })
        .await;
    }

    pub(crate) async fn namespace_gone(&self, name: &str) {
        eventually(&format!("namespace {name} is gone"), async || {
            self.namespace(name).await.is_none().then_some(())
        })
        .await;
    }

    pub(crate) async fn annotate_project(&self, name: &str, annotations: Value) {
        let patch = json!({"metadata": {"annotations": annotations}});
        let patched =
            self.projects.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.expect("annotate the project");
    }

    pub(crate) async fn patch_namespace(&self, name: &str, metadata: Value) {
        let patch = json!({"metadata": metadata});
        let patched =
            self.namespaces.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.expect("patch the namespace");
    }

    pub(crate) async fn create_namespace(&self, name: &str, labels: &[(&str, &str)]) {
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                labels: Some(map(labels)),
                ..Default::default()
            },
            ..Default::default()
        };
        let created = self.namespaces.create(&PostParams::default(), &namespace).await;
        created.expect("create the namespace");
    }

    /// Whether the server ever asked for the deletion of that namespace.
    pub(crate) fn delete_was_asked(
        &self,
        audit: &tenure_testbed::audit::AuditLog,
        name: &str,
    ) -> bool {
        audit.entries().iter().any(|entry| {
            entry.user.username == SERVER
                && entry.verb == "delete"
                && entry.resource() == "namespaces"
                && entry.name() == name
        })
    }
}

pub(crate) fn project(name: &str, annotations: &[(&str, &str)]) -> Project {
    let mut project = Project::named(name);
    *project.annotations_mut() = map(annotations);
    project
}

pub(crate) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn start_bed() -> Bed {
    let plane = ControlPlane::shared().await;
    let kubeconfig = plane.dir().join(format!("tenure-{}.kubeconfig", std::process::id()));
    plane
        .write_service_account_kubeconfig(&kubeconfig, TENURE_NAMESPACE, "tenure")
        .await
        .expect("a kubeconfig for the server");
    let mut server = Command::new(env!("CARGO_BIN_EXE_tenure"));
    server
        .args(["server", "--mode", "standalone", "--listen", "127.0.0.1:0"])
        .args(["--log", "info,tenure_controllers=debug"])
        .arg("--kubeconfig")
        .arg(&kubeconfig);
    let server = Process::start("tenure", server, plane.dir()).expect("start the server");
    Bed { _server: server, plane }
}
