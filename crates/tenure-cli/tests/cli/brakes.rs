//! `breaker`, where too many namespaces were really deleted.

use serde_json::json;
use tenure_testbed::eventually;

use crate::support::{ANNA, BOB, Test, VERA, compare};

#[tokio::test]
async fn who_closes_the_open_breaker_lets_deletions_go_on() {
    let test = Test::alone(&["--breaker-at-least", "2", "--breaker-percent", "0"]).await;
    let names: Vec<_> = (0..3).map(|n| format!("mass-{n}")).collect();
    for name in &names {
        test.ready(name, json!({})).await;
    }
    for name in &names {
        test.projects.delete(name, &Default::default()).await.expect("delete the project");
    }
    let waiting = async || {
        let plans = test.run(VERA, &["plans", "-o", "json"]).json();
        let items = plans["items"].as_array().expect("plans").clone();
        let waits = |plan: &serde_json::Value| plan["gates"][0]["source"] == "Breaker";
        items.iter().filter(|plan| waits(plan)).count()
    };
    eventually("what is too many waits", async || (waiting().await == 1).then_some(())).await;

    compare("breaker_open", &test.run(VERA, &["breaker"]));
    assert_eq!(test.run(VERA, &["breaker", "-o", "json"]).json()["state"], "Open");
    let refused = test.run(VERA, &["breaker", "close", "--reason", "not mine to say"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    let dry = test.run(BOB, &["breaker", "close", "--reason", "tried", "--dry-run=server"]);
    assert!(dry.code == 0 && dry.out.contains("it would be accepted: "), "{dry:?}");
    let refused = test.run(VERA, &["breaker", "close", "--reason", "x", "--dry-run=server"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert_eq!(test.run(VERA, &["breaker", "-o", "json"]).json()["state"], "Open");
    test.ready("mass-late", json!({})).await;
    let late = test.run(ANNA, &["delete", "mass-late"]);
    assert_eq!(late.code, 3, "{late:?}");
    let next = "kubectl tenure breaker close --reason REASON";
    assert!(late.err.contains("Breaker: ") && late.err.contains(next), "{late:?}");
    assert_eq!(waiting().await, 1, "who may not close it has not");

    compare(
        "breaker_closed_by",
        &test.run(BOB, &["breaker", "close", "--reason", "the old teams are gone"]),
    );
    for name in &names {
        eventually(&format!("{name} goes on"), async || {
            let gone = test.projects.get_opt(name).await.expect("read the project").is_none();
            (gone && !test.has_namespace(name).await).then_some(())
        })
        .await;
    }
    compare("breaker_closed", &test.run(VERA, &["breaker"]));
    let again = test.run(BOB, &["breaker", "close", "--reason", "once more", "-o", "json"]);
    assert_eq!((again.code, again.json()["done"].as_str()), (0, Some("Nothing")), "{again:?}");
    let digest = test.run(ANNA, &["plan", "mass-late", "-o", "digest"]).out;
    let late = ["delete", "mass-late", "--digest", digest.trim(), "--timeout", "60s"];
    let late = test.run(ANNA, &late);
    assert_eq!(late.code, 0, "{late:?}");
}
