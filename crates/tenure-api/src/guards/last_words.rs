//! Beside Kargo, a Project that is being deleted says nothing more about its Namespace.
//!
//! Kargo lets go of it at any moment, and what it says last may be read by nobody. Whoever says
//! something then is told where it is heard: on the Namespace, or on the plan.

use serde_json::json;
use tenure_core::keys;

use super::{Action, Policy, cel, not_break_glass, not_tenure};
use crate::install::Installation;

pub(super) fn policy(installation: &Installation) -> Policy {
    let keys_that_say = [
        keys::KEEP_NAMESPACE,
        keys::DISPOSITION,
        keys::CANCEL,
        keys::CONFIRM,
        keys::STAMP,
        keys::STAMPED_OVER,
    ];
    let conditions = [
        json!({"name": "going", "expression": "has(oldObject.metadata.deletionTimestamp)"}),
        not_tenure(installation),
    ];
    let same = "(key in variables.before) == (key in variables.after) && \
                (!(key in variables.after) || variables.before[key] == variables.after[key])";
    let prefix = cel::literal(keys::LIEN_PREFIX);
    let liens = |of: &str| format!("variables.{of}.all(key, !key.startsWith({prefix}) || {same})");
    let spec = json!({
        "matchConstraints": {"resourceRules": [{
            "apiGroups": [keys::KARGO_GROUP], "apiVersions": ["*"],
            "operations": ["UPDATE"], "resources": ["projects"],
        }]},
        "matchConditions":
            conditions.into_iter().chain(not_break_glass(installation)).collect::<Vec<_>>(),
        "variables": [
            {"name": "before", "expression": cel::annotations("oldObject")},
            {"name": "after", "expression": cel::annotations("object")},
        ],
        "validations": [{
            "expression": format!(
                "{}.all(key, {same}) && {} && {}",
                cel::list(keys_that_say), liens("before"), liens("after")
            ),
            "reason": "Forbidden",
            "message": "the project is being deleted, and what it says now is heard by nobody; to keep the namespace, annotate the namespace; to call the deletion off, annotate the plan",
            "messageExpression": format!(
                "'project ' + object.metadata.name + ' is being deleted, and what it says now is \
                 heard by nobody; to keep its namespace: kubectl annotate namespace ' + \
                 object.metadata.name + ' {}=true; to call the deletion off, while something is \
                 awaited: kubectl annotate deletionplan ' + object.metadata.name + '.' + \
                 object.metadata.uid + ' {}=true'",
                keys::KEEP_NAMESPACE, keys::CANCEL
            ),
        }],
    });
    Policy { name: "tenure-last-words", spec, action: Action::Deny }
}
