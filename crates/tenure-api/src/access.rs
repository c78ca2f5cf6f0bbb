//! The bodies of what a Project is provisioned with.
//!
//! What is granted is what Kargo's components and people need; it is the contract that Kargo's
//! own controller fulfils, and the tests compare with it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding};
use kube::core::ObjectMeta;
use tenure_core::access::{
    AccessKey, AccessKind, CONTROLLER_READ_SECRETS, CONTROLLER_SUFFIX, PROJECT_ADMIN, Purpose,
    SECRETS_READER, USER_ROLES,
};
use tenure_core::{Uid, keys};

use crate::rbac::{RBAC, role_ref, rule, service_account};

/// Label on everything that Tenure provisions.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// A provisioned object, ready to be created.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the variants are the kinds")]
pub enum AccessObject {
    ServiceAccount(ServiceAccount),
    Role(Role),
    RoleBinding(RoleBinding),
    ClusterRole(ClusterRole),
    ClusterRoleBinding(ClusterRoleBinding),
}

/// For whom access is provided.
#[derive(Clone, Copy, Debug)]
pub struct Tenant<'a> {
    /// The Project, and its Namespace.
    pub project: &'a str,
    /// The Project's UID.
    pub uid: &'a Uid,
    /// The Project's annotation `kargo.akuity.io/create-actor`.
    pub create_actor: Option<&'a str>,
    /// The namespace that Kargo runs in.
    pub kargo_namespace: &'a str,
}

impl Tenant<'_> {
    /// Composes the object of that key.
    pub fn object(&self, key: &AccessKey) -> AccessObject {
        match key.kind {
            AccessKind::ServiceAccount => AccessObject::ServiceAccount(ServiceAccount {
                metadata: self.meta(key, self.service_account_annotations()),
                ..Default::default()
            }),
            AccessKind::Role => AccessObject::Role(Role {
                metadata: self.meta(key, managed()),
                rules: Some(user_rules(&key.name)),
            }),
            AccessKind::RoleBinding => AccessObject::RoleBinding(self.role_binding(key)),
            AccessKind::ClusterRole => AccessObject::ClusterRole(ClusterRole {
                metadata: self.meta(key, BTreeMap::new()),
                rules: Some(vec![PolicyRule {
                    resource_names: Some(vec![self.project.to_owned()]),
                    ..rule(keys::KARGO_GROUP, &["projects"], &["delete", "update"])
                }]),
                ..Default::default()
            }),
            AccessKind::ClusterRoleBinding => {
                AccessObject::ClusterRoleBinding(ClusterRoleBinding {
                    metadata: self.meta(key, BTreeMap::new()),
                    role_ref: role_ref("ClusterRole", &key.name),
                    subjects: Some(vec![service_account(USER_ROLES[0], self.project)]),
                })
            }
        }
    }

    fn meta(&self, key: &AccessKey, annotations: BTreeMap<String, String>) -> ObjectMeta {
        let labels = [
            (keys::PROJECT_UID.to_owned(), self.uid.to_string()),
            (MANAGED_BY.to_owned(), keys::FIELD_MANAGER.to_owned()),
        ];
        ObjectMeta {
            name: Some(key.name.clone()),
            namespace: key.kind.namespaced().then(|| self.project.to_owned()),
            labels: Some(labels.into()),
            annotations: (!annotations.is_empty()).then_some(annotations),
            ..Default::default()
        }
    }

    fn role_binding(&self, key: &AccessKey) -> RoleBinding {
        let kargo = |name: &str| service_account(name, self.kargo_namespace);
        let (annotations, role_ref, subjects) = match (key.purpose(), key.name.as_str()) {
            (Purpose::Users, name) => {
                (managed(), role_ref("Role", name), vec![service_account(name, self.project)])
            }
            (Purpose::Controllers, name) => (
                BTreeMap::new(),
                role_ref("ClusterRole", CONTROLLER_READ_SECRETS),
                vec![kargo(name.strip_suffix(CONTROLLER_SUFFIX).unwrap_or(name))],
            ),
            (Purpose::System, SECRETS_READER) => (
                BTreeMap::new(),
                role_ref("ClusterRole", SECRETS_READER),
                vec![kargo("kargo-external-webhooks-server")],
            ),
            (Purpose::System, _) => (
                BTreeMap::new(),
                role_ref("ClusterRole", PROJECT_ADMIN),
                vec![kargo("kargo-api"), kargo("kargo-admin")],
            ),
        };
        RoleBinding { metadata: self.meta(key, annotations), role_ref, subjects: Some(subjects) }
    }

    /// The people's ServiceAccounts know who created the Project, unless that was a Kubernetes
    /// user, whom no OIDC claim describes.
    fn service_account_annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = managed();
        if let Some(actor) = self.create_actor
            && !actor.starts_with("kubernetes:")
            && let Some((claim, value)) = actor.split_once(':')
        {
            let claims = serde_json::json!({ claim: [value] });
            annotations.insert(keys::RBAC_CLAIMS.to_owned(), claims.to_string());
        }
        annotations
    }
}

impl AccessObject {
    /// Whether an object that was found grants what this one would. Metadata does not matter,
    /// and of a ServiceAccount nothing but its existence.
    pub fn grants_the_same(&self, found: &Self) -> bool {
        match (self, found) {
            (Self::ServiceAccount(_), Self::ServiceAccount(_)) => true,
            (Self::Role(a), Self::Role(b)) => a.rules == b.rules,
            (Self::RoleBinding(a), Self::RoleBinding(b)) => {
                a.role_ref == b.role_ref && a.subjects == b.subjects
            }
            (Self::ClusterRole(a), Self::ClusterRole(b)) => a.rules == b.rules,
            (Self::ClusterRoleBinding(a), Self::ClusterRoleBinding(b)) => {
                a.role_ref == b.role_ref && a.subjects == b.subjects
            }
            _ => false,
        }
    }

    /// Whether the roleRef differs, which nobody can change: the binding must be made anew.
    pub fn refers_elsewhere(&self, found: &Self) -> bool {
        match (self, found) {
            (Self::RoleBinding(a), Self::RoleBinding(b)) => a.role_ref != b.role_ref,
            (Self::ClusterRoleBinding(a), Self::ClusterRoleBinding(b)) => a.role_ref != b.role_ref,
            _ => false,
        }
    }

    /// The JSON of the fields that grant: `rules` or `subjects`.
    pub fn grant(&self) -> Option<(&'static str, serde_json::Value)> {
        match self {
            Self::ServiceAccount(_) => None,
            Self::Role(role) => Some(("/rules", serde_json::json!(role.rules))),
            Self::ClusterRole(role) => Some(("/rules", serde_json::json!(role.rules))),
            Self::RoleBinding(binding) => Some(("/subjects", serde_json::json!(binding.subjects))),
            Self::ClusterRoleBinding(binding) => {
                Some(("/subjects", serde_json::json!(binding.subjects)))
            }
        }
    }

    /// The object's metadata.
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::ServiceAccount(object) => &object.metadata,
            Self::Role(object) => &object.metadata,
            Self::RoleBinding(object) => &object.metadata,
            Self::ClusterRole(object) => &object.metadata,
            Self::ClusterRoleBinding(object) => &object.metadata,
        }
    }
}

fn managed() -> BTreeMap<String, String> {
    BTreeMap::from([(keys::RBAC_MANAGED.to_owned(), keys::TRUE.to_owned())])
}

const ROLLOUTS: &str = "argoproj.io";
const READ: [&str; 3] = ["get", "list", "watch"];
const ALL: [&str; 1] = ["*"];

/// What each of a Project's roles may do in its Namespace.
fn user_rules(role: &str) -> Vec<PolicyRule> {
    let kargo = keys::KARGO_GROUP;
    let role_kinds = ["rolebindings", "roles"];
    let analysis = ["analysisruns", "analysistemplates"];
    match role {
        "kargo-admin" => vec![
            rule("", &["events"], &READ),
            rule("", &["configmaps", "secrets", "serviceaccounts"], &ALL),
            rule(RBAC, &role_kinds, &ALL),
            rule(
                kargo,
                &[
                    "freights",
                    "projectconfigs",
                    "promotiontasks",
                    "stages",
                    "targets",
                    "warehouses",
                ],
                &ALL,
            ),
            rule(kargo, &["stages"], &["promote"]),
            rule(kargo, &["promotions"], &["create", "delete", "get", "list", "watch", "patch"]),
            rule(kargo, &["freights/status"], &["patch"]),
            rule(ROLLOUTS, &["analysisruns"], &["delete", "get", "list", "watch"]),
            rule(ROLLOUTS, &["analysistemplates"], &ALL),
        ],
        "kargo-viewer" => vec![
            rule("", &["configmaps", "events", "serviceaccounts"], &READ),
            rule(RBAC, &role_kinds, &READ),
            rule(
                kargo,
                &["freights", "projectconfigs", "promotions", "stages", "targets", "warehouses"],
                &READ,
            ),
            rule(ROLLOUTS, &analysis, &READ),
        ],
        _ => vec![
            rule("", &["configmaps", "events", "serviceaccounts"], &READ),
            rule(RBAC, &role_kinds, &READ),
            rule(kargo, &["freights", "stages", "warehouses", "projectconfigs"], &READ),
            rule(kargo, &["stages"], &["promote"]),
            rule(kargo, &["promotions"], &["create", "get", "list", "watch"]),
            rule(kargo, &["freights/status"], &["patch"]),
            rule(ROLLOUTS, &analysis, &READ),
        ],
    }
}
