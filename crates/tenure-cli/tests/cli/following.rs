//! `delete`, while it stays: what others do meanwhile, and who stays no longer.

use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::support::{ANNA, BOB, Said, Test, said};

/// Anna's deletion of a Project, which is left alone for so long; and its digest.
async fn waits(test: &Test, name: &str, grace: &str) -> (Child, String) {
    test.ready(name, json!({})).await;
    test.policy(name, json!({"gracePeriod": grace})).await;
    let digest = test.run(ANNA, &["plan", name, "-o", "digest"]).out.trim().to_owned();
    let child = test.begin(ANNA, &["delete", name, "--digest", &digest]);
    test.is_deleting(name).await;
    tenure_testbed::eventually("its plan waits", async || {
        let status = test.plan_of(name).await.status?;
        (status.waiting_for.as_deref() == Some("Grace")).then_some(())
    })
    .await;
    (child, digest)
}

fn ended(child: Child) -> Said {
    said(child.wait_with_output().expect("it ends"))
}

#[tokio::test]
async fn who_stays_is_told_that_somebody_else_called_it_off() {
    let test = Test::start().await;
    let (staying, _) = waits(&test, "follow-cancel", "1h").await;
    let cancelled = test.run(BOB, &["cancel", "follow-cancel"]);
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    let told = ended(staying);
    assert_eq!(told.code, 3, "{told:?}");
    assert!(told.err.contains("the deletion of Project follow-cancel was called off"), "{told:?}");
    tenure_testbed::eventually("the Project is made anew", async || {
        test.lives("follow-cancel").await.then_some(())
    })
    .await;
    assert!(test.has_namespace("follow-cancel").await);
}

#[tokio::test]
async fn who_interrupts_is_told_that_it_goes_on_and_how_to_stay_again() {
    let test = Test::start().await;
    let (mut staying, digest) = waits(&test, "follow-leave", "20s").await;
    assert!(staying.try_wait().expect("ask").is_none(), "it stays");
    kill(Pid::from_raw(staying.id().cast_signed()), Signal::SIGINT).expect("interrupt it");
    let told = ended(staying);
    assert_eq!(told.code, 5, "{told:?}");
    let again = format!("kubectl tenure delete project/follow-leave --digest {digest}");
    for line in [
        "the deletion of Project follow-leave goes on all the same",
        "next: kubectl tenure plans follow-leave",
        &format!("next: {again}"),
        "next: kubectl tenure cancel project/follow-leave",
    ] {
        assert!(told.err.contains(line), "{line}: {told:?}");
    }
    assert!(!test.lives("follow-leave").await, "nothing was taken back");
    let plan = test.plan_of("follow-leave").await;
    assert_eq!(plan.spec.decision.digest, digest);

    let words: Vec<_> = again.split(' ').skip(2).chain(["--timeout", "1s"]).collect();
    let stayed = test.run(ANNA, &words);
    assert_eq!(stayed.code, 5, "{stayed:?}");
    assert!(stayed.err.contains("Grace: the namespace is left alone until"), "{stayed:?}");
    let stayed = test.run(ANNA, &words[..words.len() - 2]);
    assert_eq!(stayed.code, 0, "{stayed:?}");
    assert!(!test.has_namespace("follow-leave").await);
}

#[tokio::test]
async fn what_is_decided_anew_while_somebody_stays_is_not_what_they_agreed_to() {
    let test = Test::start().await;
    let (staying, _) = waits(&test, "follow-anew", "1h").await;
    test.annotate_namespace("follow-anew", json!({"kargo.akuity.io/keep-namespace": "true"})).await;
    let told = ended(staying);
    assert_eq!(told.code, 6, "{told:?}");
    assert_eq!(told.out, "", "{told:?}");
    let why =
        "Project follow-anew is gone, and namespace follow-anew stays, for it was decided anew";
    assert!(told.err.contains(why), "{told:?}");
    assert!(test.has_namespace("follow-anew").await);
    assert_eq!(test.project_uid("follow-anew").await, None);
}

#[tokio::test]
async fn on_a_terminal_it_is_drawn_what_is_awaited_and_ctrl_c_ends_the_waiting_only() {
    let test = Test::start().await;
    test.ready("follow-drawn", json!({})).await;
    test.policy("follow-drawn", json!({"gracePeriod": "1h"})).await;
    let command = test.command(ANNA, &["delete", "follow-drawn"]);
    let mut terminal = rexpect::session::spawn_command(command, Some(60_000)).expect("a terminal");
    terminal.exp_string("[y/N] ").expect("the question");
    terminal.send_line("y").expect("answer");
    terminal.exp_string("Grace: the namespace is left alone").expect("what is awaited");
    terminal.send_control('c').expect("interrupt");
    let rest = terminal.exp_eof().expect("the end");
    assert!(rest.contains("goes on all the same"), "{rest}");
    let status = terminal.process().wait().expect("it ends");
    assert!(matches!(status, nix::sys::wait::WaitStatus::Exited(_, 5)), "{status:?}");
    assert!(!test.lives("follow-drawn").await && test.has_namespace("follow-drawn").await);
}
