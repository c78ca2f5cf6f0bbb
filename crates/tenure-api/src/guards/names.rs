//! A Project is not created under a name whose Namespace it can never have.

use serde_json::json;
use tenure_core::{NamespaceName, Settings, keys};

use super::{Action, Policy, cel, not_break_glass, not_tenure};
use crate::install::Installation;

/// Tenure makes anew only what stood before.
pub(super) fn policy(installation: &Installation) -> Policy {
    let settings = installation.settings();
    let taken = cel::list(settings.system_names());
    let prefix = cel::literal(Settings::SYSTEM_PREFIX);
    let longest = NamespaceName::MAX;
    // The API server itself sees to it that a Project's name is made of a-z, 0-9, hyphens and dots.
    let demand = format!("name the Project with at most {longest} of a-z, 0-9 and inner hyphens");
    let conditions = [not_tenure(installation)].into_iter().chain(not_break_glass(installation));
    let spec = json!({
        "matchConstraints": {"resourceRules": [{
            "apiGroups": [keys::KARGO_GROUP], "apiVersions": ["*"],
            "operations": ["CREATE"], "resources": ["projects"],
        }]},
        "matchConditions": conditions.collect::<Vec<_>>(),
        "variables": [{"name": "name", "expression": "object.metadata.name"}],
        "validations": [
            {
                "expression": format!(
                    "!(variables.name in {taken}) && !variables.name.startsWith({prefix})"
                ),
                "reason": "Forbidden",
                "message": "metadata.name: it is a namespace of the cluster, of Kargo or of Tenure",
                "messageExpression": "'metadata.name: \"' + variables.name + '\" is a namespace of the \
                    cluster, of Kargo or of Tenure, which no Project may have; give the Project \
                    another name'",
            },
            {
                "expression": "!variables.name.contains('.')",
                "message": format!("metadata.name: no namespace's name has a dot; {demand}"),
                "messageExpression": format!(
                    "'metadata.name: \"' + variables.name + '\" has a dot, which no name of a namespace has; {demand}'"
                ),
            },
            {
                "expression": format!("size(variables.name) <= {longest}"),
                "message": format!("metadata.name: it is too long for a namespace; {demand}"),
                "messageExpression": format!(
                    "'metadata.name: \"' + variables.name + '\" has ' + string(size(variables.name)) + \
                     ' characters, more than the name of a namespace may have; {demand}'"
                ),
            },
        ],
    });
    Policy { name: "tenure-names", spec, action: Action::Deny }
}
