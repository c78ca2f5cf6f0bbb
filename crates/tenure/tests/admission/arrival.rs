//! A Project comes.

use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use tenure_api::Project;
use tenure_core::Mode;
use tenure_testbed::{eventually, unique_name};

use crate::MODE;
use crate::support::Test;

pub(crate) fn manifest(name: &str) -> String {
    format!("apiVersion: kargo.akuity.io/v1alpha1\nkind: Project\nmetadata:\n  name: {name}\n")
}

#[tokio::test]
async fn a_dry_run_makes_nothing() {
    let test = Test::start().await;
    let name = unique_name("dry");
    let said =
        test.kubectl_with("anna", &["create", "--dry-run=server", "-f", "-"], &manifest(&name));
    assert!(said.ok, "{said:?}");
    assert!(test.namespace(&name).await.is_none());
    assert!(test.projects.get_opt(&name).await.expect("read").is_none());
}

#[tokio::test]
async fn nobody_moves_into_a_namespace_that_is_going() {
    let test = Test::start().await;
    let name = unique_name("going");
    let labels = json!({"kargo.akuity.io/project": "true"});
    test.apply(&json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
    }))
    .await;
    test.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "stays", "namespace": name, "finalizers": ["example.com/stay"]},
    }))
    .await;
    test.namespaces.delete(&name, &DeleteParams::default()).await.expect("nobody lives there");
    let refused = test.kubectl_with("anna", &["create", "-f", "-"], &manifest(&name));
    assert!(!refused.ok && refused.err.contains("still being terminated"), "{refused:?}");
}

#[tokio::test]
async fn what_policies_require_is_named_with_its_remedy() {
    let test = Test::start().await;
    let name = unique_name("required");
    test.policy(&name, json!({"required": {"labels": {"team": "*"}, "resourceQuota": true}})).await;
    let told = eventually("the policy is known", async || {
        let refused = test.kubectl_with("anna", &["create", "-f", "-"], &manifest(&name));
        if refused.ok {
            test.projects.delete(&name, &DeleteParams::default()).await.ok();
            test.gone(&name).await;
            return None;
        }
        refused.err.contains("requires").then_some(refused.err)
    })
    .await;
    assert!(told.contains("requires the label team=*"), "{told}");
    assert!(told.contains("requires a ResourceQuota"), "{told}");
    // Kargo makes it whatever others say.
    assert!(MODE == Mode::Companion || test.namespace(&name).await.is_none());
    let labels = json!({"kargo.akuity.io/project": "true", "team": "payments"});
    test.apply(&json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
    }))
    .await;
    test.apply(&json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "quota", "namespace": name}, "spec": {"hard": {"pods": "3"}},
    }))
    .await;
    let project = Project::named(&name);
    test.projects.create(&PostParams::default(), &project).await.expect("everything is there");
}

#[tokio::test]
async fn a_project_that_is_called_back_comes_whatever_policies_require_by_now() {
    let test = Test::start().await;
    let name = unique_name("back");
    test.ready(&name, json!({})).await;
    // Held, so that there is time to call it off.
    test.patch_namespace(&name, json!({"annotations": {"hold.tenure.dev/audit": "running"}})).await;
    let glass = tenure_testbed::BREAK_GLASS_GROUP;
    let projects: kube::Api<Project> =
        kube::Api::all(test.client_as("anna", &["system:masters", glass]));
    projects.delete(&name, &DeleteParams::default()).await.expect("it is let in");
    let before = test.namespace(&name).await.expect("it is held").metadata.uid;
    test.policy(&name, json!({"required": {"labels": {"team": "*"}}})).await;
    test.call_off(&name).await;
    eventually("the project is there again", async || test.lives(&name).await.then_some(())).await;
    assert_eq!(test.namespace(&name).await.expect("it stands").metadata.uid, before);
}

#[tokio::test]
async fn a_project_that_is_deleted_at_once_is_told_what_will_really_happen() {
    let test = Test::start().await;
    let name = unique_name("once");
    let project = Project::named(&name);
    test.projects.create(&PostParams::default(), &project).await.expect("create");
    let said = test.kubectl("anna", &["delete", "project", &name, "--wait=false"]);
    assert!(said.ok && said.err.contains("will be deleted"), "{said:?}");
    test.gone(&name).await;
    assert!(test.namespace(&name).await.is_none());
}
