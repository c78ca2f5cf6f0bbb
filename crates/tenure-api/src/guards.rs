//! ValidatingAdmissionPolicies that keep people's part in a plan honest: nobody agrees, or closes
//! the breaker, in another's name, and nobody but Tenure writes what was decided.
//!
//! The API server evaluates them itself, so they hold while Tenure does not run.

use serde_json::{Value, json};

use crate::install::{BREAKER, NAME, named};

/// The policies and their bindings.
pub(crate) fn manifests(namespace: &str) -> Vec<Value> {
    let tenure = format!("system:serviceaccount:{namespace}:{NAME}");
    let others = json!([{
        "name": "not-tenure",
        "expression": format!("request.userInfo.username != '{tenure}'"),
    }]);
    let [plans, breaker] = ["tenure-plans", BREAKER];
    vec![
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": named(plans, None),
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["tenure.dev"], "apiVersions": ["*"],
                    "operations": ["CREATE", "UPDATE"], "resources": ["deletionplans"],
                }]},
                "matchConditions": others,
                "variables": [
                    {"name": "before", "expression": approvals("oldObject")},
                    {"name": "after", "expression": approvals("object")},
                ],
                "validations": plan_rules(),
            },
        }),
        binding(plans),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": named(breaker, None),
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                    "resourceRules": [{
                        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                        "resources": ["configmaps"], "resourceNames": [BREAKER],
                    }],
                },
                "matchConditions": others,
                "validations": [
                    {
                        "expression": "request.operation != 'CREATE' && object.data == oldObject.data",
                        "message": "Tenure alone writes what became of the breaker",
                    },
                    {
                        "expression": "!has(object.metadata.annotations) || \
                            !('tenure.dev/closed-by' in object.metadata.annotations) || \
                            object.metadata.annotations['tenure.dev/closed-by'] == request.userInfo.username",
                        "messageExpression": "'tenure.dev/closed-by has to name who closes it: ' + request.userInfo.username",
                    },
                ],
            },
        }),
        binding(breaker),
    ]
}

fn approvals(of: &str) -> String {
    format!("{of} != null && has({of}.spec.approvals) ? {of}.spec.approvals : []")
}

fn plan_rules() -> Value {
    json!([
        {
            "expression": "request.operation != 'CREATE'",
            "message": "Tenure alone writes plans",
        },
        {
            "expression": "oldObject == null || (object.spec.project == oldObject.spec.project \
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
            "expression": "variables.before.all(a, a in variables.after || a.user == request.userInfo.username)",
            "message": "an approval is only for who gave it to take back",
        },
    ])
}

fn binding(policy: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": named(policy, None),
        "spec": {"policyName": policy, "validationActions": ["Deny"]},
    })
}
