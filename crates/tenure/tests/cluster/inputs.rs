//! Names and annotations as people get them wrong.

use serde_json::json;
use tenure_testbed::unique_name;

use crate::support::{KEEP, Test};

#[tokio::test]
async fn a_misspelt_value_on_either_object_keeps_and_warns() {
    let test = Test::start().await;
    let around = test.around_admission();
    let mut names = Vec::new();
    for value in ["True", "yes", "1", "", " true", "true\n", "Delete"] {
        for on_project in [true, false] {
            let name = unique_name("misspelt");
            test.create(&name, &[]).await;
            names.push((name, value, on_project));
        }
    }
    for (name, value, on_project) in &names {
        test.condition(name, "Ready", "True").await;
        if *on_project {
            around.annotate_project(name, json!({KEEP: value})).await;
        } else {
            around.patch_namespace(name, json!({"annotations": {KEEP: value}})).await;
        }
    }
    let audit = test.bed.plane.audit();
    for (name, value, on_project) in &names {
        let message = test.disposition(name, "Retain").await;
        let word = if *on_project { "Project" } else { "Namespace" };
        assert!(message.contains(&format!("on the {word} must be")), "{value:?}: {message}");
        test.delete(name).await;
    }
    for (name, value, _) in &names {
        test.project_gone(name).await;
        assert!(test.namespace(name).await.is_some(), "{value:?}");
        assert!(!test.delete_was_asked(&audit, name), "{value:?}");
    }
}

#[tokio::test]
async fn near_misses_of_the_key_and_the_key_as_a_label_keep_and_warn() {
    let test = Test::start().await;
    for metadata in [
        json!({"annotations": {"kargo.akuity.io/keepnamespace": "true"}}),
        json!({"annotations": {"kargo.akuity.com/keep-namespace": "true"}}),
        json!({"labels": {KEEP: "true"}}),
    ] {
        let name = unique_name("near");
        test.create_ready(&name, &[]).await;
        test.patch_namespace(&name, metadata).await;
        let message = test.disposition(&name, "Retain").await;
        assert!(message.contains("is not read by Kargo"), "{message}");
        test.delete_and_wait(&name).await;
        assert!(test.namespace(&name).await.is_some());
    }
}

#[tokio::test]
async fn contradicting_statements_protect() {
    let test = Test::start().await;
    let name = unique_name("contradiction");
    test.create_ready(&name, &[(KEEP, "false"), ("tenure.dev/disposition", "Clean")]).await;
    test.patch_namespace(&name, json!({"annotations": {KEEP: "true"}})).await;
    test.disposition(&name, "Retain").await;
    test.delete_and_wait(&name).await;
    assert!(test.namespace(&name).await.is_some());
}

#[tokio::test]
async fn an_annotation_of_200_kib_is_survived_and_cut() {
    let test = Test::start().await;
    let name = unique_name("huge");
    let value = "x".repeat(200 * 1024);
    test.around_admission().create_ready(&name, &[(KEEP, &value)]).await;
    let message = test.disposition(&name, "Retain").await;
    assert!(message.len() < 600, "{} bytes", message.len());
    test.delete_and_wait(&name).await;
    assert!(test.namespace(&name).await.is_some());
}

#[tokio::test]
async fn a_name_that_no_namespace_can_have_is_explained_and_can_be_deleted() {
    let test = Test::start().await;
    // 254 characters, uppercase and letters of other alphabets the API server itself refuses.
    let long = format!("{}-{}", unique_name("n"), "n".repeat(253));
    for name in [unique_name("dotted.name"), long[..64].to_owned(), long[..253].to_owned()] {
        test.around_admission().create(&name, &[]).await;
        let (reason, _) = test.condition(&name, "Stalled", "True").await;
        assert_eq!(reason, "InvalidNamespaceName");
        let (_, message) = test.condition(&name, "Ready", "False").await;
        assert!(message.contains("recreate the Project under another"), "{message}");
        test.delete_and_wait(&name).await;
    }
}

#[tokio::test]
async fn the_longest_name_that_a_namespace_can_have_works() {
    let test = Test::start().await;
    let long = format!("{}-{}", unique_name("m"), "m".repeat(63));
    let name = &long[..63];
    test.create_ready(name, &[]).await;
    test.delete_and_wait(name).await;
    test.namespace_gone(name).await;
}

#[tokio::test]
async fn a_system_namespace_is_never_touched_even_with_the_label() {
    let test = Test::start().await;
    let label = json!({"labels": {"kargo.akuity.io/project": "true"}});
    for name in ["default", "kube-node-lease", "kargo", "tenure-system"] {
        let before = test.namespace(name).await.expect("there");
        test.patch_namespace(name, label.clone()).await;
        test.around_admission().create(name, &[]).await;
        let (reason, _) = test.condition(name, "Stalled", "True").await;
        assert_eq!(reason, "SystemNamespace");
        test.delete_and_wait(name).await;
        test.patch_namespace(name, json!({"labels": {"kargo.akuity.io/project": null}})).await;
        let after = test.namespace(name).await.expect("there");
        assert_eq!(
            (before.metadata.uid, before.metadata.annotations, before.metadata.finalizers),
            (after.metadata.uid, after.metadata.annotations, after.metadata.finalizers)
        );
    }
}

#[tokio::test]
async fn a_corrupted_record_retains_and_says_so() {
    let test = Test::start().await;
    for record in [
        json!({"tenure.dev/origin": "created"}),
        json!({"tenure.dev/ledger": "{"}),
        json!({"tenure.dev/project-uid": "11111111-2222-3333-4444-555555555555"}),
        json!({"tenure.dev/project-uid": null}),
    ] {
        let name = unique_name("corrupted");
        test.create_ready(&name, &[]).await;
        test.patch_namespace(&name, json!({"annotations": record})).await;
        let (reason, message) = test.condition(&name, "Stalled", "True").await;
        assert_eq!(reason, "ExistingNamespaceNotOurs", "{message}");
        test.delete_and_wait(&name).await;
        assert!(test.namespace(&name).await.is_some(), "{record}");
    }
}
