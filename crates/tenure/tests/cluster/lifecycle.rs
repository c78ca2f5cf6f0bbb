//! A Project and its Namespace, from creation to the end.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy};
use serde_json::json;
use tenure_testbed::audit::tally;
use tenure_testbed::{eventually, unique_name};

use crate::support::{KEEP, SERVER, Test};

#[tokio::test]
async fn a_created_namespace_goes_with_its_project() {
    let test = Test::start().await;
    let name = unique_name("created");
    test.create_ready(&name, &[]).await;
    let namespace = test.namespace(&name).await.expect("made");
    let finalizers = namespace.metadata.finalizers.unwrap_or_default();
    assert_eq!(finalizers, ["kargo.akuity.io/finalizer"]);
    let audit = test.bed.plane.audit();
    test.delete_and_wait(&name).await;
    assert!(test.namespace(&name).await.is_none(), "the Project went before its namespace");
    let asked = audit.of(SERVER, &name);
    let delete = asked.iter().find(|e| e.short() == "delete namespaces").expect("a deletion");
    let preconditions = &delete.request_object.as_ref().expect("a body")["preconditions"];
    assert_eq!(preconditions["uid"], json!(namespace.metadata.uid));
    assert!(preconditions["resourceVersion"].is_string(), "{preconditions}");
    let writes = asked.iter().filter(|e| e.is_write() && e.resource() != "events").count();
    assert_eq!(writes, 8, "{:#?}", tally(&asked));
}

#[tokio::test]
async fn a_project_is_provisioned_in_17_writes_and_says_so() {
    let test = Test::start().await;
    let name = unique_name("writes");
    let audit = test.bed.plane.audit();
    test.create_ready(&name, &[]).await;
    let (reason, _) = test.condition(&name, "Ready", "True").await;
    assert_eq!(reason, "Synced");
    let (reason, message) = test.condition(&name, "Disposition", "True").await;
    assert_eq!(
        (reason.as_str(), message.as_str()),
        ("Delete", "the namespace is deleted with the Project")
    );
    let asked = audit.of(SERVER, &name);
    let writes = asked.iter().filter(|e| e.is_write()).count();
    assert_eq!(writes, 17, "{:#?}", tally(&asked));
    assert!(asked.iter().all(|e| !e.is_write() || e.succeeded()), "{:#?}", tally(&asked));
}

#[tokio::test]
async fn keep_on_the_project_or_the_namespace_or_both_keeps_and_leaves_nothing_behind() {
    let test = Test::start().await;
    for (on_project, on_namespace) in [(true, false), (false, true), (true, true)] {
        let name = unique_name("keep");
        test.create_ready(&name, &[]).await;
        if on_project {
            test.annotate_project(&name, json!({KEEP: "true"})).await;
        }
        if on_namespace {
            test.patch_namespace(&name, json!({"annotations": {KEEP: "true"}})).await;
        }
        // Which of two annotations is seen first, nobody can say; the last word is the Project's.
        let word = if on_project { "the Project says" } else { "the Namespace says" };
        test.disposition_because(&name, "Retain", word).await;
        let audit = test.bed.plane.audit();
        test.delete_and_wait(&name).await;
        let namespace = test.namespace(&name).await.expect("kept");
        assert_eq!(namespace.metadata.finalizers, None);
        let labels = namespace.metadata.labels.unwrap_or_default();
        assert!(!labels.contains_key("kargo.akuity.io/project"), "{labels:?}");
        let annotations = namespace.metadata.annotations.unwrap_or_default();
        assert!(annotations.keys().all(|key| key == KEEP), "{annotations:?}");
        assert_eq!(test.access_objects(&name).await, Vec::<String>::new());
        assert!(!test.delete_was_asked(&audit, &name));
        let asked = audit.of(SERVER, &name);
        let writes = asked.iter().filter(|e| e.is_write() && e.resource() != "events").count();
        assert!(writes <= 10, "{:#?}", tally(&asked));
    }
}

#[tokio::test]
async fn the_finalizer_of_the_namespace_follows_the_decision() {
    let test = Test::start().await;
    let name = unique_name("finalizer");
    test.create_ready(&name, &[]).await;
    test.patch_namespace(&name, json!({"annotations": {KEEP: "true"}})).await;
    test.namespace_finalizers(&name, &[]).await;
    test.patch_namespace(&name, json!({"annotations": {KEEP: null}})).await;
    test.namespace_finalizers(&name, &["kargo.akuity.io/finalizer"]).await;
    test.annotate_project(&name, json!({"tenure.dev/disposition": "Retain"})).await;
    test.namespace_finalizers(&name, &[]).await;
}

#[tokio::test]
async fn the_project_follows_a_namespace_that_is_deleted_first() {
    let test = Test::start().await;
    let name = unique_name("first");
    test.create_ready(&name, &[]).await;
    test.namespaces.delete(&name, &DeleteParams::default()).await.expect("delete");
    test.project_gone(&name).await;
    test.namespace_gone(&name).await;
}

#[tokio::test]
async fn a_namespace_that_lost_its_label_is_not_ours_any_more() {
    let test = Test::start().await;
    let name = unique_name("unlabelled");
    test.create_ready(&name, &[]).await;
    test.patch_namespace(&name, json!({"labels": {"kargo.akuity.io/project": null}})).await;
    let (reason, _) = test.condition(&name, "Stalled", "True").await;
    assert_eq!(reason, "ExistingNamespaceMissingLabel");
    let audit = test.bed.plane.audit();
    test.delete_and_wait(&name).await;
    let namespace = test.namespace(&name).await.expect("kept");
    assert_eq!(namespace.metadata.annotations, None);
    assert_eq!(namespace.metadata.finalizers, None);
    assert!(!test.delete_was_asked(&audit, &name));
    assert_eq!(test.access_objects(&name).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_lien_on_either_object_holds_the_deletion_until_it_is_taken_off() {
    let test = Test::start().await;
    for on_project in [true, false] {
        let name = unique_name("lien");
        test.create_ready(&name, &[]).await;
        let lien = |value| json!({"hold.tenure.dev/audit": value});
        if on_project {
            test.annotate_project(&name, lien(json!("quarter not closed"))).await;
        } else {
            test.patch_namespace(&name, json!({"annotations": lien(json!("quarter not closed"))}))
                .await;
        }
        test.around_admission().delete(&name).await;
        let (reason, message) = test.condition(&name, "Stalled", "True").await;
        assert_eq!(reason, "Held");
        assert!(message.contains("hold.tenure.dev/audit: quarter not closed"), "{message}");
        assert!(test.namespace(&name).await.expect("held").metadata.deletion_timestamp.is_none());
        if on_project {
            test.annotate_project(&name, lien(json!(null))).await;
        } else {
            test.patch_namespace(&name, json!({"annotations": lien(json!(null))})).await;
        }
        test.project_gone(&name).await;
        test.namespace_gone(&name).await;
    }
}

#[tokio::test]
async fn a_foreground_deletion_ends_like_any_other() {
    let test = Test::start().await;
    let name = unique_name("foreground");
    test.create_ready(&name, &[]).await;
    let foreground = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Foreground),
        ..Default::default()
    };
    test.projects.delete(&name, &foreground).await.expect("delete");
    test.project_gone(&name).await;
    test.namespace_gone(&name).await;
}

#[tokio::test]
async fn the_owner_reference_of_an_old_kargo_is_taken_off() {
    let test = Test::start().await;
    let name = unique_name("owned");
    test.create_ready(&name, &[(KEEP, "true")]).await;
    let project = test.projects.get(&name).await.expect("read");
    let owner = json!([{
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Project",
        "name": name, "uid": project.metadata.uid,
    }]);
    test.patch_namespace(&name, json!({"ownerReferences": owner})).await;
    eventually("the ownerReference is gone", async || {
        let namespace = test.namespace(&name).await.expect("kept");
        namespace.metadata.owner_references.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_blocks_a_namespace_is_said_while_the_project_is_held() {
    let test = Test::start().await;
    let name = unique_name("blocked");
    test.create_ready(&name, &[]).await;
    let blocking: ConfigMap = serde_json::from_value(json!({
        "metadata": {"name": "stuck", "finalizers": ["example.com/hold"]},
    }))
    .expect("a ConfigMap");
    let maps: Api<ConfigMap> = Api::namespaced(test.client.clone(), &name);
    maps.create(&PostParams::default(), &blocking).await.expect("create");
    test.delete(&name).await;
    let (_, message) = test.condition(&name, "Reconciling", "True").await;
    assert!(message.contains("configmaps") && message.contains("example.com/hold"), "{message}");
    assert!(test.namespace(&name).await.is_some());
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("stuck", &PatchParams::default(), &free).await.expect("free");
    test.project_gone(&name).await;
    test.namespace_gone(&name).await;
}

#[tokio::test]
async fn each_deletion_has_three_events_in_default() {
    let test = Test::start().await;
    let name = unique_name("events");
    test.around_admission().create_ready(&name, &[(KEEP, "Yes")]).await;
    test.delete_and_wait(&name).await;
    let events: Api<k8s_openapi::api::events::v1::Event> =
        Api::namespaced(test.client.clone(), "default");
    let reasons = eventually("three events", async || {
        let all = events.list(&Default::default()).await.expect("list events");
        let mut ours: Vec<_> = all
            .into_iter()
            .filter(|event| {
                event.regarding.as_ref().is_some_and(|r| r.name.as_deref() == Some(&name))
            })
            .map(|event| {
                (
                    event.reason.unwrap_or_default(),
                    event.type_.unwrap_or_default(),
                    event.note.unwrap_or_default(),
                )
            })
            .collect();
        ours.sort();
        (ours.len() == 3).then_some(ours)
    })
    .await;
    assert_eq!(reasons[0].0, "NamespaceReleased");
    assert_eq!(
        (reasons[1].0.as_str(), reasons[1].1.as_str()),
        ("NamespaceWillBeRetained", "Warning")
    );
    assert!(reasons[1].2.contains(r#"must be "true" or "false""#), "{}", reasons[1].2);
    assert_eq!(reasons[2].0, "ProjectReleased");
}
