//! Webhooks that are gone or refuse, conversions, policy engines.

use serde_json::{Value, json};
use tenure_testbed::{eventually, unique_name};

use crate::support::{Test, compare};

/// A webhook that is asked about one namespace alone.
fn webhook(name: &str, namespace: &str, resources: Value, service: (&str, &str)) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": format!("{name}.example.com"), "admissionReviewVersions": ["v1"],
            "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 1,
            "clientConfig": {"service": {"namespace": service.0, "name": service.1}},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "rules": [{
                "apiGroups": ["*"], "apiVersions": ["*"], "resources": resources,
                "operations": ["DELETE"],
            }],
        }],
    })
}

#[tokio::test]
async fn a_webhook_whose_service_is_gone_blocks_and_would() {
    let test = Test::start().await;
    let name = unique_name("webhook");
    test.namespace(&name).await;
    test.apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": name},
    }))
    .await;
    test.apply(webhook(&name, &name, json!(["configmaps"]), ("ops", "away"))).await;
    compare("webhook_gone_would", &test.finds(&name, "WebhookGone"));
    test.hangs(&name).await;
    compare("webhook_gone", &test.finds(&name, "WebhookGone"));
}

#[tokio::test]
async fn a_rejected_deletion_is_told_with_who_rejects_it() {
    let test = Test::start().await;
    let name = unique_name("rejected");
    test.namespace(&name).await;
    test.apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": name},
    }))
    .await;
    test.apply(json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
                "resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"],
                    "operations": ["DELETE"],
                }],
            },
            "validations": [{"expression": "false", "message": "not on Fridays"}],
        },
    }))
    .await;
    test.apply(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }))
    .await;
    let path = format!("/api/v1/namespaces/{name}/configmaps/c?dryRun=All");
    eventually("the rule holds", async || {
        let request = http::Request::delete(&path).body(Vec::new()).expect("a request");
        test.client.request::<Value>(request).await.is_err().then_some(())
    })
    .await;
    test.hangs(&name).await;
    let found = test.finds(&name, "DeletionRejected");
    assert!(found["evidence"][0].as_str().expect("text").contains("not on Fridays"), "{found}");
}

#[tokio::test]
async fn a_kind_whose_conversion_is_gone_cannot_be_emptied() {
    // Once it cannot be read, it cannot be listed in any namespace.
    let test = Test::alone().await;
    let name = unique_name("conversion");
    test.namespace(&name).await;
    let group = format!("{name}.example.com");
    let crd = |storage: &str, conversion: Value| {
        let schema = json!({"openAPIV3Schema": {"type": "object"}});
        let version = |version: &str| {
            json!({
                "name": version, "served": true, "storage": version == storage, "schema": schema,
            })
        };
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("widgets.{group}")},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"kind": "Widget", "plural": "widgets"},
                "versions": [version("v1"), version("v2")],
                "conversion": conversion,
            },
        })
    };
    test.apply(crd("v1", json!({"strategy": "None"}))).await;
    let widget = json!({
        "apiVersion": format!("{group}/v1"), "kind": "Widget",
        "metadata": {"name": "w", "namespace": name},
    });
    eventually("widgets are served", async || {
        tenure_testbed::apply(&test.client, &widget).await.ok()
    })
    .await;
    let service = json!({"namespace": "ops", "name": "converter"});
    let away = json!({
        "strategy": "Webhook",
        "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {"service": service}},
    });
    test.apply(crd("v2", away)).await;
    eventually("widgets cannot be read", async || {
        let said = test.ask_as("doctor", "system:masters", &[&name, "-o", "json"]);
        (said.finding("ConversionWebhookGone")["severity"] == "Blocks").then_some(())
    })
    .await;
    test.hangs(&name).await;
    compare("conversion_gone", &test.finds(&name, "ConversionWebhookGone"));
    let said = test.ask_as("doctor", "system:masters", &[&name, "-o", "json"]);
    assert!(said.finding("DeletionRejected").is_null(), "it is explained: {}", said.out);
    test.apply(crd("v2", json!({"strategy": "None"}))).await;
    test.gone(&name).await;
}

#[tokio::test]
async fn a_policy_engine_that_refuses_is_told_by_its_events() {
    let test = Test::start().await;
    let name = unique_name("engine");
    test.namespace(&name).await;
    test.held(&name, "held", "example.com/hold").await;
    // Events cannot be made any more once the namespace is terminating.
    test.apply(json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": "refused", "namespace": name},
        "involvedObject": {
            "apiVersion": "v1", "kind": "ConfigMap", "name": "held", "namespace": name,
        },
        "reason": "PolicyViolation", "message": "policy require-team: label team is missing",
        "type": "Warning", "source": {"component": "kyverno-admission"},
    }))
    .await;
    compare("policy_blocks", &test.finds(&name, "PolicyBlocks"));
}
