//! Moving into a namespace that others filled, and leaving it as it was.

use serde_json::{Value, json};
use tenure_testbed::{eventually, unique_name};

use crate::support::{KEEP, Test, filled_namespace};

#[tokio::test]
async fn an_adopted_namespace_is_released_exactly_as_it_was_found() {
    let test = Test::start().await;
    let name = unique_name("adopted");
    filled_namespace(&test, &name).await;
    test.patch_namespace(&name, json!({"labels": {"kargo.akuity.io/project": "true"}})).await;
    let before = test.content(&name).await;
    test.create_ready(&name, &[]).await;
    let project = test.projects.get(&name).await.expect("read");
    let namespace = test.namespace(&name).await.expect("there");
    let bound = project.metadata.annotations.unwrap_or_default();
    assert_eq!(bound.get("tenure.dev/namespace-uid"), namespace.metadata.uid.as_ref());
    let record = namespace.metadata.annotations.unwrap_or_default();
    assert_eq!(record.get("tenure.dev/project-uid"), project.metadata.uid.as_ref());
    assert_eq!(record.get("tenure.dev/origin").map(String::as_str), Some("Adopted"));
    assert_eq!(record.get("tenure.dev/ledger").map(String::as_str), Some(r#"{"label":false}"#));
    let message = test.disposition(&name, "Retain").await;
    assert!(message.contains("it existed before the Project moved in"), "{message}");
    let audit = test.bed.plane.audit();
    test.delete_and_wait(&name).await;
    assert_eq!(test.content(&name).await, before);
    assert!(!test.delete_was_asked(&audit, &name));
}

#[tokio::test]
async fn labelling_the_namespace_lets_a_stalled_project_move_in() {
    let test = Test::start().await;
    let name = unique_name("invited");
    test.create_namespace(&name, &[]).await;
    test.create(&name, &[]).await;
    test.condition(&name, "Stalled", "True").await;
    test.patch_namespace(&name, json!({"labels": {"kargo.akuity.io/project": "true"}})).await;
    test.condition(&name, "Ready", "True").await;
    eventually("no longer stalled", async || {
        let project = test.projects.get(&name).await.expect("read");
        let conditions = project.status.unwrap_or_default().conditions;
        conditions.iter().all(|c| c.type_ != "Stalled").then_some(())
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_object_of_the_same_name_is_neither_changed_nor_taken() {
    let test = Test::start().await;
    let name = unique_name("own-roles");
    test.create_namespace(&name, &[("kargo.akuity.io/project", "true")]).await;
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "kargo-admin", "namespace": name, "labels": {"by": "helm"}},
    });
    test.apply(&account).await;
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "kargo-viewer", "namespace": name},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    });
    test.apply(&role).await;
    test.create(&name, &[]).await;
    let (reason, message) = test.condition(&name, "Ready", "False").await;
    assert_eq!(reason, "EnsuringDefaultUserRoles");
    assert!(message.contains("Role/kargo-viewer"), "{message}");
    test.delete_and_wait(&name).await;
    let left = test.access_objects(&name).await;
    assert_eq!(left, ["ServiceAccount/kargo-admin", "Role/kargo-viewer"]);
}

#[tokio::test]
async fn a_copy_of_a_provisioned_object_label_and_all_survives_the_release() {
    let test = Test::start().await;
    let name = unique_name("copied");
    test.create_ready(&name, &[(KEEP, "true")]).await;
    let uid = test.projects.get(&name).await.expect("read").metadata.uid;
    let copy = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "my-copy", "namespace": name, "labels": {"tenure.dev/project-uid": uid}},
        "rules": [],
    });
    test.apply(&copy).await;
    test.delete_and_wait(&name).await;
    assert_eq!(test.access_objects(&name).await, ["Role/my-copy"]);
}

#[tokio::test]
async fn a_foreign_finalizer_annotation_and_label_survive_adoption_and_release() {
    let test = Test::start().await;
    let name = unique_name("foreign-meta");
    test.create_namespace(&name, &[("kargo.akuity.io/project", "true"), ("team", "a")]).await;
    let metadata: Value = json!({
        "finalizers": ["example.com/foreign"],
        "annotations": {"example.com/note": "mine"},
    });
    test.patch_namespace(&name, metadata).await;
    let before = test.content(&name).await;
    test.create_ready(&name, &[]).await;
    test.delete_and_wait(&name).await;
    assert_eq!(test.content(&name).await, before);
    test.patch_namespace(&name, json!({"finalizers": null})).await;
}
