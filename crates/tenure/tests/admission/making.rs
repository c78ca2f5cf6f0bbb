//! A Project comes, and Tenure makes its Namespace.

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::api::DeleteParams;
use serde_json::json;
use tenure_testbed::{eventually, unique_name};

use crate::arrival::manifest;
use crate::support::Test;

/// Another webhook, a policy engine's say, which is not there, is asked about that Project.
async fn ask_nobody(test: &Test, name: &str) {
    test.apply(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": "nobody.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail", "timeoutSeconds": 2,
            "clientConfig": {"url": "https://127.0.0.1:1/nobody"},
            "matchConditions": [{"name": "one", "expression": format!("object.metadata.name == '{name}'")}],
            "rules": [{
                "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["projects"],
                "operations": ["CREATE"],
            }],
        }],
    }))
    .await;
}

#[tokio::test]
async fn what_follows_the_project_in_one_file_finds_its_namespace() {
    let test = Test::start().await;
    let name = unique_name("file");
    let file = format!(
        "{}---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: {name}\n",
        manifest(&name)
    );
    let said = test.kubectl_with("anna", &["create", "-f", "-"], &file);
    assert!(said.ok, "{said:?}");
    let project = test.projects.get(&name).await.expect("the project");
    let held = project.metadata.finalizers.unwrap_or_default();
    assert_eq!(held, ["kargo.akuity.io/finalizer"], "it is held from the start");
    let namespace = test.namespace(&name).await.expect("it is made").metadata;
    let annotations = namespace.annotations.expect("a record");
    assert_eq!(annotations["tenure.dev/origin"], "Created");
    assert_eq!(Some(&annotations["tenure.dev/project-uid"]), project.metadata.uid.as_ref());
    assert_eq!(namespace.finalizers.unwrap_or_default(), ["kargo.akuity.io/finalizer"]);
    test.is_ready(&name).await;
    assert_eq!(test.writes(&name), 16);
    test.projects.delete(&name, &DeleteParams::default()).await.expect("delete");
    test.gone(&name).await;
    assert!(test.namespace(&name).await.is_none());
}

#[tokio::test]
async fn what_was_made_for_a_project_that_never_came_is_released() {
    let test = Test::start().await;
    let name = unique_name("never");
    ask_nobody(&test, &name).await;
    eventually("the other webhook is asked", async || {
        let refused = test.kubectl_with("anna", &["create", "-f", "-"], &manifest(&name));
        (!refused.ok && refused.err.contains("nobody.example.com")).then_some(())
    })
    .await;
    let configurations: kube::Api<ValidatingWebhookConfiguration> =
        kube::Api::all(test.client_as("root", &["system:masters"]));
    configurations.delete(&name, &DeleteParams::default()).await.expect("delete");
    let made = test.namespace(&name).await.expect("admission made it").metadata;
    assert!(made.annotations.expect("a record").contains_key("tenure.dev/project-uid"));
    let refused = test.kubectl_with("anna", &["create", "-f", "-"], &manifest(&name));
    assert!(!refused.ok && refused.err.contains("try again then"), "{refused:?}");
    let left = eventually("it is released", async || {
        let left = test.namespace(&name).await.expect("it stays").metadata;
        left.finalizers.is_none().then_some(left)
    })
    .await;
    assert!(!left.labels.expect("its name").contains_key("kargo.akuity.io/project"));
    assert_eq!(left.annotations, None);
}

#[tokio::test]
async fn a_namespace_in_the_way_is_said_with_the_command_that_lets_the_project_move_in() {
    let test = Test::start().await;
    let name = unique_name("way");
    test.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})).await;
    let refused = test.kubectl_with("anna", &["create", "-f", "-"], &manifest(&name));
    assert!(!refused.ok && refused.err.contains("is not marked for a Project"), "{refused:?}");
    let told = refused.err.replace("that is there: kubectl", "that is there:\nthen: kubectl");
    let marked = test.follow("anna", &told, "then: ");
    assert!(marked.ok, "{marked:?}");
    let created = test.kubectl_with("anna", &["create", "-f", "-"], &manifest(&name));
    assert!(created.ok, "{created:?}");
    eventually("it is adopted", async || {
        let annotations = test.namespace(&name).await?.metadata.annotations?;
        (annotations.get("tenure.dev/origin")? == "Adopted").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_project_out_of_a_backup_gets_a_namespace_of_its_own() {
    let test = Test::start().await;
    let name = unique_name("backup");
    test.ready(&name, json!({"tenure.dev/namespace-uid": "of-one-long-gone"})).await;
    let annotations = test.namespace(&name).await.expect("it is made").metadata.annotations;
    assert_eq!(annotations.expect("a record")["tenure.dev/origin"], "Created");
}
