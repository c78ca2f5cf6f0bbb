//! From Kargo alone to companion, to standalone, and back: nothing is left behind that wedges.

use std::process::Command;

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, Patch, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tenure_api::Project;
use tenure_core::Mode;
use tenure_testbed::{
    ControlPlane, Process, TENURE_NAMESPACE, eventually, free_port, install_tenure,
    install_webhook, kargo, wait_for_guard,
};

use crate::beside::access;
use crate::support::server;

struct Cluster {
    plane: ControlPlane,
    client: Client,
    projects: Api<Project>,
    namespaces: Api<Namespace>,
    webhook: u16,
}

impl Cluster {
    async fn kargo(&self) -> kargo::Running {
        kargo::Running::start(&self.plane, kargo::Options::default()).await.expect("the stand-in")
    }

    /// Installs Tenure for that mode, over what is there, and runs it.
    async fn tenure(&self, mode: Mode) -> Process {
        install_tenure(&self.client, mode).await.expect("install Tenure");
        if mode == Mode::Standalone {
            // As Helm does with what is no longer in the chart.
            let all = DeleteParams::default();
            let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(self.client.clone());
            bindings.delete("tenure-last-words", &all).await.expect("delete");
            let policies: Api<ValidatingAdmissionPolicy> = Api::all(self.client.clone());
            policies.delete("tenure-last-words", &all).await.expect("delete");
        }
        let base = format!("https://127.0.0.1:{}", self.webhook);
        install_webhook(&self.client, &base).await.expect("install the webhook");
        let kubeconfig = self.plane.dir().join("tenure.kubeconfig");
        self.plane
            .write_service_account_kubeconfig(&kubeconfig, TENURE_NAMESPACE, "tenure")
            .await
            .expect("a kubeconfig for the server");
        let probes = free_port().expect("a port");
        let server = server(self.plane.dir().into(), mode, self.webhook, probes, &[]);
        wait_for_guard(&self.client).await;
        server
    }

    async fn create(&self, name: &str) {
        self.projects.create(&PostParams::default(), &Project::named(name)).await.expect("create");
        eventually(&format!("{name} is ready"), async || {
            let project = self.projects.get_opt(name).await.expect("read the project")?;
            let conditions = project.status?.conditions;
            conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True").then_some(())
        })
        .await;
    }

    /// Deletes the Project, whose Namespace goes with it.
    async fn goes(&self, name: &str) {
        self.projects.delete(name, &DeleteParams::default()).await.expect("delete the project");
        eventually(&format!("{name} and its namespace are gone"), async || {
            let project = self.projects.get_opt(name).await.expect("read the project");
            let namespace = self.namespaces.get_opt(name).await.expect("read the namespace");
            (project.is_none() && namespace.is_none()).then_some(())
        })
        .await;
    }

    /// Deletes the Project, whose Namespace stays, with nothing in it that the Project brought.
    async fn leaves_nothing(&self, name: &str) {
        let keep = json!({"metadata": {"annotations": {"kargo.akuity.io/keep-namespace": "true"}}});
        let patch = Patch::Merge(keep);
        self.namespaces.patch(name, &Default::default(), &patch).await.expect("keep it");
        self.projects.delete(name, &DeleteParams::default()).await.expect("delete the project");
        eventually(&format!("{name} is released"), async || {
            let project = self.projects.get_opt(name).await.expect("read the project");
            let namespace = self.namespaces.get(name).await.expect("it stays");
            let recorded = namespace.annotations().contains_key("tenure.dev/origin");
            (project.is_none() && !recorded).then_some(())
        })
        .await;
        assert_eq!(access(&self.client, name).await, ["ServiceAccount/default"], "{name}");
    }

    async fn recorded(&self, name: &str, origin: &str) {
        eventually(&format!("{name} is recorded as {origin}"), async || {
            let namespace = self.namespaces.get_opt(name).await.expect("read the namespace")?;
            (namespace.annotations().get("tenure.dev/origin")? == origin).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_cluster_goes_from_kargo_alone_to_companion_to_standalone_and_back() {
    let plane = ControlPlane::start_without_tenure().await.expect("a control plane");
    let client = plane.admin().expect("an administrator");
    let cluster = Cluster {
        projects: Api::all(client.clone()),
        namespaces: Api::all(client.clone()),
        webhook: free_port().expect("a port"),
        client,
        plane,
    };
    let all = ["alone", "beside", "waits", "instead", "again", "stays", "last"];
    let kargo = cluster.kargo().await;
    for name in all {
        cluster.create(name).await;
    }
    cluster.goes("alone").await;

    let tenure = cluster.tenure(Mode::Companion).await;
    for name in &all[1..] {
        cluster.recorded(name, "Created").await;
    }
    cluster.goes("beside").await;
    // One that waits, and whose Project Kargo has let go of.
    let grace = json!({
        "apiVersion": "tenure.dev/v1alpha1", "kind": "DeletionPolicy",
        "metadata": {"name": "waits"},
        "spec": {"selector": {"names": ["waits"]}, "enforcement": "Enforce", "gracePeriod": "1h"},
    });
    tenure_testbed::apply(&cluster.client, &grace).await.expect("apply");
    cluster.projects.delete("waits", &DeleteParams::default()).await.expect("delete");
    eventually("Kargo lets go of it", async || {
        cluster.projects.get_opt("waits").await.expect("read").is_none().then_some(())
    })
    .await;

    drop(tenure);
    drop(kargo);
    let tenure = cluster.tenure(Mode::Standalone).await;
    cluster.goes("instead").await;
    cluster.leaves_nothing("stays").await;
    cluster.create("provided").await;
    // What Tenure did not hold, it does not destroy: its namespace is released.
    eventually("it is released", async || {
        let left = cluster.namespaces.get("waits").await.expect("it stays");
        left.annotations().is_empty().then_some(())
    })
    .await;

    drop(tenure);
    let kargo = cluster.kargo().await;
    let tenure = cluster.tenure(Mode::Companion).await;
    cluster.goes("again").await;
    cluster.leaves_nothing("provided").await;

    drop(tenure);
    let kubeconfig = cluster.plane.dir().join("admin.kubeconfig");
    cluster.plane.write_kubeconfig(&kubeconfig, "admin", &["system:masters"]).expect("write");
    let uninstalled = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["uninstall", "--patience", "30s", "--kubeconfig"])
        .arg(&kubeconfig)
        .output()
        .expect("run");
    assert!(uninstalled.status.success(), "{uninstalled:?}");
    let project = cluster.projects.get("last").await.expect("it lives");
    assert_eq!(project.finalizers(), ["kargo.akuity.io/finalizer"]);
    assert!(project.annotations().keys().all(|key| !key.contains("tenure.dev")));
    let namespace = cluster.namespaces.get("last").await.expect("it stands");
    assert_eq!(namespace.finalizers(), ["kargo.akuity.io/finalizer"]);
    assert!(namespace.annotations().is_empty(), "{:?}", namespace.annotations());
    // Kargo alone again.
    cluster.goes("last").await;
    cluster.create("new").await;
    cluster.goes("new").await;
    drop(kargo);
}
