//! However a Project is deleted, the verdict is the same.

use kube::Api;
use kube::api::{DeleteParams, ListParams, Preconditions, PropagationPolicy};
use serde_json::json;
use tenure_api::Project;
use tenure_core::Mode;
use tenure_testbed::unique_name;

use crate::MODE;
use crate::support::Test;

#[tokio::test]
async fn every_cascade_is_refused_what_has_to_be_confirmed_and_deletes_what_has_not() {
    let test = Test::start().await;
    for (cascade, policy) in [
        ("background", PropagationPolicy::Background),
        ("foreground", PropagationPolicy::Foreground),
        ("orphan", PropagationPolicy::Orphan),
    ] {
        let (held, free) = (unique_name(cascade), unique_name(cascade));
        test.policy(&held, json!({"confirmation": "Required"})).await;
        test.ready(&held, json!({})).await;
        test.ready(&free, json!({})).await;
        let said = test.kubectl("anna", &["delete", "project", &held, "--cascade", cascade]);
        assert!(!said.ok && said.err.contains("has to be confirmed"), "{said:?}");
        assert!(test.lives(&held).await);
        // As Argo CD and Flux prune.
        let projects: Api<Project> = Api::all(test.client_as("argocd", &["system:masters"]));
        let how = DeleteParams { propagation_policy: Some(policy), ..Default::default() };
        projects.delete(&free, &how).await.expect("it is deleted");
        test.gone(&free).await;
        assert!(test.namespace(&free).await.is_none());
    }
}

#[tokio::test]
async fn of_a_collection_what_is_held_stays_and_the_rest_goes() {
    let test = Test::start().await;
    let names: Vec<_> = (0..3).map(|_| unique_name("collected")).collect();
    test.policy(&names[1], json!({"confirmation": "Required"})).await;
    for name in &names {
        test.ready(name, json!({})).await;
        let said = test.kubectl("anna", &["label", "project", name, "wave=one"]);
        assert!(said.ok, "{said:?}");
    }
    let said = test.kubectl("anna", &["delete", "projects", "-l", "wave=one", "--wait=false"]);
    assert!(!said.ok && said.err.contains(&names[1]), "{said:?}");
    for name in [&names[0], &names[2]] {
        test.gone(name).await;
        assert!(test.namespace(name).await.is_none());
    }
    assert!(test.lives(&names[1]).await);
    // The API server's own way to delete a collection names none of its objects.
    let wave = ListParams::default().labels("wave=one");
    let refused = test.projects.delete_collection(&DeleteParams::default(), &wave).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("has to be confirmed")));
    assert!(test.lives(&names[1]).await);
}

#[tokio::test]
async fn a_client_with_a_precondition_deletes_what_it_has_read() {
    let test = Test::start().await;
    let name = unique_name("condition");
    test.ready(&name, json!({})).await;
    let project = test.projects.get(&name).await.expect("the project");
    let with = |resource_version: &str| DeleteParams {
        preconditions: Some(Preconditions {
            resource_version: Some(resource_version.to_owned()),
            uid: project.metadata.uid.clone(),
        }),
        ..Default::default()
    };
    let refused = test.projects.delete(&name, &with("1")).await.unwrap_err();
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 409));
    assert!(test.lives(&name).await);
    let version = project.metadata.resource_version.clone().expect("a version");
    let mut deleted = test.projects.delete(&name, &with(&version)).await;
    if MODE == Mode::Companion {
        // The stamp was written since; whoever reads again finds it.
        assert!(deleted.is_err_and(|error| error.to_string().contains("Precondition")));
        let stamped = test.projects.get(&name).await.expect("the project").metadata;
        deleted = test.projects.delete(&name, &with(&stamped.resource_version.unwrap())).await;
    }
    deleted.expect("it is as it was read");
    test.gone(&name).await;
}
