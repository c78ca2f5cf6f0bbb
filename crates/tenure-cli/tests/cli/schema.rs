//! What is printed for programs, held against the JSON Schema that is published.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

/// The published schema; and that nothing is printed which it does not name.
static STRICT: LazyLock<Validator> = LazyLock::new(|| {
    let mut schema = kubectl_tenure::schema();
    let kinds = schema["$defs"].as_object_mut().expect("definitions");
    for kind in kinds.values_mut().filter(|kind| kind["properties"].is_object()) {
        kind["unevaluatedProperties"] = json!(false);
    }
    jsonschema::validator_for(&schema).expect("it is a JSON Schema")
});

/// Reads what was printed with `-o json`.
pub(crate) fn read(printed: &str) -> Value {
    let document = serde_json::from_str(printed).unwrap_or_else(|e| panic!("{e}: {printed}"));
    // The whole schema only says that none of its kinds fits; the kind itself says what is wrong.
    let wrong: Vec<_> = STRICT.iter_errors(&document).map(|error| format!("{error:?}")).collect();
    assert!(wrong.is_empty(), "docs/cli.schema.json does not describe this: {wrong:#?}\n{printed}");
    document
}

#[test]
fn what_the_schema_does_not_describe_is_found_out() {
    let mut document = json!({
        "apiVersion": "cli.tenure.dev/v1", "kind": "Version",
        "client": "0.1.0", "server": null, "unknown": null,
    });
    assert!(STRICT.is_valid(&document));
    document["more"] = json!("than it names");
    assert!(!STRICT.is_valid(&document));
    document.as_object_mut().expect("an object").remove("more");
    document["client"] = json!(1);
    assert!(!STRICT.is_valid(&document));
}
