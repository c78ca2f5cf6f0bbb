//! `delete` without a terminal: nothing happens but what was looked at.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tenure_core::Disposition;

use crate::support::{ANNA, BOB, Said, Test, compare, compare_by_mode};

/// Everything that anna wrote.
fn writes(test: &Test, name: &str) -> Vec<String> {
    test.writes(ANNA, name)
}

fn digest(test: &Test, name: &str) -> String {
    test.run(ANNA, &["plan", name, "-o", "digest"]).out.trim().to_owned()
}

/// Writes anna's plan of a Project into a file.
fn plan_file(test: &Test, name: &str, arguments: &[&str]) -> PathBuf {
    let path = test.bed.plane.dir().join(format!("{name}.plan.json"));
    let file = path.to_str().expect("a path");
    let said = test.run(ANNA, &[&["plan", name, "--out", file][..], arguments].concat());
    assert_eq!(said.code, 0, "{said:?}");
    path
}

fn carry_out(test: &Test, user: &str, name: &str, file: &Path) -> Said {
    test.run(user, &["delete", name, "--plan", file.to_str().expect("a path")])
}

fn edit(file: &Path, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(file).expect("the plan");
    let mut plan = serde_json::from_str(&text).expect("JSON");
    change(&mut plan);
    std::fs::write(file, plan.to_string()).expect("write the plan");
}

#[tokio::test]
async fn a_name_alone_deletes_nothing() {
    let test = Test::start().await;
    test.ready("delete-name", json!({})).await;
    compare("delete_without_terminal", &test.run(ANNA, &["delete", "project/delete-name"]));
    let json = test.run(ANNA, &["delete", "delete-name", "-o", "json"]);
    assert_eq!((json.code, &json.json()["items"][0]["failure"]["exitCode"]), (4, &json!(4)));
    assert!(writes(&test, "delete-name").is_empty() && test.lives("delete-name").await);
}

#[tokio::test]
async fn the_digest_of_the_moment_deletes_and_stays_until_the_namespace_is_gone() {
    let test = Test::start().await;
    test.ready("delete-digest", json!({})).await;
    let digest = digest(&test, "delete-digest");
    compare(
        "delete_by_digest",
        &test.run(ANNA, &["delete", "project/delete-digest", "--digest", &digest]),
    );
    assert!(!test.has_namespace("delete-digest").await);
    assert_eq!(test.project_uid("delete-digest").await, None);
    let asked = test.audit.of(ANNA, "delete-digest");
    let delete = asked.iter().find(|entry| entry.verb == "delete").expect("a DELETE");
    let conditions = &delete.request_object.as_ref().expect("a body")["preconditions"];
    assert!(conditions["uid"].is_string() && conditions["resourceVersion"].is_string());
    assert_eq!(test.plan_of("delete-digest").await.spec.decision.digest, digest);
}

#[tokio::test]
async fn another_digest_deletes_nothing_and_says_what_is_decided_now() {
    let test = Test::start().await;
    test.ready("delete-other", json!({})).await;
    let before = digest(&test, "delete-other");
    test.annotate_project("delete-other", json!({"kargo.akuity.io/keep-namespace": "true"})).await;
    let said = test.run(ANNA, &["delete", "delete-other", "--digest", &before]);
    compare("delete_by_another_digest", &said);
    assert!(writes(&test, "delete-other").is_empty() && test.lives("delete-other").await);
    let short = test.run(ANNA, &["delete", "delete-other", "--digest", "sha256:0"]);
    assert_eq!(short.code, 2);
}

#[tokio::test]
async fn a_plan_file_holds_for_that_plan_person_and_time() {
    let test = Test::start().await;
    test.ready("delete-file", json!({})).await;
    let file = plan_file(&test, "delete-file", &[]);
    let another = carry_out(&test, BOB, "delete-file", &file);
    assert_eq!(another.code, 4, "{another:?}");
    assert!(another.err.contains("made by anna"), "{another:?}");

    edit(&file, |plan| plan["decision"]["explanation"] = "the namespace is retained".into());
    let edited = carry_out(&test, ANNA, "delete-file", &file);
    assert_eq!(edited.code, 6, "{edited:?}");
    assert!(edited.err.contains("- \"explanation\": \"the namespace is retained\""), "{edited:?}");

    let file = plan_file(&test, "delete-file", &[]);
    for at in ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        edit(&file, |plan| plan["madeAt"] = at.into());
        assert_eq!(carry_out(&test, ANNA, "delete-file", &file).code, 6, "{at}");
    }
    edit(&file, |plan| plan["apiVersion"] = "cli.tenure.dev/v9".into());
    let version = carry_out(&test, ANNA, "delete-file", &file);
    assert_eq!(version.code, 2);
    assert!(version.err.contains("apiVersion"), "{version:?}");

    let file = plan_file(&test, "delete-file", &[]);
    test.annotate_namespace("delete-file", json!({"tenure.dev/disposition": "Clean"})).await;
    let changed = carry_out(&test, ANNA, "delete-file", &file);
    compare("delete_by_a_stale_plan", &changed);
    assert!(writes(&test, "delete-file").is_empty() && test.lives("delete-file").await);

    test.annotate_namespace("delete-file", json!({"tenure.dev/disposition": null})).await;
    assert_eq!(carry_out(&test, ANNA, "delete-file", &file).code, 0);
    test.ready("delete-file", json!({})).await;
    let replayed = carry_out(&test, ANNA, "delete-file", &file);
    assert_eq!(replayed.code, 6, "{replayed:?}");
    assert!(test.lives("delete-file").await);
}

#[tokio::test]
async fn a_choice_is_written_with_the_deletion_and_kept() {
    let test = Test::start().await;
    test.ready("delete-retain", json!({})).await;
    let file = plan_file(&test, "delete-retain", &["--disposition", "retain"]);
    compare("delete_retain", &carry_out(&test, ANNA, "delete-retain", &file));
    assert!(test.has_namespace("delete-retain").await);
    assert_eq!(test.project_uid("delete-retain").await, None);

    test.shared("delete-shared").await;
    let plan = ["plan", "delete-shared", "--disposition", "delete", "-o", "digest"];
    let against = test.run(ANNA, &plan).out.trim().to_owned();
    let said = test.run(ANNA, &["delete", "delete-shared", "--digest", &against]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!test.has_namespace("delete-shared").await, "presumptions were confirmed against");

    // What is presumed is more, and what is left without it is less.
    test.shared("delete-cleaned").await;
    let file = plan_file(&test, "delete-cleaned", &["--disposition", "clean"]);
    let said = carry_out(&test, ANNA, "delete-cleaned", &file);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("namespace delete-cleaned stays, cleaned"), "{said:?}");
    assert!(test.has_namespace("delete-cleaned").await);
    let decision = test.plan_of("delete-cleaned").await.spec.decision;
    assert_eq!(Disposition::from(decision.disposition), Disposition::Clean);
}

#[tokio::test]
async fn what_is_forbidden_or_held_is_refused_before_anything_is_written() {
    let test = Test::start().await;
    test.ready("delete-kept", json!({"kargo.akuity.io/keep-namespace": "true"})).await;
    let forbidden = test.run(ANNA, &["delete", "delete-kept", "--disposition", "delete"]);
    assert_eq!(forbidden.code, 3, "{forbidden:?}");
    test.ready("delete-held", json!({"hold.tenure.dev/audit": "quarter not closed"})).await;
    compare("delete_held", &test.run(ANNA, &["delete", "project/delete-held"]));
    let json = test.run(ANNA, &["delete", "delete-held", "-o", "json"]).json();
    assert_eq!(json["items"][0]["failure"]["reason"], "Refused");
    assert!(writes(&test, "delete-kept").is_empty() && writes(&test, "delete-held").is_empty());
}

#[tokio::test]
async fn what_the_api_server_refuses_is_refused_with_its_reason() {
    let test = Test::start().await;
    test.ready("delete-approve", json!({})).await;
    test.policy("delete-approve", json!({"approvals": {"count": 1}})).await;
    let digest = digest(&test, "delete-approve");
    let said = test.run(ANNA, &["delete", "delete-approve", "--digest", &digest]);
    compare("delete_needs_approval", &said);
    assert!(test.lives("delete-approve").await);
    let project = test.projects.get("delete-approve").await.expect("read the project");
    let confirmed = project.metadata.annotations.unwrap_or_default();
    assert_eq!(
        confirmed.get("tenure.dev/confirm"),
        Some(&digest),
        "others have yet to agree to it"
    );
    let approved = test.run(BOB, &["approve", "delete-approve", "--digest", &digest]);
    assert_eq!(approved.code, 0, "{approved:?}");
    let said = test.run(ANNA, &["delete", "delete-approve", "--digest", &digest]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[tokio::test]
async fn what_was_confirmed_for_a_deletion_that_is_refused_is_taken_back() {
    let test = Test::start().await;
    let of_old = format!("sha256:{}", "0".repeat(64));
    test.ready("delete-refused", json!({"tenure.dev/confirm": of_old})).await;
    test.policy("delete-refused", json!({"confirmation": "Required"})).await;
    test.refuse_deletion_of("delete-refused").await;
    let marks = async || {
        let project = test.projects.get("delete-refused").await.expect("read the project");
        let annotations = project.metadata.annotations.unwrap_or_default();
        ["tenure.dev/confirm", "tenure.dev/disposition"].map(|key| annotations.get(key).cloned())
    };
    for choice in [&[][..], &["--disposition", "clean"]] {
        let plan = [&["plan", "delete-refused", "-o", "digest"][..], choice].concat();
        let digest = test.run(ANNA, &plan).out.trim().to_owned();
        let command = [&["delete", "delete-refused", "--digest", &digest][..], choice].concat();
        let said = test.run(ANNA, &command);
        assert_eq!(said.code, 3, "{said:?}");
        assert!(said.err.contains("not on a Friday"), "{said:?}");
        assert_eq!(marks().await, [Some(of_old.clone()), None], "{said:?}");
    }
    let writes = writes(&test, "delete-refused");
    assert!(writes.iter().filter(|write| write.starts_with("patch")).count() >= 4, "{writes:?}");
    assert!(test.lives("delete-refused").await);
}

#[tokio::test]
async fn who_does_not_stay_for_ever_is_told_what_is_awaited() {
    let test = Test::start().await;
    test.ready("delete-grace", json!({})).await;
    test.policy("delete-grace", json!({"gracePeriod": "1h"})).await;
    let digest = digest(&test, "delete-grace");
    let command = ["delete", "delete-grace", "--digest", &digest, "--timeout", "1s"];
    compare_by_mode("delete_times_out", &test.run(ANNA, &command));
    let cancelled = test.run(ANNA, &["cancel", "project/delete-grace"]);
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    tenure_testbed::eventually("the Project is made anew", async || {
        test.lives("delete-grace").await.then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let test = Test::start().await;
    test.ready("delete-dry", json!({})).await;
    compare("delete_dry_run", &test.run(ANNA, &["delete", "delete-dry", "--dry-run=client"]));
    assert!(writes(&test, "delete-dry").is_empty());
    let server = test.run(ANNA, &["delete", "delete-dry", "--dry-run=server"]);
    assert_eq!(server.code, 0, "{server:?}");
    let dry = |entry: &tenure_testbed::audit::Entry| entry.request_uri.contains("dryRun=All");
    let asked = test.audit.of(ANNA, "delete-dry");
    let changes: Vec<_> = asked.iter().filter(|entry| entry.is_write()).collect();
    assert!(
        !changes.is_empty() && changes.iter().all(|entry| dry(entry) || entry.verb == "delete")
    );
    assert!(test.lives("delete-dry").await && test.has_namespace("delete-dry").await);
    test.policy("delete-dry", json!({"confirmation": "Required"})).await;
    let confirmed = test.run(ANNA, &["delete", "delete-dry", "--dry-run=server"]);
    assert!(confirmed.code == 0 && confirmed.out.contains("confirmed first"), "{confirmed:?}");
    assert!(test.lives("delete-dry").await);
}

#[tokio::test]
async fn of_several_one_that_fails_does_not_hide_the_others() {
    let test = Test::start().await;
    test.ready("delete-many-a", json!({})).await;
    let command = ["delete", "project/delete-many-a", "project/delete-many-b", "-o", "json"];
    let said = test.run(ANNA, &command);
    assert_eq!(said.code, 1, "{said:?}");
    let json = said.json();
    let codes: Vec<_> = [0, 1].map(|n| json["items"][n]["failure"]["exitCode"].clone()).into();
    assert_eq!(codes, [4, 1]);
    let namespace = test.run(ANNA, &["delete", "namespace/delete-many-a"]);
    assert_eq!(namespace.code, 2);
    let several =
        test.run(ANNA, &["delete", "a", "b", "--digest", &format!("sha256:{}", "0".repeat(64))]);
    assert_eq!(several.code, 2);
    let labelled = test.run(ANNA, &["delete", "-l", "team=a"]);
    assert_eq!(labelled.code, 2);
    assert!(labelled.err.contains("kubectl tenure list -l 'team=a'"), "{labelled:?}");
}

#[tokio::test]
async fn a_reason_begins_no_line_of_its_own() {
    let test = Test::start().await;
    let reason = "quarter\n  next: kubectl delete namespace kube-system";
    test.ready("delete-forged", json!({"hold.tenure.dev/audit": reason})).await;
    let said = test.run(ANNA, &["delete", "delete-forged"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.err.contains("quarter\\u{a}  next: kubectl delete"), "{said:?}");
    let next = said.err.lines().filter(|line| line.trim_start().starts_with("next:"));
    assert_eq!(next.count(), 1, "{said:?}");
}
