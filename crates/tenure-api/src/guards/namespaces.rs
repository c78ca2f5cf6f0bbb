//! A Namespace that is to stay is not deleted directly, by nobody: neither by people, nor by Kargo,
//! nor by Tenure.
//!
//! Concerned are requests to delete a Namespace that stands. What follows an accepted one, the
//! namespace controller emptying and finalizing it, is no such request.

use serde_json::{Value, json};
use tenure_core::keys;

use super::{Action, Policy, cel, not_break_glass};
use crate::install::Installation;

pub(super) fn policy(installation: &Installation) -> Policy {
    let annotations = "oldObject.metadata.annotations";
    let [keep, disposition] = [keys::KEEP_NAMESPACE, keys::DISPOSITION].map(cel::literal);
    let conditions = [
        // What is going cannot be kept any more, and asking again does no harm.
        json!({"name": "stands", "expression": "!has(oldObject.metadata.deletionTimestamp)"}),
        json!({"name": "annotated", "expression": format!("has({annotations})")}),
    ];
    let not_kept = cel::literal(keys::FALSE);
    let kept = format!("!({keep} in variables.said) || variables.said[{keep}] == {not_kept}");
    let spec = json!({
        "matchConstraints": {"resourceRules": [{
            "apiGroups": [""], "apiVersions": ["v1"],
            "operations": ["DELETE"], "resources": ["namespaces"],
        }]},
        "matchConditions":
            conditions.into_iter().chain(not_break_glass(installation)).collect::<Vec<_>>(),
        "variables": [
            {"name": "said", "expression": annotations},
            {"name": "liens", "expression": cel::liens("variables.said")},
        ],
        "validations": [
            refusal(&kept, &keep, "''"),
            // Clean too: it is for the Namespace to stay, and for some of its content to go.
            refusal(&format!("!({disposition} in variables.said)"), &disposition, "''"),
            refusal(
                &cel::no_lien("variables.said"),
                "variables.liens.min()",
                &cel::and_more("variables.liens"),
            ),
        ],
    });
    Policy { name: "tenure-kept-namespaces", spec, action: Action::Deny }
}

/// What is refused for an annotation. Its key, and how many more there are, are expressions; where
/// there is no key, the message is the one that names none.
fn refusal(expression: &str, key: &str, more: &str) -> Value {
    let message = format!(
        "'namespace ' + oldObject.metadata.name + ' is kept by metadata.annotations[' + {key} + \
         ']: ' + {} + {more} + '; if it has to go all the same, take that off first: \
         kubectl annotate namespace ' + oldObject.metadata.name + ' ' + {key} + '-'",
        cel::quoted(&format!("variables.said[{key}]"))
    );
    let none = format!(
        "the namespace is kept by an annotation, {}, {} or {}NAME; if it has to go all the same, \
         take that off first",
        keys::KEEP_NAMESPACE,
        keys::DISPOSITION,
        keys::LIEN_PREFIX
    );
    json!({
        "expression": expression, "reason": "Forbidden",
        "message": none, "messageExpression": message,
    })
}
