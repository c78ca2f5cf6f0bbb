//! What has to be on a cluster for Tenure to run: CustomResourceDefinitions, its ServiceAccount
//! and its least-privilege role.
//!
//! The role is defined here once; the manifests, the tests and the demo use this definition, so
//! that a missing permission fails a test.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::ObjectMeta;
use kube::{CustomResourceExt as _, Resource};
use serde_json::Value;
use tenure_core::access::{CONTROLLER_READ_SECRETS, PROJECT_ADMIN, SECRETS_READER, USER_ROLES};
use tenure_core::{Settings, keys};

use crate::rbac::{RBAC, role_ref, rule, service_account};
use crate::{DeletionPlan, DeletionPolicy, Project, guards};

pub use crate::people::{APPROVER, OPERATOR, VIEWER, people_manifests};
pub use crate::uninstall::{UNINSTALL, barriers, uninstall_manifests};

/// API group of Tenure's own resources.
pub const TENURE_GROUP: &str = "tenure.dev";
/// Name of the ServiceAccount, the roles and the Lease.
pub const NAME: &str = "tenure";
/// Name of the ConfigMap that says whether the breaker is open.
pub const BREAKER: &str = "tenure-breaker";
/// Name of the ConfigMap in which the server says what its decisions depend on.
pub const SETTINGS: &str = "tenure-settings";
pub use tenure_core::Mode;
pub use tenure_core::keys::CANARY;
/// Name of the role that lets Tenure see what is in a namespace.
pub const CONTENTS: &str = "tenure-contents";
/// Name of the optional role that lets Tenure clean a namespace of everything.
pub const CLEAN: &str = "tenure-clean";

/// Name of the webhook's Service, and of the roles by which Tenure looks after its certificates.
pub const WEBHOOK: &str = "tenure-webhook";
/// Name of the Secret that holds the webhook's certificates, where Tenure makes them itself.
pub const WEBHOOK_TLS: &str = "tenure-webhook-tls";
/// The port on which the webhook is served, behind port 443 of its Service.
pub const WEBHOOK_PORT: u16 = 9443;

/// The user that Kargo's management controller is, whose ServiceAccount its chart names. Not its API
/// server, which deletes Projects in the name of people.
pub fn management_controller(kargo_namespace: &str) -> String {
    format!("system:serviceaccount:{kargo_namespace}:kargo-management-controller")
}

/// What the manifests of one installation depend on.
#[derive(Clone, Debug)]
pub struct Installation {
    /// How Tenure runs: beside Kargo it needs less.
    pub mode: Mode,
    /// The namespace that Tenure runs in.
    pub namespace: String,
    /// The namespace that Kargo runs in.
    pub kargo_namespace: String,
    /// Namespaces that no Project may own, besides `default`, `kube-*`, Kargo's and Tenure's.
    pub system_namespaces: BTreeSet<String>,
    /// A group whose members the rules about annotations, deletions and names do not bind, for the
    /// day on which one of them is in the way. It needs no right besides. What is decided does not
    /// change by it: a value that nobody can read still retains. What guards plans and the breaker
    /// binds its members too.
    pub break_glass_group: Option<String>,
}

impl Default for Installation {
    /// As the manifests in `deploy/` are: beside Kargo, and nobody passes the rules.
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            mode: Mode::Companion,
            namespace: settings.tenure_namespace,
            kargo_namespace: settings.kargo_namespace,
            system_namespaces: BTreeSet::new(),
            break_glass_group: None,
        }
    }
}

impl Installation {
    /// What follows from it for decisions; the rest at its defaults.
    pub fn settings(&self) -> Settings {
        let mut system_namespaces = self.system_namespaces.clone();
        system_namespaces.insert(self.namespace.clone());
        Settings {
            kargo_namespace: self.kargo_namespace.clone(),
            mode: self.mode,
            tenure_namespace: self.namespace.clone(),
            system_namespaces,
            ..Settings::default()
        }
    }
}

/// The CustomResourceDefinitions that Tenure needs.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![Project::crd(), DeletionPolicy::crd(), DeletionPlan::crd()]
}

/// Tenure's namespace, ServiceAccount, roles and bindings, and the rules that the API server
/// evaluates, in the order to apply them.
///
/// # Panics
/// Never: the objects are made here and serialize.
pub fn manifests(installation: &Installation) -> Vec<Value> {
    let Installation { mode, namespace, kargo_namespace, .. } = installation;
    let mut manifests = vec![
        json(&Namespace { metadata: named(namespace, None), ..Default::default() }),
        json(&ServiceAccount { metadata: named(NAME, Some(namespace)), ..Default::default() }),
    ];
    manifests.push(json(&cluster_role(*mode)));
    manifests.push(json(&ClusterRoleBinding {
        metadata: named(NAME, None),
        role_ref: role_ref("ClusterRole", NAME),
        subjects: Some(vec![service_account(NAME, namespace)]),
    }));
    manifests.push(json(&Role {
        metadata: named(NAME, Some(namespace)),
        rules: Some(vec![
            rule(
                "coordination.k8s.io",
                &["leases"],
                &["create", "get", "list", "patch", "update", "watch"],
            ), // The breaker.
            rule("", &["configmaps"], &["create"]),
            PolicyRule {
                resource_names: Some(vec![BREAKER.to_owned()]),
                ..rule("", &["configmaps"], &["get", "list", "patch", "watch"])
            },
            // What decisions depend on, for those who plan as the server does.
            PolicyRule {
                resource_names: Some(vec![SETTINGS.to_owned()]),
                ..rule("", &["configmaps"], &["get", "patch"])
            },
        ]),
    }));
    manifests.push(binding(namespace, namespace));
    manifests.push(json(&Role {
        metadata: named(NAME, Some(kargo_namespace)),
        rules: Some(
            match mode {
                // Of Kargo's controllers, each of which reads the credentials of every Project.
                Mode::Standalone => vec![rule("", &["serviceaccounts"], &["list", "watch"])],
                Mode::Companion => Vec::new(),
            }
            .into_iter()
            // Whether Kargo's management controller runs, and which version of it.
            .chain([rule("apps", &["deployments"], &["list"])])
            .collect(),
        ),
    }));
    manifests.push(binding(kargo_namespace, namespace));
    // Events about a cluster-scoped object belong in `default`, where no terminating namespace
    // refuses them.
    manifests.push(json(&Role {
        metadata: named(NAME, Some("default")),
        rules: Some(vec![rule("events.k8s.io", &["events"], &["create"])]),
    }));
    manifests.push(binding("default", namespace));
    manifests.extend(guards::manifests(installation));
    manifests
}

/// The optional role by which Tenure can see what is in a namespace: what its deletion destroys,
/// and what keeps it from going. It reads every kind, Secrets too, though Tenure asks for metadata
/// only; and the volumes that claims are bound to, for what becomes of them.
pub fn contents_manifests(namespace: &str) -> Vec<Value> {
    let rules = vec![rule("*", &["*"], &["list"]), rule("", &["persistentvolumes"], &["get"])];
    optional(CONTENTS, rules, namespace)
}

/// The optional role by which Tenure can clean a namespace of everything that is in it, and not
/// only of what is Kargo's. It is of use only with [`contents_manifests`].
pub fn clean_manifests(namespace: &str) -> Vec<Value> {
    optional(CLEAN, vec![rule("*", &["*"], &["delete"])], namespace)
}

/// The webhook's Service, and the roles by which Tenure looks after its certificates: to write the
/// one Secret that holds them, to show on its pods whether it is asked, and to publish their authority in the webhook configurations, which
/// are not among these. Where somebody else makes the certificates, the Service is enough.
///
/// # Panics
/// Never: the objects are made here and serialize.
pub fn webhook_manifests(namespace: &str) -> Vec<Value> {
    let service = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": named(WEBHOOK, Some(namespace)),
        "spec": {
            "selector": {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "server"},
            "ports": [{"name": "https", "port": 443, "targetPort": WEBHOOK_PORT}],
        },
    });
    let mut manifests = vec![
        service,
        json(&Role {
            metadata: named(WEBHOOK, Some(namespace)),
            rules: Some(webhook_local_rules()),
        }),
        json(&RoleBinding {
            metadata: named(WEBHOOK, Some(namespace)),
            role_ref: role_ref("Role", WEBHOOK),
            subjects: Some(vec![service_account(NAME, namespace)]),
        }),
    ];
    manifests.extend(optional(WEBHOOK, webhook_rules(), namespace));
    manifests
}

/// To keep the webhook's certificates, and to show on the pods of the server whether they are asked,
/// in Tenure's namespace. What is to be created has no name yet that a rule could know.
fn webhook_local_rules() -> Vec<PolicyRule> {
    vec![
        rule("", &["pods/status"], &["patch"]),
        rule("", &["secrets"], &["create"]),
        PolicyRule {
            resource_names: Some(vec![WEBHOOK_TLS.to_owned()]),
            ..rule("", &["secrets"], &["get", "update"])
        },
    ]
}

/// To publish the authority of the webhook's certificates, cluster-wide.
fn webhook_rules() -> Vec<PolicyRule> {
    vec![PolicyRule {
        resource_names: Some(vec![NAME.to_owned()]),
        ..rule(
            "admissionregistration.k8s.io",
            &["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
            &["get", "patch"],
        )
    }]
}

/// A ClusterRole beside Tenure's own, and its binding.
fn optional(name: &str, rules: Vec<PolicyRule>, namespace: &str) -> Vec<Value> {
    vec![
        json(&ClusterRole {
            metadata: named(name, None),
            rules: Some(rules),
            ..Default::default()
        }),
        json(&ClusterRoleBinding {
            metadata: named(name, None),
            role_ref: role_ref("ClusterRole", name),
            subjects: Some(vec![service_account(NAME, namespace)]),
        }),
    ]
}

/// The least that the server needs, cluster-wide.
fn cluster_role(mode: Mode) -> ClusterRole {
    let rules = [
        match mode {
            Mode::Companion => companion_rules(),
            Mode::Standalone => standalone_rules(),
        },
        common_rules(),
    ]
    .concat();
    ClusterRole { metadata: named(NAME, None), rules: Some(rules), ..Default::default() }
}

/// To decide beside Kargo: nothing is made but a Project whose deletion was called off, and what Kargo
/// provided is taken away from namespaces that stay.
fn companion_rules() -> Vec<PolicyRule> {
    let take_away = ["delete", "deletecollection", "list"];
    vec![
        rule("", &["namespaces"], &["delete", "get", "list", "patch", "watch"]),
        rule("", &["serviceaccounts"], &take_away),
        rule(RBAC, &["rolebindings", "roles"], &take_away),
        rule(keys::KARGO_GROUP, &["projects"], &["create", "get", "list", "patch", "watch"]),
    ]
}

/// To do all that Kargo's management controller does for Projects.
fn standalone_rules() -> Vec<PolicyRule> {
    let write = ["create", "delete", "deletecollection", "list", "patch", "watch"];
    vec![
        rule("", &["namespaces"], &["create", "delete", "get", "list", "patch", "watch"]),
        rule("", &["serviceaccounts"], &write),
        rule(RBAC, &["rolebindings"], &write),
        // What a Project's roles grant is more than Tenure itself may do, so it must be allowed
        // to grant it.
        rule(RBAC, &["roles"], &[&write[..], &["escalate"]].concat()),
        PolicyRule {
            resource_names: Some(USER_ROLES.map(str::to_owned).to_vec()),
            ..rule(RBAC, &["roles"], &["bind"])
        },
        PolicyRule {
            resource_names: Some(
                [PROJECT_ADMIN, SECRETS_READER, CONTROLLER_READ_SECRETS]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            ..rule(RBAC, &["clusterroles"], &["bind"])
        },
        // Granted through these is only what Tenure holds itself: update and delete Projects.
        rule(
            RBAC,
            &["clusterroles", "clusterrolebindings"],
            &["create", "delete", "get", "list", "patch", "watch"],
        ),
        rule(
            keys::KARGO_GROUP,
            &["projects"],
            // Created are those whose deletion was called off.
            &["create", "delete", "get", "list", "patch", "update", "watch"],
        ),
        rule(keys::KARGO_GROUP, &["projects/status"], &["patch"]),
        rule(keys::KARGO_GROUP, &["stages", "warehouses"], &["list", "watch"]),
        // Whether others make the Namespaces of Projects.
        rule(
            "admissionregistration.k8s.io",
            &["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
            &["list"],
        ),
    ]
}

/// To plan deletions and to carry them out, whoever provides for Projects.
fn common_rules() -> Vec<PolicyRule> {
    vec![
        // Whether policies are met, and whether whoever deletes a Project may delete its Namespace.
        rule("", &["resourcequotas"], &["list"]),
        rule("authorization.k8s.io", &["subjectaccessreviews"], &["create"]),
        rule(TENURE_GROUP, &["deletionpolicies"], &["list", "watch"]),
        rule(
            TENURE_GROUP,
            &["deletionplans"],
            &["create", "delete", "get", "list", "patch", "watch"],
        ),
        rule(TENURE_GROUP, &["deletionplans/status"], &["patch"]),
        // To clean a namespace that stays. Tenure may delete the namespace, and so all of this,
        // anyway; `tenure-contents` lets it see which are there. Projects apart, what else Kargo
        // has is of the whole cluster, and not Tenure's to delete.
        rule(
            keys::KARGO_GROUP,
            &["freights", "projectconfigs", "promotions", "promotiontasks", "stages", "warehouses"],
            &["delete"],
        ),
        rule("", &["configmaps", "secrets"], &["delete"]),
        PolicyRule {
            resource_names: Some(vec![keys::PROJECT_CRD.to_owned()]),
            ..rule(
                "apiextensions.k8s.io",
                &["customresourcedefinitions"],
                &["get", "list", "watch"],
            )
        },
    ]
}

fn binding(in_namespace: &str, of_namespace: &str) -> Value {
    json(&RoleBinding {
        metadata: named(NAME, Some(in_namespace)),
        role_ref: role_ref("Role", NAME),
        subjects: Some(vec![service_account(NAME, of_namespace)]),
    })
}

/// The object as JSON, with apiVersion and kind, as `kubectl apply` wants it.
pub(crate) fn json<K: Resource<DynamicType = ()> + serde::Serialize>(object: &K) -> Value {
    let mut value = serde_json::json!(object);
    value["apiVersion"] = K::api_version(&()).into();
    value["kind"] = K::kind(&()).into();
    value
}

pub(crate) fn named(name: &str, namespace: Option<&str>) -> ObjectMeta {
    let labels = [
        ("app.kubernetes.io/name".to_owned(), NAME.to_owned()),
        ("app.kubernetes.io/part-of".to_owned(), NAME.to_owned()),
    ];
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        labels: Some(labels.into()),
        ..Default::default()
    }
}
