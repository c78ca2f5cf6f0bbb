//! Namespaces that say they are to stay.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, PropagationPolicy};
use serde_json::json;
use tenure_testbed::{eventually, unique_name};

use crate::support::{Bed, KEEP, On, table};

const LIEN: &str = "hold.tenure.dev/audit";

#[tokio::test]
async fn a_namespace_that_says_it_is_to_stay_is_not_deleted_and_says_how_it_could_be() {
    let bed = Bed::start().await;
    let name = unique_name("kept");
    bed.stands(On::Namespace, &name, &[]).await;
    let mut rows = Vec::new();
    for (key, value) in [
        (KEEP, "true"),
        (KEEP, "false"),
        (KEEP, "True"),
        (KEEP, " true"),
        (KEEP, "true\n"),
        (KEEP, "1"),
        (KEEP, ""),
        ("tenure.dev/disposition", "Retain"),
        ("tenure.dev/disposition", "Clean"),
        ("tenure.dev/disposition", "Delete"),
        ("tenure.dev/disposition", ""),
        (LIEN, "quarter not closed"),
        (LIEN, ""),
        (LIEN, "of\nmany\nlines, and of more than is repeated in a message"),
        ("tenure.dev/cancel", "true"),
        ("kargo.akuity.io/keepnamespace", "true"),
        ("example.com/hold", "true"),
    ] {
        bed.around.annotate(On::Namespace, &name, json!({key: value})).await.expect("around");
        let answer = bed.anna.delete(On::Namespace, &name, true).await;
        rows.push((format!("{key}: {value:?}"), answer));
        bed.around.annotate(On::Namespace, &name, json!({key: null})).await.expect("around");
    }
    let liens = json!({LIEN: "a", "hold.tenure.dev/a": "b", "hold.tenure.dev/z": "c"});
    bed.anna.annotate(On::Namespace, &name, liens).await.expect("anybody may hold it");
    rows.push(("three liens".to_owned(), bed.anna.delete(On::Namespace, &name, true).await));
    insta::assert_snapshot!(table(&rows, &name));
    bed.clear(On::Namespace, &name).await;
}

#[tokio::test]
async fn neither_an_administrator_nor_kargo_nor_tenure_deletes_what_is_kept() {
    let bed = Bed::start().await;
    let name = unique_name("from-all");
    bed.stands(On::Namespace, &name, &[(KEEP, "true")]).await;
    // Of a Project: no other would Kargo be let delete anyway.
    let labels = Patch::Merge(json!({"metadata": {"labels": {"kargo.akuity.io/project": "true"}}}));
    bed.anna.namespaces.patch(&name, &PatchParams::default(), &labels).await.expect("label it");
    let admin = crate::support::User::of(bed.plane.admin().expect("an administrator"));
    let kargo = bed.kargo("kargo-management-controller");
    for user in [&bed.anna, &admin, &kargo, &bed.tenure().await] {
        for dry_run in [true, false] {
            let told = user.delete(On::Namespace, &name, dry_run).await.expect_err("it is kept");
            assert!(told.starts_with("403 ") && told.contains(KEEP), "{told}");
        }
        for how in [PropagationPolicy::Foreground, PropagationPolicy::Orphan] {
            let params = DeleteParams { propagation_policy: Some(how), ..Default::default() };
            user.delete_with(On::Namespace, &name, &params).await.expect_err("it is kept");
        }
    }
    let stands = bed.anna.namespaces.get(&name).await.expect("it stands");
    assert_eq!(stands.metadata.deletion_timestamp, None);
    // What the message says helps.
    bed.anna.annotate(On::Namespace, &name, json!({KEEP: null})).await.expect("take it off");
    assert_eq!(bed.anna.delete(On::Namespace, &name, false).await, Ok(()));
}

#[tokio::test]
async fn a_namespace_that_is_going_is_finished_whatever_its_annotations_say() {
    let bed = Bed::start().await;
    let name = unique_name("going");
    bed.stands(On::Namespace, &name, &[(KEEP, "True"), (LIEN, "late")]).await;
    let admin = bed.plane.admin().expect("an administrator");
    let maps: Api<ConfigMap> = Api::namespaced(admin, &name);
    let stuck = ConfigMap {
        metadata: ObjectMeta {
            name: Some("stuck".to_owned()),
            finalizers: Some(vec!["example.com/hold".to_owned()]),
            ..Default::default()
        },
        ..Default::default()
    };
    maps.create(&PostParams::default(), &stuck).await.expect("create");
    bed.anna.delete(On::Namespace, &name, false).await.expect_err("it is kept");
    bed.around.delete(On::Namespace, &name, false).await.expect("the break-glass group may");
    let kept = json!({"annotations": {"tenure.dev/disposition": "Retain"}, "labels": {"a": "b"}});
    bed.anna.patch(On::Namespace, &name, kept).await.expect("it can be written");
    assert_eq!(bed.anna.delete(On::Namespace, &name, false).await, Ok(()), "once more");
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("stuck", &Default::default(), &free).await.expect("free");
    eventually("the namespace is gone", async || {
        bed.anna.namespaces.get_opt(&name).await.expect("read").is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn annotations_of_256_kib_in_all_keep_or_do_not() {
    let bed = Bed::start().await;
    let many = crate::values::many();
    let mut many: Vec<_> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let name = unique_name("many");
    bed.stands(On::Namespace, &name, &many).await;
    assert_eq!(bed.anna.delete(On::Namespace, &name, false).await, Ok(()));

    many.push((LIEN, "x"));
    let name = unique_name("many-held");
    bed.stands(On::Namespace, &name, &many).await;
    let told = bed.anna.delete(On::Namespace, &name, false).await.expect_err("it is held");
    assert!(told.contains("hold.tenure.dev/NAME"), "which, is not looked for: {told}");
    bed.clear(On::Namespace, &name).await;

    let name = unique_name("huge-held");
    bed.stands(On::Namespace, &name, &[(LIEN, &"x".repeat(256 * 1024 - LIEN.len()))]).await;
    let told = bed.anna.delete(On::Namespace, &name, false).await.expect_err("it is held");
    assert!(told.contains(LIEN), "{told}");
    bed.clear(On::Namespace, &name).await;
}
