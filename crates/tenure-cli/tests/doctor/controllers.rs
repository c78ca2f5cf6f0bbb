//! What takes finalizers off: gone, going too, or without its rights; and tools that still sync.

use serde_json::{Value, json};
use tenure_testbed::unique_name;

use crate::support::{Test, compare};

/// A Deployment of a controller.
fn controller(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "serviceAccountName": name,
                    "containers": [{"name": "c", "image": "example.com/c:1"}],
                },
            },
        },
    })
}

#[tokio::test]
async fn a_finalizer_that_nobody_seems_to_take_off_is_told() {
    let test = Test::start().await;
    let name = unique_name("gone");
    test.namespace(&name).await;
    test.held(&name, "held", "unheardof.example.com/hold").await;
    compare("controller_gone_would", &test.finds(&name, "ControllerGone"));
}

#[tokio::test]
async fn a_controller_that_lives_in_the_namespace_goes_with_it() {
    let test = Test::start().await;
    let name = unique_name("inside");
    test.namespace(&name).await;
    test.held(&name, "held", "insider.example.com/hold").await;
    test.apply(controller(&name, "insider-controller")).await;
    compare("controller_goes_too", &test.finds(&name, "ControllerGoesToo"));
}

#[tokio::test]
async fn a_controller_that_lost_its_binding_is_told() {
    let test = Test::start().await;
    let (name, home) = (unique_name("rights"), unique_name("home"));
    test.namespace(&name).await;
    test.namespace(&home).await;
    test.held(&name, "held", "rightless.example.com/hold").await;
    test.apply(controller(&home, "rightless-operator")).await;
    let found = test.finds(&name, "ControllerGone");
    assert!(found["what"].as_str().expect("text").contains("does not run"), "{found:#}");
    // Nobody runs pods here; what counts is what its status says.
    let api = format!("/apis/apps/v1/namespaces/{home}/deployments/rightless-operator");
    test.merge_status(&api, json!({"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}))
        .await;
    compare("controller_lacks_rights", &test.finds(&name, "ControllerLacksRights"));
    test.apply(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "maps", "namespace": name},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]}],
    }))
    .await;
    test.apply(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "maps", "namespace": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maps"},
        "subjects": [{"kind": "ServiceAccount", "name": "rightless-operator", "namespace": home}],
    }))
    .await;
    tenure_testbed::eventually("its rights are known", async || {
        let said = test.ask_as("doctor", "system:masters", &[&name, "-o", "json"]);
        said.finding("ControllerLacksRights").is_null().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_tool_that_goes_on_writing_is_told() {
    let test = Test::start().await;
    let name = unique_name("synced");
    test.namespace(&name).await;
    test.apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "held", "namespace": name, "finalizers": ["example.com/hold"],
            "annotations": {"argocd.argoproj.io/tracking-id": format!("shop:/ConfigMap:{name}/held")},
        },
    }))
    .await;
    test.hangs(&name).await;
    let said = test.ask_as("doctor", "system:masters", &[&name, "-o", "json"]);
    assert!(said.finding("StillSynced").is_null(), "{}", said.out);
    test.write_as("argocd-controller", &name, "held").await;
    compare("still_synced", &test.finds(&name, "StillSynced"));
}
