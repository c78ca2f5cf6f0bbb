//! A Project is deleted: what people are told, asked and allowed.

use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tenure_api::Project;
use tenure_testbed::unique_name;

use crate::support::Test;

#[tokio::test]
async fn whoever_deletes_a_project_is_told_what_goes_with_it_and_recorded() {
    let test = Test::start().await;
    let name = unique_name("told");
    test.ready(&name, json!({})).await;
    let said = test.kubectl("anna", &["delete", "project", &name, "--wait=false"]);
    assert!(said.ok, "{said:?}");
    assert!(said.err.contains(&format!("Warning: namespace {name} will be deleted: ")), "{said:?}");
    test.gone(&name).await;
    let plan = test.plan(&name).await.expect("a plan");
    let requester = plan.spec.requester.expect("a requester");
    assert_eq!((requester.user.as_str(), requester.via), ("anna", None));
    assert!(test.namespace(&name).await.is_none());
}

#[tokio::test]
async fn what_has_to_be_confirmed_is_refused_with_the_command_that_confirms_it() {
    let test = Test::start().await;
    let name = unique_name("confirmed");
    test.policy(&name, json!({"confirmation": "Required"})).await;
    test.ready(&name, json!({})).await;
    let refused = test.kubectl("anna", &["delete", "project", &name]);
    assert!(!refused.ok && refused.err.contains("has to be confirmed"), "{refused:?}");
    assert!(test.lives(&name).await);
    // It says the same in a dry run, and the second time.
    for dry in ["--dry-run=none", "--dry-run=server"] {
        let again = test.kubectl("anna", &["delete", "project", &name, dry]);
        assert_eq!(again.err, refused.err);
    }
    let confirmed = test.follow("anna", &refused.err, "to confirm it: ");
    assert!(confirmed.ok, "{confirmed:?}");
    let deleted = test.kubectl("anna", &["delete", "project", &name, "--wait=false"]);
    assert!(deleted.ok, "{deleted:?}");
    test.gone(&name).await;
    assert!(test.namespace(&name).await.is_none());
}

#[tokio::test]
async fn nothing_is_written_in_a_dry_run() {
    let test = Test::start().await;
    let name = unique_name("dry");
    test.policy(&name, json!({"approvals": {"count": 1}})).await;
    test.ready(&name, json!({})).await;
    let before = test.writes(&name);
    assert_ne!(before, 0, "the log is read");
    let refused = test.kubectl("anna", &["delete", "project", &name, "--dry-run=server"]);
    assert!(!refused.ok && refused.err.contains("1 of 1 approvals are missing"), "{refused:?}");
    assert_eq!(test.writes(&name), before);
    assert!(test.plan(&name).await.is_none());
}

#[tokio::test]
async fn people_approve_before_the_deletion_and_nobody_for_themselves() {
    let test = Test::start().await;
    let name = unique_name("approved");
    test.policy(&name, json!({"approvals": {"count": 1}})).await;
    test.ready(&name, json!({})).await;
    let refused = test.kubectl("anna", &["delete", "project", &name]);
    assert!(!refused.ok && refused.err.contains("1 of 1 approvals are missing"), "{refused:?}");
    let plan = test.plan(&name).await.expect("the plan that people approve");
    let approve = |user: &str| {
        let value = json!({"user": user, "digest": plan.spec.decision.digest});
        let patch = json!({"spec": {"approvals": [value]}}).to_string();
        let plan = plan.metadata.name.clone().expect("a name");
        test.kubectl(user, &["patch", "deletionplan", &plan, "--type=merge", "-p", &patch])
    };
    assert!(approve("anna").ok);
    assert!(!test.kubectl("anna", &["delete", "project", &name]).ok, "her own does not count");
    // What anna said is for anna to take back; bert says his beside it.
    let value = json!({"user": "bert", "digest": plan.spec.decision.digest});
    let patch = json!([{"op": "add", "path": "/spec/approvals/-", "value": value}]).to_string();
    let plan_name = plan.metadata.name.as_deref().expect("a name");
    let said =
        test.kubectl("bert", &["patch", "deletionplan", plan_name, "--type=json", "-p", &patch]);
    assert!(said.ok, "{said:?}");
    let deleted = test.kubectl("anna", &["delete", "project", &name, "--wait=false"]);
    assert!(deleted.ok, "{deleted:?}");
    test.gone(&name).await;
    assert!(test.namespace(&name).await.is_none());
}

#[tokio::test]
async fn the_command_that_is_printed_approves_for_the_first_and_for_the_next() {
    let test = Test::start().await;
    let name = unique_name("printed");
    let groups = json!(["people"]);
    test.policy(&name, json!({"approvals": {"count": 2, "groups": groups}})).await;
    test.ready(&name, json!({})).await;
    let refused = test.kubectl("anna", &["delete", "project", &name]);
    for user in ["bert", "carl"] {
        let told = refused.err.replace("YOUR-USER-NAME", user).replace("YOUR-GROUP", "people");
        let approved = test.follow(user, &told.replace('\'', ""), "to approve it");
        assert!(approved.ok, "{approved:?}");
    }
    let deleted = test.kubectl("anna", &["delete", "project", &name, "--wait=false"]);
    assert!(deleted.ok, "{deleted:?}");
    test.gone(&name).await;
}

#[tokio::test]
async fn behind_a_front_end_nobody_knows_who_asks() {
    let test = Test::start().await;
    let name = unique_name("front");
    test.policy(&name, json!({"approvals": {"count": 1}})).await;
    test.ready(&name, json!({})).await;
    let kargo = "system:serviceaccount:kargo:kargo-api";
    let projects: Api<Project> = Api::all(test.client_as(kargo, &["system:masters"]));
    let refused = projects.delete(&name, &DeleteParams::default()).await.unwrap_err();
    let told = refused.to_string();
    assert!(
        told.contains("2 of 2 approvals are missing, one of them because nobody knows"),
        "{told}"
    );
    let plan = test.plan(&name).await.expect("a plan");
    let requester = plan.spec.requester.expect("a requester");
    assert_eq!((requester.user.as_str(), requester.via.as_deref()), (kargo, Some(kargo)));
}

#[tokio::test]
async fn a_service_account_and_the_person_behind_it_are_one_person() {
    let test = Test::start().await;
    let name = unique_name("robot");
    test.policy(&name, json!({"approvals": {"count": 1}})).await;
    test.ready(&name, json!({})).await;
    let robot = "system:serviceaccount:argocd:argocd-server";
    let projects: Api<Project> = Api::all(test.client_as(robot, &["system:masters"]));
    let refused = projects.delete(&name, &DeleteParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("2 of 2 approvals are missing"), "{refused}");
    let plan = test.plan(&name).await.expect("a plan");
    let via = plan.spec.requester.expect("a requester").via;
    assert_eq!(via.as_deref(), Some(robot));
    let plan_name = plan.metadata.name.expect("a name");
    let approve = async |user: &str| {
        let value = json!({"user": user, "digest": plan.spec.decision.digest});
        let patch = json!([{"op": "add", "path": "/spec/approvals/-", "value": value}]);
        let plans: Api<tenure_api::DeletionPlan> =
            Api::all(test.client_as(user, &["system:masters"]));
        let patch = Patch::Json::<()>(serde_json::from_value(patch).expect("a patch"));
        plans.patch(&plan_name, &PatchParams::default(), &patch).await.expect("it is approved");
    };
    approve("anna").await;
    approve(robot).await;
    let refused = projects.delete(&name, &DeleteParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("1 of 2 approvals are missing"), "{refused}");
    approve("bert").await;
    projects.delete(&name, &DeleteParams::default()).await.expect("two persons agreed");
    test.gone(&name).await;
}

#[tokio::test]
async fn whoever_breaks_the_glass_passes_and_is_told_by_what_they_passed() {
    let test = Test::start().await;
    let name = unique_name("glass");
    test.policy(&name, json!({"confirmation": "Required"})).await;
    test.ready(&name, json!({})).await;
    let glass = tenure_testbed::BREAK_GLASS_GROUP;
    let projects: Api<Project> = Api::all(test.client_as("anna", &["system:masters", glass]));
    projects.delete(&name, &DeleteParams::default()).await.expect("it passes");
    // What is decided does not change: it waits for the confirmation, and the Namespace stands.
    let plan = tenure_testbed::eventually("the plan waits", async || {
        let plan = test.plan(&name).await?;
        plan.status.as_ref()?.waiting_for.clone()
    })
    .await;
    assert_eq!(plan, "Confirmation");
    assert!(test.namespace(&name).await.is_some_and(|ns| ns.metadata.deletion_timestamp.is_none()));
}

#[tokio::test]
async fn whoever_may_not_delete_the_namespace_may_not_do_so_by_its_project() {
    let test = Test::alone(&["--check-requester"]).await;
    let name = unique_name("right");
    test.ready(&name, json!({})).await;
    let refused = test.kubectl("anna", &["delete", "project", &name]);
    assert!(!refused.ok && refused.err.contains("anna may not delete it"), "{refused:?}");
    assert!(test.lives(&name).await);
    test.projects.delete(&name, &DeleteParams::default()).await.expect("an administrator may");
    test.gone(&name).await;
}
