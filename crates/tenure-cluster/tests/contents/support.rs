//! What the tests share: a namespace full of everybody's objects, and a client that may no more
//! than Tenure.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Client;
use kube::core::DynamicObject;
use serde_json::{Value, json};
use tenure_api::install;
use tenure_cluster::{Cluster, Store, connect, connect_through};
use tenure_core::Settings;
use tenure_core::contents::{Contents, Manager, Root, Tool};
use tenure_testbed::fault::{Faults, Plan};
use tenure_testbed::{ControlPlane, apply, create_as, filled_namespace, unique_name};

/// A control plane, and a namespace on it.
pub(crate) struct Test {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) admin: Client,
    pub(crate) namespace: String,
}

impl Test {
    /// On the control plane that all tests share.
    pub(crate) async fn start(prefix: &str) -> Self {
        Self::on(ControlPlane::shared().await, prefix).await
    }

    /// On one of its own, which it may spoil.
    pub(crate) async fn alone(prefix: &str) -> Self {
        let plane = ControlPlane::start_temporary().await.expect("start a control plane");
        Self::on(Arc::new(plane), prefix).await
    }

    async fn on(plane: Arc<ControlPlane>, prefix: &str) -> Self {
        let admin = plane.admin().expect("an administrator");
        let test = Self { plane, admin, namespace: unique_name(prefix) };
        for object in filled_namespace(&test.namespace) {
            test.apply(&object).await;
        }
        test
    }

    pub(crate) async fn apply(&self, object: &Value) -> DynamicObject {
        apply(&self.admin, object).await.expect("apply")
    }

    /// Applies an object of the namespace, with those labels, annotations and whatever else.
    pub(crate) async fn put(&self, of: (&str, &str), name: &str, more: Value) -> DynamicObject {
        self.apply(&self.object(of, name, more)).await
    }

    pub(crate) fn object(&self, of: (&str, &str), name: &str, more: Value) -> Value {
        let mut object = more;
        object["apiVersion"] = of.0.into();
        object["kind"] = of.1.into();
        object["metadata"]["name"] = name.into();
        object["metadata"]["namespace"] = self.namespace.clone().into();
        object
    }

    /// A cluster seen by a user of the group, who holds those ClusterRoles and no other.
    pub(crate) async fn cluster(&self, roles: &[&str]) -> Cluster {
        self.cluster_through(roles, None).await
    }

    /// The same, whose requests meet faults.
    pub(crate) async fn cluster_through(&self, roles: &[&str], plan: Option<Arc<Plan>>) -> Cluster {
        let user = unique_name("reader");
        for role in roles {
            self.apply(&json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": format!("{user}-{role}")},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
            }))
            .await;
        }
        let config = self.plane.user(&user, &["testers"]).expect("a user");
        let client = match plan {
            Some(plan) => connect_through(config, &Faults(plan)).expect("a client"),
            None => connect(config).expect("a client"),
        };
        Cluster::new(client, Arc::new(Settings::default()), Arc::new(Store::default()))
    }

    /// A cluster seen with the roles that Tenure may have.
    pub(crate) async fn tenure(&self) -> Cluster {
        self.install_roles().await;
        self.cluster(&[install::NAME, install::CONTENTS, install::CLEAN]).await
    }

    /// Installs the optional roles, bound to nobody but Tenure's own ServiceAccount elsewhere.
    pub(crate) async fn install_roles(&self) {
        let of_nobody = "nobody-here";
        let optional =
            [install::contents_manifests(of_nobody), install::clean_manifests(of_nobody)];
        for role in optional.iter().flatten().filter(|object| object["kind"] == "ClusterRole") {
            self.apply(role).await;
        }
    }

    /// Everybody's objects: those that a fixture has, and one of each other owner.
    pub(crate) async fn fill(&self) {
        let secret = ("v1", "Secret");
        self.put(
            secret,
            "git",
            json!({
                "metadata": {"labels": {"kargo.akuity.io/cred-type": "git"}},
            }),
        )
        .await;
        self.put(
            secret,
            "git-argo",
            json!({"metadata": {
                "labels": {"kargo.akuity.io/cred-type": "git"},
                "annotations": {"argocd.argoproj.io/tracking-id": "shop:/Secret:x/git-argo"},
            }}),
        )
        .await;
        self.put(
            secret,
            "sh.helm.release.v1.platform.v1",
            json!({
                "type": "helm.sh/release.v1",
                "metadata": {"labels": {"owner": "helm", "name": "cache"}},
                "stringData": {"release": "x"},
            }),
        )
        .await;
        self.put(
            secret,
            "certificate",
            json!({
                "metadata": {"annotations": {"cert-manager.io/certificate-name": "web"}},
            }),
        )
        .await;
        self.put(
            ("v1", "ConfigMap"),
            "flux",
            json!({"metadata": {"labels": {
                "kustomize.toolkit.fluxcd.io/name": "apps",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }}}),
        )
        .await;
        self.put(
            ("v1", "ConfigMap"),
            "kapp",
            json!({
                "metadata": {"labels": {"kapp.k14s.io/app": "17"}},
            }),
        )
        .await;
        for (name, manager) in [("by-terraform", "Terraform"), ("by-hand", "kubectl-create")] {
            let object = self.object(("v1", "ConfigMap"), name, json!({"data": {"a": "b"}}));
            create_as(&self.admin, manager, &object).await.expect("create");
        }
        self.put(
            ("v1", "Service"),
            "front",
            json!({
                "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
            }),
        )
        .await;
        for kind in ["Warehouse", "Stage"] {
            self.put(("kargo.akuity.io/v1alpha1", kind), "main", json!({})).await;
        }
        for (name, policy) in [("scratch", "Delete"), ("archive", "Retain")] {
            self.claim(name, policy).await;
        }
    }

    /// A claim, and the volume that it is bound to.
    async fn claim(&self, name: &str, policy: &str) {
        let size = json!({"storage": "1Gi"});
        let volume = format!("{}-{name}", self.namespace);
        self.apply(&json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume},
            "spec": {
                "capacity": size, "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": policy, "hostPath": {"path": "/nowhere"},
            },
        }))
        .await;
        self.put(
            ("v1", "PersistentVolumeClaim"),
            name,
            json!({"spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": size},
                "volumeName": volume, "storageClassName": "",
            }}),
        )
        .await;
    }
}

/// Who manages the root of that kind and name, and nobody if there is none.
pub(crate) fn managers(contents: &Contents, kind: &str, name: &str) -> Vec<String> {
    let root = root(contents, kind, name);
    root.into_iter().flat_map(|root| &root.managers).map(Manager::to_string).collect()
}

pub(crate) fn root<'a>(contents: &'a Contents, kind: &str, name: &str) -> Option<&'a Root> {
    contents.roots.iter().find(|root| *root.kind == *kind && *root.name == *name)
}

/// How many objects each instance of a deploying tool manages.
pub(crate) fn managed(contents: &Contents) -> BTreeMap<String, u64> {
    contents.managers.iter().map(|m| (m.manager.to_string(), m.objects)).collect()
}

pub(crate) fn argo_cd() -> Manager {
    Manager::instance(Tool::ArgoCd, "shop")
}
