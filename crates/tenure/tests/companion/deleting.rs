//! What becomes of Namespaces whose Projects Kargo lets go of.

use kube::api::{DeleteParams, ListParams, PropagationPolicy};
use serde_json::json;
use tenure_testbed::{eventually, unique_name};

use crate::support::Test;

const KEEP: &str = "kargo.akuity.io/keep-namespace";

#[tokio::test]
async fn a_created_namespace_goes_with_its_project_in_six_writes() {
    let test = Test::start().await;
    let name = unique_name("created");
    test.settled(&name, json!({})).await;
    let before = test.writes(&name);
    test.projects.delete(&name, &DeleteParams::default()).await.expect("delete");
    test.gone(&name).await;
    assert!(test.namespace(&name).await.is_none());
    assert_eq!(test.writes(&name) - before, 6);
    assert_eq!(test.kargo_errors(&name), Vec::<String>::new());
}

/// Kargo would leave label and access, and the next Project would inherit them (K7).
#[tokio::test]
async fn a_kept_namespace_is_released_in_nine_writes_and_what_is_others_stays() {
    let test = Test::start().await;
    let name = unique_name("kept");
    test.settled(&name, json!({KEEP: "true"})).await;
    for object in others(&name) {
        test.apply(&object).await;
    }
    let before = test.writes(&name);
    test.projects.delete(&name, &DeleteParams::default()).await.expect("delete");
    test.gone(&name).await;
    let left = test.namespace(&name).await.expect("it stays").metadata;
    assert_eq!(left.finalizers, None);
    assert!(!left.labels.expect("its name").contains_key("kargo.akuity.io/project"));
    assert_eq!(left.annotations, None);
    assert_eq!(
        test.access(&name).await,
        ["Role/kargo-viewer", "RoleBinding/reader", "ServiceAccount/default"]
    );
    let writes = test.writes(&name) - before;
    assert!(writes <= 9, "{writes}");
    assert_eq!(test.kargo_errors(&name), Vec::<String>::new());
}

/// A RoleBinding of the people, and a Role that Kargo made and Argo CD says is its own.
fn others(name: &str) -> [serde_json::Value; 2] {
    let rbac = "rbac.authorization.k8s.io";
    let tracking = format!("shop:{rbac}/Role:{name}/kargo-viewer");
    [
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding",
            "metadata": {"name": "reader", "namespace": name},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "view"},
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "Role",
            "metadata": {
                "name": "kargo-viewer", "namespace": name,
                "annotations": {"argocd.argoproj.io/tracking-id": tracking},
            },
        }),
    ]
}

#[tokio::test]
async fn whatever_is_decided_is_decided_by_what_the_project_said_before_it_was_stamped() {
    let test = Test::start().await;
    // What Kargo reads as "delete" (K8).
    let (misspelt, wished) = (unique_name("yes"), unique_name("wish"));
    test.settled(&misspelt, json!({})).await;
    test.annotate_around(&misspelt, json!({KEEP: "yes"})).await;
    test.settled(&wished, json!({KEEP: "false", "tenure.dev/disposition": "Retain"})).await;
    for name in [&misspelt, &wished] {
        let before = test.writes(name);
        test.projects.delete(name, &DeleteParams::default()).await.expect("delete");
        test.gone(name).await;
        let writes = test.writes(name) - before;
        assert!(writes <= 9, "{writes}");
        assert!(test.namespace(name).await.expect("it stays").metadata.annotations.is_none());
        assert_eq!(test.kargo_errors(name), Vec::<String>::new());
    }
}

/// Kargo deletes a namespace of the Project's name whosever it is (K1).
#[tokio::test]
async fn a_namespace_that_was_never_the_projects_stays_as_it_is() {
    let test = Test::start().await;
    let name = unique_name("foreign");
    test.settled(&name, json!({})).await;
    test.patch_namespace(&name, json!({"labels": {"kargo.akuity.io/project": null}})).await;
    test.patch_namespace(
        &name,
        json!({"annotations": {
            "tenure.dev/project-uid": null, "tenure.dev/origin": null, "tenure.dev/ledger": null,
        }}),
    )
    .await;
    test.projects.delete(&name, &DeleteParams::default()).await.expect("delete");
    test.gone(&name).await;
    let left = test.namespace(&name).await.expect("it stays").metadata;
    assert!(left.deletion_timestamp.is_none());
}

#[tokio::test]
async fn what_is_kargos_alone_goes_from_a_namespace_that_is_cleaned() {
    let test = Test::start().await;
    let name = unique_name("cleaned");
    test.settled(&name, json!({"tenure.dev/disposition": "Clean"})).await;
    for map in [
        json!({"name": "shops", "namespace": name}),
        json!({"name": "git", "namespace": name, "labels": {"kargo.akuity.io/cred-type": "git"}}),
    ] {
        test.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": map})).await;
    }
    test.projects.delete(&name, &DeleteParams::default()).await.expect("delete");
    test.gone(&name).await;
    assert!(test.namespace(&name).await.expect("it stays").metadata.finalizers.is_none());
    let secrets: kube::Api<k8s_openapi::api::core::v1::Secret> =
        kube::Api::namespaced(test.client.clone(), &name);
    let left = secrets.list(&ListParams::default()).await.expect("list").items;
    let left: Vec<_> = left.into_iter().filter_map(|secret| secret.metadata.name).collect();
    assert_eq!(left, ["shops"]);
}

#[tokio::test]
async fn however_it_is_deleted_what_has_to_stay_stays_and_the_rest_goes() {
    let test = Test::start().await;
    let foreground = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Foreground),
        ..DeleteParams::default()
    };
    let (stays, goes) = (unique_name("stays"), unique_name("goes"));
    for (name, annotations) in
        [(&stays, json!({"tenure.dev/disposition": "Retain"})), (&goes, json!({}))]
    {
        test.settled(name, annotations).await;
        test.projects.delete(name, &foreground).await.expect("delete in the foreground");
        test.gone(name).await;
    }
    assert!(test.namespace(&stays).await.is_some() && test.namespace(&goes).await.is_none());
}

/// Kargo had no time to hold it, or somebody took its finalizer off (K6).
#[tokio::test]
async fn without_kargos_finalizer_too() {
    let test = Test::alone(&[]).await;
    let (stays, goes) = (unique_name("unheld"), unique_name("unheld"));
    for (name, annotations) in
        [(&stays, json!({"tenure.dev/disposition": "Retain"})), (&goes, json!({}))]
    {
        test.settled(name, annotations).await;
        let kargo = test.stop_kargo();
        test.patch_project(name, json!({"finalizers": null})).await;
        test.projects.delete(name, &DeleteParams::default()).await.expect("delete");
        drop(kargo);
        test.gone(name).await;
    }
    assert!(test.namespace(&stays).await.is_some());
    assert!(test.namespace(&goes).await.is_none());
}

#[tokio::test]
async fn a_hundred_projects_at_once() {
    let test = Test::start().await;
    let names: Vec<_> = (0..100).map(|_| unique_name("many")).collect();
    for some in names.chunks(10) {
        futures::future::join_all(some.iter().map(|name| test.settled(name, json!({})))).await;
    }
    for name in names.iter().step_by(3) {
        test.annotate_project(name, json!({KEEP: "true"})).await;
    }
    let errors: Vec<_> = names.iter().map(|name| test.kargo_errors(name)).collect();
    // Who is told that the answer took too long asks again, as people would.
    let deleting = names.iter().map(|name| {
        eventually("it is deleted", async || {
            test.projects.delete(name, &DeleteParams::default()).await.ok()
        })
    });
    futures::future::join_all(deleting).await;
    for (number, name) in names.iter().enumerate() {
        test.gone(name).await;
        let kept = number % 3 == 0;
        assert_eq!(test.namespace(name).await.is_some(), kept, "{name}");
        assert_eq!(test.kargo_errors(name), errors[number]);
    }
}

#[tokio::test]
async fn a_deletion_that_waits_outlives_its_project_and_can_be_called_off_on_its_plan() {
    let test = Test::start().await;
    let name = unique_name("grace");
    test.policy(&name, json!({"gracePeriod": "1h"})).await;
    test.settled(&name, json!({KEEP: "false", "owner": "anna"})).await;
    let before = test.namespace(&name).await.expect("its namespace").metadata.uid;
    test.projects.delete(&name, &DeleteParams::default()).await.expect("delete");
    eventually("Kargo has let go of it", async || {
        test.projects.get_opt(&name).await.expect("read").is_none().then_some(())
    })
    .await;
    eventually("it waits for the grace", async || {
        let plan = test.plan(&name).await?;
        (plan.status?.waiting_for? == "Grace").then_some(())
    })
    .await;
    // Nobody moves in meanwhile, and nobody takes the namespace away.
    let refused = test.try_create(&name).await.unwrap_err();
    assert!(refused.contains("has yet to be carried out"), "{refused}");
    let refused = test.namespaces.delete(&name, &DeleteParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("is left alone until"), "{refused}");

    test.call_off(&name).await;
    test.is_ready(&name).await;
    let project = test.projects.get(&name).await.expect("it is there again").metadata;
    let annotations = project.annotations.expect("annotations");
    assert_eq!((annotations[KEEP].as_str(), annotations["owner"].as_str()), ("false", "anna"));
    assert!(!annotations.contains_key("tenure.dev/stamp"));
    eventually("the record names it", async || {
        let recorded = test.namespace(&name).await?.metadata.annotations?;
        (recorded.get("tenure.dev/project-uid") == project.uid.as_ref()).then_some(())
    })
    .await;
    assert_eq!(test.namespace(&name).await.expect("it stands").metadata.uid, before);
}

#[tokio::test]
async fn a_project_that_is_going_is_told_where_it_is_heard() {
    let test = Test::alone(&[]).await;
    let name = unique_name("words");
    test.settled(&name, json!({})).await;
    let kargo = test.stop_kargo();
    test.projects.delete(&name, &DeleteParams::default()).await.expect("delete");
    let mut said = test.kubectl("anna", &["annotate", "project", &name, "tenure.dev/cancel=true"]);
    assert!(!said.ok && said.err.contains("heard by nobody"), "{said:?}");
    said = test.kubectl("anna", &["annotate", "project", &name, "hold.tenure.dev/audit=x"]);
    assert!(!said.ok && said.err.contains("heard by nobody"), "{said:?}");
    let other = test.kubectl("anna", &["annotate", "project", &name, "owner=anna"]);
    assert!(other.ok, "{other:?}");
    // As it is told.
    let line = said.err.replace("kubectl annotate namespace", "\nthen: kubectl annotate namespace");
    let line = line.replace("; to call", "\n; to call");
    let kept = test.follow("anna", &line, "then: ");
    assert!(kept.ok, "{kept:?}");
    drop(kargo);
    test.gone(&name).await;
    assert!(test.namespace(&name).await.is_some());
}
