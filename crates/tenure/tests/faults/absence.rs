//! Answers that say 404 and are not about the object that was asked for.

use serde_json::json;
use tenure_testbed::fault::{Fault, Plan};
use tenure_testbed::unique_name;

use crate::support::{Bed, KEEP};

/// What a proxy, or an API server that does not serve a kind yet, answers.
const STRAY: [Fault; 3] = [Fault::Answer(404), Fault::NotFoundPage, Fault::AnotherNotFound];

async fn ready(bed: &Bed, name: &str, annotations: &[(&str, &str)]) {
    bed.create(name, annotations).await;
    bed.controller().until("ready", name, async || bed.is_ready(name).await).await;
}

#[tokio::test]
async fn a_live_project_keeps_its_namespace_when_404_is_not_about_it() {
    let bed = Bed::start().await;
    for fault in STRAY {
        let name = unique_name("stray-live");
        ready(&bed, &name, &[]).await;
        let before = bed.namespace(&name).await.expect("made").metadata;
        let path = format!("/apis/kargo.akuity.io/v1alpha1/projects/{name}");
        let faulty = bed.faulty(&Plan::always("GET", path, fault));
        for _ in 0..2 {
            faulty.look(&name).await;
        }
        let after = bed.namespace(&name).await.expect("still there").metadata;
        assert_eq!(after.annotations, before.annotations, "{fault:?}");
        assert_eq!(after.resource_version, before.resource_version, "{fault:?}");
        assert!(bed.left_behind(&name).await.len() == 14, "{fault:?}: access was taken back");
    }
}

#[tokio::test]
async fn a_namespace_that_exists_is_not_recorded_as_gone_when_404_is_not_about_it() {
    let bed = Bed::start().await;
    for (fault, keep) in STRAY.into_iter().flat_map(|fault| [(fault, false), (fault, true)]) {
        let name = unique_name("stray-going");
        let annotations: &[_] = if keep { &[(KEEP, "true")] } else { &[] };
        ready(&bed, &name, annotations).await;
        if !keep {
            bed.policy(&name, json!({"confirmation": "Required"})).await;
        }
        bed.delete(&name).await;
        let path = format!("/api/v1/namespaces/{name}");
        let faulty = bed.faulty(&Plan::always("GET", path, fault));
        for _ in 0..3 {
            faulty.look(&name).await;
        }
        let project = bed.project(&name).await;
        assert!(project.is_some(), "{fault:?}: the Project was let go of");
        let namespace = bed.namespace(&name).await.expect("still there").metadata;
        assert!(namespace.annotations.is_some(), "{fault:?}: the record is gone");
        let told = bed.plan(&name).await.and_then(|plan| plan.status).unwrap_or_default();
        assert!(told.history.iter().all(|e| e.event.as_str() != "Done"), "{fault:?}: {told:?}");
        if !keep {
            bed.annotate(&name, json!({KEEP: "true"})).await;
        }
        bed.controller().until("over", &name, async || bed.project(&name).await.is_none()).await;
    }
}
