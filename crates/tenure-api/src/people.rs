//! Roles for people, by what they have to do with deletions. Nobody has them unless somebody binds
//! them; `view` alone has the first from the start.
//!
//! None of them may write DeletionPolicies: whoever may decides what is demanded, so whoever
//! confirms or approves should not.

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use serde_json::Value;
use tenure_core::keys;

use crate::install::{BREAKER, SETTINGS, TENURE_GROUP, json, named};
use crate::rbac::rule;

/// Label by which Kubernetes adds a role to its own role `view`, and by that to `edit` and `admin`.
const TO_VIEW: &str = "rbac.authorization.k8s.io/aggregate-to-view";
/// Name of the role of those who look.
pub const VIEWER: &str = "tenure-viewer";
/// Name of the role of those who confirm deletions, call them off, and close the breaker.
pub const OPERATOR: &str = "tenure-operator";
/// Name of the role of those who agree to plans.
pub const APPROVER: &str = "tenure-approver";

/// The roles, to be bound by ClusterRoleBindings: plans, policies and Projects are in no namespace.
///
/// # Panics
/// Never: the objects are made here and serialize.
pub fn people_manifests() -> Vec<Value> {
    let look = || {
        let verbs = ["get", "list", "watch"];
        vec![
            rule(TENURE_GROUP, &["deletionplans", "deletionpolicies"], &verbs),
            rule(keys::KARGO_GROUP, &["projects"], &verbs),
            // To plan as the server does: what it decides by, whether the breaker is open, and
            // whether Projects are served.
            only(&[BREAKER, SETTINGS], rule("", &["configmaps"], &["get"])),
            only(
                &[keys::PROJECT_CRD],
                rule("apiextensions.k8s.io", &["customresourcedefinitions"], &["get"]),
            ),
        ]
    };
    let mut viewer = role(VIEWER, look());
    viewer.metadata.labels.get_or_insert_default().insert(TO_VIEW.to_owned(), "true".to_owned());
    let operates = [
        // Annotations confirm, call off and hold.
        rule(keys::KARGO_GROUP, &["projects"], &["patch"]),
        // Those that have ended; the guards protect the others. Beside Kargo a deletion is called off
        // on its plan, so whoever may do that may agree to it too: a policy that names no groups
        // counts them.
        rule(TENURE_GROUP, &["deletionplans"], &["delete", "patch"]),
        only(&[BREAKER], rule("", &["configmaps"], &["patch"])),
    ];
    // The guards leave of it only one's own approvals.
    let approves = rule(TENURE_GROUP, &["deletionplans"], &["patch"]);
    let operator = role(OPERATOR, [look(), operates.into()].concat());
    let approver = role(APPROVER, [look(), vec![approves]].concat());
    [viewer, operator, approver].iter().map(json).collect()
}

fn only(names: &[&str], rule: PolicyRule) -> PolicyRule {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    PolicyRule { resource_names: Some(names), ..rule }
}

fn role(name: &str, rules: Vec<PolicyRule>) -> ClusterRole {
    ClusterRole { metadata: named(name, None), rules: Some(rules), ..Default::default() }
}
