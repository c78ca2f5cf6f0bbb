//! Plans that are carried out after their Projects are gone: what they wait for, and by what they are
//! decided anew meanwhile.

use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tenure_api::DeletionPlan;
use tenure_core::plan::Phase;
use tenure_testbed::{eventually, free_port, unique_name};

use crate::arrival::manifest;
use crate::support::{Test, server};

const LABEL: &str = "kargo.akuity.io/project";

/// Waits until the plan says that it waits for that.
async fn waits_for(test: &Test, name: &str, gates: &str) -> DeletionPlan {
    eventually(&format!("the plan of {name} waits for {gates}"), async || {
        let plan = test.plan(name).await?;
        let found = plan.status.as_ref()?.waiting_for.clone();
        (found.as_deref() == Some(gates)).then_some(plan)
    })
    .await
}

/// A namespace that others filled, and that a Project moves into.
async fn adopted(test: &Test, name: &str) {
    for object in tenure_testbed::filled_namespace(name) {
        test.apply(&object).await;
    }
    test.patch_namespace(name, json!({"labels": {LABEL: "true"}})).await;
    test.ready(name, json!({})).await;
    test.recorded(name, "Adopted").await;
}

async fn delete(test: &Test, name: &str) -> Result<(), String> {
    let deleted = test.projects.delete(name, &DeleteParams::default()).await;
    deleted.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn an_adopted_namespace_stays_with_everything_that_was_there() {
    let test = Test::start().await;
    let name = unique_name("adopted");
    adopted(&test, &name).await;
    delete(&test, &name).await.expect("it retains");
    test.gone(&name).await;
    let left = test.namespace(&name).await.expect("it stays").metadata;
    assert!(left.annotations.is_none_or(|all| all.keys().all(|key| !key.contains("tenure.dev"))));
    // The label was there before the Project.
    assert_eq!(left.labels.expect("labels")[LABEL], "true");
    assert_eq!(test.access(&name).await, ["Role/deployer", "ServiceAccount/default"]);
    let plan = test.plan(&name).await.expect("a plan");
    let sources: Vec<_> = plan.spec.decision.presumptions.iter().map(|c| &c.source).collect();
    assert_eq!(sources, ["Adopted", "Shared"]);
}

#[tokio::test]
async fn an_adopted_namespace_goes_if_somebody_confirms_against_the_presumption_before() {
    let test = Test::start().await;
    let name = unique_name("discharged");
    adopted(&test, &name).await;
    let told = test.kubectl("anna", &["delete", "project", &name, "--dry-run=server"]);
    assert!(told.ok, "{told:?}");
    // What it is told to do.
    let digest = told.err.split("sha256:").nth(1).expect("a digest to confirm");
    let digest: String = digest.chars().take_while(char::is_ascii_hexdigit).collect();
    let confirm = json!({"tenure.dev/confirm": format!("sha256:{digest}")});
    test.annotate_project(&name, confirm).await;
    delete(&test, &name).await.expect("it is confirmed");
    test.gone(&name).await;
    assert!(test.namespace(&name).await.is_none());
    assert!(test.plan(&name).await.expect("a plan").spec.decision.discharged);
}

#[tokio::test]
async fn while_a_plan_waits_it_is_decided_anew_by_what_comes() {
    let test = Test::start().await;
    let name = unique_name("redecided");
    test.policy(&name, json!({"gracePeriod": "1h"})).await;
    test.settled(&name, json!({})).await;
    delete(&test, &name).await.expect("grace refuses nothing");
    waits_for(&test, &name, "Grace").await;
    test.policy(&name, json!({"gracePeriod": "1h", "floor": "Retain"})).await;
    test.gone(&name).await;
    let plan = test.plan(&name).await.expect("a plan");
    assert_eq!(plan.spec.decision.claims[0].source, "PolicyFloor");
    assert!(test.namespace(&name).await.is_some());
}

#[tokio::test]
async fn people_agree_to_a_plan_whose_project_is_gone() {
    let test = Test::start().await;
    let name = unique_name("agreed");
    test.policy(&name, json!({"gracePeriod": "1h"})).await;
    test.settled(&name, json!({})).await;
    delete(&test, &name).await.expect("grace refuses nothing");
    waits_for(&test, &name, "Grace").await;
    let demands = json!({"confirmation": "Required", "approvals": {"count": 1, "groups": ["ops"]}});
    test.policy(&name, demands).await;
    let plan = waits_for(&test, &name, "Confirmation,Approvals").await;
    let said = plan.status.as_ref().expect("a status").conditions.iter();
    let how = said.clone().find(|c| c.type_ == "Confirmation").expect("a condition");
    assert!(how.message.contains("in spec.approvals of the DeletionPlan"), "{}", how.message);
    let digest = &plan.spec.decision.digest;
    let approval = json!([{"user": "bob", "groups": ["ops"], "digest": digest}]);
    let approve = Patch::Merge(json!({"spec": {"approvals": approval}}));
    let plans: Api<DeletionPlan> = Api::all(test.client_as("bob", &["ops", "people"]));
    let plan_name = plan.metadata.name.as_deref().expect("a name");
    plans.patch(plan_name, &PatchParams::default(), &approve).await.expect("his own");
    test.gone(&name).await;
    assert!(test.namespace(&name).await.is_none());
}

#[tokio::test]
async fn what_takes_its_time_is_named_on_the_plan() {
    let test = Test::start().await;
    let (going, cleaned) = (unique_name("going"), unique_name("cleaned"));
    test.settled(&going, json!({})).await;
    test.settled(&cleaned, json!({"tenure.dev/disposition": "Clean"})).await;
    let stays = |namespace: &str, finalizers: Value| {
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": "stays", "namespace": namespace, "finalizers": finalizers,
                "labels": {"kargo.akuity.io/cred-type": "git"},
            },
        })
    };
    for name in [&going, &cleaned] {
        test.apply(&stays(name, json!(["example.com/stay"]))).await;
        delete(&test, name).await.expect("nothing is awaited");
    }
    for (name, word) in [(&going, "NamespaceTerminating"), (&cleaned, "Cleaning")] {
        let plan = waits_for(&test, name, word).await;
        let conditions = plan.status.expect("a status").conditions;
        let said = conditions.iter().find(|c| c.type_ == word).expect("it");
        assert!(said.message.contains("example.com/stay"), "{}", said.message);
        test.apply(&stays(name, json!([]))).await;
        test.gone(name).await;
    }
    assert!(test.namespace(&going).await.is_none());
    assert!(test.namespace(&cleaned).await.is_some());
}

#[tokio::test]
async fn everything_is_cleaned_only_if_that_is_confirmed() {
    let test = Test::start().await;
    for object in tenure_api::install::clean_manifests("tenure-system") {
        test.apply(&object).await;
    }
    let name = unique_name("emptied");
    test.policy(&name, json!({"floor": "Clean", "clean": {"scope": "All"}})).await;
    test.settled(&name, json!({})).await;
    test.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shops", "namespace": name},
    }))
    .await;
    let refused = delete(&test, &name).await.unwrap_err();
    assert!(refused.contains("has to be confirmed"), "{refused}");
    let plan = test.plan(&name).await.expect("a plan to confirm");
    let confirm = json!({"tenure.dev/confirm": plan.spec.decision.digest});
    test.annotate_project(&name, confirm).await;
    delete(&test, &name).await.expect("it is confirmed");
    test.gone(&name).await;
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> =
        Api::namespaced(test.client.clone(), &name);
    let left = maps.list(&Default::default()).await.expect("list").items;
    let left: Vec<_> = left.into_iter().filter_map(|map| map.metadata.name).collect();
    assert_eq!(left, ["kube-root-ca.crt"]);
    assert_eq!(test.access(&name).await, ["ServiceAccount/default"]);
}

#[tokio::test]
async fn a_required_archive_that_cannot_be_written_refuses_what_destroys() {
    let dir = std::env::temp_dir().join(unique_name("archive"));
    std::fs::create_dir(&dir).expect("a directory");
    let url = format!("file://{}", dir.display());
    let test = Test::alone(&["--archive", &url, "--archive-required"]).await;
    for name in ["kept", "held"] {
        test.settled(name, json!({})).await;
    }
    delete(&test, "kept").await.expect("the archive can be written");
    test.gone("kept").await;
    assert!(std::fs::read_dir(&dir).expect("read").next().is_some(), "something is in it");
    // Not even its administrator may write into a file as if it were a directory.
    // Whoever writes just then makes it anew in between.
    eventually("a file is in its place", async || {
        let away = dir.with_extension("away");
        if !away.exists() {
            std::fs::rename(&dir, &away).expect("move it away");
        }
        std::fs::remove_dir_all(&dir).ok();
        std::fs::write(&dir, "").ok()
    })
    .await;
    delete(&test, "held").await.expect("that it cannot be written shows when it is");
    eventually("it is held", async || {
        let facts = test.plan("held").await?.facts().expect("a plan that can be read");
        (!facts.status.history.is_empty()).then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let held = test.namespace("held").await.expect("held");
    assert!(held.metadata.deletion_timestamp.is_none());
    std::fs::remove_file(&dir).expect("take the file away");
    std::fs::rename(dir.with_extension("away"), &dir).expect("bring it back");
    test.gone("held").await;
    assert!(test.namespace("held").await.is_none());
    std::fs::remove_dir_all(&dir).expect("tidy up");
}

/// Nobody works on a plan that has ended: not where its Project lives on, nor where whoever ended it
/// crashed before its end was in the archive.
#[tokio::test]
async fn how_a_plan_ended_is_in_the_archive_before_the_plan_is_pruned() {
    let dir = std::env::temp_dir().join(unique_name("ended"));
    std::fs::create_dir(&dir).expect("a directory");
    let url = format!("file://{}", dir.display());
    let mut test = Test::alone(&["--archive", &url]).await;
    test.settled("lives", json!({})).await;
    test.refuse_deletion_of("lives").await;
    delete(&test, "lives").await.expect_err("somebody else refuses it");
    let plan = eventually("the plan is void", async || {
        let facts = test.plan("lives").await?.facts().expect("a plan that can be read");
        (facts.status.phase == Phase::Void).then_some(facts)
    })
    .await;
    let trail = dir.join(&plan.name);
    let archived = || std::fs::read_dir(&trail).map_or(0, Iterator::count);
    let whole = async || (archived() == plan.status.history.len()).then_some(());
    eventually("its end is in the archive", whole).await;
    test.stop_server();
    std::fs::remove_dir_all(&trail).expect("as if it had never been there");
    let [webhook, probes] = [(); 2].map(|()| free_port().expect("a port"));
    let forgets = ["--archive", &url, "--plan-retention", "1s"];
    let server = server(test.bed.plane.dir().into(), crate::MODE, webhook, probes, &forgets);
    eventually("the plan is pruned", async || test.plan("lives").await.is_none().then_some(()))
        .await;
    assert_eq!(archived(), plan.status.history.len());
    drop(server);
    std::fs::remove_dir_all(&dir).expect("tidy up");
}

/// As by a webhook that was away while the one before it went, or a backup.
#[tokio::test]
async fn a_project_whose_namespace_is_recorded_as_anothers_goes_and_leaves_nothing_waiting() {
    let test = Test::start().await;
    let name = unique_name("forged");
    test.settled(&name, json!({})).await;
    let forged = json!({"annotations": {"tenure.dev/project-uid": "another"}});
    test.patch_namespace(&name, forged).await;
    test.projects.delete(&name, &DeleteParams::default()).await.expect("delete");
    test.gone(&name).await;
    eventually("its plan is done", async || {
        let facts = test.plan(&name).await?.facts().expect("a plan that can be read");
        (facts.status.phase == Phase::Done).then_some(())
    })
    .await;
    // What was recorded of nobody is taken back, and the next one may come.
    eventually("the record is taken off", async || {
        let annotations = test.namespace(&name).await.expect("it stays").metadata.annotations;
        let recorded = annotations.unwrap_or_default().contains_key("tenure.dev/project-uid");
        (!recorded).then_some(())
    })
    .await;
}

/// Kargo makes namespaces, and no template is used for them.
#[tokio::test]
async fn a_template_that_nobody_uses_is_told_and_satisfies_nothing() {
    let test = Test::start().await;
    let name = unique_name("template");
    test.policy(
        &name,
        json!({
            "namespaceTemplate": {"labels": {"team": "payments"}},
            "required": {"labels": {"team": "payments"}},
        }),
    )
    .await;
    let told = eventually("the policy is known", async || {
        let create = ["create", "--dry-run=server", "-f", "-"];
        let said = test.kubectl_with("anna", &create, &manifest(&name));
        (!said.ok).then_some(said.err)
    })
    .await;
    assert!(told.contains("requires the label team=payments"), "{told}");
    assert!(told.contains("knows no namespaceTemplate"), "{told}");
}
