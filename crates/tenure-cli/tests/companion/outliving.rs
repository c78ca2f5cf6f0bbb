//! Plans that outlive their Projects: what is told of these, and what can still be said.

use std::time::Duration;

use kube::api::DeleteParams;
use serde_json::{Value, json};
use tenure_testbed::eventually;

use crate::support::{ANNA, BOB, Said, Test, VERA, compare};

impl Test {
    /// A Project that was deleted and is gone, with a plan that waits for a grace of an hour; the
    /// plan's name, and its digest.
    async fn outlived(&self, name: &str) -> (String, String) {
        self.ready(name, json!({})).await;
        self.policy(name, json!({"gracePeriod": "1h"})).await;
        self.projects.delete(name, &DeleteParams::default()).await.expect("delete the project");
        eventually("it is gone, and its plan waits", async || {
            let plan = self.plan_of(name).await;
            let waits = plan.status?.waiting_for.as_deref() == Some("Grace");
            let gone = self.project_uid(name).await.is_none();
            (waits && gone).then_some((plan.metadata.name?, plan.spec.decision.digest))
        })
        .await
    }

    async fn is_made_anew(&self, name: &str) {
        eventually(&format!("{name} is made anew"), async || self.lives(name).await.then_some(()))
            .await;
        assert!(self.has_namespace(name).await);
    }
}

#[tokio::test]
async fn a_project_that_is_gone_is_told_of_while_its_plan_waits() {
    let test = Test::start().await;
    let (plan, digest) = test.outlived("gone-told").await;
    let list = test.run(VERA, &["list", "-n", "gone-told", "-o", "json"]).json();
    let item = &list["items"][0];
    assert_eq!((&item["gone"], &item["plan"]["name"]), (&json!(true), &json!(plan)), "{list:#}");
    let list = test.run(VERA, &["list", "-n", "gone-told"]);
    assert!(list.err.contains("gone, while their plans") && list.out.contains("gone-told"));
    let names = test.run(VERA, &["list", "-o", "name"]);
    assert!(!names.out.contains("gone-told"), "it cannot be deleted any more: {names:?}");
    compare("gone_plan", &test.run(ANNA, &["plan", "project/gone-told"]));
    let json = test.run(ANNA, &["plan", "gone-told", "-o", "json"]).json();
    assert_eq!((&json["project"], &json["underWay"]["phase"]), (&Value::Null, &json!("Waiting")));
    assert_eq!(test.run(ANNA, &["plan", "gone-told", "-o", "digest"]).out.trim(), digest);
    compare("gone_why", &test.run(ANNA, &["why", "project/gone-told"]));
    let other = test.run(ANNA, &["plan", "gone-told", "--disposition", "retain"]);
    assert_eq!(other.code, 3, "nothing can be chosen any more: {other:?}");
}

#[tokio::test]
async fn who_speaks_to_a_project_that_is_gone_is_told_where_it_is_heard() {
    let test = Test::start().await;
    let (plan, digest) = test.outlived("gone-deaf").await;
    let approve = format!("next: kubectl tenure approve {plan} --digest {digest}");
    for (arguments, next) in [
        (&["keep", "gone-deaf"][..], "next: kubectl tenure keep namespace/gone-deaf"),
        (
            &["hold", "gone-deaf", "--name", "audit", "--reason", "x"],
            "next: kubectl tenure hold namespace/gone-deaf --name audit --reason REASON",
        ),
        (&["confirm", "gone-deaf", "--digest", &digest], &approve),
    ] {
        let said = test.run(ANNA, arguments);
        assert_eq!(said.code, 3, "{arguments:?}: {said:?}");
        let told =
            format!("Project gone-deaf is gone, and deletionplan/{plan} is Waiting, for Grace");
        assert!(said.err.contains(&told) && said.err.contains(next), "{arguments:?}: {said:?}");
    }
    let approved = test.run(BOB, &["approve", &plan, "--digest", &digest]);
    assert_eq!(approved.code, 0, "{approved:?}");
    let released = test.run(ANNA, &["release", "gone-deaf", "--yes"]);
    assert!(released.code == 3 && released.err.contains("which is gone"), "{released:?}");
    let adopted = test.run(ANNA, &["adopt", "gone-deaf", "--yes"]);
    assert!(adopted.code == 3 && adopted.err.contains("a Project's already"), "{adopted:?}");
    // The namespace is heard to the end.
    let kept = test.run(ANNA, &["keep", "namespace/gone-deaf"]);
    assert!(kept.code == 0 && kept.out.contains("before: the namespace is deleted"), "{kept:?}");
    eventually("it is kept, and its plan done", async || {
        test.plan_of("gone-deaf").await.facts().ok()?.status.phase.is_final().then_some(())
    })
    .await;
    assert!(test.has_namespace("gone-deaf").await);
    let ended = test.run(ANNA, &["cancel", "gone-deaf"]);
    assert!(ended.code == 3 && ended.err.contains("its deletion has ended"), "{ended:?}");
}

#[tokio::test]
async fn a_deletion_is_followed_again_after_its_project_is_gone_and_nothing_else_is_agreed_to() {
    let test = Test::start().await;
    let (_, digest) = test.outlived("gone-again").await;
    let stays = test.run(ANNA, &["delete", "gone-again", "--timeout", "1s"]);
    assert_eq!(stays.code, 5, "{stays:?}");
    assert!(stays.err.contains("Grace: the namespace is left alone until"), "{stays:?}");
    assert!(stays.err.contains(&format!("delete project/gone-again --digest {digest}")));
    let of_other = format!("sha256:{}", "0".repeat(64));
    let other = test.run(ANNA, &["delete", "gone-again", "--digest", &of_other]);
    assert_eq!(other.code, 6, "{other:?}");
    let other = test.run(ANNA, &["delete", "gone-again", "--disposition", "retain"]);
    assert_eq!(other.code, 3, "{other:?}");
    assert!(test.writes(ANNA, "gone-again").is_empty(), "nothing is asked for any more");
    let staying = test.begin(ANNA, &["delete", "gone-again", "--digest", &digest, "-o", "json"]);
    let refused = test.run(VERA, &["cancel", "gone-again"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    let cancelled = test.run(BOB, &["cancel", "gone-again", "-o", "json"]);
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    let object = cancelled.json()["object"].as_str().expect("an object").to_owned();
    assert!(object.starts_with("deletionplan/gone-again."), "{cancelled:?}");
    let told = crate::support::said(staying.wait_with_output().expect("it ends"));
    assert_eq!(told.code, 3, "{told:?}");
    assert!(told.err.contains("was called off"), "{told:?}");
    test.is_made_anew("gone-again").await;
}

#[tokio::test]
async fn who_stays_is_told_what_keeps_the_namespace() {
    let test = Test::start().await;
    test.ready("gone-stuck", json!({})).await;
    test.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "held", "namespace": "gone-stuck", "finalizers": ["example.com/hold"],
        },
    }))
    .await;
    let digest = test.run(ANNA, &["plan", "gone-stuck", "-o", "digest"]).out;
    let delete = ["delete", "gone-stuck", "--digest", digest.trim(), "--timeout"];
    let stays = test.run(ANNA, &[&delete[..], &["25s"]].concat());
    assert_eq!(stays.code, 5, "{stays:?}");
    assert!(stays.err.contains("namespace gone-stuck is terminating"), "{stays:?}");
    eventually("its plan says what it waits for", async || {
        let waits = test.plan_of("gone-stuck").await.status?.waiting_for?;
        (waits == "NamespaceTerminating").then_some(())
    })
    .await;
    let plan = test.run(ANNA, &["plan", "project/gone-stuck"]);
    assert!(plan.code == 3 && plan.err.contains("Executing, for NamespaceTerminating"), "{plan:?}");
    let staying = test.begin(ANNA, &[&delete[..], &["0s"]].concat());
    let path = "/api/v1/namespaces/gone-stuck/configmaps/held";
    let patch = json!({"metadata": {"finalizers": null}}).to_string().into_bytes();
    let request = http::Request::patch(path)
        .header("content-type", "application/merge-patch+json")
        .body(patch)
        .expect("a request");
    test.client.request::<Value>(request).await.expect("let go of it");
    let done = crate::support::said(staying.wait_with_output().expect("it ends"));
    assert!(done.code == 0 && done.out.contains("namespace gone-stuck is gone"), "{done:?}");
}

#[tokio::test]
async fn while_kargo_does_not_run_who_stays_is_told_so_and_it_can_be_called_off() {
    let test = Test::alone(&[]).await;
    test.ready("kargo-away", json!({})).await;
    test.policy("kargo-away", json!({"gracePeriod": "1h"})).await;
    let kargo = test.bed.kargo.as_ref().expect("a stand-in").stop();
    let digest = test.run(ANNA, &["plan", "kargo-away", "-o", "digest"]).out;
    let delete = ["delete", "kargo-away", "--digest", digest.trim(), "--timeout", "2s"];
    let stays = test.run(ANNA, &delete);
    assert_eq!(stays.code, 5, "{stays:?}");
    assert!(stays.err.contains("Kargo has yet to let go of Project kargo-away"), "{stays:?}");
    for arguments in [
        &["keep", "kargo-away"][..],
        &["hold", "kargo-away", "--name", "audit", "--reason", "x"],
        &["confirm", "kargo-away", "--digest", digest.trim()],
    ] {
        let said = test.run(ANNA, arguments);
        let heard = "project kargo-away is being deleted, and what it says now is heard by nobody";
        assert!(said.code == 3 && said.err.contains(heard), "{arguments:?}: {said:?}");
    }
    // What is asked for and not done for a minute is no more a matter of waiting.
    let held = |said: Said| {
        let json = said.json();
        let findings = json["tenure"]["findings"].as_array().expect("findings").clone();
        findings.into_iter().find(|finding| finding["cause"] == "ProjectsHeld")
    };
    assert_eq!(held(test.run(ANNA, &["doctor", "-o", "json"])), None);
    tokio::time::sleep(Duration::from_secs(61)).await;
    let finding = held(test.run(ANNA, &["doctor", "-o", "json"])).expect("it is told");
    assert_eq!(finding["severity"], "Blocks");
    let seen = finding["evidence"].to_string();
    assert!(seen.contains("Projects kargo-away ("), "{finding:#}");
    let cancelled = test.run(ANNA, &["cancel", "kargo-away"]);
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    assert!(cancelled.out.starts_with("deletionplan/kargo-away."), "{cancelled:?}");
    drop(kargo);
    test.is_made_anew("kargo-away").await;
}
