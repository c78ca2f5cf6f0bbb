//! What the tests share: two control planes without Tenure. On one, nothing is done but what a
//! test has the stand-in do; on the other a stand-in runs as a process.

use std::sync::{Arc, Weak};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use tenure_api::Project;
use tenure_testbed::audit::{AuditLog, Entry};
use tenure_testbed::fault::{Faults, Plan};
use tenure_testbed::kargo::{self, CONTROLLER, Journal, Kargo};
use tenure_testbed::{ControlPlane, KARGO_NAMESPACE, eventually};

pub(crate) const KEEP: &str = "kargo.akuity.io/keep-namespace";
pub(crate) const FINALIZER: &str = "kargo.akuity.io/finalizer";
/// The stand-in, in the audit log.
pub(crate) const KARGO: &str = "system:serviceaccount:kargo:kargo-management-controller";

/// A control plane, and what a person does there.
pub(crate) struct Bed {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) admin: Client,
    pub(crate) projects: Api<Project>,
    pub(crate) namespaces: Api<Namespace>,
    audit: AuditLog,
}

impl Bed {
    /// On the control plane on which nothing runs.
    pub(crate) async fn start() -> Self {
        static SHARED: tokio::sync::Mutex<Weak<ControlPlane>> =
            tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        let plane = match shared.upgrade() {
            Some(plane) => plane,
            None => {
                let plane = ControlPlane::start_without_tenure().await.expect("a control plane");
                kargo::install(&plane.admin().expect("an administrator")).await.expect("install");
                let plane = Arc::new(plane);
                *shared = Arc::downgrade(&plane);
                plane
            }
        };
        drop(shared);
        Self::on(plane)
    }

    pub(crate) fn on(plane: Arc<ControlPlane>) -> Self {
        let admin = plane.admin().expect("an administrator");
        Self {
            projects: Api::all(admin.clone()),
            namespaces: Api::all(admin.clone()),
            audit: plane.audit(),
            admin,
            plane,
        }
    }

    /// A stand-in that does what it is told.
    pub(crate) async fn kargo(&self) -> Kargo {
        self.kargo_with(&Plan::none()).await
    }

    /// A stand-in whose requests meet the faults of a plan.
    pub(crate) async fn kargo_with(&self, faults: &Arc<Plan>) -> Kargo {
        let account = self.plane.service_account(KARGO_NAMESPACE, CONTROLLER).await;
        let builder = kube::client::ClientBuilder::try_from(account.expect("a token"));
        let client = builder.expect("a client").with_layer(&Faults(faults.clone())).build();
        Kargo::new(client, KARGO_NAMESPACE, Journal::default())
    }

    /// A Project that is ready, with the stand-in's caches as of then.
    pub(crate) async fn ready(&self, kargo: &Kargo, name: &str, annotations: &[(&str, &str)]) {
        self.create(name, annotations).await;
        kargo.cache().catch_up(name).await.expect("look");
        kargo.reconcile_project(name).await.expect("a pass");
        kargo.cache().catch_up(name).await.expect("look");
    }

    /// One pass over the Project by what is there now.
    pub(crate) async fn pass(&self, kargo: &Kargo, name: &str) -> anyhow::Result<()> {
        kargo.cache().catch_up(name).await?;
        kargo.reconcile_project(name).await.map(drop)
    }

    pub(crate) async fn create(&self, name: &str, annotations: &[(&str, &str)]) {
        let mut project = Project::named(name);
        let annotations = annotations.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        project.annotations_mut().extend(annotations);
        self.projects.create(&PostParams::default(), &project).await.expect("create");
    }

    pub(crate) async fn create_namespace(&self, name: &str) {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        self.namespaces.create(&PostParams::default(), &namespace).await.expect("create");
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.projects.delete(name, &DeleteParams::default()).await.expect("delete");
    }

    pub(crate) async fn delete_namespace(&self, name: &str) {
        self.namespaces.delete(name, &DeleteParams::default()).await.expect("delete");
    }

    pub(crate) async fn patch_project(&self, name: &str, metadata: Value) {
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        self.projects.patch(name, &PatchParams::default(), &patch).await.expect("patch");
    }

    pub(crate) async fn patch_namespace(&self, name: &str, metadata: Value) {
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        self.namespaces.patch(name, &PatchParams::default(), &patch).await.expect("patch");
    }

    pub(crate) async fn project(&self, name: &str) -> Option<Project> {
        self.projects.get_opt(name).await.expect("read the project")
    }

    pub(crate) async fn namespace(&self, name: &str) -> Option<Namespace> {
        self.namespaces.get_opt(name).await.expect("read the namespace")
    }

    /// Whether the Namespace is there and not on its way out.
    pub(crate) async fn lives(&self, name: &str) -> bool {
        let namespace = self.namespace(name).await;
        namespace.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_none())
    }

    pub(crate) async fn project_gone(&self, name: &str) {
        eventually(&format!("the Project {name} is gone"), async || {
            self.project(name).await.is_none().then_some(())
        })
        .await;
    }

    pub(crate) async fn namespace_gone(&self, name: &str) {
        eventually(&format!("the Namespace {name} is gone"), async || {
            self.namespace(name).await.is_none().then_some(())
        })
        .await;
    }

    pub(crate) async fn project_ready(&self, name: &str) {
        eventually(&format!("{name} is ready"), async || {
            condition(&self.project(name).await?, "Ready").filter(|(status, _)| status == "True")
        })
        .await;
    }

    /// The writes of the stand-in that concern that Project, in their order, as
    /// `patch projects/status 200`.
    pub(crate) fn writes(&self, name: &str) -> Vec<String> {
        let entries = self.audit.of(KARGO, name);
        entries.iter().filter(|entry| entry.is_write()).map(short).collect()
    }

    /// Asserts which were the last of them. A request is logged a moment after it was answered.
    pub(crate) async fn wrote(&self, name: &str, expected: &[&str]) {
        let mut last = Vec::new();
        for _ in 0..100 {
            let writes = self.writes(name);
            last = writes[writes.len().saturating_sub(expected.len())..].to_vec();
            if last == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(last, expected);
    }
}

fn short(entry: &Entry) -> String {
    format!("{} {}", entry.short(), entry.response_status.clone().unwrap_or_default().code)
}

/// Status and reason of a condition.
pub(crate) fn condition(project: &Project, kind: &str) -> Option<(String, String)> {
    let conditions = project.status.as_ref()?.conditions.iter();
    let found = conditions.clone().find(|condition| condition.type_ == kind)?;
    Some((found.status.clone(), found.reason.clone()))
}
