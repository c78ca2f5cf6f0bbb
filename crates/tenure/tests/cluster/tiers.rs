//! `Clean`, in both scopes, with objects of all owners in one namespace.

use serde_json::{Value, json};
use tenure_testbed::unique_name;

use crate::support::{Test, filled_namespace};

/// Objects that are Kargo's alone.
fn kargos(name: &str) -> Vec<Value> {
    let object = |kind: &str, name_of: &str| {
        json!({
            "apiVersion": "kargo.akuity.io/v1alpha1", "kind": kind,
            "metadata": {"name": name_of, "namespace": name}, "spec": {},
        })
    };
    vec![
        object("Warehouse", "images"),
        object("Stage", "test"),
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": "git", "namespace": name, "labels": {"kargo.akuity.io/cred-type": "git"},
            },
            "stringData": {"password": "x"},
        }),
    ]
}

/// A credential that Argo CD made for Kargo: both have to do with it.
fn of_both(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": "shared-git", "namespace": name,
            "labels": {"kargo.akuity.io/cred-type": "git"},
            "annotations": {"argocd.argoproj.io/tracking-id": format!("shop:/Secret:{name}/shared-git")},
        },
        "stringData": {"password": "y"},
    })
}

async fn names(test: &Test, path: &str) -> Vec<String> {
    let list = test.get(path).await;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|item| item["metadata"]["name"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn clean_takes_what_is_the_projects_alone_and_leaves_the_rest_byte_for_byte() {
    let test = Test::start().await;
    let name = unique_name("cleaned");
    filled_namespace(&test, &name).await;
    test.apply(&of_both(&name)).await;
    let before = test.content(&name).await;
    test.patch_namespace(
        &name,
        json!({"labels": {"kargo.akuity.io/project": "true"}, "annotations": {"tenure.dev/disposition": "Clean"}}),
    )
    .await;
    test.policy(&name, json!({"adopted": "Delete", "shared": "Delete"})).await;
    test.create_ready(&name, &[]).await;
    for object in kargos(&name) {
        test.apply(&object).await;
    }
    test.delete_and_wait(&name).await;
    let plan = test.plan_in(&name, "Done").await;
    assert_eq!(format!("{:?}", plan.spec.decision.disposition), "Clean");
    test.patch_namespace(
        &name,
        json!({"labels": {"kargo.akuity.io/project": null}, "annotations": {"tenure.dev/disposition": null}}),
    )
    .await;
    assert_eq!(test.content(&name).await, before);
    for plural in ["stages", "warehouses"] {
        let path = format!("/apis/kargo.akuity.io/v1alpha1/namespaces/{name}/{plural}");
        assert_eq!(names(&test, &path).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_refuses_to_go_is_named_and_never_forced() {
    let test = Test::start().await;
    let name = unique_name("refusing");
    test.create_ready(&name, &[("tenure.dev/disposition", "Clean")]).await;
    let mut stage = kargos(&name).remove(1);
    stage["metadata"]["finalizers"] = json!(["example.com/stay"]);
    test.apply(&stage).await;
    test.delete(&name).await;
    let message = tenure_testbed::eventually("it is said what refuses", async || {
        let project = test.projects.get_opt(&name).await.expect("read")?;
        let conditions = project.status?.conditions;
        let ready = conditions.into_iter().find(|c| c.type_ == "Ready")?;
        ready.message.contains("example.com/stay").then_some(ready.message)
    })
    .await;
    assert!(message.contains("stages.kargo.akuity.io/test"), "{message}");
    stage["metadata"]["finalizers"] = json!([]);
    test.apply(&stage).await;
    test.project_gone(&name).await;
    assert!(test.namespace(&name).await.expect("kept").metadata.deletion_timestamp.is_none());
}

#[tokio::test]
async fn clean_of_everything_has_to_be_confirmed_and_leaves_what_guards_the_namespace() {
    let test = Test::start().await;
    for object in tenure_api::install::clean_manifests("tenure-system") {
        test.apply(&object).await;
    }
    let name = unique_name("emptied");
    filled_namespace(&test, &name).await;
    test.patch_namespace(
        &name,
        json!({"labels": {"kargo.akuity.io/project": "true"}, "annotations": {"tenure.dev/disposition": "Clean"}}),
    )
    .await;
    let terms = json!({"adopted": "Delete", "shared": "Delete", "clean": {"scope": "All"}});
    test.policy(&name, terms).await;
    test.create_ready(&name, &[]).await;
    test.apply(&kargos(&name)[0]).await;
    test.delete(&name).await;
    let plan = test.plan_waits_for(&name, "Confirmation").await;
    test.annotate_project(&name, json!({"tenure.dev/confirm": plan.spec.decision.digest})).await;
    test.project_gone(&name).await;
    let of = |group: &str, plural: &str| format!("/{group}/namespaces/{name}/{plural}");
    let gone = [
        of("apis/apps/v1", "deployments"),
        of("apis/kargo.akuity.io/v1alpha1", "warehouses"),
        of("api/v1", "secrets"),
    ];
    for path in gone {
        assert_eq!(names(&test, &path).await, Vec::<String>::new(), "{path}");
    }
    let rbac = "apis/rbac.authorization.k8s.io/v1";
    for (path, stays) in [
        (of("api/v1", "resourcequotas"), "compute"),
        (of("apis/networking.k8s.io/v1", "networkpolicies"), "deny-all"),
        (of(rbac, "roles"), "deployer"),
        (of("api/v1", "serviceaccounts"), "default"),
        (of("api/v1", "configmaps"), "kube-root-ca.crt"),
    ] {
        assert_eq!(names(&test, &path).await, [stays], "{path}");
    }
}
