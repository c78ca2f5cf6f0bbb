//! What concerns the whole cluster, and so needs one of its own: deleting the CRD, and taking
//! everything back.

use std::path::Path;
use std::process::{Command, Output};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tenure_api::{DeletionPlan, install};
use tenure_testbed::{TENURE_NAMESPACE, eventually};

use crate::support::{KEEP, Test};

#[tokio::test]
async fn deleting_the_crd_deletes_no_namespace_and_release_all_lets_it_go() {
    let test = Test::alone().await;
    for (name, annotations) in [("one", &[][..]), ("two", &[(KEEP, "true")][..])] {
        test.create_ready(name, annotations).await;
    }
    let audit = test.bed.plane.audit();
    let crds: Api<CustomResourceDefinition> = Api::all(test.client.clone());
    let crd = "projects.kargo.akuity.io";
    crds.delete(crd, &DeleteParams::default()).await.expect("delete the CRD");
    eventually("the Projects are being deleted", async || {
        let project = test.projects.get_opt("one").await.ok()??;
        project.metadata.deletion_timestamp.map(drop)
    })
    .await;
    let (_, message) = test.condition("one", "Ready", "False").await;
    assert!(message.contains("CustomResourceDefinition"), "{message}");
    for name in ["one", "two"] {
        assert!(!test.delete_was_asked(&audit, name), "{name}");
    }

    let plane = test.bed.plane.clone();
    let mut test = test;
    test.stop_server();
    let release_all = || {
        let released = Command::new(env!("CARGO_BIN_EXE_tenure"))
            .args(["server", "--mode", "standalone", "--release-all", "--kubeconfig"])
            .arg(plane.dir().join("tenure.kubeconfig"))
            .output()
            .expect("run");
        String::from_utf8_lossy(&released.stdout).into_owned()
    };
    let all = "projects released: 2, namespaces released: 2, plans ended: 2; nothing was deleted\n";
    assert_eq!(release_all(), all);
    eventually("the CRD is gone", async || crds.get_opt(crd).await.ok()?.is_none().then_some(()))
        .await;
    for name in ["one", "two"] {
        let namespace = test.namespace(name).await.expect("kept");
        assert_eq!(namespace.metadata.finalizers, None, "{name}");
        assert!(namespace.metadata.deletion_timestamp.is_none(), "{name}");
        let annotations = namespace.metadata.annotations.unwrap_or_default();
        assert!(annotations.keys().all(|key| !key.starts_with("tenure.dev/")), "{annotations:?}");
    }
    // Nor does it hold up an uninstall that there is no such kind any more.
    let none =
        "projects released: 0, namespaces released: 0, plans ended: 0; nothing was deleted\n";
    assert_eq!(release_all(), none);
    let written = audit.entries();
    let deleted = written.iter().filter(|e| e.short() == "delete namespaces").count();
    assert_eq!(deleted, 0);
}

/// Uninstalls under the ServiceAccount that is there for it.
fn uninstall(kubeconfig: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["uninstall", "--patience", "2s", "--kubeconfig"])
        .arg(kubeconfig)
        .output()
        .expect("run")
}

#[tokio::test]
async fn uninstalling_waits_for_the_server_to_end_and_leaves_nothing_that_waits_for_it() {
    let mut test = Test::alone().await;
    for object in install::uninstall_manifests(TENURE_NAMESPACE) {
        test.apply(&object).await;
    }
    let plane = test.bed.plane.clone();
    let kubeconfig = plane.dir().join("uninstall.kubeconfig");
    let account =
        plane.write_service_account_kubeconfig(&kubeconfig, TENURE_NAMESPACE, install::UNINSTALL);
    account.await.expect("a kubeconfig");
    test.policy("waits", json!({"confirmation": "Required"})).await;
    for name in ["stays", "waits"] {
        test.create_ready(name, &[]).await;
    }
    test.delete("waits").await;
    let plan = test.plan_waits_for("waits", "Confirmation").await.name_any();

    let early = uninstall(&kubeconfig);
    let error = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(!early.status.success() && error.contains("another server runs"), "{error}");
    assert!(test.projects.get("waits").await.expect("held").metadata.finalizers.is_some());

    test.stop_server();
    let done = uninstall(&kubeconfig);
    let printed = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(printed.ends_with(
        "projects released: 2, namespaces released: 2, plans ended: 1; nothing was deleted\n"
    ));
    test.project_gone("waits").await;
    for name in ["stays", "waits"] {
        let namespace = test.namespace(name).await.expect("kept");
        assert_eq!(namespace.metadata.finalizers, None, "{name}");
        assert!(namespace.metadata.deletion_timestamp.is_none(), "{name}");
        test.namespaces.delete(name, &DeleteParams::default()).await.expect("delete");
        test.namespace_gone(name).await;
    }
    test.projects.delete("stays", &DeleteParams::default()).await.expect("delete");
    test.project_gone("stays").await;

    // A plan that has ended is for people to delete, and none is left that has not.
    let plans: Api<DeletionPlan> = Api::all(test.client.clone());
    let ended = plans.get(&plan).await.expect("it stays").status.expect("a status");
    let last = ended.history.last().expect("an entry");
    assert!(last.message.contains("Tenure was taken back"), "{}", last.message);
    plans.delete(&plan, &DeleteParams::default()).await.expect("delete the plan");
    for (resource, _) in install::barriers() {
        let kind: Api<kube::core::DynamicObject> = Api::all_with(test.client.clone(), &resource);
        let left = kind.list(&ListParams::default()).await.expect("list").items;
        assert_eq!(left.iter().map(|o| o.name_any()).collect::<Vec<_>>(), Vec::<String>::new());
    }
}
