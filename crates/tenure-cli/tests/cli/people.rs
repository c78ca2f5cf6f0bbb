//! What people see and say: `list`, `why`, `keep`, `hold`, `plans`, `approve`, `confirm`, `cancel`
//! and `breaker`.

use serde_json::{Value, json};
use tenure_core::Mode;

use crate::MODE;
use crate::support::{ANNA, BOB, Said, Test, VERA, compare, compare_by_mode};

/// The lines that begin with a header or one of these names: other tests have Projects too.
fn only(mut said: Said, names: &[&str]) -> Said {
    let ours = |line: &&str| line.starts_with("NAME") || names.iter().any(|n| line.starts_with(n));
    let lines: Vec<_> = said.out.lines().filter(ours).collect();
    said.err.clear();
    // Columns are as wide as what others have put into them.
    let squeezed = lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    said.out = squeezed.map(|line| line + "\n").collect();
    said
}

#[tokio::test]
async fn a_list_says_what_would_become_of_each() {
    let test = Test::start().await;
    test.ready("list-created", json!({})).await;
    test.shared("list-shared").await;
    test.ready("list-held", json!({"hold.tenure.dev/audit": "not closed"})).await;
    let names = ["list-created", "list-shared", "list-held"];
    compare("list", &only(test.run(VERA, &["list"]), &names));
    // Columns are as wide as what is shown; with labels, no other test's Project is.
    for name in names {
        let label = json!({"metadata": {"labels": {"team": name}}});
        let patch = kube::api::Patch::Merge(label);
        test.projects.patch(name, &Default::default(), &patch).await.expect("label");
    }
    let ours = test.run(VERA, &["list", "-l", "team in (list-created,list-shared,list-held)"]);
    assert!(ours.out.lines().all(|line| line.len() <= 80), "{ours:?}");
    assert_eq!(ours.out.lines().count(), 4, "{ours:?}");
    let selected = test.run(VERA, &["list", "-l", "team=list-held", "-o", "name"]);
    assert_eq!(selected.out, "project/list-held\n");
    let json = test.run(VERA, &["list", "-n", "list-held", "-o", "json"]).json();
    assert_eq!(
        (&json["kind"], &json["items"][0]["gates"]),
        (&json!("ProjectList"), &json!(["LienOnProject"]))
    );
}

#[tokio::test]
async fn a_list_says_what_policies_have_each_wait_for() {
    let test = Test::start().await;
    test.ready("list-demands", json!({})).await;
    let terms = json!({"confirmation": "Required", "approvals": {"count": 1}, "gracePeriod": "1h"});
    test.policy("list-demands", terms).await;
    let list = ["list", "-n", "list-demands"];
    let item = |said: Said| said.json()["items"][0].clone();
    let listed = item(test.run(ANNA, &[&list[..], &["-o", "json"]].concat()));
    assert_eq!(listed["gates"], json!(["Confirmation", "Approvals", "Grace"]), "{listed:#}");
    let wide = test.run(ANNA, &[&list[..], &["-o", "wide"]].concat());
    assert!(wide.out.contains("not_now:_it_has_to_be_confirmed"), "{wide:?}");
    // Asked for and refused, so that they can agree to it: what is confirmed and agreed to counts.
    let digest = test.run(ANNA, &["plan", "list-demands", "-o", "digest"]).out.trim().to_owned();
    let refused = test.run(ANNA, &["delete", "list-demands", "--digest", &digest]);
    assert_eq!(refused.code, 3, "{refused:?}");
    let listed = item(test.run(ANNA, &[&list[..], &["-o", "json"]].concat()));
    assert_eq!(listed["gates"], json!(["Approvals", "Grace"]), "{listed:#}");
    assert_eq!(test.run(BOB, &["approve", "list-demands", "--digest", &digest]).code, 0);
    let listed = item(test.run(ANNA, &[&list[..], &["-o", "json"]].concat()));
    assert_eq!(listed["gates"], json!(["Grace"]), "{listed:#}");
    let deleted =
        test.run(ANNA, &["delete", "list-demands", "--digest", &digest, "--timeout", "1s"]);
    assert_eq!(deleted.code, 5, "{deleted:?}");
    tenure_testbed::eventually("its plan says what it waits for", async || {
        let listed = item(test.run(ANNA, &[&list[..], &["-o", "json"]].concat()));
        (listed["gates"] == json!(["Grace"]) && listed["decision"] == "Delete").then_some(())
    })
    .await;
    assert_eq!(test.run(ANNA, &["cancel", "list-demands"]).code, 0);
    let none = test.run(ANNA, &["list", "-n", "list-nothing"]);
    assert!(none.err.contains("no Project matches"), "{none:?}");
    let none = test.run(ANNA, &["list", "-l", "team=nobody"]);
    assert!(none.err.contains("no Project matches"), "{none:?}");
}

#[tokio::test]
async fn what_is_confirmed_against_what_is_presumed_is_told_everywhere() {
    let test = Test::start().await;
    test.shared("say-against").await;
    let plan = test.run(ANNA, &["plan", "say-against", "-o", "json"]).json();
    let against = plan["decision"]["alternative"]["digest"].as_str().expect("one").to_owned();
    compare("confirm_against", &test.run(ANNA, &["confirm", "say-against", "--digest", &against]));
    compare("why_confirmed", &test.run(ANNA, &["why", "say-against"]));
    let why = test.run(ANNA, &["why", "say-against", "-o", "json"]).json();
    assert_eq!((&why["disposition"], &why["confirmed"]["holds"]), (&json!("Delete"), &json!(true)));
    assert_eq!(why["confirmed"]["setBy"][0]["key"], "tenure.dev/confirm", "{why:#}");
    let plan = test.run(ANNA, &["plan", "say-against"]);
    assert!(plan.out.contains("that was confirmed against"), "{plan:?}");
    let list = test.run(ANNA, &["list", "-n", "say-against"]);
    assert!(list.err.contains("confirmed against what is presumed"), "{list:?}");
    test.annotate_project("say-against", json!({"tenure.dev/confirm": null})).await;
    let back = test.run(ANNA, &["why", "say-against", "-o", "json"]).json();
    assert_eq!((&back["disposition"], &back["confirmed"]), (&json!("Retain"), &Value::Null));
    let list = test.run(ANNA, &["list", "-n", "say-against"]);
    assert!(!list.err.contains("confirmed"), "{list:?}");
}

#[tokio::test]
async fn what_is_asked_of_the_other_of_two_objects_is_said() {
    let test = Test::start().await;
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hint-lone"},
    });
    test.apply(&namespace).await;
    for command in ["plan", "why", "delete", "cancel"] {
        let said = test.run(ANNA, &[command, "hint-lone"]);
        assert_eq!(said.code, 1, "{command}: {said:?}");
        let told = "project/hint-lone is not there; namespace/hint-lone stands without one";
        assert!(said.err.contains(told), "{command}: {said:?}");
    }
    let why = test.run(ANNA, &["why", "ns/hint-lone"]);
    assert!(why.code == 1 && why.err.contains("decide about namespace/hint-lone"), "{why:?}");
    let nothing = test.run(ANNA, &["why", "ns/hint-nothing"]);
    assert!(nothing.err.contains("namespace/hint-nothing is not there"), "{nothing:?}");
    test.ready("hint-kept", json!({})).await;
    let kept = test.run(ANNA, &["keep", "ns/hint-kept"]);
    assert!(kept.out.contains("namespace/hint-kept is kept"), "{kept:?}");
    let remove = test.run(ANNA, &["keep", "hint-kept", "--remove"]);
    let next = "next: kubectl tenure keep namespace/hint-kept --remove";
    assert!(remove.code == 1 && remove.err.contains(next), "{remove:?}");
    let confirm = test.run(ANNA, &["confirm", "ns/hint-kept"]);
    assert!(confirm.code == 2 && confirm.err.contains("is confirmed; write"), "{confirm:?}");
}

#[tokio::test]
async fn before_a_deletion_nothing_is_advised_that_takes_one() {
    let test = Test::start().await;
    test.ready("say-before", json!({})).await;
    test.policy("say-before", json!({"approvals": {"count": 1}, "gracePeriod": "1h"})).await;
    let plan = test.run(ANNA, &["plan", "say-before", "-o", "json"]).json();
    let open = |n: usize| plan["gates"][n]["open"].clone();
    let first = open(0)[0].as_str().expect("a command").to_owned();
    assert!(first.starts_with("kubectl tenure delete project/say-before --digest"), "{plan:#}");
    assert_eq!((open(0).as_array().map(Vec::len), open(1)), (Some(2), json!([])), "{plan:#}");
}

#[tokio::test]
async fn why_names_who_said_so_and_what_would_change_it() {
    let test = Test::start().await;
    test.shared("why-shared").await;
    compare("why_shared", &test.run(ANNA, &["why", "project/why-shared"]));
    // Of a Project that says nothing at first, the API server does not record who writes.
    test.ready("why-kept", json!({"example.com/team": "payments"})).await;
    test.annotate_project("why-kept", json!({"kargo.akuity.io/keep-namespace": "true"})).await;
    compare("why_kept", &test.run(ANNA, &["why", "project/why-kept"]));
    let json = test.run(ANNA, &["why", "why-kept", "-o", "json"]).json();
    assert_eq!(json["claims"][0]["setBy"][0]["manager"], "kubectl-annotate");
}

#[tokio::test]
async fn keep_and_hold_show_what_they_change() {
    let test = Test::start().await;
    test.ready("mark-kept", json!({})).await;
    let reason = ["keep", "project/mark-kept", "--reason", "shared with billing"];
    for place in ["--dry-run=client", "--dry-run=server"] {
        let dry = test.run(ANNA, &[&reason[..], &[place]].concat());
        compare(&format!("keep_{}", place[2..].replace(['=', '-'], "_")), &dry);
    }
    let dry = test.run(ANNA, &[&reason[..], &["--dry-run", "-o", "json"]].concat()).json();
    let item = &dry["items"][0];
    let (before, after) = (&item["before"]["disposition"], &item["after"]["disposition"]);
    assert_eq!((before, after), (&json!("Delete"), &json!("Retain")), "{dry:#}");
    assert_eq!((&dry["kind"], &item["done"]), (&json!("Marks"), &json!("Nothing")));
    let kept = test.projects.get("mark-kept").await.expect("read the project").metadata;
    assert_eq!(kept.annotations.unwrap_or_default().get("kargo.akuity.io/keep-namespace"), None);
    compare("keep", &test.run(ANNA, &reason));
    let again = test.run(ANNA, &reason);
    assert!(again.code == 0 && again.err.contains("nothing was written"), "{again:?}");
    let why = test.run(ANNA, &["why", "mark-kept"]);
    assert!(why.out.contains("because shared with billing"), "{why:?}");
    // What is in the namespace matters only without it, and is looked at for that.
    let dry = test.run(ANNA, &["keep", "mark-kept", "--remove", "--dry-run", "-o", "json"]).json();
    assert_eq!(dry["items"][0]["after"]["disposition"], "Delete", "{dry:#}");
    compare("keep_remove", &test.run(ANNA, &["keep", "project/mark-kept", "--remove"]));
    let lien = ["hold", "ns/mark-kept", "--name", "audit", "--reason", "quarter not closed"];
    let dry = test.run(ANNA, &[&lien[..], &["--dry-run=server", "-o", "json"]].concat()).json();
    let after = &dry["items"][0]["after"];
    assert_eq!(after["waitingFor"], json!(["LienOnNamespace"]), "{dry:#}");
    compare("hold", &test.run(ANNA, &lien));
    let remove = ["hold", "ns/mark-kept", "--name", "audit", "--remove"];
    compare("hold_remove", &test.run(ANNA, &remove));
    assert_eq!(test.run(ANNA, &remove).code, 1, "there is none any more");
    assert_eq!(test.run(ANNA, &["hold", "mark-kept", "--name", "audit"]).code, 2);
    let refused = test.run(VERA, &["keep", "mark-kept"]);
    assert!(refused.code == 3 && refused.err.contains("forbidden"), "{refused:?}");
    let refused = test.run(VERA, &["keep", "mark-kept", "--dry-run=server", "-o", "json"]);
    let failure = &refused.json()["items"][0]["failure"];
    assert_eq!((refused.code, failure["exitCode"].as_u64()), (3, Some(3)), "{refused:?}");
}

#[tokio::test]
async fn what_keeps_several_is_put_on_each_whatever_fails() {
    let test = Test::start().await;
    for name in ["keep-one", "keep-two"] {
        test.ready(name, json!({})).await;
    }
    let several =
        ["keep", "keep-one", "project/keep-none", "ns/keep-two", "project/keep-one", "-o", "json"];
    let kept = test.run(ANNA, &several);
    assert_eq!(kept.code, 1, "{kept:?}");
    let json = kept.json();
    let items = json["items"].as_array().expect("items");
    let done: Vec<_> = items.iter().map(|item| (&item["object"], &item["done"])).collect();
    let [one, none, two] =
        ["project/keep-one", "project/keep-none", "namespace/keep-two"].map(|object| json!(object));
    let [set, nothing] = ["Set", "Nothing"].map(|done| json!(done));
    assert_eq!(done, [(&one, &set), (&none, &nothing), (&two, &set)], "each once");
    assert!(items[1]["failure"]["message"].as_str().is_some_and(|why| why.contains("keep-none")));
    let held = test
        .run(ANNA, &["hold", "keep-one", "keep-two", "--name", "audit", "--reason", "not closed"]);
    compare("hold_several", &held);
    let list = test.run(ANNA, &["list", "-o", "json"]).json();
    let projects = list["items"].as_array().expect("items");
    for name in ["keep-one", "keep-two"] {
        let project = projects.iter().find(|project| project["name"] == name).expect("listed");
        assert_eq!(project["decision"], "Retain", "{project:#}");
        assert_eq!(project["gates"], json!(["LienOnProject"]), "{project:#}");
    }
}

#[tokio::test]
async fn plans_are_shown_agreed_to_confirmed_and_called_off() {
    let test = Test::start().await;
    test.ready("say-plan", json!({})).await;
    let terms = json!({"confirmation": "Required", "approvals": {"count": 2}, "gracePeriod": "1h"});
    test.policy("say-plan", terms).await;
    // As somebody who goes around admission: it waits for everything then.
    let client = test.bed.plane.around_admission().expect("a client");
    let projects: kube::Api<tenure_api::Project> = kube::Api::all(client);
    projects.delete("say-plan", &Default::default()).await.expect("delete");
    // Recorded first, and then what it waits for.
    let plan = tenure_testbed::eventually("the plan says what it waits for", async || {
        let plan = test.plan_of("say-plan").await;
        plan.status.as_ref()?.waiting_for.is_some().then_some(plan)
    })
    .await;
    let digest = plan.spec.decision.digest.clone();

    let declined = test.run(ANNA, &["approve", "say-plan"]);
    assert_eq!(declined.code, 4, "{declined:?}");
    let wrong = format!("sha256:{}", "0".repeat(64));
    assert_eq!(test.run(ANNA, &["approve", "say-plan", "--digest", &wrong]).code, 6);
    let agree = ["approve", "say-plan", "--digest", &digest];
    for dry in ["--dry-run", "--dry-run=server"] {
        let said = test.run(ANNA, &[&agree[..], &[dry, "-o", "json"]].concat()).json();
        assert_eq!(said["done"], "Nothing", "{said:#}");
        let told = said["message"].as_str().unwrap_or_default();
        assert!(told.ends_with("anna agrees (dry run)"), "{said:#}");
    }
    assert_eq!(test.plan_of("say-plan").await.spec.approvals, []);
    compare_by_mode("approve", &test.run(ANNA, &["approve", "say-plan", "--digest", &digest]));
    let again = test.run(ANNA, &["approve", "say-plan", "--digest", &digest, "-o", "json"]).json();
    assert_eq!(again["done"], "Nothing");
    let second = test.run(BOB, &["approve", "say-plan", "--digest", &digest, "-o", "json"]).json();
    assert_eq!((&second["done"], &second["user"]), (&json!("Approved"), &json!("bob")));
    // It is by whoever asked that they count, and not by who looks.
    let plan = test.run(ANNA, &["plan", "say-plan", "-o", "json"]).json();
    let gates = plan["gates"].as_array().expect("gates").iter().map(|gate| &gate["source"]);
    assert!(gates.clone().all(|gate| *gate != "Approvals"), "{plan:#}");
    assert!(gates.clone().any(|gate| *gate == "Grace"), "{plan:#}");
    assert_eq!(plan["underWay"]["phase"], "Waiting", "{plan:#}");
    let refused = test.run(VERA, &["approve", "say-plan", "--digest", &digest]);
    assert_eq!(refused.code, 3, "{refused:?}");

    let dry = test.run(ANNA, &["confirm", "say-plan", "--dry-run=server"]);
    let confirmed = test.run(ANNA, &["confirm", "say-plan", "--digest", &digest]);
    if MODE == Mode::Standalone {
        assert!(dry.code == 0 && dry.out.contains("it would be accepted: "), "{dry:?}");
        compare("confirm", &confirmed);
        assert_eq!(test.run(ANNA, &["confirm", "say-plan"]).code, 4);
    } else {
        // The Project is gone, and only its plan is heard.
        let next = format!(" --digest {digest}");
        let approve = confirmed.err.lines().find(|line| line.contains("kubectl tenure approve"));
        assert!(approve.is_some_and(|line| line.ends_with(&next)), "{confirmed:?}");
        assert_eq!(confirmed.code, 3, "{confirmed:?}");
    }
    let detail = test.run(VERA, &["plans", "say-plan", "-o", "json"]).json();
    let approvals: Vec<_> = detail["items"][0]["approvals"]
        .as_array()
        .expect("approvals")
        .iter()
        .map(|approval| approval["user"].clone())
        .collect();
    assert_eq!(approvals, [Value::from("anna"), Value::from("bob")]);
    let table = test.run(VERA, &["plans"]);
    assert!(table.out.lines().all(|line| line.len() <= 80), "{table:?}");
    assert!(table.out.contains("say-plan."), "{table:?}");

    // How often it was looked in between is in its history.
    let one = test.run(VERA, &["plans", "say-plan"]);
    assert!(one.out.contains("├── approvals\n│   ├── anna\n│   └── bob\n"), "{one:?}");
    for dry in ["--dry-run", "--dry-run=server"] {
        let said = test.run(ANNA, &["cancel", "say-plan", dry]);
        assert!(said.code == 0 && said.out.ends_with("(dry run)\n"), "{said:?}");
    }
    assert!(!test.lives("say-plan").await, "it is still being deleted, or gone");
    compare_by_mode("cancel", &test.run(ANNA, &["cancel", "say-plan"]));
    tenure_testbed::eventually("the Project is made anew", async || {
        test.lives("say-plan").await.then_some(())
    })
    .await;
    assert_eq!(test.run(ANNA, &["cancel", "say-plan"]).code, 3, "nothing is being deleted");
    assert_eq!(test.run(ANNA, &["plans", "say-nothing"]).code, 1);
}

#[tokio::test]
async fn kubectl_runs_it_as_a_plugin() {
    let test = Test::start().await;
    let kubectl = test.bed.plane.binaries().path("kubectl");
    let beside = std::path::Path::new(env!("CARGO_BIN_EXE_kubectl-tenure")).parent();
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&kubectl);
        command.args(arguments).env("PATH", beside.expect("a directory"));
        command.env("KUBECONFIG", test.bed.plane.dir().join("anna.kubeconfig"));
        crate::support::said(command.output().expect("run kubectl"))
    };
    let help = run(&["tenure", "plan", "--help"]);
    assert!(help.code == 0 && help.out.contains("Usage: kubectl tenure plan"), "{help:?}");
    for option in ["-n,", "-o,", "--context", "--kubeconfig"] {
        assert!(help.out.contains(option), "{option}: {help:?}");
    }
    let list = run(&["plugin", "list"]);
    assert!(list.out.contains("kubectl-tenure") && !list.err.contains("overshadow"), "{list:?}");
}

#[tokio::test]
async fn the_settings_are_published_once_and_say_what_the_server_was_told() {
    let test = Test::start().await;
    let maps: kube::Api<k8s_openapi::api::core::v1::ConfigMap> =
        kube::Api::namespaced(test.client.clone(), tenure_testbed::TENURE_NAMESPACE);
    let map = maps.get("tenure-settings").await.expect("the settings");
    let published = tenure_api::Published::read(&map).expect("legible");
    assert!(published.admission && published.breaker.at_least == 1_000_000);
    let entries = test.bed.audit.entries();
    let writes =
        entries.iter().filter(|entry| entry.name() == "tenure-settings" && entry.is_write());
    assert_eq!(writes.count(), 1, "idle, nothing is written");
}

#[tokio::test]
async fn the_breaker_is_shown() {
    let test = Test::start().await;
    compare("breaker", &test.run(VERA, &["breaker"]));
    compare("breaker_close", &test.run(ANNA, &["breaker", "close", "--reason", "meant"]));
    assert_eq!(test.run(ANNA, &["breaker", "close"]).code, 2);
}

#[tokio::test]
async fn where_and_who_is_as_the_command_line_says() {
    let test = Test::start().await;
    let nowhere = test.run(ANNA, &["list", "--context", "nowhere"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("nowhere"), "{nowhere:?}");
    let missing = test.run(ANNA, &["list", "--kubeconfig", "/nonexistent"]);
    assert_eq!(missing.code, 1, "{missing:?}");
    let refused = test.run(ANNA, &["list", "--as", "nobody"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.err.contains("impersonate"), "{refused:?}");
}
