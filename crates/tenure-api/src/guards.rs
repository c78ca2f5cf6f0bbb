//! ValidatingAdmissionPolicies that keep people's part in a plan honest: nobody agrees, or closes
//! the breaker, in another's name, and nobody but Tenure writes what was decided.
//!
//! The API server evaluates them itself, so they hold while Tenure does not run.

use serde_json::{Value, json};

use crate::install::{BREAKER, NAME, named};

/// The policies and their bindings.
pub(crate) fn manifests(namespace: &str) -> Vec<Value> {
    let tenure = format!("system:serviceaccount:{namespace}:{NAME}");
    let others = json!([
        {"name": "not-tenure", "expression": format!("request.userInfo.username != '{tenure}'")},
    ]);
    let of_the_breaker = json!([
        {"name": "not-tenure", "expression": format!("request.userInfo.username != '{tenure}'")},
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
    ]);
    let [plans, breaker] = ["tenure-plans", BREAKER];
    vec![
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": named(plans, None),
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["tenure.dev"], "apiVersions": ["*"],
                    "operations": ["CREATE", "UPDATE", "DELETE"],
                    "resources": ["deletionplans", "deletionplans/status"],
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
                        "apiGroups": [""], "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE", "DELETE"], "resources": ["configmaps"],
                    }],
                },
                "matchConditions": of_the_breaker,
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
                        "messageExpression": "'tenure.dev/closed-by has to name who closes it: ' + request.userInfo.username",
                    },
                ],
            },
        }),
        binding(breaker),
    ]
}

fn data(of: &str) -> String {
    format!("{of} != null && has({of}.data) ? {of}.data : {{}}")
}

fn closing(of: &str) -> String {
    format!(
        "{of} != null && has({of}.metadata.annotations) \
         && 'tenure.dev/closed-by' in {of}.metadata.annotations \
         ? {of}.metadata.annotations['tenure.dev/closed-by'] : ''"
    )
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
            "expression": "request.operation != 'DELETE' || (has(oldObject.status) && has(oldObject.status.phase) \
                && oldObject.status.phase in ['Done', 'Void'])",
            "message": "a plan that has not ended is not for people to take away; annotate the Project with tenure.dev/cancel=true",
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

fn binding(policy: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": named(policy, None),
        "spec": {"policyName": policy, "validationActions": ["Deny"]},
    })
}
