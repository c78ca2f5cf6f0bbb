//! Races that need exact timing: something changes between the read and the act.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use tenure_core::{Profile, Step, next_step};
use tenure_testbed::{eventually, unique_name};

use crate::support::{Bed, Driver, KEEP};

/// Reads, decides, lets something happen, and then carries out what was decided.
async fn decide_then(
    driver: &Driver,
    name: &str,
    meanwhile: impl AsyncFnOnce(),
) -> (Step, Result<(), tenure_cluster::RequestError>) {
    let mut world = driver.cluster.gather(name).await.expect("read");
    let seen = world.observe(driver.cluster.settings(), None);
    let step = next_step(&seen, jiff::Timestamp::now());
    drop(seen);
    meanwhile().await;
    let outcome = driver.cluster.execute(&step, &mut world).await;
    (step, outcome)
}

async fn ready(bed: &Bed, name: &str, annotations: &[(&str, &str)]) {
    bed.create(name, annotations).await;
    bed.controller().until("ready", name, async || bed.is_ready(name).await).await;
}

async fn over(bed: &Bed, name: &str) {
    bed.controller().until("over", name, async || bed.project(name).await.is_none()).await;
}

#[tokio::test]
async fn keep_that_comes_between_decision_and_deletion_keeps() {
    let bed = Bed::start().await;
    let driver = bed.controller();
    for annotations in
        [json!({KEEP: "true"}), json!({KEEP: "Ture"}), json!({"tenure.dev/disposition": "Retain"})]
    {
        let name = unique_name("late-keep");
        ready(&bed, &name, &[]).await;
        bed.delete(&name).await;
        let (step, outcome) = decide_then(&driver, &name, async || {
            bed.patch_namespace(&name, json!({"annotations": annotations})).await;
        })
        .await;
        assert!(matches!(step, Step::DeleteNamespace { .. }), "{step:?}");
        assert!(outcome.is_err(), "the deletion was accepted");
        over(&bed, &name).await;
        let namespace = bed.namespace(&name).await.expect("kept");
        assert!(namespace.metadata.deletion_timestamp.is_none());
    }
}

#[tokio::test]
async fn a_lien_that_comes_between_decision_and_deletion_holds() {
    let bed = Bed::start().await;
    let name = unique_name("late-lien");
    ready(&bed, &name, &[]).await;
    bed.delete(&name).await;
    let (_, outcome) = decide_then(&bed.controller(), &name, async || {
        bed.patch_namespace(&name, json!({"annotations": {"hold.tenure.dev/a": "b"}})).await;
    })
    .await;
    assert!(outcome.is_err(), "the deletion was accepted");
    bed.controller().look(&name).await;
    assert!(bed.namespace(&name).await.expect("held").metadata.deletion_timestamp.is_none());
    bed.patch_namespace(&name, json!({"annotations": {"hold.tenure.dev/a": null}})).await;
    over(&bed, &name).await;
}

/// The Namespace that was decided on is gone, and another of its name, records and all, stands
/// in its place.
#[tokio::test]
async fn a_namespace_recreated_between_decision_and_deletion_is_not_deleted() {
    let bed = Bed::start().await;
    let name = unique_name("recreated");
    ready(&bed, &name, &[]).await;
    bed.delete(&name).await;
    let first = bed.namespace(&name).await.expect("made");
    let (step, outcome) = decide_then(&bed.controller(), &name, async || {
        bed.namespaces.delete(&name, &DeleteParams::default()).await.expect("delete");
        bed.patch_namespace(&name, json!({"finalizers": null})).await;
        eventually("the first is gone", async || {
            bed.namespace(&name).await.is_none().then_some(())
        })
        .await;
        let mut copy: Namespace = first.clone();
        copy.metadata.uid = None;
        copy.metadata.resource_version = None;
        copy.metadata.managed_fields = None;
        bed.namespaces.create(&PostParams::default(), &copy).await.expect("create");
    })
    .await;
    assert!(matches!(step, Step::DeleteNamespace { .. }), "{step:?}");
    assert!(outcome.is_err(), "the deletion was accepted");
    over(&bed, &name).await;
    let second = bed.namespace(&name).await.expect("untouched");
    assert_ne!(second.metadata.uid, first.metadata.uid);
    assert!(second.metadata.deletion_timestamp.is_none());
    assert_eq!(second.metadata.annotations, first.metadata.annotations);
    bed.patch_namespace(&name, json!({"finalizers": null})).await;
}

#[tokio::test]
async fn a_project_recreated_during_finalization_is_another_project() {
    let bed = Bed::start().await;
    let name = unique_name("again");
    ready(&bed, &name, &[]).await;
    let namespace = bed.namespace(&name).await.expect("made");
    bed.delete(&name).await;
    // Somebody is impatient: the finalizer is taken off by hand, and the Project made anew.
    let (step, outcome) = decide_then(&bed.controller(), &name, async || {
        let free = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
        bed.projects.patch(&name, &Default::default(), &free).await.expect("free");
        bed.create(&name, &[(KEEP, "true")]).await;
        bed.patch_namespace(&name, json!({"annotations": {"touched": "yes"}})).await;
    })
    .await;
    assert!(matches!(step, Step::DeleteNamespace { .. }), "{step:?}");
    assert!(outcome.is_err(), "the deletion was accepted");
    bed.controller().look(&name).await;
    let now = bed.namespace(&name).await.expect("untouched");
    assert_eq!(now.metadata.uid, namespace.metadata.uid);
    let stalled = bed.project(&name).await.expect("there").status.unwrap_or_default().conditions;
    assert!(stalled.iter().any(|c| c.reason == "ExistingNamespaceNotOurs"), "{stalled:?}");
}

#[tokio::test]
async fn a_project_whose_finalizer_was_taken_off_by_hand_leaves_its_namespace_released() {
    let bed = Bed::start().await;
    let name = unique_name("forced");
    ready(&bed, &name, &[]).await;
    let free = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
    bed.projects.patch(&name, &Default::default(), &free).await.expect("free");
    bed.delete(&name).await;
    assert!(bed.project(&name).await.is_none());
    bed.controller().look(&name).await;
    let namespace = bed.namespace(&name).await.expect("kept");
    assert_eq!((namespace.metadata.annotations, namespace.metadata.finalizers), (None, None));
    assert_eq!(bed.left_behind(&name).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_finalizer_that_somebody_adds_meanwhile_is_never_lost() {
    let bed = Bed::start().await;
    let name = unique_name("foreign");
    ready(&bed, &name, &[(KEEP, "true")]).await;
    bed.patch_namespace(&name, json!({"annotations": {KEEP: "true"}})).await;
    bed.delete(&name).await;
    let driver = bed.controller();
    // Until the release, whatever is done, somebody adds a finalizer just before it.
    for round in 0.. {
        if bed.project(&name).await.is_none() {
            break;
        }
        assert!(round < 20, "it does not end");
        let (_, outcome) = decide_then(&driver, &name, async || {
            let mut finalizers = bed
                .namespace(&name)
                .await
                .and_then(|ns| ns.metadata.finalizers)
                .unwrap_or_default();
            finalizers.push(format!("example.com/f{round}"));
            bed.patch_namespace(&name, json!({"finalizers": finalizers})).await;
        })
        .await;
        drop(outcome);
        driver.look(&name).await;
    }
    let finalizers = bed.namespace(&name).await.expect("kept").metadata.finalizers;
    let finalizers = finalizers.unwrap_or_default();
    assert!(finalizers.iter().all(|f| f.starts_with("example.com/f")), "{finalizers:?}");
    assert!(finalizers.contains(&"example.com/f0".to_owned()), "{finalizers:?}");
    bed.patch_namespace(&name, json!({"finalizers": null})).await;
}

/// The watches' picture is of long ago; what is done is decided by what is read.
#[tokio::test]
async fn stale_caches_of_project_and_namespace_do_no_harm() {
    let bed = Bed::start().await;
    for on_project in [true, false] {
        let name = unique_name("stale");
        ready(&bed, &name, &[]).await;
        let driver = bed.controller();
        let stale = driver.cluster.gather(&name).await.expect("read");
        let facts = stale.observe(driver.cluster.settings(), None);
        driver.cluster.store().put_project(&name, facts.project.as_ref());
        driver.cluster.store().put_namespace(&name, facts.namespace.as_ref());
        drop(facts);
        if on_project {
            let keep =
                kube::api::Patch::Merge(json!({"metadata": {"annotations": {KEEP: "true"}}}));
            bed.projects.patch(&name, &Default::default(), &keep).await.expect("keep");
        } else {
            bed.patch_namespace(&name, json!({"annotations": {KEEP: "true"}})).await;
        }
        bed.delete(&name).await;
        driver.until("over", &name, async || bed.project(&name).await.is_none()).await;
        assert!(bed.namespace(&name).await.is_some());
    }
}

#[tokio::test]
async fn profile_kargo_deletes_adopted_namespaces_and_keeps_labels_in_four_writes() {
    let bed = Bed::start().await;
    let driver = bed.controller_in(Profile::Kargo);
    let name = unique_name("like-kargo");
    bed.create(&name, &[(KEEP, "true")]).await;
    driver.until("ready", &name, async || bed.is_ready(&name).await).await;
    let audit = bed.plane.audit();
    bed.delete(&name).await;
    driver.until("over", &name, async || bed.project(&name).await.is_none()).await;
    let asked = bed.asked(&audit, &name);
    let writes = asked.iter().filter(|e| e.is_write() && e.resource() != "events").count();
    assert!(writes <= 4, "{:#?}", tenure_testbed::audit::tally(&asked));
    let labels = bed.namespace(&name).await.expect("kept").metadata.labels.unwrap_or_default();
    assert!(labels.contains_key("kargo.akuity.io/project"));

    bed.create(&name, &[]).await;
    driver.until("moved in again", &name, async || bed.is_ready(&name).await).await;
    bed.delete(&name).await;
    driver.until("over", &name, async || bed.project(&name).await.is_none()).await;
    assert!(bed.namespace(&name).await.is_none(), "profile kargo presumes nothing of adoption");
}
