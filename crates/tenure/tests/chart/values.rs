//! What values there are, and what is refused.

use serde_json::{Value, json};

use crate::support::{CHART, RELEASE, helm, with_values};

/// What Helm says to those values.
fn refusal(values: &Value) -> String {
    let template = helm(&[&["template", RELEASE[0], CHART], &RELEASE[1..]].concat());
    with_values(template, values).expect_err("they are refused")
}

#[test]
fn wrong_values_are_refused_by_name() {
    for (values, named) in [
        (json!({"bogus": 1}), "bogus"),
        (json!({"webhook": {"enable": true}}), "enable"),
        (json!({"webhook": {"certificate": {"existingSecret": {"nam": "x"}}}}), "nam"),
        (json!({"replicas": "two"}), "/replicas"),
        (json!({"replicas": -1}), "/replicas"),
        (json!({"profile": "Protective"}), "/profile"),
        (json!({"mode": "Companion"}), "/mode"),
        (json!({"kargo": {"namespace": "Kargo"}}), "/kargo/namespace"),
        (json!({"kargo": {"namespace": ""}}), "/kargo/namespace"),
        (json!({"systemNamespaces": ["a.b"]}), "/systemNamespaces/0"),
        (json!({"breaker": {"percent": 101}}), "/breaker/percent"),
        (json!({"breaker": {"window": "5 minutes"}}), "/breaker/window"),
        (json!({"archive": {"url": "ftp://x"}}), "/archive/url"),
        (json!({"archive": {"required": true}}), "/archive/url"),
        (json!({"breakGlassGroup": "x') || true || ('"}), "/breakGlassGroup"),
        (json!({"directDeletion": {"users": [""]}}), "/directDeletion/users/0"),
        (json!({"webhook": {"certificate": {"mode": "existingSecret"}}}), "existingSecret"),
        (json!({"image": {"digest": "latest"}}), "/image/digest"),
        (json!({"image": {"repository": ""}}), "/image/repository"),
        (json!({"listenAddress": "::"}), "/listenAddress"),
        (json!({"networkPolicy": {"apiServerPorts": []}}), "/networkPolicy/apiServerPorts"),
        (json!({"log": {"format": "text"}}), "/log/format"),
    ] {
        let said = refusal(&values);
        let plain = said.replace('\'', "").replace('.', "/");
        assert!(plain.contains(named), "{values}: {said}");
    }
}

#[test]
fn a_namespace_that_is_not_tenures_own_is_refused() {
    for namespace in ["default", "kube-system", "kargo"] {
        let template = helm(&["template", "tenure", CHART, "--namespace", namespace]);
        let said = with_values(template, &json!({})).expect_err("it is refused");
        assert!(said.contains("Tenure needs a namespace of its own"), "{namespace}: {said}");
    }
}

/// Every value is in the schema, every one of the schema is a value, and nothing else is let in,
/// but where Kubernetes says what may be there.
#[test]
fn the_schema_knows_every_value_and_no_other() {
    let read = |name: &str| std::fs::read_to_string(format!("{CHART}/{name}")).expect("read");
    let values: Value = serde_saphyr::from_str(&read("values.yaml")).expect("YAML");
    let schema: Value = serde_json::from_str(&read("values.schema.json")).expect("JSON");
    compare(&values, &schema, "");
}

fn compare(values: &Value, schema: &Value, path: &str) {
    let Some(properties) = schema["properties"].as_object() else { return };
    assert_eq!(schema["additionalProperties"], false, "{path} lets anything in");
    let values = values.as_object().unwrap_or_else(|| panic!("{path} is no map"));
    for key in values.keys() {
        assert!(properties.contains_key(key), "{path}/{key} is not in the schema");
    }
    for (key, schema) in properties {
        // Helm gives it to every chart.
        if path.is_empty() && key == "global" {
            continue;
        }
        let value = values.get(key).unwrap_or_else(|| panic!("{path}/{key} has no default"));
        compare(value, schema, &format!("{path}/{key}"));
    }
}
