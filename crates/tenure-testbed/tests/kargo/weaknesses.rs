//! Each weakness of Kargo's, shown by the stand-in. The numbers are those of the contract it was
//! written from; what is right instead is tested with Tenure.

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tenure_testbed::fault::{Fault, Plan};
use tenure_testbed::kargo::{Journal, WEBHOOK, Webhook};
use tenure_testbed::{KARGO_NAMESPACE, unique_name};

use crate::support::{Bed, FINALIZER, KEEP};

/// K1
#[tokio::test]
async fn a_namespace_that_never_was_the_projects_goes_with_it() {
    let (bed, name) = (Bed::start().await, unique_name("k1"));
    let kargo = bed.kargo().await;
    bed.create_namespace(&name).await;
    bed.create(&name, &[]).await;
    bed.pass(&kargo, &name).await.expect_err("stalled");
    assert!(bed.lives(&name).await);
    bed.delete(&name).await;
    bed.pass(&kargo, &name).await.expect("a pass");
    bed.namespace_gone(&name).await;
}

/// K2
#[tokio::test]
async fn a_namespace_made_anew_is_deleted_for_the_one_before() {
    let (bed, name) = (Bed::start().await, unique_name("k2"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[]).await;
    bed.delete(&name).await;
    kargo.cache().catch_up_project(&name).await.expect("look");
    bed.patch_namespace(&name, json!({"finalizers": null})).await;
    bed.delete_namespace(&name).await;
    bed.namespace_gone(&name).await;
    bed.create_namespace(&name).await;
    let anew = bed.namespace(&name).await.expect("made").uid();
    let known = kargo.cache().namespaces.get(&name).expect("known");
    assert_ne!(known.uid(), anew, "the cache is of the one before");
    kargo.reconcile_project(&name).await.expect("a pass");
    bed.namespace_gone(&name).await;
}

/// K3
#[tokio::test]
async fn a_keep_that_the_cache_has_not_seen_does_not_keep_when_a_pass_is_repeated() {
    let (bed, name) = (Bed::start().await, unique_name("k3"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[]).await;
    bed.delete(&name).await;
    let path = format!("/api/v1/namespaces/{name}");
    let faulty = bed.kargo_with(&Plan::always("DELETE", path, Fault::Answer(500))).await;
    bed.pass(&faulty, &name).await.expect_err("the Namespace is not deleted");
    kargo.cache().catch_up(&name).await.expect("look");
    bed.patch_namespace(&name, json!({"annotations": {KEEP: "true"}})).await;
    kargo.reconcile_project(&name).await.expect("a pass");
    bed.namespace_gone(&name).await;
}

/// Why K3 is seldom: the answer to the patch that takes the finalizer off is not old.
#[tokio::test]
async fn a_keep_that_the_cache_has_not_seen_keeps_at_the_first_pass() {
    let (bed, name) = (Bed::start().await, unique_name("k3-not"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[]).await;
    bed.delete(&name).await;
    kargo.cache().catch_up_project(&name).await.expect("look");
    bed.patch_namespace(&name, json!({"annotations": {KEEP: "true"}})).await;
    kargo.reconcile_project(&name).await.expect("a pass");
    bed.project_gone(&name).await;
    assert!(bed.lives(&name).await);
}

/// K4
#[tokio::test]
async fn a_finalizer_that_came_meanwhile_is_lost() {
    let (bed, name) = (Bed::start().await, unique_name("k4"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[(KEEP, "true")]).await;
    let both = json!({"finalizers": [FINALIZER, "example.com/mine"]});
    bed.patch_namespace(&name, both).await;
    bed.delete(&name).await;
    kargo.cache().catch_up_project(&name).await.expect("look");
    kargo.reconcile_project(&name).await.expect("a pass");
    assert_eq!(bed.namespace(&name).await.expect("kept").finalizers(), [""; 0]);
}

/// K5
#[tokio::test]
async fn a_project_that_somebody_else_still_holds_is_a_failure_at_every_pass() {
    let (bed, name) = (Bed::start().await, unique_name("k5"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[]).await;
    let both = json!({"finalizers": [FINALIZER, "example.com/mine"]});
    bed.patch_project(&name, both).await;
    bed.delete(&name).await;
    bed.pass(&kargo, &name).await.expect("it lets go");
    for _ in 0..3 {
        bed.pass(&kargo, &name).await.expect_err("no finalizer is put on what is being deleted");
        bed.wrote(&name, &["patch projects 422"]).await;
    }
    assert_eq!(kargo.journal().errors().len(), 3);
}

/// K6
#[tokio::test]
async fn a_project_deleted_before_the_first_pass_leaves_a_namespace_for_whoever_comes() {
    let (bed, name) = (Bed::start().await, unique_name("k6"));
    let kargo = bed.kargo().await;
    webhook(&bed).await.review(&name, false).await.expect("allowed");
    bed.create(&name, &[]).await;
    bed.delete(&name).await;
    bed.pass(&kargo, &name).await.expect("nothing to do");
    kargo.reconcile_namespace(&name).await.expect("nothing to do");
    let left = bed.namespace(&name).await.expect("left");
    assert_eq!(left.labels().get("kargo.akuity.io/project").expect("labelled"), "true");
    bed.ready(&kargo, &name, &[]).await;
    assert_eq!(bed.namespace(&name).await.expect("moved into").uid(), left.uid());
}

/// K7
#[tokio::test]
async fn the_next_project_of_that_name_inherits_what_was_kept() {
    let (bed, name) = (Bed::start().await, unique_name("k7"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[(KEEP, "true")]).await;
    let mut secret = Secret::default();
    secret.metadata.name = Some("registry".to_owned());
    let secrets: Api<Secret> = Api::namespaced(bed.admin.clone(), &name);
    secrets.create(&PostParams::default(), &secret).await.expect("create");
    bed.delete(&name).await;
    bed.pass(&kargo, &name).await.expect("a pass");
    bed.project_gone(&name).await;
    bed.ready(&kargo, &name, &[]).await;
    // The finalizers, what was taken back of the access, and the status.
    let expected = [
        "patch projects 200",
        "patch namespaces 200",
        "create clusterroles 201",
        "create clusterrolebindings 201",
        "patch projects/status 200",
        "patch projects/status 200",
    ];
    bed.wrote(&name, &expected).await;
    secrets.get("registry").await.expect("the next Project's");
}

/// K8
#[tokio::test]
async fn a_value_that_is_nearly_true_does_not_keep() {
    let bed = Bed::start().await;
    let kargo = bed.kargo().await;
    for value in ["True", "yes", " true"] {
        let name = unique_name("k8");
        bed.ready(&kargo, &name, &[(KEEP, value)]).await;
        bed.patch_namespace(&name, json!({"annotations": {KEEP: value}})).await;
        bed.delete(&name).await;
        bed.pass(&kargo, &name).await.expect("a pass");
        bed.namespace_gone(&name).await;
    }
}

/// K9
#[tokio::test]
async fn a_name_that_no_namespace_can_have_is_an_internal_error() {
    let bed = Bed::start().await;
    let refusal = webhook(&bed).await.review("pay.ments", false).await.expect_err("refused");
    assert_eq!(refusal.code, 500);
}

/// K10
#[tokio::test]
async fn the_project_is_gone_before_its_namespace_is() {
    let (bed, name) = (Bed::start().await, unique_name("k10"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[]).await;
    let both = json!({"finalizers": [FINALIZER, "example.com/mine"]});
    bed.patch_namespace(&name, both).await;
    bed.delete(&name).await;
    bed.pass(&kargo, &name).await.expect("a pass");
    bed.project_gone(&name).await;
    let left = bed.namespace(&name).await.expect("held");
    assert!(left.metadata.deletion_timestamp.is_some());
    assert_eq!(left.finalizers(), ["example.com/mine"], "the cache had seen it");
}

/// K14
#[tokio::test]
async fn a_refused_deletion_of_the_project_leaves_the_namespace_terminating() {
    let (bed, name) = (Bed::start().await, unique_name("k14"));
    let path = format!("/apis/kargo.akuity.io/v1alpha1/projects/{name}");
    let kargo = bed.kargo_with(&Plan::always("DELETE", path, Fault::Answer(403))).await;
    bed.ready(&kargo, &name, &[]).await;
    bed.delete_namespace(&name).await;
    for _ in 0..3 {
        kargo.cache().catch_up_namespace(&name).await.expect("look");
        kargo.reconcile_namespace(&name).await.expect_err("refused");
    }
    let left = bed.namespace(&name).await.expect("it hangs");
    assert!(left.metadata.deletion_timestamp.is_some());
    assert_eq!(left.finalizers(), [FINALIZER]);
}

/// The webhook, not served but called.
async fn webhook(bed: &Bed) -> Webhook {
    let account = bed.plane.service_account(KARGO_NAMESPACE, WEBHOOK).await.expect("a token");
    let client = kube::Client::try_from(account).expect("a client");
    Webhook::new(client, KARGO_NAMESPACE, Journal::default())
}
