//! Races that need exact timing: something changes between the read and the act.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use tenure_core::{Profile, Step, next_step};
use tenure_testbed::{eventually, unique_name};

use crate::support::{Bed, Driver, KEEP};

/// Reads and records until something is to be destroyed or given up, lets something happen, and
/// then carries out what was decided.
async fn decide_then(
    driver: &Driver,
    name: &str,
    meanwhile: impl AsyncFnOnce(),
) -> (Step, Result<(), tenure_cluster::RequestError>) {
    let mut world = driver.cluster.gather(name).await.expect("read");
    loop {
        let seen = world.observe(driver.cluster.settings(), None);
        let step = next_step(&seen, driver.cluster.now());
        drop(seen);
        if step.wants_fresh_reads() && !world.is_fresh() {
            world = driver.cluster.gather_again(world).await.expect("read");
            continue;
        }
        let prepares = matches!(
            step,
            Step::ReadContents | Step::ReadAccess | Step::RecordPlan(_) | Step::AdvancePlan(_)
        );
        if prepares {
            driver.cluster.execute(&step, &mut world).await.expect("record");
            continue;
        }
        meanwhile().await;
        let outcome = driver.cluster.execute(&step, &mut world).await;
        return (step, outcome);
    }
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
            bed.patch_namespace_around_admission(&name, json!({"annotations": annotations})).await;
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
    let driver = bed.controller();
    driver.look(&name).await;
    assert_eq!(bed.left_behind(&name).await, Vec::<String>::new());
    // What is left looks like what admission makes, and is given time for its Project to come.
    let released =
        async || bed.namespace(&name).await.expect("kept").metadata.annotations.is_none();
    driver.until("released", &name, released).await;
    assert_eq!(bed.namespace(&name).await.expect("kept").metadata.finalizers, None);
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
async fn profile_kargo_deletes_adopted_namespaces_and_keeps_labels_in_seven_writes() {
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
    assert!(writes <= 7, "{:#?}", tenure_testbed::audit::tally(&asked));
    let labels = bed.namespace(&name).await.expect("kept").metadata.labels.unwrap_or_default();
    assert!(labels.contains_key("kargo.akuity.io/project"));

    bed.create(&name, &[]).await;
    driver.until("moved in again", &name, async || bed.is_ready(&name).await).await;
    bed.delete(&name).await;
    driver.until("over", &name, async || bed.project(&name).await.is_none()).await;
    assert!(bed.namespace(&name).await.is_none(), "profile kargo presumes nothing of adoption");
}

/// What an earlier Kargo provided carries no label of ours, and what it granted then is not what
/// is granted now.
#[tokio::test]
async fn what_an_earlier_kargo_provided_is_taken_over_and_at_the_end_taken_back() {
    let bed = Bed::start().await;
    let name = unique_name("earlier");
    let label = [("kargo.akuity.io/project", "true")];
    bed.create_as("kargo", &json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {label[0].0: label[0].1}, "finalizers": ["kargo.akuity.io/finalizer"]},
    }))
    .await;
    let rbac = "rbac.authorization.k8s.io/v1";
    bed.create_as("kargo", &json!({
        "apiVersion": rbac, "kind": "Role", "metadata": {"name": "kargo-admin", "namespace": name},
        "rules": [{"apiGroups": [""], "resources": ["events"], "verbs": ["get"]}],
    }))
    .await;
    bed.create_as(
        "helm",
        &json!({
            "apiVersion": rbac, "kind": "Role", "metadata": {"name": "deployer", "namespace": name},
            "rules": [],
        }),
    )
    .await;
    bed.create(&name, &[(KEEP, "true")]).await;
    let driver = bed.controller();
    driver.until("ready", &name, async || bed.is_ready(&name).await).await;
    let record =
        bed.namespace(&name).await.expect("there").metadata.annotations.unwrap_or_default();
    assert_eq!(record["tenure.dev/origin"], "Created");
    let ledger: serde_json::Value =
        serde_json::from_str(&record["tenure.dev/ledger"]).expect("a ledger");
    assert_eq!(ledger, json!({"label": true, "inherited": ["Role/kargo-admin"]}));
    bed.delete(&name).await;
    over(&bed, &name).await;
    let left = bed.left_behind(&name).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].ends_with("/deployer"), "{left:?}");
}

#[tokio::test]
async fn an_owner_reference_of_an_old_kargo_takes_no_namespace_that_is_not_the_projects() {
    let bed = Bed::start().await;
    let name = unique_name("collected");
    bed.create(&name, &[]).await;
    let uid = bed.project(&name).await.expect("there").metadata.uid;
    bed.create_as("kargo", &json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "ownerReferences": [{
            "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Project", "name": name, "uid": uid,
        }]},
    }))
    .await;
    bed.hold(&name).await;
    bed.delete(&name).await;
    over(&bed, &name).await;
    // The garbage collector takes a moment to see that the owner is gone.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let namespace = bed.namespace(&name).await.expect("not collected");
    assert!(namespace.metadata.deletion_timestamp.is_none());
}

#[tokio::test]
async fn a_project_deletion_that_always_fails_does_not_hold_a_terminating_namespace() {
    let bed = Bed::start().await;
    let name = unique_name("always-500");
    ready(&bed, &name, &[]).await;
    bed.namespaces.delete(&name, &DeleteParams::default()).await.expect("delete");
    let path = format!("/apis/kargo.akuity.io/v1alpha1/projects/{name}");
    let plan = tenure_testbed::fault::Plan::always(
        "DELETE",
        path,
        tenure_testbed::fault::Fault::Answer(500),
    );
    let first = bed.namespace(&name).await.expect("terminating").metadata.uid;
    bed.faulty(&plan)
        .until("the namespace went", &name, async || {
            bed.namespace(&name).await.is_none_or(|ns| ns.metadata.uid != first)
        })
        .await;
    assert!(bed.project(&name).await.is_some());
}

#[tokio::test]
async fn what_a_vanished_project_left_outside_its_namespace_is_collected() {
    let bed = Bed::start().await;
    let name = unique_name("vanished");
    ready(&bed, &name, &[]).await;
    let free = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
    bed.projects.patch(&name, &Default::default(), &free).await.expect("free");
    bed.patch_namespace(&name, json!({"finalizers": null})).await;
    bed.delete(&name).await;
    bed.namespaces.delete(&name, &DeleteParams::default()).await.expect("delete");
    eventually("the namespace is gone", async || {
        bed.namespace(&name).await.is_none().then_some(())
    })
    .await;
    assert_eq!(bed.left_behind(&name).await.len(), 2);
    bed.controller().look(&name).await;
    assert_eq!(bed.left_behind(&name).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_thousand_liens_hold_and_the_status_can_still_be_written() {
    let bed = Bed::start().await;
    let name = unique_name("thousand");
    ready(&bed, &name, &[]).await;
    let liens: serde_json::Map<_, _> =
        (0..1_000).map(|n| (format!("hold.tenure.dev/{n}"), json!("x".repeat(40)))).collect();
    bed.patch_namespace(&name, json!({"annotations": liens})).await;
    bed.delete(&name).await;
    bed.controller().look(&name).await;
    let status = bed.project(&name).await.expect("held").status.unwrap_or_default();
    assert!(status.conditions.iter().any(|c| c.reason == "Held"), "{:?}", status.conditions);
    let none: serde_json::Map<_, _> = liens_off();
    bed.patch_namespace(&name, json!({"annotations": none})).await;
    over(&bed, &name).await;
}

fn liens_off() -> serde_json::Map<String, serde_json::Value> {
    (0..1_000).map(|n| (format!("hold.tenure.dev/{n}"), json!(null))).collect()
}

/// Who may list everything, as the optional role allows, is told the very object.
#[tokio::test]
async fn who_may_list_everything_is_told_the_very_object_that_blocks() {
    let bed = Bed::start().await;
    let name = unique_name("named");
    ready(&bed, &name, &[]).await;
    bed.create_as(
        "anybody",
        &json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "stuck", "namespace": name, "finalizers": ["example.com/hold"]},
        }),
    )
    .await;
    bed.delete(&name).await;
    let driver = bed.controller();
    driver
        .until("the object is named", &name, async || {
            let status = bed.project(&name).await.and_then(|p| p.status).unwrap_or_default();
            let named = "configmaps/stuck (finalizer example.com/hold)";
            status.conditions.iter().any(|c| c.message.contains(named))
        })
        .await;
    bed.free_config_map(&name, "stuck").await;
    over(&bed, &name).await;
}
