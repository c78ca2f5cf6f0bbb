//! `adopt` and `release`.

use serde_json::json;
use tenure_testbed::{eventually, unique_name};

use crate::support::{ANNA, Test, compare};

const LABEL: &str = "kargo.akuity.io/project";
const LEDGER: &str = "tenure.dev/ledger";

impl Test {
    /// The label and the ledger of a namespace.
    async fn marks(&self, name: &str) -> (Option<String>, Option<String>) {
        let namespace = self.namespaces.get(name).await.expect("read the namespace");
        let labels = namespace.metadata.labels.unwrap_or_default();
        let annotations = namespace.metadata.annotations.unwrap_or_default();
        (labels.get(LABEL).cloned(), annotations.get(LEDGER).cloned())
    }

    async fn filled(&self, name: &str) {
        for object in tenure_testbed::filled_namespace(name) {
            self.apply(&object).await;
        }
    }
}

#[tokio::test]
async fn what_adoption_added_goes_with_the_project_that_moved_in() {
    let test = Test::start().await;
    let name = unique_name("moved");
    test.filled(&name).await;
    let said = test.run(ANNA, &["adopt", &name, "--yes"]);
    compare("adopt", &said.naming(&name));
    assert_eq!(test.marks(&name).await, (Some("true".into()), Some(r#"{"label":true}"#.into())));
    test.ready(&name, json!({})).await;
    let said = test.run(ANNA, &["release", &name, "--yes"]);
    assert_eq!(said.code, 3, "{said:?}");
    let next = format!("kubectl tenure delete project/{name} --disposition retain");
    assert!(said.err.contains(&next), "{said:?}");
    test.projects.delete(&name, &Default::default()).await.expect("delete the project");
    eventually("it is released as it was found", async || {
        (test.marks(&name).await == (None, None)).then_some(())
    })
    .await;
    let objects = test.namespaces.get(&name).await.expect("it stays");
    assert!(objects.metadata.deletion_timestamp.is_none());
}

#[tokio::test]
async fn adoption_shows_what_stands_asks_and_is_taken_back_exactly() {
    let test = Test::start().await;
    let name = unique_name("standing");
    test.filled(&name).await;
    let said = test.run(ANNA, &["adopt", &name]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.err.contains(&format!("kubectl tenure adopt {name} --yes")), "{said:?}");
    assert!(said.err.contains("Argo CD shop: 1 object"), "{said:?}");
    assert!(said.err.contains("compute: pods=10"), "{said:?}");
    for (place, told) in [
        ("client", "nothing was sent; it would be adopted (dry run)"),
        ("server", "it would be accepted, and adopted (dry run)"),
    ] {
        let said = test.run(ANNA, &["adopt", &name, &format!("--dry-run={place}")]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains(told), "{said:?}");
    }
    assert_eq!(test.marks(&name).await, (None, None), "nothing was written");
    let said = test.run(ANNA, &["adopt", &name, "--yes", "-o", "json"]);
    assert_eq!((said.code, said.json()["done"].as_str()), (0, Some("Adopted")), "{said:?}");
    let said = test.run(ANNA, &["adopt", &name, "--yes"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.err.contains("was adopted already"), "{said:?}");
    compare("release", &test.run(ANNA, &["release", &name, "--yes"]).naming(&name));
    assert_eq!(test.marks(&name).await, (None, None));
    let said = test.run(ANNA, &["release", &name, "--yes"]);
    assert_eq!(said.code, 3, "{said:?}");
}

#[tokio::test]
async fn what_may_not_be_opened_or_did_not_come_by_adoption_is_refused() {
    let test = Test::start().await;
    let said = test.run(ANNA, &["adopt", "kube-system", "--yes"]);
    compare("adopt_system", &said);
    let name = unique_name("by-hand");
    test.apply(&json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {LABEL: "true"}, "finalizers": ["example.com/hold"]},
    }))
    .await;
    let said = test.run(ANNA, &["adopt", &name, "--yes"]);
    assert_eq!(said.code, 3, "{said:?}");
    let said = test.run(ANNA, &["release", &name, "--yes"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.err.contains("did not come by adoption"), "{said:?}");
    test.namespaces.delete(&name, &Default::default()).await.expect("delete the namespace");
    let said = test.run(ANNA, &["adopt", &name, "--yes"]);
    assert!(said.code == 3 && said.err.contains("is terminating"), "{said:?}");
    let said = test.run(ANNA, &["adopt", "nowhere", "--yes"]);
    assert_eq!(said.code, 1, "{said:?}");
    let said = test.run(ANNA, &["adopt", "p\u{430}yments"]);
    assert_eq!(said.code, 2, "{said:?}");
}
