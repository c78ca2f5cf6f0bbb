//! ValidatingAdmissionPolicies: rules that the API server evaluates itself, so that they hold
//! while Tenure does not run, and cost no request.
//!
//! What is legal, which keys are meant and which names are taken comes from `tenure-core`, which
//! reads the same annotations. The rules are the first of two locks: what gets around them is
//! decided by as before.

mod breaker;
mod cel;
mod last_words;
mod liens;
mod names;
mod namespaces;
mod near_misses;
mod plans;
mod strangers;
mod values;

use serde_json::{Value, json};
use tenure_core::Mode;

use crate::install::{Installation, NAME, named};

/// The policies and their bindings, in the order to apply them.
pub(crate) fn manifests(installation: &Installation) -> Vec<Value> {
    [
        plans::policy(installation),
        breaker::policy(installation),
        values::policy(installation),
        near_misses::policy(),
        namespaces::policy(installation),
        strangers::policy(installation),
        liens::policy(installation),
        names::policy(installation),
    ]
    .into_iter()
    .chain((installation.mode == Mode::Companion).then(|| last_words::policy(installation)))
    .flat_map(Policy::manifests)
    .collect()
}

/// A policy, and what becomes of who does not keep to it.
struct Policy {
    name: &'static str,
    spec: Value,
    action: Action,
}

#[derive(Clone, Copy)]
enum Action {
    /// The request is refused, also if the rule cannot be evaluated.
    Deny,
    /// The request is let through, and its client warned.
    Warn,
}

impl Policy {
    fn manifests(self) -> [Value; 2] {
        let (action, on_failure) = match self.action {
            Action::Deny => ("Deny", "Fail"),
            Action::Warn => ("Warn", "Ignore"),
        };
        let mut spec = self.spec;
        spec["failurePolicy"] = on_failure.into();
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": named(self.name, None),
            "spec": spec,
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": named(self.name, None),
            "spec": {"policyName": self.name, "validationActions": [action]},
        });
        [policy, binding]
    }
}

/// The user that Tenure is.
fn tenure(installation: &Installation) -> String {
    format!("system:serviceaccount:{}:{NAME}", installation.namespace)
}

/// The condition that somebody other than Tenure asks.
fn not_tenure(installation: &Installation) -> Value {
    not_the_user("not-tenure", &tenure(installation))
}

fn not_the_user(name: &str, user: &str) -> Value {
    let user = cel::literal(user);
    json!({"name": name, "expression": format!("request.userInfo.username != {user}")})
}

/// The condition that nobody asks whom the installation lets pass; none if it lets nobody.
fn not_break_glass(installation: &Installation) -> Option<Value> {
    let group = cel::literal(installation.break_glass_group.as_deref()?);
    // Who has no groups is not in this one.
    let expression =
        format!("!has(request.userInfo.groups) || !({group} in request.userInfo.groups)");
    Some(json!({"name": "not-break-glass", "expression": expression}))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the policies that have such a condition.
    fn with_condition(installation: &Installation, name: &str) -> Vec<String> {
        let has = |manifest: &&Value| {
            let conditions = manifest["spec"]["matchConditions"].as_array();
            conditions.is_some_and(|all| all.iter().any(|condition| condition["name"] == name))
        };
        let manifests = manifests(installation);
        let named = manifests.iter().filter(has).map(|m| m["metadata"]["name"].as_str());
        named.map(|name| name.unwrap().to_owned()).collect()
    }

    #[test]
    fn nobody_passes_the_rules_unless_a_group_is_named_and_never_those_of_plans() {
        let mut installation = Installation::default();
        assert_eq!(with_condition(&installation, "not-break-glass"), Vec::<String>::new());
        installation.break_glass_group = Some("on-call".to_owned());
        assert_eq!(
            with_condition(&installation, "not-break-glass"),
            [
                "tenure-values",
                "tenure-kept-namespaces",
                "tenure-held-projects",
                "tenure-names",
                "tenure-last-words",
            ]
        );
    }

    #[test]
    fn tenure_itself_deletes_no_namespace_that_is_kept() {
        let passes = with_condition(&Installation::default(), "not-tenure");
        assert!(!passes.contains(&"tenure-kept-namespaces".to_owned()), "{passes:?}");
    }

    #[test]
    fn what_refuses_fails_closed() {
        let manifests = manifests(&Installation::default());
        for [policy, binding] in manifests.as_chunks().0 {
            let denies = binding["spec"]["validationActions"][0] == "Deny";
            let closed = policy["spec"]["failurePolicy"] == "Fail";
            assert_eq!(denies, closed, "{}", policy["metadata"]["name"]);
        }
    }
}
