//! Stamps that are taken off again, or come late.

use kube::api::DeleteParams;
use serde_json::json;
use tenure_testbed::{eventually, unique_name};

use crate::support::Test;

const KEEP: &str = "kargo.akuity.io/keep-namespace";

#[tokio::test]
async fn a_project_whose_deletion_somebody_else_refuses_is_as_it_was_and_its_plan_is_void() {
    let test = Test::start().await;
    let (plain, said) = (unique_name("plain"), unique_name("said"));
    test.settled(&plain, json!({})).await;
    test.settled(&said, json!({KEEP: "false"})).await;
    for name in [&plain, &said] {
        test.refuse_deletion_of(name).await;
        let before = test.projects.get(name).await.expect("read").metadata.annotations;
        let refused = test.projects.delete(name, &DeleteParams::default()).await.unwrap_err();
        assert!(refused.to_string().contains("nobody.example.com"), "{refused}");
        let stamped = test.projects.get(name).await.expect("read").metadata.annotations;
        let stamped = stamped.expect("a stamp");
        assert_eq!(stamped[KEEP], "true");
        let plan = test.plan(name).await.expect("a plan").metadata.name;
        assert_eq!(Some(&stamped["tenure.dev/stamp"]), plan.as_ref());
        let after = eventually("the stamp is taken off", async || {
            let annotations = test.projects.get(name).await.expect("read").metadata.annotations;
            let stamped = annotations.iter().flatten().any(|(key, _)| key == "tenure.dev/stamp");
            (!stamped).then_some(annotations)
        })
        .await;
        assert_eq!(after.unwrap_or_default(), before.unwrap_or_default());
        eventually("the plan is void", async || {
            let facts = test.plan(name).await?.facts().expect("a plan that can be read");
            facts.status.phase.is_final().then_some(())
        })
        .await;
        assert!(test.lives(name).await);
    }
    // What is asked for again is decided anew.
    test.allow_deletion_of(&plain).await;
    test.projects.delete(&plain, &DeleteParams::default()).await.expect("delete");
    test.gone(&plain).await;
    test.namespace_gone(&plain).await;
}

#[tokio::test]
async fn a_dry_run_stamps_nothing() {
    let test = Test::start().await;
    let name = unique_name("dry");
    test.settled(&name, json!({})).await;
    let before = test.projects.get(&name).await.expect("read").metadata;
    let writes = test.writes(&name);
    let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
    test.projects.delete(&name, &dry).await.expect("it would be let in");
    let after = test.projects.get(&name).await.expect("read").metadata;
    assert_eq!(before.resource_version, after.resource_version);
    assert_eq!(test.writes(&name), writes);
    assert!(test.plan(&name).await.is_none());
}

/// As while the webhook is not installed, or its failures are ignored.
#[tokio::test]
async fn a_deletion_that_tenure_was_not_asked_about_is_decided_before_kargo_comes_to_it() {
    let test = Test::alone(&[]).await;
    let (stays, goes) = (unique_name("stays"), unique_name("goes"));
    test.settled(&stays, json!({})).await;
    test.settled(&goes, json!({})).await;
    test.patch_namespace(&stays, json!({"annotations": {"tenure.dev/disposition": "Retain"}}))
        .await;
    // Nor is a namespace watched that carries no label: of a Project that never got one of its own.
    let bare = unique_name("bare");
    test.settled(&bare, json!({})).await;
    let record = ["tenure.dev/project-uid", "tenure.dev/origin", "tenure.dev/ledger"];
    let none: serde_json::Map<_, _> =
        record.map(|key| (key.to_owned(), json!(null))).into_iter().collect();
    let unmarked = json!({"annotations": none, "labels": {"kargo.akuity.io/project": null}});
    test.patch_namespace(&bare, unmarked).await;
    let kargo = test.stop_kargo();
    test.unasked(async || {
        for name in [&stays, &goes, &bare] {
            test.projects.delete(name, &DeleteParams::default()).await.expect("nobody is asked");
        }
    })
    .await;
    for name in [&stays, &goes, &bare] {
        eventually("it is stamped", async || {
            let project = test.projects.get_opt(name).await.expect("read")?;
            project.metadata.annotations?.get("tenure.dev/stamp").map(drop)
        })
        .await;
    }
    drop(kargo);
    for name in [&stays, &goes, &bare] {
        test.gone(name).await;
    }
    assert!(test.namespace(&stays).await.is_some());
    assert!(test.namespace(&bare).await.is_some());
    assert!(test.namespace(&goes).await.is_none());
}
