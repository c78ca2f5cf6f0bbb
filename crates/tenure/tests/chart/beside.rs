//! The chart beside Kargo, for whose management controller a process stands in; and the way from one
//! mode to the other and back, by an upgrade.

use kube::ResourceExt as _;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use tenure_api::{DeletionPlan, Project};
use tenure_testbed::{Process, eventually, free_port, install_webhook, kargo};

use crate::cluster::Cluster;
use crate::install::{allowed, create_ready, gone};

/// The server's account.
const SERVER: &str = "system:serviceaccount:tenure-system:tenure";

impl Cluster {
    /// A Project that was created, is ready, and whose record stands on its namespace.
    async fn recorded(&self, name: &str) {
        create_ready(self, name).await;
        eventually(&format!("{name} is recorded"), async || {
            let namespace = self.namespaces.get(name).await.expect("read");
            namespace.annotations().get("tenure.dev/project-uid").map(drop)
        })
        .await;
    }

    /// Deletes a Project, and waits until its plan has ended.
    async fn delete_project(&self, name: &str) {
        self.projects.delete(name, &DeleteParams::default()).await.expect("delete");
        gone(&self.projects, name).await;
        let plans: kube::Api<DeletionPlan> = kube::Api::all(self.client.clone());
        eventually(&format!("the plan of {name} has ended"), async || {
            let all = plans.list(&Default::default()).await.expect("list").items;
            let plan = all.into_iter().find(|plan| plan.spec.project.name == name)?;
            plan.facts().expect("legible").status.phase.is_final().then_some(())
        })
        .await;
    }

    /// Whether the server may make what it provides where it runs alone.
    async fn may_provide(&self) -> bool {
        let rbac = "rbac.authorization.k8s.io";
        let mut may = Vec::new();
        for (verb, group, kind) in [
            ("create", rbac, "rolebindings"),
            ("create", rbac, "clusterroles"),
            ("patch", "kargo.akuity.io", "projects/status"),
        ] {
            may.push(allowed(self, SERVER, verb, group, kind).await);
        }
        assert!(may.windows(2).all(|pair| pair[0] == pair[1]), "{may:?}");
        may[0]
    }

    async fn runs(&self, mode: &str, port: u16) -> Process {
        // Nothing routes to a Service here: the API server asks by URL.
        let values =
            json!({"mode": mode, "webhook": {"enabled": false}, "crds": {"projects": false}});
        self.upgrade(&values, &[]);
        let base = format!("https://127.0.0.1:{port}");
        install_webhook(&self.client, &base).await.expect("install the webhook");
        self.asked_server(port).await
    }
}

#[tokio::test]
async fn beside_kargo_projects_are_deleted_as_decided_and_the_mode_changes_and_changes_back() {
    let cluster = Cluster::without_tenure().await;
    let beside = async || {
        let running = kargo::Running::start(&cluster.plane, kargo::Options::default()).await;
        running.expect("start the stand-in")
    };
    let port = free_port().expect("a port");
    let management = beside().await;
    let server = cluster.runs("companion", port).await;
    assert!(!cluster.may_provide().await, "what Kargo provides is Kargo's to make");
    let mut kept = Project::named("stays");
    kept.annotations_mut().insert("kargo.akuity.io/keep-namespace".into(), "true".into());
    cluster.projects.create(&PostParams::default(), &kept).await.expect("create the Project");
    for name in ["goes", "alone", "back"] {
        cluster.recorded(name).await;
    }
    eventually("it is recorded", async || {
        let namespace = cluster.namespaces.get_opt("stays").await.expect("read")?;
        namespace.annotations().get("tenure.dev/project-uid").map(drop)
    })
    .await;
    cluster.delete_project("stays").await;
    cluster.delete_project("goes").await;
    gone(&cluster.namespaces, "goes").await;
    let released = cluster.namespaces.get("stays").await.expect("it stays");
    assert_eq!((released.finalizers(), released.annotations().len()), (&[][..], 0));

    drop((server, management));
    let server = cluster.runs("standalone", port).await;
    assert!(cluster.may_provide().await);
    cluster.delete_project("alone").await;
    gone(&cluster.namespaces, "alone").await;
    cluster.recorded("forth").await;

    drop(server);
    let _management = beside().await;
    let _server = cluster.runs("companion", port).await;
    assert!(!cluster.may_provide().await);
    for name in ["back", "forth"] {
        let project = cluster.projects.get(name).await.expect("it stands");
        assert!(!project.annotations().contains_key("tenure.dev/stamp"));
        cluster.delete_project(name).await;
        gone(&cluster.namespaces, name).await;
    }
}
