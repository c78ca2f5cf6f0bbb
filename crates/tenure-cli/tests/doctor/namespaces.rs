//! What is left, the Namespace itself, who looks after it, and APIs that are down.

use std::time::Duration;

use serde_json::json;
use tenure_testbed::{eventually, unique_name};

use crate::support::{Test, compare};

#[tokio::test]
async fn objects_that_are_left_are_named_with_their_finalizers() {
    let test = Test::start().await;
    let name = unique_name("left");
    test.namespace(&name).await;
    test.held(&name, "held", "example.com/hold").await;
    test.hangs(&name).await;
    compare("objects_remain", &test.finds(&name, "ObjectsRemain"));
    let said = test.ask_as("doctor", "system:masters", &[&name]);
    let text = said.out.find("Blocks ObjectsRemain: 1 object is left").expect("it is told");
    let force = said.out.find("finalize the namespace by force").expect("it is told");
    let wait = said.out[text..].find("wait, and see").expect("it is told") + text;
    assert!(text < wait && wait < force, "{}", said.out);
    assert!(said.err.contains("hold something up, or would"), "{}", said.err);
}

#[tokio::test]
async fn a_namespace_that_stands_and_holds_nothing_up_is_well() {
    let test = Test::start().await;
    let name = unique_name("well");
    test.namespace(&name).await;
    let said = test.ask_as("doctor", "system:masters", &[&name]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("nothing was found that holds it up"), "{}", said.out);
    let said = test.ask_as("doctor", "system:masters", &["namespace/nowhere"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
    assert!(said.err.contains("namespace/nowhere is not there"), "{}", said.err);
}

#[tokio::test]
async fn what_may_not_be_seen_is_told_and_is_no_error() {
    let test = Test::start().await;
    let name = unique_name("blind");
    test.namespace(&name).await;
    test.apply(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "looks-at-namespaces"},
        "rules": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"]}],
    }))
    .await;
    test.apply(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "looks-at-namespaces"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "looks-at-namespaces",
        },
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "lookers"},
        ],
    }))
    .await;
    let said = test.ask_as("vera", "lookers", &[&name, "-o", "json"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let json = said.json();
    let unseen = json["namespaces"][0]["unseen"].as_array().expect("a list").clone();
    for kind in ["configmaps", "apiservices.apiregistration.k8s.io", "events"] {
        assert!(unseen.iter().any(|entry| entry["kind"] == kind), "{kind}: {unseen:?}");
    }
    let said = test.ask_as("nobody", "strangers", &[&name]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("read namespace"), "{}", said.err);
}

#[tokio::test]
async fn finalizers_of_the_namespace_itself_are_told_apart_by_where_they_stand() {
    let test = Test::start().await;
    let name = unique_name("own");
    test.apply(json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "finalizers": ["example.com/hold"]},
    }))
    .await;
    compare("namespace_finalizers_would", &test.finds(&name, "NamespaceFinalizers"));
    test.delete(&name).await;
    compare("namespace_finalizers", &test.finds(&name, "NamespaceFinalizers"));
}

#[tokio::test]
async fn an_aggregated_api_that_is_down_blocks_every_namespace() {
    let test = Test::alone().await;
    let name = unique_name("discovery");
    test.namespace(&name).await;
    test.api_service("broken.example.com", "v1").await.expect("register it");
    let path = "/apis/apiregistration.k8s.io/v1/apiservices/v1.broken.example.com";
    eventually("it is known to be down", async || {
        let read = test.request("GET", path, None).await;
        read["status"]["conditions"].as_array().map(drop)
    })
    .await;
    compare("api_service_would", &test.finds(&name, "ApiServiceDown"));
    test.hangs(&name).await;
    compare("api_service", &test.finds(&name, "ApiServiceDown"));
    test.request("DELETE", path, None).await;
    test.gone(&name).await;
}

#[tokio::test]
async fn a_namespace_that_nobody_looks_after_is_told() {
    let test = Test::alone().await;
    let name = unique_name("silence");
    test.namespace(&name).await;
    let stopped = test.plane.without_controllers().expect("they are ours");
    test.delete(&name).await;
    tokio::time::sleep(Duration::from_secs(17)).await;
    compare("no_namespace_controller", &test.finds(&name, "NoNamespaceController"));
    drop(stopped);
}

/// The one cause that no API server can be brought to. What the namespace controller parses is the
/// `groupVersion` of each group that is discovered, and the API server makes that of the group and
/// version of an APIService (or of the CustomResourceDefinition it is made from), which it takes
/// only if they are DNS names: whatever a server behind an APIService calls itself, it is never
/// read from there. So what the controller would write is written in its place, while it rests.
#[tokio::test]
async fn a_version_that_cannot_be_read_is_told_as_the_namespace_controller_would_say_it() {
    let test = Test::alone().await;
    let name = unique_name("unreadable");
    test.namespace(&name).await;
    test.held(&name, "held", "example.com/hold").await;
    for (group, version) in [("a/b", "v1"), ("example.com", "v1/v2"), ("example.com", "1")] {
        let refused = test.api_service(group, version).await.expect_err("it is no DNS name");
        assert!(refused.to_string().contains("spec."), "{refused}");
    }
    let stopped = test.plane.without_controllers().expect("they are ours");
    test.delete(&name).await;
    let condition = json!({
        "type": "NamespaceDeletionGroupVersionParsingFailure", "status": "True",
        "reason": "GroupVersionParsingFailed", "message": "unexpected GroupVersion string: a/b/c",
        "lastTransitionTime": "2026-11-26T00:00:00Z",
    });
    let path = format!("/api/v1/namespaces/{name}");
    test.merge_status(&path, json!({"conditions": [condition]})).await;
    compare("version_unreadable", &test.finds(&name, "GroupVersionUnreadable"));
    drop(stopped);
}

#[tokio::test]
async fn without_a_name_it_looks_at_all_that_are_terminating_and_at_tenure() {
    let test = Test::start().await;
    let name = unique_name("all");
    test.namespace(&name).await;
    test.held(&name, "held", "example.com/hold").await;
    test.delete(&name).await;
    let said = test.ask_as("doctor", "system:masters", &["-o", "json"]);
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    let json = said.json();
    let mut names = json["namespaces"].as_array().expect("a list").iter();
    assert!(names.any(|namespace| namespace["name"] == *name), "{json:#}");
    // Tenure's definitions and rules are there, and no server.
    assert!(said.finding("NotInstalled").is_null(), "{}", said.finding("NotInstalled"));
    compare("server_away", &said.finding("ServerAway"));
    compare("not_asked", &said.finding("NotAsked"));
}
