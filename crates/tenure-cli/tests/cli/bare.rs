//! A cluster without Tenure: what is not there is said, plans are advice, and one cluster is not
//! taken for another.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kube::{Api, Client};
use serde_json::{Value, json};
use tenure_api::Project;
use tenure_testbed::{ControlPlane, eventually};

use crate::support::{ANNA, Said, Test, compare, said};

/// A cluster that Tenure was never installed on.
struct Bare {
    plane: ControlPlane,
    client: Client,
}

impl Bare {
    async fn start() -> Self {
        let plane = ControlPlane::start_without_tenure().await.expect("start a control plane");
        let client = plane.admin().expect("an administrator");
        Self { plane, client }
    }

    async fn apply(&self, object: Value) {
        tenure_testbed::apply(&self.client, &object).await.expect("apply");
    }

    /// What Kargo alone would install and make: the kind, a Project, and its namespace.
    async fn kargo(&self, name: &str) {
        let crds = tenure_api::install::crds();
        let kind = |crd: &&_| json!(crd)["metadata"]["name"] == "projects.kargo.akuity.io";
        self.apply(json!(crds.iter().find(kind).expect("the kind"))).await;
        let projects: Api<Project> = Api::all(self.client.clone());
        eventually("Projects are served", async || projects.list(&Default::default()).await.ok())
            .await;
        self.apply(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {"kargo.akuity.io/project": "true"}},
        }))
        .await;
        self.apply(json!({
            "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Project",
            "metadata": {"name": name},
        }))
        .await;
    }

    fn run(&self, arguments: &[&str]) -> Said {
        run(&self.plane.kubeconfig(), arguments)
    }
}

fn run(kubeconfig: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-tenure"));
    command.args(arguments).env_clear().env("KUBECONFIG", kubeconfig).stdin(Stdio::null());
    said(command.output().expect("run kubectl tenure"))
}

#[test]
fn which_cluster_does_not_answer_is_said_and_nobody_stands_for_a_user_who_is_not_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("kubeconfig");
    let written = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "away",
        "contexts": [{"name": "away", "context": {"cluster": "away", "user": "anna"}}],
        "clusters": [{"name": "away", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "anna", "user": {}}],
    });
    std::fs::write(&path, written.to_string()).expect("write it");
    let away = "the API server at https://127.0.0.1:1/, of context away, does not answer: client \
                error (Connect): tcp connect error: Connection refused";
    for arguments in [
        &["list"][..],
        &["plan", "payments"],
        &["delete", "payments"],
        &["adopt", "payments"],
        &["doctor"],
        &["plans"],
    ] {
        let said = run(&path, arguments);
        assert_eq!(said.code, 1, "{arguments:?}: {said:?}");
        assert!(said.err.contains(away), "{arguments:?}: {said:?}");
        assert!(!said.err.contains("ServiceError"), "{arguments:?}: {said:?}");
    }
    let version = run(&path, &["version"]);
    assert!(version.code == 0 && version.out.contains(away), "{version:?}");
    for option in ["--user", "--context", "--cluster"] {
        let said = run(&path, &["list", option, "nope"]);
        let what = option.trim_start_matches('-');
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains(&format!("the kubeconfig has no {what} nope")), "{said:?}");
    }
    let nowhere = run(&dir.path().join("nothing"), &["list", "--kubeconfig", "/nonexistent"]);
    assert!(nowhere.err.contains("the kubeconfig /nonexistent: No such file"), "{nowhere:?}");
}

#[test]
fn help_is_as_wide_as_the_terminal_and_breaks_no_command() {
    let help = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-tenure"));
        let command = command.args(arguments).env_clear().env("COLUMNS", "80");
        let said = said(command.stdin(Stdio::null()).output().expect("run kubectl tenure"));
        assert_eq!(said.code, 0, "{said:?}");
        said.out
    };
    let page = kubectl_tenure::command();
    for sub in page.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let (short, long) = (help(&[sub.get_name(), "-h"]), help(&["help", sub.get_name()]));
        let acts = sub.get_subcommands().map(|act| help(&["help", sub.get_name(), act.get_name()]));
        for page in acts.chain([short, long]) {
            // The usage is one line, as it is typed.
            let lines = page.lines().filter(|line| !line.starts_with("Usage: "));
            let wide: Vec<_> = lines.filter(|line| line.chars().count() > 80).collect();
            assert!(wide.is_empty(), "{wide:#?}");
        }
        let examples = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in examples.lines().filter(|line| line.starts_with("  ")) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
    let hold = help(&["hold", "-h"]);
    assert!(hold.contains("<--reason <TEXT>|--remove>"), "{hold}");
}

#[test]
fn times_and_selectors_are_read_as_they_are_told() {
    let nowhere = Path::new("/nonexistent");
    for arguments in [
        &["delete", "a", "--timeout", "5"][..],
        &["delete", "a", "--timeout", "abc"],
        &["list", "--request-timeout", "foo"],
    ] {
        let said = run(nowhere, arguments);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains(": a time is written such as 90s, 10m or 24h"), "{said:?}");
    }
    // What can be read goes on to where there is no cluster.
    for arguments in [&["--since", "24h ago"][..], &["-l", "team in (a, b),!old"]] {
        let said = run(nowhere, &[&["audit", "list"][..], arguments].concat());
        assert_eq!(said.code, 1, "{said:?}");
    }
}

#[test]
fn a_command_line_that_cannot_be_read_is_told_to_programs_too() {
    let nowhere = Path::new("/nonexistent");
    for (arguments, wrong) in [
        (&["plan", "-o", "json"][..], "the following required arguments were not provided"),
        (&["delete", "FOO", "-ojson"], "invalid value 'FOO'"),
        (&["lst", "--output=json"], "unrecognized subcommand 'lst'"),
    ] {
        let said = run(nowhere, arguments);
        assert_eq!(said.code, 2, "{said:?}");
        let json = said.json();
        assert_eq!((&json["kind"], &json["exitCode"]), (&json!("Failure"), &json!(2)));
        let message = json["message"].as_str().expect("a message");
        assert!(message.starts_with(wrong) && !message.contains("Usage"), "{message}");
        assert!(said.err.starts_with(&format!("error: {wrong}")), "{said:?}");
    }
    assert_eq!(run(nowhere, &["plan"]).out, "");
}

#[tokio::test]
async fn what_is_not_installed_is_said_and_a_plan_is_advice() {
    let bare = Bare::start().await;
    // Neither Kargo's kind nor Tenure's.
    let no_projects = "the cluster of context testbed has no projects.kargo.akuity.io, so neither \
                       Kargo nor Tenure is installed";
    for arguments in [
        &["list"][..],
        &["plan", "project/bare"],
        &["why", "project/bare"],
        &["keep", "project/bare"],
        &["hold", "bare", "--name", "a", "--reason", "b"],
        &["delete", "project/bare"],
        &["confirm", "bare"],
        &["cancel", "bare"],
    ] {
        let said = bare.run(arguments);
        assert_eq!(said.code, 1, "{arguments:?}: {said:?}");
        assert!(said.err.contains(no_projects), "{arguments:?}: {said:?}");
    }
    let no_plans =
        "the cluster of context testbed has no deletionplans.tenure.dev, so no Tenure is installed";
    for arguments in [
        &["plans"][..],
        &["plans", "bare"],
        &["approve", "bare"],
        &["audit", "list"],
        &["audit", "show", "bare"],
        &["audit", "verify"],
        &["audit", "export"],
    ] {
        let said = bare.run(arguments);
        assert_eq!(said.code, 1, "{arguments:?}: {said:?}");
        assert!(said.err.contains(no_plans), "{arguments:?}: {said:?}");
    }
    let json = bare.run(&["list", "-o", "json"]).json();
    assert_eq!((&json["kind"], &json["exitCode"]), (&json!("Failure"), &json!(1)));
    compare("bare_breaker", &bare.run(&["breaker"]));
    let close = bare.run(&["breaker", "close", "--reason", "meant"]);
    assert!(close.code == 0 && close.out.contains("not open; nothing was written"), "{close:?}");
    compare("bare_version", &bare.run(&["version"]));
    compare("bare_doctor", &bare.run(&["doctor"]));
    let namespace = bare.run(&["plan", "namespace/default"]);
    assert_eq!(namespace.code, 0, "{namespace:?}");
    assert!(namespace.err.contains("this plan is advice only"), "{namespace:?}");
    assert!(namespace.out.contains("there is no Project of that name"), "{namespace:?}");

    // Kargo alone.
    bare.kargo("bare").await;
    compare("bare_list", &bare.run(&["list"]));
    compare("bare_plan", &bare.run(&["plan", "project/bare"]));
    let json = bare.run(&["plan", "bare", "-o", "json"]).json();
    assert_eq!((&json["kind"], &json["advisory"]), (&json!("Plan"), &json!(true)));
    let why = bare.run(&["why", "project/bare"]);
    assert!(why.code == 0 && why.err.contains("advice only"), "{why:?}");
    assert_eq!(
        bare.run(&["plan", "nothing"]).err.lines().last(),
        Some("error: project/nothing is not there")
    );
    let retained = bare.run(&["delete", "bare", "--disposition", "retain", "--dry-run=server"]);
    assert_eq!(retained.code, 3, "nobody would see to it: {retained:?}");
}

/// One kubeconfig with a context for each of two clusters.
fn contexts(of: [(&str, &Path); 2]) -> PathBuf {
    let mut joined = json!({"apiVersion": "v1", "kind": "Config", "current-context": of[0].0});
    for list in ["clusters", "contexts", "users"] {
        joined[list] = json!([]);
    }
    for (name, path) in of {
        let text = std::fs::read_to_string(path).expect("a kubeconfig");
        let config: Value = serde_json::from_str(&text).expect("JSON");
        for (list, value) in [("clusters", "cluster"), ("users", "user")] {
            let entry = json!({"name": name, value: config[list][0][value]});
            joined[list].as_array_mut().expect("a list").push(entry);
        }
        let context = json!({"name": name, "context": {"cluster": name, "user": name}});
        joined["contexts"].as_array_mut().expect("a list").push(context);
    }
    let path = of[1].1.with_file_name("contexts.kubeconfig");
    std::fs::write(&path, joined.to_string()).expect("write the kubeconfig");
    path
}

#[tokio::test]
async fn a_name_that_exists_in_two_clusters_is_not_mistaken() {
    let test = Test::start().await;
    test.ready("twin", json!({})).await;
    let bare = Bare::start().await;
    bare.kargo("twin").await;
    let anna = test.bed.plane.dir().join(format!("{ANNA}.kubeconfig"));
    let kubeconfig = contexts([("production", &anna), ("staging", &bare.plane.kubeconfig())]);
    let plan = kubeconfig.with_file_name("twin.plan.json").display().to_string();
    let seen = run(&kubeconfig, &["plan", "twin", "--context", "staging", "--out", &plan]);
    assert_eq!(seen.code, 0, "{seen:?}");
    let digest = run(&kubeconfig, &["plan", "twin", "--context", "staging", "-o", "digest"]).out;

    // Whoever forgets the context is told where they are before anything else.
    let asked = run(&kubeconfig, &["delete", "twin"]);
    assert_eq!(asked.code, 4, "{asked:?}");
    let first = asked.err.lines().next().expect("a line");
    assert!(first.starts_with("context production, server https://127.0.0.1:"), "{first}");
    assert!(first.ends_with(", user anna"), "{first}");
    let elsewhere = run(&kubeconfig, &["delete", "twin", "--digest", digest.trim()]);
    assert_eq!(elsewhere.code, 6, "{elsewhere:?}");
    let elsewhere = run(&kubeconfig, &["delete", "twin", "--plan", &plan]);
    assert!(elsewhere.code == 6 && elsewhere.err.contains("cluster"), "{elsewhere:?}");
    for arguments in [
        &["keep", "twin", "--dry-run"][..],
        &["hold", "twin", "--name", "a", "--reason", "b", "--dry-run"],
        &["confirm", "twin"],
        &["cancel", "twin"],
        &["breaker", "close", "--reason", "meant"],
        &["adopt", "twin"],
        &["release", "twin"],
    ] {
        let said = run(&kubeconfig, &[arguments, &["--context", "staging"]].concat());
        let first = said.err.lines().next().unwrap_or_default();
        assert!(first.starts_with("context staging, server "), "{arguments:?}: {said:?}");
        assert!(first.ends_with(", user admin"), "{arguments:?}: {said:?}");
    }
    assert!(test.writes(ANNA, "twin").is_empty() && test.lives("twin").await);
    let projects: Api<Project> = Api::all(bare.client.clone());
    let twin = projects.get("twin").await.expect("it stands");
    assert!(twin.metadata.deletion_timestamp.is_none() && twin.metadata.annotations.is_none());
}
