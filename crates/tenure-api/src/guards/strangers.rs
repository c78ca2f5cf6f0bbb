//! Kargo's management controller deletes no Namespace that is not marked for a Project.
//!
//! Kargo deletes by name what its caches say is to go, and asks for neither the label nor the UID.
//! What stands there may never have been the Project's, or has been released since.

use serde_json::json;
use tenure_core::keys;

use super::{Action, Policy, cel};
use crate::install::{Installation, management_controller};

pub(super) fn policy(installation: &Installation) -> Policy {
    let kargo = cel::literal(&management_controller(&installation.kargo_namespace));
    let label = cel::literal(keys::PROJECT_LABEL);
    let yes = cel::literal(keys::TRUE);
    let spec = json!({
        "matchConstraints": {"resourceRules": [{
            "apiGroups": [""], "apiVersions": ["v1"],
            "operations": ["DELETE"], "resources": ["namespaces"],
        }]},
        "matchConditions": [
            {"name": "kargos-management", "expression": format!("request.userInfo.username == {kargo}")},
            {"name": "stands", "expression": "!has(oldObject.metadata.deletionTimestamp)"},
        ],
        "validations": [{
            "expression": format!(
                "has(oldObject.metadata.labels) && {label} in oldObject.metadata.labels \
                 && oldObject.metadata.labels[{label}] == {yes}"
            ),
            "reason": "Forbidden",
            "message": format!(
                "the namespace lacks the label {}: \"{}\", so it is no Project's; to have it deleted \
                 with its Project, put that on it",
                keys::PROJECT_LABEL, keys::TRUE
            ),
        }],
    });
    Policy { name: "tenure-strange-namespaces", spec, action: Action::Deny }
}
