//! What is rendered, and that it is the same each time.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{CHART, documents, helm, object, objects, render, sets, with_values};

#[test]
fn helm_finds_nothing_to_complain_about() {
    for (name, values) in [("default", json!({}))].into_iter().chain(sets()) {
        let lint = helm(&["lint", "--strict", CHART, "--namespace", "tenure-system"]);
        let linted = with_values(lint, &values);
        assert!(linted.is_ok(), "{name}: {linted:?}");
    }
}

#[test]
fn what_is_rendered_twice_is_the_same_to_the_byte() {
    for (name, values) in [("default", json!({}))].into_iter().chain(sets()) {
        assert_eq!(render(&values), render(&values), "{name}");
    }
}

/// What people wrote. What is generated is compared to the code in `objects.rs`.
fn written(rendered: &str) -> Vec<&str> {
    documents(rendered).into_iter().filter(|text| !source(text).contains("/generated/")).collect()
}

/// The template that a document is of.
fn source(document: &str) -> &str {
    document.lines().next().and_then(|line| line.strip_prefix("# Source: ")).expect("its source")
}

#[test]
fn the_default_values_render_as_recorded() {
    insta::assert_snapshot!("default", written(&render(&json!({}))).join("\n---\n"));
}

#[test]
fn other_values_render_as_recorded() {
    let default = render(&json!({}));
    let usual: BTreeSet<_> = written(&default).into_iter().collect();
    for (name, mut values) in sets() {
        // They are on every object, and would hide what else is different.
        if let Some(values) = values.as_object_mut() {
            values.remove("commonLabels");
        }
        let rendered = render(&values);
        let different = written(&rendered).into_iter().filter(|text| !usual.contains(text));
        let mut told: Vec<String> = different.map(str::to_owned).collect();
        let of =
            |rendered| -> BTreeSet<_> { documents(rendered).into_iter().map(source).collect() };
        let (usual, sources) = (of(&default), of(&rendered));
        told.extend(usual.difference(&sources).map(|source| format!("# without {source}")));
        told.extend(sources.difference(&usual).map(|source| format!("# with {source}")));
        insta::assert_snapshot!(name, told.join("\n---\n"));
    }
}

#[test]
fn both_service_accounts_have_the_annotations_of_the_values() {
    let rendered = render(&json!({"serviceAccount": {"annotations": {"example.com/role": "x"}}}));
    for name in ["tenure", "tenure-uninstall"] {
        let account = object(&rendered, "ServiceAccount", name);
        assert_eq!(account["metadata"]["annotations"]["example.com/role"], "x", "{name}");
    }
}

#[test]
fn common_labels_are_on_every_object() {
    let rendered = render(&json!({"commonLabels": {"cost-center": "42"}}));
    for object in objects(&rendered) {
        let labels = &object["metadata"]["labels"];
        assert_eq!(labels["cost-center"], "42", "{}", object["metadata"]["name"]);
        assert_eq!(labels["app.kubernetes.io/name"], "tenure");
    }
}
