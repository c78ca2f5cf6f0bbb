//! A wave takes its objects, and leaves the rest as it is, to the byte.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Discovery};
use serde_json::{Value, json};
use tenure_api::install;
use tenure_core::Uid;
use tenure_core::contents::clean::{Cleaning, Scope, Wave};
use tenure_testbed::eventually;

use crate::support::Test;

/// Everything in the namespace, whole, but what comes and goes by itself.
async fn everything(test: &Test) -> BTreeMap<String, Value> {
    let discovery = Discovery::new(test.admin.clone()).run_aggregated().await.expect("discover");
    let mut objects = BTreeMap::new();
    for group in discovery.groups() {
        for (resource, able) in group.recommended_resources() {
            let namespaced = able.scope == kube::discovery::Scope::Namespaced;
            if !namespaced || !able.supports_operation("delete") || resource.plural == "events" {
                continue;
            }
            let api: Api<DynamicObject> =
                Api::namespaced_with(test.admin.clone(), &test.namespace, &resource);
            for object in api.list(&ListParams::default()).await.expect("list") {
                let name = object.metadata.name.clone().expect("a name");
                objects.insert(format!("{}/{name}", resource.plural), json!(object));
            }
        }
    }
    objects
}

/// Cleans until nothing remains, and says what is gone; the rest must be as it was.
async fn clean(test: &Test, cleaning: &Cleaning) -> Vec<String> {
    let cluster = test.tenure().await;
    let before = everything(test).await;
    let mut last = None;
    eventually("nothing remains", async || {
        let remaining = cluster.read_remaining(&test.namespace, cleaning).await.expect("look");
        assert_eq!(remaining.unseen, []);
        let Some(wave) = remaining.wave() else { return Some(()) };
        let cleaned = cluster.delete_wave(&test.namespace, cleaning, wave).await.expect("delete");
        assert_eq!(cleaned.refusals, []);
        None
    })
    .await;
    let after = everything(test).await;
    for (object, found) in &after {
        assert_eq!(before.get(object), Some(found), "{object}");
        last = Some(object);
    }
    assert!(last.is_some());
    before.into_keys().filter(|object| !after.contains_key(object)).collect()
}

/// Takes off the finalizer that claims wait for: the controller that would is not running here.
async fn free_claims(test: &Test) {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(test.admin.clone(), &test.namespace);
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    for claim in ["archive", "scratch"] {
        claims.patch(claim, &PatchParams::default(), &patch).await.expect("patch");
    }
}

fn cleaning(scope: Scope) -> Cleaning {
    Cleaning::new(scope, Uid::new("project"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_projects_scope_takes_what_is_kargos_alone_and_leaves_the_rest_as_it_is() {
    let test = Test::start("clean-project").await;
    test.fill().await;
    let gone = clean(&test, &cleaning(Scope::Project)).await;
    assert_eq!(gone, ["secrets/git", "stages/main", "warehouses/main"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_projects_scope_needs_no_more_than_tenures_own_role_and_sight() {
    let test = Test::start("clean-least").await;
    test.fill().await;
    test.install_roles().await;
    let cluster = test.cluster(&[install::NAME, install::CONTENTS]).await;
    for wave in [Wave::First, Wave::Second] {
        let of = cleaning(Scope::Project);
        let cleaned = cluster.delete_wave(&test.namespace, &of, wave).await.unwrap();
        assert_eq!((cleaned.refused, cleaned.asked > 0), (0, true), "{cleaned:?}");
    }
    // And not more: what is not Kargo's is refused, and the refusal is told.
    let all = cleaning(Scope::All);
    let refused = cluster.delete_wave(&test.namespace, &all, Wave::Second).await.unwrap();
    let deployment = refused.refusals.iter().find(|r| r.object == "deployments.apps/web").unwrap();
    assert!(deployment.why.contains("forbidden") && !deployment.temporary);
    assert_eq!(refused.asked, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_takes_everything_but_what_guards_the_namespace_and_kubernetes_own() {
    let test = Test::start("clean-all").await;
    test.fill().await;
    free_claims(&test).await;
    clean(&test, &cleaning(Scope::All)).await;
    let left: Vec<_> = everything(&test).await.into_keys().collect();
    let expected = [
        "configmaps/kube-root-ca.crt",
        "networkpolicies/deny-all",
        "resourcequotas/compute",
        "roles/deployer",
        "serviceaccounts/default",
    ];
    assert_eq!(left, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wave_takes_its_own_and_what_refuses_to_go_is_named() {
    let test = Test::start("clean-stuck").await;
    test.fill().await;
    let stuck = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    test.put(("kargo.akuity.io/v1alpha1", "Stage"), "stuck", stuck).await;
    let cluster = test.tenure().await;
    let of = cleaning(Scope::Project);
    let cleaned = cluster.delete_wave(&test.namespace, &of, Wave::First).await.unwrap();
    assert_eq!(cleaned.asked, 3);
    let remaining = cleaned.remaining;
    assert_eq!(remaining.wave(), Some(Wave::First));
    let counts: Vec<_> = remaining.waves.iter().map(|w| (w.wave, w.objects)).collect();
    assert_eq!(counts, [(Wave::First, 1), (Wave::Second, 1)]);
    assert_eq!(remaining.objects[0].object, "stages.kargo.akuity.io/stuck");
    assert_eq!(remaining.objects[0].finalizers, ["example.com/hold"]);
    assert!(remaining.objects[0].deleting);
    // Asked again, it is not asked again.
    let again = cluster.delete_wave(&test.namespace, &of, Wave::First).await.unwrap();
    assert_eq!((again.asked, again.remaining), (0, remaining));
    test.put(
        ("kargo.akuity.io/v1alpha1", "Stage"),
        "stuck",
        json!({"metadata": {"finalizers": []}}),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_object_is_deleted_by_its_uid() {
    let test = Test::start("clean-uid").await;
    test.fill().await;
    let cluster = test.tenure().await;
    let audit = test.plane.audit();
    let of = cleaning(Scope::Project);
    cluster.delete_wave(&test.namespace, &of, Wave::Second).await.unwrap();
    let entries = eventually("the deletion is in the log", async || {
        let deletions = audit.entries().into_iter().filter(|entry| {
            let here = entry.object_ref.as_ref().is_some_and(|o| o.namespace == test.namespace);
            here && entry.verb == "delete"
        });
        let deletions: Vec<_> = deletions.collect();
        (!deletions.is_empty()).then_some(deletions)
    })
    .await;
    assert_eq!(entries.len(), 1);
    let body = entries[0].request_object.as_ref().unwrap();
    assert!(body["preconditions"]["uid"].is_string(), "{body}");
    assert_eq!(body["propagationPolicy"], "Background");
}
