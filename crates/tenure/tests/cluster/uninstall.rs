//! What concerns the whole cluster, and so needs one of its own: deleting the CRD, and taking
//! everything back.

use std::process::Command;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::DeleteParams;
use tenure_testbed::eventually;

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
    let released = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["server", "--mode", "standalone", "--release-all", "--kubeconfig"])
        .arg(plane.dir().join("tenure.kubeconfig"))
        .output()
        .expect("run");
    let printed = String::from_utf8_lossy(&released.stdout).into_owned();
    assert_eq!(printed, "released 2 projects and 2 namespaces; nothing was deleted\n");
    eventually("the CRD is gone", async || crds.get_opt(crd).await.ok()?.is_none().then_some(()))
        .await;
    for name in ["one", "two"] {
        let namespace = test.namespace(name).await.expect("kept");
        assert_eq!(namespace.metadata.finalizers, None, "{name}");
        assert!(namespace.metadata.deletion_timestamp.is_none(), "{name}");
        let annotations = namespace.metadata.annotations.unwrap_or_default();
        assert!(annotations.keys().all(|key| !key.starts_with("tenure.dev/")), "{annotations:?}");
    }
    let written = audit.entries();
    let deleted = written.iter().filter(|e| e.short() == "delete namespaces").count();
    assert_eq!(deleted, 0);
}
