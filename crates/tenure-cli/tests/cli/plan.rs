//! `plan`: what is shown, what is advice, and that it is what the server decides.

use serde_json::json;

use crate::support::{ANNA, Test, VERA, compare};

#[tokio::test]
async fn an_empty_namespace_that_the_project_created_goes_with_it() {
    let test = Test::start().await;
    test.ready("plan-empty", json!({})).await;
    compare("plan_empty", &test.run(ANNA, &["plan", "project/plan-empty"]));
    compare("plan_empty_json", &test.run(ANNA, &["plan", "plan-empty", "-o", "json"]));
    assert!(test.writes(ANNA, "plan-empty").is_empty());
}

#[tokio::test]
async fn what_others_deploy_into_is_told_by_who_does_and_folded() {
    let test = Test::start().await;
    test.shared("plan-shared").await;
    for n in 0..6 {
        test.config_map("plan-shared", &format!("settings-{n}")).await;
    }
    compare("plan_shared", &test.run(ANNA, &["plan", "project/plan-shared"]));
    compare(
        "plan_shared_wide",
        &test.run(ANNA, &["plan", "ns/plan-shared", "-o", "wide", "--full"]),
    );
    let choice = ["plan", "-n", "plan-shared", "--disposition", "delete"];
    compare("plan_shared_delete", &test.run(ANNA, &choice));
    let choice = ["plan", "plan-shared", "--disposition", "clean"];
    compare("plan_shared_clean", &test.run(ANNA, &choice));
}

#[tokio::test]
async fn the_digest_is_the_one_that_the_server_records() {
    let test = Test::start().await;
    test.shared("plan-digest").await;
    let digest = test.run(ANNA, &["plan", "plan-digest", "-o", "digest"]);
    assert_eq!((digest.code, digest.err.as_str()), (0, ""));
    test.projects.delete("plan-digest", &Default::default()).await.expect("delete");
    let plan = test.plan_of("plan-digest").await;
    assert_eq!(digest.out.trim(), plan.spec.decision.digest);
}

#[tokio::test]
async fn what_claims_forbid_is_refused_with_what_takes_them_off() {
    let test = Test::start().await;
    test.ready("plan-kept", json!({"kargo.akuity.io/keep-namespace": "true"})).await;
    compare("plan_kept", &test.run(ANNA, &["plan", "plan-kept"]));
    let forbidden = ["plan", "plan-kept", "--disposition", "clean"];
    compare("plan_kept_clean", &test.run(ANNA, &forbidden));
    let json =
        test.run(ANNA, &["plan", "plan-kept", "--disposition", "delete", "-o", "json"]).json();
    assert_eq!((&json["kind"], &json["reason"]), (&json!("Failure"), &json!("Refused")));
    assert_eq!(json["exitCode"], 3);
}

#[tokio::test]
async fn a_namespace_without_a_project_is_told_of_and_what_is_not_there_is_an_error() {
    let test = Test::start().await;
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "plan-alone", "annotations": {"kargo.akuity.io/keep-namespace": "true"}},
    });
    test.apply(&namespace).await;
    test.config_map("plan-alone", "settings").await;
    let only_ours = |line: &&str| !line.contains("what came with") && !line.contains("contents:");
    let mut said = test.run(ANNA, &["plan", "namespace/plan-alone"]);
    said.out = said.out.lines().filter(only_ours).map(|line| format!("{line}\n")).collect();
    compare("plan_alone", &said);
    compare("plan_nothing", &test.run(ANNA, &["plan", "project/plan-nothing"]));
    compare("plan_usage", &test.run(ANNA, &["plan", "pod/plan-nothing"]));
}

#[tokio::test]
async fn without_the_servers_settings_or_sight_a_plan_is_advice() {
    let test = Test::start().await;
    test.ready("plan-advice", json!({})).await;
    let nowhere = test.run(ANNA, &["plan", "plan-advice", "--tenure-namespace", "nowhere"]);
    assert!(nowhere.code == 0 && nowhere.err.contains("advice only"), "{nowhere:?}");
    let elsewhere = ["plan", "plan-advice", "--profile", "kargo", "-o", "json"];
    let json = test.run(ANNA, &elsewhere).json();
    assert_eq!(json["advisory"], true);
    assert!(json["advisoryReasons"][0].as_str().expect("a reason").contains("command line"));
    let seen = test.run(VERA, &["plan", "plan-advice"]);
    assert!(seen.err.contains("advice only") && seen.out.contains("could not be seen"), "{seen:?}");
}

#[tokio::test]
async fn what_stands_in_the_cluster_steers_no_terminal() {
    let test = Test::start().await;
    let lien = json!({"hold.tenure.dev/a": "\u{1b}[2Jgone\u{7}\nDelete: yes"});
    test.ready("plan-escape", lien).await;
    for arguments in [
        &["plan", "plan-escape"][..],
        &["plan", "plan-escape", "-o", "json"],
        &["plan", "plan-escape", "-o", "yaml"],
        &["why", "plan-escape"],
        &["delete", "plan-escape"],
    ] {
        let said = test.run(ANNA, arguments);
        let steers = |c: char| c.is_control() && c != '\n';
        assert!(!said.out.contains(steers) && !said.err.contains(steers), "{said:?}");
        assert!(!said.out.lines().any(|line| line.starts_with("Delete: yes")), "{said:?}");
    }
}

#[tokio::test]
async fn the_same_is_said_without_colour_wherever_it_goes() {
    let test = Test::start().await;
    test.ready("plan-colour", json!({})).await;
    let said = test.run(ANNA, &["plan", "plan-colour"]);
    assert!(!said.out.contains('\u{1b}'), "a pipe has no colour");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    let status = test.command(ANNA, &["plan", "plan-colour"]).stdout(full).status();
    assert_eq!(status.expect("it runs").code(), Some(1), "what cannot be written is an error");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = test.command(ANNA, &["plan", "plan-colour"]).stdout(writer).output();
    let output = output.expect("it runs");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "nobody reads any more");
}
