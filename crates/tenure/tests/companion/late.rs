//! A Kargo whose caches are late: it acts on what was so a while ago.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use tenure_api::Project;
use tenure_testbed::kargo::{Delays, Options};
use tenure_testbed::{eventually, unique_name};

use crate::support::{Bed, Test};

const KEEP: &str = "kargo.akuity.io/keep-namespace";

async fn late(projects: u64, namespaces: u64) -> Test {
    let delays = Delays {
        projects: Duration::from_millis(projects),
        namespaces: Duration::from_millis(namespaces),
    };
    let bed = Bed::start(&[], Options { delays, webhook: false }).await;
    Test::on(Arc::new(bed))
}

/// Kargo reads keep on the Namespace from its cache (K3), and deletes by name (K2).
#[tokio::test]
async fn what_people_said_last_counts_whatever_kargo_remembers() {
    for (projects, namespaces) in [(0, 4_000), (4_000, 0), (1_000, 3_000)] {
        let test = late(projects, namespaces).await;
        let names: Vec<_> = (0..8).map(|_| unique_name("late")).collect();
        for name in &names {
            test.settled(name, json!({})).await;
        }
        for (number, name) in names.iter().enumerate() {
            // Said in the moment before, where Kargo does not hear of it in time.
            match number % 4 {
                0 => test.patch_namespace(name, json!({"annotations": {KEEP: "true"}})).await,
                1 => test.annotate_project(name, json!({KEEP: "true"})).await,
                2 => test.annotate_project(name, json!({KEEP: "false"})).await,
                _ => {}
            }
            test.projects.delete(name, &DeleteParams::default()).await.expect("delete");
        }
        for (number, name) in names.iter().enumerate() {
            test.gone(name).await;
            assert_eq!(test.namespace(name).await.is_some(), number % 4 < 2, "{name}");
        }
    }
}

/// Its Project went by hand while Kargo was about to come to the namespace.
#[tokio::test]
async fn kargo_deletes_no_namespace_whose_project_is_gone() {
    let test = Test::start().await;
    let name = unique_name("remembered");
    let labels = json!({"kargo.akuity.io/project": "true"});
    test.apply(&json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
    }))
    .await;
    let kargo = tenure_api::install::management_controller("kargo");
    let namespaces: Api<Namespace> = Api::all(test.client_as(&kargo, &["system:masters"]));
    let refused = namespaces.delete(&name, &DeleteParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("not Kargo's to delete"), "{refused}");
    test.namespaces.delete(&name, &DeleteParams::default()).await.expect("people may");
}

/// The next Project of the name comes while Kargo still remembers the one before.
#[tokio::test]
async fn a_project_that_follows_another_at_once_has_a_namespace_of_its_own() {
    let test = late(2_000, 2_000).await;
    let name = unique_name("again");
    test.settled(&name, json!({})).await;
    let first = test.namespace(&name).await.expect("its namespace").metadata.uid;
    test.projects.delete(&name, &DeleteParams::default()).await.expect("delete");
    eventually("the next one may come", async || {
        let project = Project::named(&name);
        test.projects.create(&PostParams::default(), &project).await.ok()
    })
    .await;
    test.recorded(&name, "Created").await;
    test.is_ready(&name).await;
    let second = test.namespace(&name).await.expect("its namespace").metadata;
    assert_ne!(second.uid, first);
    assert_eq!(second.deletion_timestamp, None);
    test.projects.delete(&name, &DeleteParams::default()).await.expect("delete");
    test.gone(&name).await;
    test.namespace_gone(&name).await;
}
