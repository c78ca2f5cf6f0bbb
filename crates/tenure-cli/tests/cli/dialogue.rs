//! `delete` on a terminal: only the answer that means yes does anything.

use http::Method;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::DeleteParams;
use nix::sys::wait::WaitStatus;
use rexpect::session::PtySession;
use serde_json::json;
use tenure_testbed::audit::Entry;
use tenure_testbed::eventually;
use tenure_testbed::proxy::{Fault, Proxy, Rule};

use crate::support::{ANNA, Test};

/// How long the terminal is waited for.
const PATIENCE_MS: u64 = 60_000;

/// The command, at its question.
fn asked(test: &Test, name: &str, question: &str) -> PtySession {
    let command = test.command(ANNA, &["delete", name]);
    let mut terminal =
        rexpect::session::spawn_command(command, Some(PATIENCE_MS)).expect("a terminal");
    terminal.exp_string(question).expect("the question");
    terminal
}

/// What it said after the answer, and its exit code.
fn ended(mut terminal: PtySession) -> (String, i32) {
    let rest = terminal.exp_eof().expect("the end");
    match terminal.process().wait().expect("it ends") {
        WaitStatus::Exited(_, code) => (rest, code),
        other => panic!("{other:?}: {rest}"),
    }
}

/// What came of an answer.
fn answered(test: &Test, name: &str, question: &str, answer: &str) -> (String, i32) {
    let mut terminal = asked(test, name, question);
    terminal.send(answer).expect("answer");
    terminal.flush().expect("answer");
    ended(terminal)
}

#[tokio::test]
async fn on_an_empty_namespace_only_y_means_yes() {
    let test = Test::start().await;
    test.ready("ask-empty", json!({})).await;
    let question = "[y/N] ";
    // Ctrl-C and Ctrl-D are what the terminal makes of these.
    for answer in ["n\n", "\n", "no\n", "ask-empty\n", "yes please\n", "\u{3}", "\u{4}", "y\u{3}"] {
        let (said, code) = answered(&test, "ask-empty", question, answer);
        assert_eq!(code, 4, "{answer:?}: {said}");
        assert!(said.contains("nothing was written"), "{answer:?}: {said}");
    }
    assert!(test.writes(ANNA, "ask-empty").is_empty(), "no DELETE, and nothing else");
    assert!(test.lives("ask-empty").await);
    let (said, code) = answered(&test, "ask-empty", question, "y\n");
    assert_eq!(code, 0, "{said}");
    assert!(!test.has_namespace("ask-empty").await);
}

#[tokio::test]
async fn what_is_not_empty_goes_only_by_its_name() {
    let test = Test::start().await;
    test.ready("ask-full", json!({})).await;
    test.config_map("ask-full", "precious").await;
    let question = "Type ask-full to go on: ";
    for answer in ["y\n", "yes\n", "ask-ful\n", "Ask-full\n", "\n", "\u{3}", "\u{4}"] {
        let (said, code) = answered(&test, "ask-full", question, answer);
        assert_eq!(code, 4, "{answer:?}: {said}");
    }
    assert!(test.writes(ANNA, "ask-full").is_empty(), "no DELETE, and nothing else");
    let (said, code) = answered(&test, "ask-full", question, "ask-full\n");
    assert_eq!(code, 0, "{said}");
    assert!(!test.has_namespace("ask-full").await);
}

#[tokio::test]
async fn what_was_typed_before_the_question_answers_nothing() {
    let test = Test::start().await;
    test.ready("ask-ahead", json!({})).await;
    test.ready("ask-ahead-too", json!({})).await;
    let command = test.command(ANNA, &["delete", "ask-ahead", "ask-ahead-too"]);
    let terminal = rexpect::session::spawn_command(command, Some(PATIENCE_MS));
    let mut terminal = terminal.expect("a terminal");
    terminal.send("y\ny\n").expect("type ahead");
    terminal.flush().expect("type ahead");
    let question = "[y/N] ";
    terminal.exp_string(question).expect("the first question");
    // What answers the first, and is more than that, does not answer the second.
    terminal.send("y\ny\n").expect("answer");
    terminal.flush().expect("answer");
    terminal.exp_string(question).expect("the second question");
    terminal.send_line("").expect("answer");
    let (said, code) = ended(terminal);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("ask-ahead-too: declined; nothing was written"), "{said}");
    let other = "project/ask-ahead is not deleted either, for project/ask-ahead-too was declined";
    assert!(said.contains(other), "{said}");
    for name in ["ask-ahead", "ask-ahead-too"] {
        assert!(test.writes(ANNA, name).is_empty() && test.lives(name).await, "{name}: {said}");
    }
}

#[tokio::test]
async fn nobody_is_asked_about_some_where_another_cannot_be_deleted() {
    let test = Test::start().await;
    test.ready("ask-some", json!({})).await;
    let command = test.command(ANNA, &["delete", "ask-some", "ask-nobody"]);
    let terminal = rexpect::session::spawn_command(command, Some(PATIENCE_MS));
    let (said, code) = ended(terminal.expect("a terminal"));
    assert_eq!(code, 1, "{said}");
    assert!(!said.contains("[y/N]"), "{said}");
    assert!(said.contains("is not deleted, for project/ask-nobody cannot be"), "{said}");
    assert!(test.writes(ANNA, "ask-some").is_empty() && test.lives("ask-some").await);
}

#[tokio::test]
async fn what_stays_is_not_told_to_be_lost() {
    let test = Test::start().await;
    test.ready("ask-spared", json!({})).await;
    test.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "ask-spared"},
    }))
    .await;
    let all = test.run(ANNA, &["plan", "ask-spared"]);
    assert!(all.out.contains("── lost for good"), "{all:?}");
    let command = test.command(ANNA, &["delete", "ask-spared", "--disposition", "clean"]);
    let terminal = rexpect::session::spawn_command(command, Some(PATIENCE_MS));
    let mut terminal = terminal.expect("a terminal");
    let asked = terminal.exp_string("[y/N] ").expect("nothing is lost, so no name is asked for");
    assert!(asked.contains("stays; with the namespace it would be lost"), "{asked}");
    assert!(!asked.contains("lost for good."), "{asked}");
    terminal.send_line("y").expect("answer");
    let (said, code) = ended(terminal);
    assert_eq!(code, 0, "{said}");
    let secret = "/api/v1/namespaces/ask-spared/secrets/s";
    let request = http::Request::get(secret).body(Vec::new()).expect("a request");
    test.client.request::<serde_json::Value>(request).await.expect("it is there");
}

/// Between the answer and the end of what it asks for.
#[tokio::test(flavor = "multi_thread")]
async fn who_interrupts_what_they_agreed_to_has_nothing_deleted() {
    let test = Test::start().await;
    let names = ["ask-stop", "ask-stop-too"];
    for name in names {
        test.ready(name, json!({})).await;
    }
    let dir = test.bed.plane.dir();
    let proxy = Proxy::start(&dir.join("anna.kubeconfig")).await.expect("a proxy");
    let through = dir.join("anna-through-a-proxy.kubeconfig");
    proxy.write_kubeconfig(&through).expect("write a kubeconfig");
    proxy.add(Rule::new(Fault::HangBefore).method(Method::DELETE));
    let mut command = test.command(ANNA, &[&["delete"][..], &names].concat());
    command.env("KUBECONFIG", through);
    let terminal = rexpect::session::spawn_command(command, Some(PATIENCE_MS));
    let mut terminal = terminal.expect("a terminal");
    for _ in names {
        terminal.exp_string("[y/N] ").expect("the question");
        terminal.send_line("y").expect("answer");
    }
    eventually("the deletion is on its way", async || {
        proxy.seen().iter().any(|seen| seen.method == Method::DELETE).then_some(())
    })
    .await;
    terminal.send_control('c').expect("interrupt");
    let (said, code) = ended(terminal);
    assert_eq!(code, 4, "{said}");
    let told = "project/ask-stop is not deleted, and what was written for that is taken back";
    assert!(said.contains(told), "{said}");
    assert!(said.contains("project/ask-stop-too is not deleted either"), "{said}");
    for name in names {
        let deleted = |entry: &&Entry| entry.verb == "delete";
        let entries = test.audit.of(ANNA, name);
        assert_eq!(entries.iter().filter(deleted).count(), 0, "{said}");
        let project = test.projects.get(name).await.expect("it lives").metadata;
        assert_eq!(project.annotations.unwrap_or_default().get("tenure.dev/confirm"), None);
        assert!(project.deletion_timestamp.is_none());
    }
}

/// Who agreed that a namespace stays did not agree that it goes. No version that the DELETE holds for
/// covers what is in it.
#[tokio::test]
async fn what_was_agreed_to_stay_does_not_go_when_nothing_keeps_it_any_more() {
    let test = Test::start().await;
    let name = "ask-stays";
    test.ready(name, json!({})).await;
    let deployed = json!({"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:ask-stays/theirs"});
    test.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "theirs", "namespace": name, "annotations": deployed},
    }))
    .await;
    let mut terminal = asked(&test, name, "[y/N] ");
    let maps: Api<ConfigMap> = Api::namespaced(test.client.clone(), name);
    maps.delete("theirs", &DeleteParams::default()).await.expect("it goes meanwhile");
    terminal.send_line("y").expect("answer");
    let (said, code) = ended(terminal);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("something else was confirmed"), "{said}");
    assert!(test.lives(name).await && test.has_namespace(name).await, "{said}");
}

#[tokio::test]
async fn whoever_empties_a_namespace_is_asked_for_its_name() {
    let test = Test::start().await;
    test.ready("ask-all", json!({})).await;
    test.config_map("ask-all", "precious").await;
    test.policy("ask-all", json!({"floor": "Clean", "clean": {"scope": "All"}})).await;
    let mut terminal = asked(&test, "ask-all", "Type ask-all to go on: ");
    terminal.send_line("").expect("answer");
    let (said, code) = ended(terminal);
    assert_eq!(code, 4, "{said}");
    let command = test.command(ANNA, &["delete", "ask-all"]);
    let terminal = rexpect::session::spawn_command(command, Some(PATIENCE_MS));
    let mut terminal = terminal.expect("a terminal");
    let question = terminal.exp_string("Type ask-all to go on: ").expect("the question");
    assert!(question.contains(" stays, emptied: "), "{question}");
    terminal.send_line("no").expect("answer");
    assert_eq!(ended(terminal).1, 4);
}

/// Nothing is in it but what came with it, and still it was somebody's before.
#[tokio::test]
async fn what_was_there_before_its_project_goes_only_by_its_name() {
    let test = Test::start().await;
    let name = "ask-adopted";
    let labels = json!({"kargo.akuity.io/project": "true"});
    test.apply(&json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
    }))
    .await;
    test.ready(name, json!({})).await;
    let command = test.command(ANNA, &["delete", name, "--disposition", "delete"]);
    let terminal = rexpect::session::spawn_command(command, Some(PATIENCE_MS));
    let mut terminal = terminal.expect("a terminal");
    terminal.exp_string("Type ask-adopted to go on: ").expect("the question");
    terminal.send_line("y").expect("answer");
    let (said, code) = ended(terminal);
    assert_eq!(code, 4, "{said}");
    assert!(test.lives(name).await);
}

#[tokio::test]
async fn who_changes_the_plan_before_the_answer_stops_it() {
    let test = Test::start().await;
    test.ready("ask-race", json!({})).await;
    let mut terminal = asked(&test, "ask-race", "[y/N] ");
    test.annotate_project("ask-race", json!({"kargo.akuity.io/keep-namespace": "true"})).await;
    terminal.send_line("y").expect("answer");
    let (said, code) = ended(terminal);
    assert_eq!(code, 6, "{said}");
    assert!(test.lives("ask-race").await && test.has_namespace("ask-race").await);
}

#[tokio::test]
async fn colour_is_for_terminals_that_want_it() {
    let test = Test::start().await;
    test.ready("ask-colour", json!({})).await;
    let coloured = |environment: &[(&str, &str)], arguments: &[&str]| {
        let mut command = test.command(ANNA, arguments);
        command.envs(environment.iter().copied());
        let terminal = rexpect::session::spawn_command(command, Some(PATIENCE_MS));
        let (said, code) = ended(terminal.expect("a terminal"));
        assert_eq!(code, 0, "{said}");
        said.contains('\u{1b}')
    };
    // The spinner draws with escapes, and is drawn wherever a terminal can.
    let plan = ["plan", "ask-colour"];
    assert!(coloured(&[], &plan));
    assert!(!coloured(&[("TERM", "dumb"), ("NO_COLOR", "1")], &plan));
    assert!(!coloured(&[("TERM", "dumb")], &plan));
    assert!(!coloured(&[("TERM", "dumb")], &["plan", "ask-colour", "--no-color"]));
    // Questions, help and what is wrong with a command line are told apart from all else.
    let mut delete = test.command(ANNA, &["delete", "ask-colour", "--no-color"]);
    delete.env("COLORTERM", "truecolor");
    let mut terminal =
        rexpect::session::spawn_command(delete, Some(PATIENCE_MS)).expect("a terminal");
    let said = terminal.exp_string("[y/N] ").expect("the question");
    let question = said.rsplit('\n').next().unwrap_or_default();
    assert!(question.contains("Namespace ask-colour and"), "{said:?}");
    for arguments in [&["--help", "--no-color"][..], &["--no-color", "plan", "--nonsense"]] {
        let command = test.command(ANNA, arguments);
        let terminal = rexpect::session::spawn_command(command, Some(PATIENCE_MS));
        let (said, _) = ended(terminal.expect("a terminal"));
        assert!(said.contains("Usage") && !said.contains('\u{1b}'), "{said:?}");
    }
}

#[tokio::test]
async fn a_terminal_to_read_on_alone_is_none_to_ask_on() {
    let test = Test::start().await;
    test.ready("ask-closed", json!({})).await;
    let said = test.run(ANNA, &["delete", "ask-closed"]);
    assert_eq!(said.code, 4, "{said:?}");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "exec \"$0\" delete ask-closed <&-"]);
    command.arg(env!("CARGO_BIN_EXE_kubectl-tenure"));
    let kubeconfig = test.bed.plane.dir().join("anna.kubeconfig");
    let output = command.env("KUBECONFIG", kubeconfig).output().expect("run it");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(test.writes(ANNA, "ask-closed").is_empty());
}
