//! What takes Tenure off a cluster: its ServiceAccount and the least it needs.
//!
//! It is not Tenure's own account, because it may do what Tenure may not: take the guards away.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding};
use kube::core::ApiResource;
use serde_json::Value;
use tenure_core::keys;

use crate::install::{
    self, BREAKER, CANARY, Installation, NAME, SETTINGS, TENURE_GROUP, WEBHOOK_TLS, json, named,
};
use crate::rbac::{role_ref, rule, service_account};
use crate::webhooks::{self, Reach};

/// Name of its ServiceAccount and roles.
pub const UNINSTALL: &str = "tenure-uninstall";

/// API group of webhook configurations and admission policies.
const ADMISSION: &str = "admissionregistration.k8s.io";
/// Kinds of objects that the API server asks before it lets anybody write, and their plurals.
const BARRIERS: [(&str, &str); 4] = [
    ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
    ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
    ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
    ("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
];

/// The webhook configurations and policies by which the API server refuses what Tenure would not
/// have, in the order to take them away. Some may not be installed.
pub fn barriers() -> Vec<(ApiResource, String)> {
    let mut installed = install::manifests(&Installation::default());
    installed.extend(webhooks::manifests(&Reach::Service { namespace: String::new() }));
    let mut barriers = Vec::new();
    for (kind, plural) in BARRIERS {
        let resource = ApiResource {
            group: ADMISSION.to_owned(),
            version: "v1".to_owned(),
            api_version: format!("{ADMISSION}/v1"),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        };
        let of_kind = installed.iter().filter(|object| object["kind"] == kind);
        let mut names: Vec<_> = of_kind.filter_map(|o| o["metadata"]["name"].as_str()).collect();
        if names.is_empty() {
            // Webhook configurations are named as Tenure is, where there are any.
            names.push(NAME);
        }
        barriers.extend(names.into_iter().map(|name| (resource.clone(), name.to_owned())));
    }
    barriers
}

/// The ServiceAccount that uninstalls, its roles and bindings, in the order to apply them.
///
/// # Panics
/// Never: the objects are made here and serialize.
pub fn uninstall_manifests(namespace: &str) -> Vec<Value> {
    let subjects = || Some(vec![service_account(UNINSTALL, namespace)]);
    vec![
        json(&ServiceAccount { metadata: named(UNINSTALL, Some(namespace)), ..Default::default() }),
        json(&ClusterRole {
            metadata: named(UNINSTALL, None),
            rules: Some(rules_of_the_cluster()),
            ..Default::default()
        }),
        json(&ClusterRoleBinding {
            metadata: named(UNINSTALL, None),
            role_ref: role_ref("ClusterRole", UNINSTALL),
            subjects: subjects(),
        }),
        json(&Role {
            metadata: named(UNINSTALL, Some(namespace)),
            rules: Some(rules_of_its_namespace()),
        }),
        json(&RoleBinding {
            metadata: named(UNINSTALL, Some(namespace)),
            role_ref: role_ref("Role", UNINSTALL),
            subjects: subjects(),
        }),
    ]
}

fn rules_of_the_cluster() -> Vec<PolicyRule> {
    let barriers = barriers();
    let mut rules: Vec<_> = BARRIERS
        .iter()
        .map(|(_, plural)| {
            let names = barriers.iter().filter(|(resource, _)| resource.plural == *plural);
            PolicyRule {
                resource_names: Some(names.map(|(_, name)| name.clone()).collect()),
                ..rule(ADMISSION, &[plural], &["delete"])
            }
        })
        .collect();
    rules.extend([
        rule("", &["namespaces"], &["get", "list", "patch"]),
        PolicyRule {
            resource_names: Some(vec![CANARY.to_owned()]),
            ..rule("", &["namespaces"], &["delete"])
        },
        // Created are those whose deletion was called off.
        rule(keys::KARGO_GROUP, &["projects"], &["create", "get", "list", "patch"]),
        rule(keys::KARGO_GROUP, &["projects/status"], &["patch"]),
        rule(TENURE_GROUP, &["deletionplans"], &["get", "list"]),
        rule(TENURE_GROUP, &["deletionplans/status"], &["patch"]),
        rule(TENURE_GROUP, &["deletionpolicies"], &["list"]),
        PolicyRule {
            resource_names: Some(vec![keys::PROJECT_CRD.to_owned()]),
            ..rule("apiextensions.k8s.io", &["customresourcedefinitions"], &["get"])
        },
    ]);
    rules
}

fn rules_of_its_namespace() -> Vec<PolicyRule> {
    let only = |name: &str, rule: PolicyRule| PolicyRule {
        resource_names: Some(vec![name.to_owned()]),
        ..rule
    };
    vec![
        // To end the server, to see that it has ended, and to hold its Lease meanwhile.
        only(NAME, rule("apps", &["deployments/scale"], &["patch"])),
        rule("", &["pods"], &["list"]),
        rule(
            "coordination.k8s.io",
            &["leases"],
            &["create", "get", "list", "patch", "update", "watch"],
        ),
        // What the server left.
        only(NAME, rule("coordination.k8s.io", &["leases"], &["delete"])),
        only(BREAKER, rule("", &["configmaps"], &["delete", "get"])),
        only(SETTINGS, rule("", &["configmaps"], &["delete", "get"])),
        only(WEBHOOK_TLS, rule("", &["secrets"], &["delete"])),
    ]
}
