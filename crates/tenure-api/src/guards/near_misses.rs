//! Keys that were all but certainly meant to be keep-namespace are warned about: they are not
//! illegal, for they may be somebody's own, but Kargo does not read them.

use serde_json::json;
use tenure_core::{NearMiss, keys};

use super::{Action, Policy, cel};

/// Whoever writes is warned, as long as such a key stands. What the key means does not depend on
/// the warning, so an object of very many keys is let through without.
pub(super) fn policy() -> Policy {
    let keep = cel::literal(keys::KEEP_NAMESPACE);
    let is_meant = is_meant();
    let not_false = format!("!= {}", cel::literal(keys::FALSE));
    let annotations = format!(
        "variables.annotations.filter(key, key != {keep} && {is_meant} \
         && variables.annotations[key] {not_false})"
    );
    let labels = format!(
        "variables.labels.filter(key, (key == {keep} || {is_meant}) \
         && variables.labels[key] {not_false})"
    );
    let validation = |field: &str, keys_of: &str, is_not: &str| {
        let demand =
            format!("{is_not}; if {} is meant, write that annotation", keys::KEEP_NAMESPACE);
        json!({
            "expression": format!("size(variables.{keys_of}) == 0"),
            "message": format!("metadata.{field} has a key that is not read by Kargo{demand}"),
            "messageExpression": format!(
                "{} + variables.{keys_of}.min() + ']' + {} + {}",
                cel::literal(&format!("metadata.{field}[")),
                cel::and_more(&format!("variables.{keys_of}")),
                cel::literal(&format!(" is not read by Kargo{demand}")),
            ),
        })
    };
    let count = |field: &str| format!("({}).size()", cel::metadata("object", field));
    let keys = format!("{} + {}", count("annotations"), count("labels"));
    let spec = json!({
        "matchConstraints": {"resourceRules": [
            {
                "apiGroups": [keys::KARGO_GROUP], "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"], "resources": ["projects"],
            },
            {
                "apiGroups": [""], "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"], "resources": ["namespaces"],
            },
        ]},
        "matchConditions": [{
            "name": "few-enough-keys",
            "expression": format!("{keys} <= {}", cel::MOST_KEYS),
        }],
        "variables": [
            {"name": "annotations", "expression": cel::metadata("object", "annotations")},
            {"name": "labels", "expression": cel::metadata("object", "labels")},
            {"name": "misspelt", "expression": annotations},
            {"name": "labelled", "expression": labels},
        ],
        "validations": [
            validation("annotations", "misspelt", ""),
            validation("labels", "labelled", ", which reads annotations"),
        ],
    });
    Policy { name: "tenure-near-misses", spec, action: Action::Warn }
}

/// Whether `key` was meant to be keep-namespace, by the same rule as [`NearMiss`]: its name,
/// without anything but letters and in lower case, and what its prefix speaks of.
fn is_meant() -> String {
    let names = cel::list(NearMiss::NAMES);
    let prefixes = cel::literal(&NearMiss::PREFIXES.join("|"));
    format!(
        "key.substring(key.lastIndexOf('/') + 1).lowerAscii().findAll('[a-z]').join('') in {names} \
         && (!key.contains('/') \
         || key.substring(0, key.lastIndexOf('/')).lowerAscii().matches({prefixes}))"
    )
}
