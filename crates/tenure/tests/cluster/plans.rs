//! Plans: what is recorded, confirmed, agreed to, awaited and called off.

use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;
use tenure_core::trail;
use tenure_testbed::unique_name;

use crate::support::{KEEP, SERVER, Test, filled_namespace};

fn writes(entries: &[tenure_testbed::audit::Entry]) -> usize {
    entries.iter().filter(|e| e.is_write() && e.resource() != "events").count()
}

#[tokio::test]
async fn a_deletion_and_its_record_take_eight_writes_and_the_record_stays() {
    let test = Test::start().await;
    let name = unique_name("recorded");
    test.create_ready(&name, &[]).await;
    let audit = test.bed.plane.audit();
    test.delete_and_wait(&name).await;
    let plan = test.plan_in(&name, "Done").await;
    assert_eq!(plan.name_any(), format!("{name}.{}", plan.spec.project.uid));
    assert_eq!(format!("{:?}", plan.spec.decision.disposition), "Delete");
    assert!(plan.spec.decision.contents.is_some(), "profile protective looks at contents");
    let history = plan.status.as_ref().expect("a status").history.clone();
    let events: Vec<_> = history.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["Decided", "Started", "Done"]);
    trail::verify(&plan.name_any(), &history).expect("an unbroken trail");

    let asked = audit.of(SERVER, &name);
    assert_eq!(writes(&asked), 8, "{:#?}", tenure_testbed::audit::tally(&asked));
    let position = |short: &str| {
        audit.entries().iter().position(|e| {
            e.user.username == SERVER
                && e.short() == short
                && e.succeeded()
                && (e.name() == name || e.name() == plan.name_any())
        })
    };
    let started = position("patch deletionplans/status").expect("started");
    let deleted = position("delete namespaces").expect("deleted");
    assert!(started < deleted, "the record comes first");
}

#[tokio::test]
async fn what_is_kept_is_recorded_too_in_ten_writes() {
    let test = Test::start().await;
    let name = unique_name("recorded-kept");
    test.create_ready(&name, &[(KEEP, "true")]).await;
    test.namespace_finalizers(&name, &[]).await;
    let audit = test.bed.plane.audit();
    test.delete_and_wait(&name).await;
    let plan = test.plan_in(&name, "Done").await;
    assert_eq!(plan.spec.decision.claims[0].source, "KeepOnProject");
    let asked = audit.of(SERVER, &name);
    assert_eq!(writes(&asked), 10, "{:#?}", tenure_testbed::audit::tally(&asked));
}

#[tokio::test]
async fn a_deletion_that_has_to_be_confirmed_waits_for_that_very_plan() {
    let test = Test::start().await;
    let name = unique_name("confirmed");
    test.policy(&name, json!({"confirmation": "Required"})).await;
    test.create_ready(&name, &[]).await;
    test.delete(&name).await;
    let plan = test.plan_waits_for(&name, "Confirmation").await;
    let (reason, message) = test.condition(&name, "Stalled", "True").await;
    assert_eq!(reason, "Held");
    assert!(message.contains(&plan.spec.decision.digest), "{message}");

    let wrong = format!("sha256:{}", "0".repeat(64));
    test.annotate_project(&name, json!({"tenure.dev/confirm": wrong})).await;
    // What was confirmed is not what is decided now: a lien came and went, and a keep came.
    test.patch_namespace(&name, json!({"annotations": {"tenure.dev/disposition": "Clean"}})).await;
    let clean = tenure_testbed::eventually("it is decided anew", async || {
        let now = test.plan(&name).await?;
        (now.spec.decision.digest != plan.spec.decision.digest).then_some(now)
    })
    .await;
    test.annotate_project(&name, json!({"tenure.dev/confirm": plan.spec.decision.digest})).await;
    test.plan_waits_for(&name, "Confirmation").await;
    assert!(test.namespace(&name).await.expect("untouched").metadata.deletion_timestamp.is_none());
    test.patch_namespace(&name, json!({"annotations": {"tenure.dev/disposition": null}})).await;
    test.namespace_gone(&name).await;
    test.project_gone(&name).await;
    let done = test.plan_in(&name, "Done").await;
    assert_ne!(clean.spec.decision.digest, done.spec.decision.digest);
    let history = done.status.expect("a status").history;
    let events: Vec<_> = history.iter().map(|entry| entry.event.as_str()).collect();
    assert!(events.ends_with(&["Confirmed", "Started", "Done"]), "{events:?}");
}

#[tokio::test]
async fn a_confirmation_of_one_project_is_none_of_the_next() {
    let test = Test::start().await;
    let name = unique_name("replayed");
    test.policy(&name, json!({"confirmation": "Required"})).await;
    test.create_ready(&name, &[]).await;
    test.delete(&name).await;
    let plan = test.plan_waits_for(&name, "Confirmation").await;
    let confirm = plan.spec.decision.digest.clone();
    test.annotate_project(&name, json!({"tenure.dev/confirm": confirm})).await;
    test.project_gone(&name).await;
    // The next one comes from Git, with the annotation that stands there still.
    test.create_ready(&name, &[("tenure.dev/confirm", &confirm)]).await;
    test.delete(&name).await;
    test.plan_waits_for(&name, "Confirmation").await;
    test.annotate_project(&name, json!({"tenure.dev/cancel": "true"})).await;
}

#[tokio::test]
async fn an_adopted_namespace_goes_only_if_somebody_confirms_against_the_presumption() {
    let test = Test::start().await;
    let name = unique_name("discharged");
    test.create_namespace(&name, &[("kargo.akuity.io/project", "true")]).await;
    test.create_ready(&name, &[]).await;
    // A lien, so that there is time to look at the plan; on the Project it would not be deleted.
    let look = json!({"annotations": {"hold.tenure.dev/look": "at the plan"}});
    test.patch_namespace(&name, look).await;
    test.delete(&name).await;
    let plan = test.plan_waits_for(&name, "LienOnNamespace").await;
    assert_eq!(format!("{:?}", plan.spec.decision.disposition), "Retain");
    let alternative = plan.spec.decision.alternative.expect("something else could be confirmed");
    assert_eq!(format!("{:?}", alternative.disposition), "Delete");
    test.annotate_project(&name, json!({"tenure.dev/confirm": alternative.digest})).await;
    // The Namespace could not be deleted while it stands, whoever confirmed what.
    test.patch_namespace(&name, json!({"annotations": {"hold.tenure.dev/look": null}})).await;
    test.namespace_gone(&name).await;
    test.project_gone(&name).await;
    assert!(test.plan_in(&name, "Done").await.spec.decision.discharged);
}

#[tokio::test]
async fn what_others_deploy_into_a_created_namespace_retains_it() {
    let test = Test::start().await;
    let name = unique_name("shared");
    test.create_ready(&name, &[]).await;
    for object in tenure_testbed::filled_namespace(&name).into_iter().skip(1) {
        test.apply(&object).await;
    }
    test.delete_and_wait(&name).await;
    let plan = test.plan_in(&name, "Done").await;
    assert_eq!(plan.spec.decision.presumptions[0].source, "Shared");
    assert_eq!(plan.spec.decision.foreign, ["Argo CD shop", "Helm platform/platform"]);
    assert!(test.namespace(&name).await.expect("kept").metadata.deletion_timestamp.is_none());
}

#[tokio::test]
async fn approvals_are_of_distinct_people_in_their_own_names() {
    let test = Test::start().await;
    let name = unique_name("approved");
    test.policy(&name, json!({"approvals": {"count": 1, "groups": ["ops"]}})).await;
    test.create_ready(&name, &[]).await;
    test.delete(&name).await;
    let plan = test.plan_waits_for(&name, "Approvals").await;
    let digest = plan.spec.decision.digest.clone();
    let approval = |user: &str| json!({"user": user, "groups": ["ops"], "digest": digest});
    let give = |approvals: serde_json::Value| json!({"spec": {"approvals": approvals}});

    let forged = give(json!([approval("anna")]));
    let refused = test.patch_plan_as("bob", &["ops"], &plan, forged).await;
    let refused = refused.expect_err("in another's name").to_string();
    assert!(refused.contains("an approval has to name who gives it"), "{refused}");
    let boasted = give(json!([approval("bob")]));
    test.patch_plan_as("bob", &[], &plan, boasted).await.expect_err("a group that is not theirs");
    let rewritten = json!({"spec": {"decision": {"disposition": "Retain"}}});
    test.patch_plan_as("bob", &["ops"], &plan, rewritten).await.expect_err("the decision");

    let plans: kube::Api<tenure_api::DeletionPlan> = kube::Api::all(test.client.clone());
    let away = plans.delete(&plan.name_any(), &DeleteParams::default()).await;
    let away = away.expect_err("a plan that waits").to_string();
    assert!(away.contains("not for people to take away"), "{away}");
    let ended = kube::api::Patch::Merge(json!({"status": {"phase": "Void"}}));
    plans.patch_status(&plan.name_any(), &Default::default(), &ended).await.expect_err("its phase");

    let first = give(json!([approval("anna")]));
    test.patch_plan_as("anna", &["ops"], &plan, first).await.expect("her own");
    // Nobody knows who asked for the deletion: it may have been anna.
    tenure_testbed::eventually("one more is asked for", async || {
        let plan = test.plan(&name).await?;
        let conditions = plan.status?.conditions;
        conditions.iter().any(|c| c.message.contains("1 of 2 approvals")).then_some(())
    })
    .await;
    let silenced = give(json!([approval("bob")]));
    test.patch_plan_as("bob", &["ops"], &plan, silenced).await.expect_err("takes anna's back");
    let both = give(json!([approval("anna"), approval("bob")]));
    test.patch_plan_as("bob", &["ops"], &plan, both).await.expect("his own");
    test.namespace_gone(&name).await;
}

#[tokio::test]
async fn a_policy_that_only_warns_holds_nothing_up() {
    let test = Test::start().await;
    let name = unique_name("warned");
    let demands = json!({"enforcement": "Warn", "floor": "Retain", "confirmation": "Required"});
    test.policy(&name, demands).await;
    test.create_ready(&name, &[]).await;
    test.delete_and_wait(&name).await;
    test.namespace_gone(&name).await;
    let warnings = test.plan_in(&name, "Done").await.spec.decision.warnings;
    assert!(warnings.iter().any(|w| w.contains("would demand floor Retain")), "{warnings:?}");
}

#[tokio::test]
async fn a_policy_that_comes_while_a_plan_waits_is_decided_by() {
    let test = Test::start().await;
    let name = unique_name("redecided");
    test.policy(&name, json!({"confirmation": "Required"})).await;
    test.create_ready(&name, &[]).await;
    test.delete(&name).await;
    test.plan_waits_for(&name, "Confirmation").await;
    test.policy(&name, json!({"floor": "Retain"})).await;
    test.project_gone(&name).await;
    let plan = test.plan_in(&name, "Done").await;
    assert_eq!(plan.spec.decision.claims[0].source, "PolicyFloor");
    assert!(test.namespace(&name).await.is_some());
}

#[tokio::test]
async fn a_template_is_what_a_created_namespace_gets() {
    let test = Test::start().await;
    let name = unique_name("template");
    let template = json!({"labels": {"team": "a"}, "annotations": {KEEP: "true"}});
    test.policy(&name, json!({"namespaceTemplate": template})).await;
    test.create_ready(&name, &[]).await;
    let meta = test.namespace(&name).await.expect("created").metadata;
    assert_eq!(meta.labels.unwrap_or_default().get("team").map(String::as_str), Some("a"));
    test.delete_and_wait(&name).await;
    assert!(test.namespace(&name).await.is_some(), "its template keeps it");
}

/// The grace period is long, the deletion is called off, and everything is as it was but for the
/// UID of the Project; and then it can be deleted again.
#[tokio::test]
async fn a_deletion_that_is_called_off_leaves_everything_as_it_was() {
    let test = Test::start().await;
    let name = unique_name("called-off");
    test.policy(&name, json!({"gracePeriod": "1h"})).await;
    filled_namespace(&test, &name).await;
    let label = json!({"labels": {"kargo.akuity.io/project": "true"}});
    test.patch_namespace(&name, label).await;
    // As if the Project had created it, so that deletion is what would come.
    test.policy(&name, json!({"gracePeriod": "1h", "adopted": "Delete", "shared": "Delete"})).await;
    test.create_ready(&name, &[("example.com/mine", "yes")]).await;
    let before = without_uid(&test, &name).await;
    test.delete(&name).await;
    let plan = test.plan_waits_for(&name, "Grace").await;
    assert!(plan.spec.decision.not_before.is_some());
    test.annotate_project(&name, json!({"tenure.dev/cancel": "true"})).await;
    let old = plan.spec.project.uid.clone();
    tenure_testbed::eventually("the Project is made anew", async || {
        let project = test.projects.get_opt(&name).await.expect("read")?;
        (project.metadata.uid.as_deref() != Some(&old)).then_some(())
    })
    .await;
    test.condition(&name, "Ready", "True").await;
    let plan = test.plan_in(&name, "Void").await;
    let last = plan.status.expect("a status").history.pop().expect("a history");
    assert_eq!(last.event.as_str(), "Restored");
    assert_eq!(without_uid(&test, &name).await, before);
    let project = test.projects.get(&name).await.expect("made anew");
    assert_eq!(project.annotations().get("example.com/mine").map(String::as_str), Some("yes"));
    assert!(!project.annotations().contains_key("tenure.dev/cancel"));

    test.delete(&name).await;
    test.plan_waits_for(&name, "Grace").await;
    test.policy(&name, json!({"adopted": "Delete", "shared": "Delete"})).await;
    test.namespace_gone(&name).await;
    test.project_gone(&name).await;
}

/// What is in the namespace, without the UID of the Project that it is recorded for.
async fn without_uid(test: &Test, name: &str) -> Vec<serde_json::Value> {
    let mut content = test.content(name).await;
    for object in &mut content {
        let meta = object["metadata"].as_object_mut().expect("metadata");
        meta.remove("resourceVersion");
        for entries in ["labels", "annotations"] {
            if let Some(entries) = meta.get_mut(entries).and_then(|e| e.as_object_mut()) {
                entries.remove("tenure.dev/project-uid");
            }
        }
    }
    content
}

#[tokio::test]
async fn a_project_that_is_deleted_twice_in_a_dry_run_has_no_plan() {
    let test = Test::start().await;
    let name = unique_name("dry");
    test.create_ready(&name, &[]).await;
    let dry = DeleteParams { dry_run: true, ..Default::default() };
    test.projects.delete(&name, &dry).await.expect("a dry run");
    assert!(test.plan(&name).await.is_none());
}
