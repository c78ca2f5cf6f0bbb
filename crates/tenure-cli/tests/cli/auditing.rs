//! `audit`, `version` and `completion`.

use std::process::Stdio;

use serde_json::{Value, json};
use tenure_archive::Archive;
use tenure_core::trail::Entry;
use tenure_testbed::{eventually, unique_name};

use crate::support::{ANNA, Test, VERA, compare, compare_by_mode, said};

impl Test {
    /// A Project that was deleted, and the trail of that.
    async fn deleted(&self, name: &str) -> (String, Vec<Entry>) {
        self.ready(name, json!({"kargo.akuity.io/keep-namespace": "true"})).await;
        self.projects.delete(name, &Default::default()).await.expect("delete the project");
        eventually("it is done", async || {
            let plan = self.plan_of(name).await;
            let facts = plan.facts().expect("legible");
            facts.status.phase.is_final().then_some((facts.name, facts.status.history))
        })
        .await
    }
}

#[tokio::test]
async fn a_trail_is_listed_shown_verified_and_exported() {
    let test = Test::start().await;
    let name = unique_name("trail");
    let (subject, history) = test.deleted(&name).await;
    let listed = test.run(VERA, &["audit", "list", "--project", &name, "-o", "json"]);
    let json = listed.json();
    assert_eq!(json["items"][0]["subject"], *subject, "{json:#}");
    assert_eq!(json["items"].as_array().expect("a list").len(), 1);
    let since =
        test.run(VERA, &["audit", "list", "--project", &name, "--since", "2999-01-01T00:00:00Z"]);
    assert_eq!((since.code, since.out.as_str()), (0, ""), "{since:?}");
    let selected = test.run(VERA, &["audit", "list", "-l", "nobody=has", "-o", "name"]);
    assert_eq!((selected.code, selected.out.as_str()), (0, ""), "{selected:?}");
    let table = test.run(VERA, &["audit", "list", "--project", &name]);
    let short = table.out.lines().nth(1).and_then(|row| row.split(' ').next()).expect("a name");
    assert!(short.len() < subject.len() && subject.starts_with(short), "{table:?}");
    compare("audit_list", &table.naming(&name));
    let by_short = test.run(VERA, &["audit", "show", short]);
    assert!(by_short.out.contains(&subject), "{by_short:?}");
    let shown = test.run(VERA, &["audit", "show", &name]);
    let at = shown.out.split_whitespace().find(|word| word.ends_with('Z')).expect("a time");
    assert_eq!(at.len(), "2026-11-23T08:00:00Z".len(), "seconds are enough for people: {at}");
    assert!(shown.out.contains("whole; its head: "), "{shown:?}");
    compare_by_mode("audit_show", &shown.naming(&name));
    let verified = test.run(VERA, &["audit", "verify", &name]);
    assert_eq!(verified.code, 0, "{verified:?}");
    compare_by_mode("audit_verify", &verified.naming(&name));
    let head = verified.out.trim().strip_prefix("whole plan: ").expect("a head").to_owned();
    let anchored = test.run(VERA, &["audit", "verify", &name, "--anchor", &head]);
    assert_eq!(anchored.code, 0, "{anchored:?}");
    let exported = test.run(VERA, &["audit", "export", &name]);
    let lines: Vec<Value> =
        exported.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let entries: Vec<Entry> = lines
        .iter()
        .filter(|line| line["entry"].is_object())
        .map(|line| serde_json::from_value(line["entry"].clone()).expect("an entry"))
        .collect();
    assert_eq!(entries, history);
    assert_eq!(lines.last().expect("a line")["head"], *head);
    let kept = format!("{subject} {} sha256:{}", history.len(), "0".repeat(64));
    let rewritten = test.run(VERA, &["audit", "verify", &name, "--anchor", &kept]);
    assert_eq!(rewritten.code, 3, "{rewritten:?}");
    assert!(rewritten.err.contains("was written anew"), "{rewritten:?}");
    let missing = test.run(VERA, &["audit", "show", "nowhere"]);
    assert_eq!(missing.code, 1, "{missing:?}");
}

#[tokio::test]
async fn an_archive_is_verified_and_compared_with_the_plans() {
    let test = Test::start().await;
    let name = unique_name("archived");
    let (subject, history) = test.deleted(&name).await;
    let dir = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}", dir.path().display());
    let archive = Archive::open(&url, Vec::<(String, String)>::new()).expect("an archive");
    for entry in &history[..history.len() - 1] {
        archive.put(&subject, entry).await.expect("archive");
    }
    let behind = test.run(VERA, &["audit", "verify", &name, "--archive", &url]);
    assert_eq!(behind.code, 3, "{behind:?}");
    assert!(behind.err.contains("missing in the archive"), "{behind:?}");
    archive.put(&subject, history.last().expect("an entry")).await.expect("archive");
    let whole = test.run(VERA, &["audit", "verify", &name, "--archive", &url]);
    assert_eq!(whole.code, 0, "{whole:?}");
    assert_eq!(whole.out.lines().count(), 2, "{whole:?}");
    let file = dir.path().join(&subject).join("00000002.json");
    let text = std::fs::read_to_string(&file).expect("read the entry");
    std::fs::write(&file, text.replace("\"message\":\"", "\"message\":\"not ")).expect("tamper");
    let broken = test.run(VERA, &["audit", "verify", "--archive", &url, "--offline", "-o", "json"]);
    assert_eq!(broken.code, 3, "{broken:?}");
    let fault = broken.json()["trails"][0]["fault"].as_str().expect("a fault").to_owned();
    assert!(fault.contains("entry 2"), "{fault}");
    std::fs::remove_file(&file).expect("tamper");
    let broken = test.run(VERA, &["audit", "list", "--archive", &url]);
    assert_eq!(broken.code, 0, "{broken:?}");
    let broken = test.run(VERA, &["audit", "verify", "--archive", &url, "--offline"]);
    assert!(broken.err.contains("entry 2 is missing"), "{broken:?}");
}

#[tokio::test]
async fn names_are_completed_as_kubectl_asks_for_them() {
    let test = Test::start().await;
    let name = unique_name("completed");
    test.ready(&name, json!({})).await;
    let dir = tempfile::tempdir().expect("a directory");
    let installed =
        test.run(ANNA, &["completion", "install", "--dir", &dir.path().to_string_lossy()]);
    assert_eq!(installed.code, 0, "{installed:?}");
    assert!(installed.err.contains("is not on the PATH"), "{installed:?}");
    let asked = |words: &[&str]| {
        let mut command = std::process::Command::new(dir.path().join("kubectl_complete-tenure"));
        let kubeconfig = test.bed.plane.dir().join(format!("{ANNA}.kubeconfig"));
        command.args(words).env("KUBECONFIG", kubeconfig).stdin(Stdio::null());
        let answered = said(command.output().expect("ask for completions"));
        assert_eq!(answered.code, 0, "{answered:?}");
        let last = answered.out.lines().last();
        let goes_on = answered.out.lines().any(|line| line.ends_with('/'));
        assert_eq!(last, Some(if goes_on { ":6" } else { ":4" }), "{answered:?}");
        answered.out
    };
    assert!(asked(&["delete", ""]).contains(&format!("project/{name}\n")));
    assert!(asked(&["adopt", &name]).contains(&format!("{name}\n")));
    let commands = asked(&["do"]);
    assert!(commands.starts_with("doctor\tSay why"), "{commands}");
    assert!(asked(&["plan", "--out"]).contains("--output"));
    assert!(!asked(&[""]).contains("__complete"));
    let project = format!("project/{name}\n");
    let bare = asked(&["delete", &name[..4]]);
    assert!(bare.starts_with(&name) && !bare.contains('/'), "{bare}");
    assert!(!asked(&["delete", ""]).lines().any(|line| line == name));
    assert!(asked(&["hold", "proj"]).contains(&project));
    assert!(asked(&["doctor", &name]).starts_with(&name));
    for words in [
        &["plans", ""][..],
        &["approve", ""],
        &["audit", "show", ""],
        &["audit", "verify", ""],
        &["audit", "export", ""],
        &["list", "-n", ""],
        &["why", "--namespace", ""],
        &["plans", "-n", ""],
        &["doctor", "-n", ""],
    ] {
        assert!(asked(words).lines().any(|line| line == name), "{words:?}");
    }
    assert_eq!(asked(&["list", "--context", ""]), "testbed\n:4\n");
    for option in ["--cluster", "--user"] {
        assert!(asked(&["list", option, ""]).lines().count() > 1, "{option}");
    }
    std::fs::write(dir.path().join("a.plan.json"), "{}").expect("a file");
    let place = format!("{}/a", dir.path().display());
    for option in ["--kubeconfig", "--plan"] {
        let files = asked(&["delete", option, &place]);
        assert_eq!(files, format!("{place}.plan.json\n:4\n"), "{option}");
    }
    let nowhere = asked(&["--context", "nowhere", "delete", ""]);
    assert!(!nowhere.contains("project/"), "{nowhere}");
}

#[test]
fn the_script_for_bash_completes_what_is_below_commands_too() {
    let dir = std::path::Path::new(env!("CARGO_BIN_EXE_kubectl-tenure")).parent();
    let completed = |words: &[&str]| {
        let (last, before) = words.split_last().expect("a word");
        let script = "source <(kubectl-tenure completion bash)
            f=$(complete -p kubectl-tenure | sed 's/.*-F \\([^ ]*\\).*/\\1/')
            COMP_WORDS=(kubectl-tenure \"${@:3}\" \"$1\"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            $f kubectl-tenure \"$1\" \"$2\"; echo \"${COMPREPLY[@]}\"";
        let mut command = std::process::Command::new("/bin/bash");
        command.args(["-c", script, "bash", last, before.last().unwrap_or(&"kubectl-tenure")]);
        command.args(before);
        let path = format!("{}:/usr/bin:/bin", dir.expect("a directory").display());
        said(command.env("PATH", path).output().expect("run bash")).out
    };
    assert_eq!(completed(&["pl"]), "plan plans\n");
    assert_eq!(completed(&["breaker", "cl"]), "close\n");
    assert_eq!(completed(&["audit", "ve"]), "verify\n");
    assert_eq!(completed(&["list", "-o", ""]), "table wide json yaml name\n");
    assert!(!completed(&[""]).contains("__complete"));
}

#[tokio::test]
async fn versions_are_told_of_both_sides() {
    let test = Test::start().await;
    compare("version", &test.run(VERA, &["version"]));
    let json = test.run(VERA, &["version", "-o", "json"]).json();
    assert_eq!(json["server"]["mode"], "standalone", "{json:#}");
    let client = test.run(VERA, &["version", "--client", "--kubeconfig", "/nowhere"]);
    assert_eq!(client.code, 0, "{client:?}");
    let unknown = test.run(VERA, &["version", "--tenure-namespace", "nowhere"]);
    assert!(unknown.code == 0 && unknown.out.contains("server: unknown"), "{unknown:?}");
}
