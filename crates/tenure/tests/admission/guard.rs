//! A Project's Namespace, or the definition of Projects, is deleted by hand.

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use tenure_core::Mode;
use tenure_testbed::{TENURE_NAMESPACE, eventually, unique_name};

use crate::MODE;
use crate::support::Test;

#[tokio::test]
async fn a_projects_namespace_goes_by_hand_only_if_it_would_go_with_the_project() {
    let test = Test::start().await;
    let (free, confirmed, floored) =
        (unique_name("free"), unique_name("asked"), unique_name("floor"));
    test.policy(&confirmed, json!({"confirmation": "Required"})).await;
    test.policy(&floored, json!({"floor": "Retain"})).await;
    for name in [&free, &confirmed, &floored] {
        test.ready(name, json!({})).await;
    }
    for (name, told) in [(&confirmed, "has to be confirmed"), (&floored, "demands at least Retain")]
    {
        let refused = test.namespaces.delete(name, &DeleteParams::default()).await.unwrap_err();
        assert!(refused.to_string().contains(told), "{refused}");
        let namespace = test.namespace(name).await.expect("it stands");
        assert!(namespace.metadata.deletion_timestamp.is_none());
    }
    test.namespaces.delete(&free, &DeleteParams::default()).await.expect("nothing holds it");
    // Its Project goes with it, though its namespace is terminating.
    test.gone(&free).await;
}

#[tokio::test]
async fn a_project_whose_namespace_is_going_is_let_go_of_whatever_policies_say() {
    let test = Test::start().await;
    let name = unique_name("stuck");
    test.ready(&name, json!({})).await;
    test.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "stays", "namespace": name, "finalizers": ["example.com/stay"]},
    }))
    .await;
    test.namespaces.delete(&name, &DeleteParams::default()).await.expect("nothing holds it");
    test.policy(&name, json!({"confirmation": "Required", "floor": "Retain"})).await;
    eventually("the project is being deleted", async || (!test.lives(&name).await).then_some(()))
        .await;
    let said = test.kubectl("anna", &["delete", "project", &name, "--wait=false"]);
    // Kargo does not wait for the namespace.
    let gone = MODE == Mode::Companion && said.err.contains("NotFound");
    assert!(said.ok || gone, "{said:?}");
    test.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "stays", "namespace": name, "finalizers": []},
    }))
    .await;
    test.gone(&name).await;
}

#[tokio::test]
async fn the_definition_of_projects_stays_while_there_are_any() {
    let test = Test::start().await;
    let name = unique_name("defined");
    test.ready(&name, json!({})).await;
    let definitions: Api<CustomResourceDefinition> = Api::all(test.client.clone());
    let refused =
        definitions.delete("projects.kargo.akuity.io", &DeleteParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("there are Projects"), "{refused}");
    assert!(test.lives(&name).await);
}

#[tokio::test]
async fn that_the_api_server_asks_is_tried() {
    let test = Test::start().await;
    eventually("the guard is effective", async || {
        (test.metric("tenure_guard_effective").await?.starts_with('1')).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_pod_of_the_server_shows_whether_it_is_asked() {
    let test = Test::alone(&["--pod", "tenure-0"]).await;
    let container = json!({"name": "tenure", "image": "tenure"});
    test.apply(&json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "tenure-0", "namespace": TENURE_NAMESPACE},
        "spec": {"containers": [container], "automountServiceAccountToken": false},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }))
    .await;
    let pods: Api<Pod> = Api::namespaced(test.client.clone(), TENURE_NAMESPACE);
    let shows = async |wanted: &str| {
        eventually(&format!("it shows {wanted}"), async || {
            let conditions = pods.get("tenure-0").await.expect("the pod").status?.conditions?;
            let shown = conditions.iter().find(|c| c.type_ == "tenure.dev/GuardEffective")?;
            (shown.status == wanted).then(|| shown.message.clone().unwrap_or_default())
        })
        .await
    };
    assert_eq!(shows("True").await, "");
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(test.client.clone());
    configurations.delete("tenure", &DeleteParams::default()).await.expect("delete");
    assert_eq!(shows("False").await, "a deletion that has to be refused would pass");
}

#[tokio::test]
async fn whoever_damages_the_record_of_a_namespace_does_not_get_it_deleted() {
    let test = Test::start().await;
    let name = unique_name("damaged");
    test.ready(&name, json!({"kargo.akuity.io/keep-namespace": "true"})).await;
    test.patch_namespace(&name, json!({"annotations": {"tenure.dev/origin": "x"}})).await;
    let refused = test.namespaces.delete(&name, &DeleteParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("is Project"), "{refused}");
    assert!(test.namespace(&name).await.is_some_and(|ns| ns.metadata.deletion_timestamp.is_none()));
}

#[tokio::test]
async fn an_open_breaker_refuses_until_a_person_closes_it_and_then_lets_the_next_one_close_it() {
    let test = Test::alone(&["--breaker-at-least", "1", "--breaker-percent", "0"]).await;
    let (first, second, third) = (unique_name("b"), unique_name("b"), unique_name("b"));
    for name in [&first, &second, &third] {
        test.ready(name, json!({})).await;
    }
    test.projects.delete(&first, &DeleteParams::default()).await.expect("one is usual");
    test.gone(&first).await;
    // What opens the breaker is let in, and waits.
    test.projects.delete(&second, &DeleteParams::default()).await.expect("it runs into it");
    eventually("the breaker is open", async || {
        let plan = test.plan(&second).await?;
        (plan.status.as_ref()?.waiting_for.as_deref()? == "Breaker").then_some(())
    })
    .await;
    let refused = test.projects.delete(&third, &DeleteParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("the breaker is open"), "{refused}");
    // What waited is called off, so no pass is left that would close it.
    test.call_off(&second).await;
    eventually("the project is there again", async || test.lives(&second).await.then_some(()))
        .await;
    let maps = "/api/v1/namespaces/tenure-system/configmaps/tenure-breaker";
    test.merge(maps, json!({"metadata": {"annotations": {"tenure.dev/closed-by": "admin"}}})).await;
    test.projects.delete(&third, &DeleteParams::default()).await.expect("a person closed it");
    test.gone(&third).await;
}
