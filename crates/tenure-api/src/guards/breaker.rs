//! The breaker: nobody closes it in another's name, and nobody but Tenure writes it.

use serde_json::{Value, json};
use tenure_core::keys;

use super::{Action, Policy, cel, not_tenure};
use crate::install::{BREAKER, Installation};

pub(super) fn policy(installation: &Installation) -> Policy {
    let its_namespace = json!({"kubernetes.io/metadata.name": installation.namespace});
    let spec = json!({
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": its_namespace},
            "resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE", "DELETE"], "resources": ["configmaps"],
            }],
        },
        "matchConditions": conditions(installation),
        "variables": [
            {"name": "before", "expression": data("oldObject")},
            {"name": "after", "expression": data("object")},
            {"name": "closing", "expression": closing("object")},
            {"name": "closed", "expression": closing("oldObject")},
        ],
        "validations": [
            {
                "expression": "request.operation == 'UPDATE' && variables.before == variables.after \
                    && !(has(object.immutable) && object.immutable)",
                "message": "Tenure alone writes, and takes away, what became of the breaker",
            },
            {
                "expression": "variables.closing == '' || variables.closing == variables.closed \
                    || variables.closing == request.userInfo.username",
                "messageExpression": format!(
                    "'{} has to name who closes it: ' + request.userInfo.username",
                    keys::CLOSED_BY
                ),
            },
        ],
    });
    Policy { name: BREAKER, spec, action: Action::Deny }
}

fn conditions(installation: &Installation) -> Value {
    json!([
        not_tenure(installation),
        {
            "name": "breaker",
            "expression": format!("(object == null ? oldObject : object).metadata.name == '{BREAKER}'"),
        },
        {
            // Its namespace goes with everything in it, and nothing may hold that up.
            "name": "not-the-namespace-controller",
            "expression": "!(request.userInfo.username in ['system:kube-controller-manager', \
                'system:serviceaccount:kube-system:namespace-controller'])",
        },
    ])
}

fn data(of: &str) -> String {
    format!("{of} != null && has({of}.data) ? {of}.data : {{}}")
}

fn closing(of: &str) -> String {
    let key = cel::literal(keys::CLOSED_BY);
    let annotations = cel::annotations(of);
    format!("{key} in ({annotations}) ? {of}.metadata.annotations[{key}] : ''")
}
