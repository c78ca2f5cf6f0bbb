//! Keys that were meant to be keep-namespace.

use std::collections::BTreeMap;

use serde_json::json;
use tenure_core::Statements;
use tenure_testbed::unique_name;

use crate::support::{BOTH, Bed, KEEP, On, User};

/// The warnings that come with a dry run.
async fn warnings(user: &User, on: On, metadata: &serde_json::Value) -> Vec<String> {
    let (path, version, kind) = match on {
        On::Project => {
            ("/apis/kargo.akuity.io/v1alpha1/projects", "kargo.akuity.io/v1alpha1", "Project")
        }
        On::Namespace => ("/api/v1/namespaces", "v1", "Namespace"),
    };
    let body = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
    let request = http::Request::post(format!("{path}?dryRun=All"))
        .header("content-type", "application/json")
        .body(body.to_string().into_bytes().into())
        .expect("a request");
    let answer = user.client.send(request).await.expect("an answer");
    assert_eq!(answer.status(), 201, "it is let through");
    let warnings = answer.headers().get_all("warning").into_iter();
    warnings.map(|warning| warning.to_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn what_core_takes_for_a_near_miss_is_warned_about_and_nothing_else() {
    let bed = Bed::start().await;
    let name = unique_name("near");
    for key in [
        KEEP,
        "kargo.akuity.io/keepnamespace",
        "kargo.akuity.io/keep_namespace",
        "kargo.akuity.io/keepNamespace",
        "kargo.akuity.io/keep-namespaces",
        "kargo.akuity.io/keep.ns",
        "kargo.akuity.io/namespace-keep",
        "kargo.akuity.io/keep-namespace-2",
        "kargo.akuity.com/keep-namespace",
        "akuity.io/keep-namespace",
        "tenure.dev/keep-namespace",
        "KARGO.akuity.io/keep-namespace",
        "keep-namespace",
        "keepns",
        "example.com/keep-namespace",
        "kar.go/keep-namespace",
        "kargo.akuity.io/keep",
        "kargo.akuity.io/project",
        "kargo.akuity.io/dont-keep-namespace",
        "namespace",
    ] {
        for value in ["true", "false", "no"] {
            for label in [false, true] {
                let entries = BTreeMap::from([(key.to_owned(), value.to_owned())]);
                let none = BTreeMap::new();
                let (annotations, labels) =
                    if label { (&none, &entries) } else { (&entries, &none) };
                let meant = !Statements::read(annotations, labels).near_misses.is_empty();
                let illegal = key == KEEP && value == "no" && !label;
                // No label's prefix has capital letters.
                if illegal || (label && key.starts_with("KARGO")) {
                    continue;
                }
                let metadata = json!({"name": name, "annotations": annotations, "labels": labels});
                for on in BOTH {
                    let told = warnings(&bed.anna, on, &metadata).await;
                    assert_eq!(!told.is_empty(), meant, "{on:?} {key}={value} {label}: {told:?}");
                    assert!(told.iter().all(|told| told.contains(key)), "{told:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_warning_names_the_key_and_the_annotation_that_was_meant() {
    let bed = Bed::start().await;
    let metadata = json!({
        "name": unique_name("warned"),
        "annotations": {
            "kargo.akuity.io/keepnamespace": "true", "kargo.akuity.com/keep-namespace": "true",
        },
        "labels": {KEEP: "true"},
    });
    let told = warnings(&bed.anna, On::Namespace, &metadata).await;
    insta::assert_snapshot!(told.join("\n"));
}

/// To look at each of very many keys, at each write, is more than a warning is worth.
#[tokio::test]
async fn of_more_than_a_thousand_keys_none_is_warned_about() {
    let bed = Bed::start().await;
    // One more is the label that every Namespace has.
    for (others, told) in [(998, 1), (1_000, 0)] {
        let others = (0..others).map(|n| (format!("example.com/{n}"), ""));
        let miss = ("keepns".to_owned(), "true");
        let annotations: BTreeMap<_, _> = others.chain([miss]).collect();
        let metadata = json!({"name": unique_name("wide"), "annotations": annotations});
        for on in BOTH {
            assert_eq!(warnings(&bed.anna, on, &metadata).await.len(), told, "{on:?}");
        }
    }
}
