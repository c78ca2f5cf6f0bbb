//! A namespace that takes its time to go: nothing is left to decide, and no command says otherwise.

use serde_json::{Value, json};
use tenure_core::Mode;
use tenure_testbed::eventually;

use crate::MODE;
use crate::support::{ANNA, BOB, Test, compare};

impl Test {
    /// Deletes a Project whose namespace cannot go; gives back the digest of that.
    async fn stuck(&self, name: &str) -> String {
        self.ready(name, json!({})).await;
        self.apply(&json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "held", "namespace": name, "finalizers": ["example.com/hold"]},
        }))
        .await;
        let digest = self.run(ANNA, &["plan", name, "-o", "digest"]).out.trim().to_owned();
        let staying = self.begin(ANNA, &["delete", name, "--digest", &digest, "--timeout", "8s"]);
        eventually("the namespace is going", async || {
            let namespace = self.namespaces.get(name).await.expect("read the namespace");
            namespace.metadata.deletion_timestamp.map(drop)
        })
        .await;
        let told = crate::support::said(staying.wait_with_output().expect("it ends"));
        assert_eq!(told.code, 5, "{told:?}");
        let doctor = format!("next: kubectl tenure doctor namespace/{name}");
        assert!(told.err.contains(&doctor) && !told.err.contains("tenure cancel"), "{told:?}");
        digest
    }

    /// Takes the finalizer off.
    async fn let_go(&self, name: &str) {
        let patch = json!({"metadata": {"finalizers": null}}).to_string().into_bytes();
        let request = http::Request::patch(format!("/api/v1/namespaces/{name}/configmaps/held"))
            .header("content-type", "application/merge-patch+json")
            .body(patch)
            .expect("a request");
        self.client.request::<Value>(request).await.expect("let go of it");
    }
}

#[tokio::test]
async fn a_deletion_is_followed_again_while_its_namespace_goes() {
    let test = Test::start().await;
    let digest = test.stuck("going-again").await;
    let delete = ["delete", "project/going-again"];
    let of_other = format!("sha256:{}", "0".repeat(64));
    let other = test.run(ANNA, &[&delete[..], &["--digest", &of_other]].concat());
    assert!(other.code == 6 && other.err.contains(&digest), "{other:?}");
    let other = test.run(ANNA, &[&delete[..], &["--disposition", "retain"]].concat());
    assert!(other.code == 3 && other.err.contains("cannot be chosen any more"), "{other:?}");
    let before = test.writes(ANNA, "going-again").len();
    let again = test.run(ANNA, &[&delete[..], &["--timeout", "1s"]].concat());
    assert_eq!(again.code, 5, "nobody has to be asked: {again:?}");
    assert!(again.err.contains(&format!("--digest {digest}")), "{again:?}");
    let json = test.run(ANNA, &[&delete[..], &["--timeout", "1s", "-o", "json"]].concat()).json();
    let item = &json["items"][0];
    assert_eq!((&item["digest"], &item["disposition"]), (&json!(digest), &json!("Delete")));
    let staying = test.begin(ANNA, &[&delete[..], &["--digest", &digest]].concat());
    test.let_go("going-again").await;
    let told = crate::support::said(staying.wait_with_output().expect("it ends"));
    assert!(told.code == 0 && told.out.contains("namespace going-again is gone"), "{told:?}");
    assert_eq!(test.writes(ANNA, "going-again").len(), before, "nothing was asked for again");
}

#[tokio::test]
async fn what_comes_too_late_is_refused() {
    let test = Test::start().await;
    let digest = test.stuck("going-late").await;
    let before = test.writes(ANNA, "going-late").len();
    for arguments in [
        &["keep", "namespace/going-late"][..],
        &["hold", "namespace/going-late", "--name", "audit", "--reason", "x"],
        &["keep", "going-late"],
        &["hold", "going-late", "--name", "audit", "--reason", "x"],
        &["confirm", "going-late", "--digest", &digest],
        &["cancel", "going-late"],
        &["approve", "going-late", "--digest", &digest],
    ] {
        let said = test.run(ANNA, arguments);
        assert_eq!(said.code, 3, "{arguments:?}: {said:?}");
        let why = match (arguments[0], MODE) {
            ("approve", _) => "carried out already",
            ("confirm", Mode::Companion) => "is gone",
            _ => "too late",
        };
        assert!(said.err.contains(why), "{arguments:?}: {said:?}");
        assert!(!said.err.contains("next: kubectl tenure keep"), "{arguments:?}: {said:?}");
    }
    assert_eq!(test.writes(ANNA, "going-late").len(), before, "nothing was written");
    let plan = test.plan_of("going-late").await;
    assert!(plan.spec.approvals.is_empty(), "{plan:?}");
    test.let_go("going-late").await;
}

#[tokio::test]
async fn what_is_carried_out_is_told_and_what_keeps_it() {
    let test = Test::start().await;
    test.stuck("going-told").await;
    // By whoever does not ask us; it changes nothing any more.
    test.annotate_namespace("going-told", json!({"kargo.akuity.io/keep-namespace": "true"})).await;
    let item = test.run(BOB, &["list", "-n", "going-told", "-o", "json"]).json();
    let item = &item["items"][0];
    assert_eq!((&item["decision"], &item["namespace"]), (&json!("Delete"), &json!("Terminating")));
    assert_eq!(item["plan"]["phase"], "Executing", "{item:#}");
    if MODE == Mode::Standalone {
        test.annotate_project("going-told", json!({"kargo.akuity.io/keep-namespace": "true"}))
            .await;
        let item = test.run(BOB, &["list", "-n", "going-told", "-o", "json"]).json();
        assert_eq!(item["items"][0]["decision"], "Delete", "{item:#}");
        eventually("the Project says what keeps it", async || {
            let said = test.run(ANNA, &["plan", "going-told"]);
            said.out.contains("configmaps/held").then_some(())
        })
        .await;
        compare("going_plan", &test.run(ANNA, &["plan", "going-told"]));
        compare("going_why", &test.run(ANNA, &["why", "going-told"]));
        let json = test.run(ANNA, &["why", "going-told", "-o", "json"]).json();
        let gates = (&json["underWay"]["phase"], &json["gates"][0]["source"]);
        assert_eq!(gates, (&json!("Executing"), &json!("NamespaceTerminating")), "{json:#}");
    }
    test.let_go("going-told").await;
}
