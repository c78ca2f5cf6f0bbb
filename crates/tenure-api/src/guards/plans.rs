//! People's part in a plan: nobody agrees in another's name, and nobody but Tenure writes what was
//! decided.

use serde_json::{Value, json};

use super::{Action, Policy, not_tenure};
use crate::install::Installation;

pub(super) fn policy(installation: &Installation) -> Policy {
    let spec = json!({
        "matchConstraints": {"resourceRules": [{
            "apiGroups": ["tenure.dev"], "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE", "DELETE"],
            "resources": ["deletionplans", "deletionplans/status"],
        }]},
        "matchConditions": [not_tenure(installation)],
        "variables": [
            {"name": "before", "expression": approvals("oldObject")},
            {"name": "after", "expression": approvals("object")},
        ],
        "validations": rules(),
    });
    Policy { name: "tenure-plans", spec, action: Action::Deny }
}

fn approvals(of: &str) -> String {
    format!("{of} != null && has({of}.spec.approvals) ? {of}.spec.approvals : []")
}

fn rules() -> Value {
    json!([
        {
            "expression": "request.operation != 'CREATE'",
            "message": "Tenure alone writes plans",
        },
        {
            "expression": "request.operation != 'DELETE' || (has(oldObject.status) && has(oldObject.status.phase) \
                && oldObject.status.phase in ['Done', 'Void'])",
            "message": "a plan that has not ended is not for people to take away; call it off: kubectl tenure cancel",
        },
        {
            "expression": "!has(request.subResource) || request.subResource != 'status'",
            "message": "Tenure alone writes how far a plan was carried out",
        },
        {
            "expression": "oldObject == null || object == null || (object.spec.project == oldObject.spec.project \
                && object.spec.namespace == oldObject.spec.namespace \
                && object.spec.decision == oldObject.spec.decision \
                && has(object.spec.requester) == has(oldObject.spec.requester) \
                && (!has(object.spec.requester) || object.spec.requester == oldObject.spec.requester))",
            "message": "of a plan, only spec.approvals is for people to write",
        },
        {
            "expression": "variables.after.all(a, a in variables.before || (a.user == request.userInfo.username \
                && (!has(a.groups) || a.groups.all(g, g in request.userInfo.groups))))",
            "messageExpression": "'an approval has to name who gives it and their own groups: ' + request.userInfo.username",
        },
        {
            "expression": "object == null || variables.before.all(a, a in variables.after || a.user == request.userInfo.username)",
            "message": "an approval is only for who gave it to take back",
        },
    ])
}
