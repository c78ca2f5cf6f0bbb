//! A Project with a lien is not deleted.
//!
//! Where Tenure runs, a lien holds a deletion that was asked for; here it keeps it from being asked
//! for, which also holds while nothing runs. If the Namespace is going already, there is nothing
//! left to hold, and whoever looks after Projects deletes the Project so that the Namespace may
//! finish. No expression can look that up, so the two ServiceAccounts that do this pass, and they
//! delete Projects for nothing else.

use serde_json::json;
use tenure_core::keys;

use super::{Action, Policy, cel, not_break_glass, not_tenure, not_the_user};
use crate::install::{Installation, management_controller};

pub(super) fn policy(installation: &Installation) -> Policy {
    let annotations = "oldObject.metadata.annotations";
    let kargo = management_controller(&installation.kargo_namespace);
    let conditions = [
        json!({"name": "stands", "expression": "!has(oldObject.metadata.deletionTimestamp)"}),
        json!({"name": "annotated", "expression": format!("has({annotations})")}),
        not_tenure(installation),
        not_the_user("not-kargos-management", &kargo),
    ];
    let message = format!(
        "'project ' + oldObject.metadata.name + ' is held by metadata.annotations[' + \
         variables.liens.min() + ']: ' + {} + {} + '; to delete it, take that off first: \
         kubectl annotate project ' + oldObject.metadata.name + ' ' + variables.liens.min() + '-'",
        cel::quoted(&format!("{annotations}[variables.liens.min()]")),
        cel::and_more("variables.liens")
    );
    let spec = json!({
        "matchConstraints": {"resourceRules": [{
            "apiGroups": [keys::KARGO_GROUP], "apiVersions": ["*"],
            "operations": ["DELETE"], "resources": ["projects"],
        }]},
        "matchConditions":
            conditions.into_iter().chain(not_break_glass(installation)).collect::<Vec<_>>(),
        "variables": [{"name": "liens", "expression": cel::liens(annotations)}],
        "validations": [{
            "expression": cel::no_lien(annotations),
            "reason": "Forbidden",
            "message": format!(
                "the project is held by an annotation {}NAME; to delete it, take that off first",
                keys::LIEN_PREFIX
            ),
            "messageExpression": message,
        }],
    });
    Policy { name: "tenure-held-projects", spec, action: Action::Deny }
}
