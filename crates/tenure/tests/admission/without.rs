//! The server does not answer: what may not be decided by nobody is refused, and nothing else.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tenure_testbed::unique_name;

use crate::support::Test;

#[tokio::test]
async fn without_an_answer_projects_and_their_namespaces_stay_and_everything_else_goes_on() {
    let mut test = Test::alone(&[]).await;
    let (name, foreign) = (unique_name("unanswered"), unique_name("foreign"));
    test.ready(&name, json!({})).await;
    test.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": foreign}}))
        .await;
    test.stop_server();
    let refused = test.projects.delete(&name, &DeleteParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("failed calling webhook"), "{refused}");
    assert!(test.lives(&name).await);
    let refused = test.namespaces.delete(&name, &DeleteParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("failed calling webhook"), "{refused}");
    // The webhook is not asked about what is nobody's Project's.
    test.namespaces.delete(&foreign, &DeleteParams::default()).await.expect("it is foreign");
    // What the API server evaluates itself holds, and lets pass.
    let say = |value: &str| {
        Patch::Merge(
            json!({"metadata": {"annotations": {"kargo.akuity.io/keep-namespace": value}}}),
        )
    };
    let params = PatchParams::default();
    test.projects.patch(&name, &params, &say("True")).await.expect_err("it is illegible");
    test.projects.patch(&name, &params, &say("true")).await.expect("it is legal");
    let held = unique_name("held");
    let lien = json!({"hold.tenure.dev/audit": "running"});
    let manifest = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": held, "annotations": lien},
    });
    test.apply(&manifest).await;
    let refused = test.namespaces.delete(&held, &DeleteParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("hold.tenure.dev/audit"), "{refused}");
    for name in [&name, &held] {
        let namespace = test.namespace(name).await.expect("it stands");
        assert!(namespace.metadata.deletion_timestamp.is_none());
    }
}
