//! Driving one Project without watches, and judging what was done.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tenure_api::{DeletionPlan, Project, install};
use tenure_cluster::{Cluster, Store, connect, connect_through};
use tenure_controllers::project::Reconciler;
use tenure_controllers::{Metrics, Verdict};
use tenure_core::plan::BreakerLimit;
use tenure_core::{Profile, Settings};
use tenure_testbed::audit::{AuditLog, Entry};
use tenure_testbed::fault::{Faults, Plan};
use tenure_testbed::{ControlPlane, TENURE_NAMESPACE, eventually};

pub(crate) const KEEP: &str = "kargo.akuity.io/keep-namespace";
pub(crate) const SERVER: &str = "system:serviceaccount:tenure-system:tenure";

/// One test's view of the control plane.
pub(crate) struct Bed {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) projects: Api<Project>,
    pub(crate) namespaces: Api<Namespace>,
    admin: Client,
    config: kube::Config,
}

impl Bed {
    pub(crate) async fn start() -> Self {
        let plane = ControlPlane::shared().await;
        let config = plane.service_account(TENURE_NAMESPACE, "tenure").await.expect("a token");
        let admin = plane.admin().expect("an administrator");
        Self {
            projects: Api::all(admin.clone()),
            namespaces: Api::all(admin.clone()),
            admin,
            plane,
            config,
        }
    }

    /// A controller that meets no fault.
    pub(crate) fn controller(&self) -> Driver {
        Driver::new(connect(self.config.clone()).expect("a client"), Profile::Protective)
    }

    /// Takes the finalizers off a ConfigMap.
    pub(crate) async fn free_config_map(&self, namespace: &str, name: &str) {
        let maps: Api<k8s_openapi::api::core::v1::ConfigMap> =
            Api::namespaced(self.admin.clone(), namespace);
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        maps.patch(name, &PatchParams::default(), &free).await.expect("free");
    }

    /// A controller in the given profile.
    pub(crate) fn controller_in(&self, profile: Profile) -> Driver {
        Driver::new(connect(self.config.clone()).expect("a client"), profile)
    }

    /// A controller whose requests meet the faults of a plan.
    pub(crate) fn faulty(&self, plan: &Arc<Plan>) -> Driver {
        let client = connect_through(self.config.clone(), &Faults(plan.clone())).expect("a client");
        Driver::new(client, Profile::Protective)
    }

    pub(crate) async fn create(&self, name: &str, annotations: &[(&str, &str)]) {
        let mut project = Project::named(name);
        let annotations = annotations.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        project.annotations_mut().extend(annotations);
        self.projects.create(&PostParams::default(), &project).await.expect("create");
    }

    /// Creates an object as that field manager.
    pub(crate) async fn create_as(&self, manager: &str, object: &Value) {
        tenure_testbed::create_as(&self.admin, manager, object).await.expect("create");
    }

    /// Puts our finalizer on a Project, as Kargo's controller would have.
    pub(crate) async fn hold(&self, name: &str) {
        let patch = json!({"metadata": {"finalizers": ["kargo.akuity.io/finalizer"]}});
        let params = PatchParams::default();
        self.projects.patch(name, &params, &Patch::Merge(patch)).await.expect("hold");
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.projects.delete(name, &DeleteParams::default()).await.expect("delete");
    }

    pub(crate) async fn project(&self, name: &str) -> Option<Project> {
        self.projects.get_opt(name).await.expect("read the project")
    }

    pub(crate) async fn namespace(&self, name: &str) -> Option<Namespace> {
        self.namespaces.get_opt(name).await.expect("read the namespace")
    }

    pub(crate) async fn patch_namespace(&self, name: &str, metadata: Value) {
        let patch = Patch::Merge(json!({"metadata": metadata}));
        self.namespaces.patch(name, &PatchParams::default(), &patch).await.expect("patch");
    }

    /// Patches a Namespace as a member of the break-glass group: the way around what the API server
    /// would refuse by its rules, so that what the controller makes of it stays tested.
    pub(crate) async fn patch_namespace_around_admission(&self, name: &str, metadata: Value) {
        let client = self.plane.around_admission().expect("a member of the group");
        let namespaces: Api<Namespace> = Api::all(client);
        let patch = Patch::Merge(json!({"metadata": metadata}));
        namespaces.patch(name, &PatchParams::default(), &patch).await.expect("patch");
    }

    pub(crate) async fn annotate(&self, name: &str, annotations: Value) {
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        self.projects.patch(name, &PatchParams::default(), &patch).await.expect("annotate");
    }

    /// The plan of the Project of that name that was made first.
    pub(crate) async fn plan(&self, name: &str) -> Option<DeletionPlan> {
        let plans: Api<DeletionPlan> = Api::all(self.admin.clone());
        let all = plans.list_metadata(&Default::default()).await.expect("list plans");
        let begins = format!("{name}.");
        let of = all.items.into_iter().filter(|plan| plan.name_any().starts_with(&begins));
        let first = of.min_by_key(|plan| plan.metadata.creation_timestamp.clone())?;
        plans.get_opt(&first.name_any()).await.expect("read the plan")
    }

    /// A policy for the Project of that name alone.
    pub(crate) async fn policy(&self, name: &str, mut spec: Value) {
        spec["selector"] = json!({"names": [name]});
        spec["enforcement"] = "Enforce".into();
        let policy = json!({
            "apiVersion": "tenure.dev/v1alpha1", "kind": "DeletionPolicy",
            "metadata": {"name": name}, "spec": spec,
        });
        tenure_testbed::apply(&self.admin, &policy).await.expect("a policy");
    }

    /// Puts a Stage and a credential there that are Kargo's, and two objects that are not.
    pub(crate) async fn fill(&self, name: &str) {
        for object in [
            json!({
                "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Stage",
                "metadata": {"name": "test", "namespace": name}, "spec": {},
            }),
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {
                    "name": "kargos", "namespace": name,
                    "labels": {"kargo.akuity.io/cred-type": "git"},
                },
            }),
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "not-kargos", "namespace": name},
            }),
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {
                    "name": "somebody-elses", "namespace": name,
                    "labels": {"kargo.akuity.io/cred-type": "git"},
                    "annotations": {"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:x/y"},
                },
            }),
        ] {
            tenure_testbed::apply(&self.admin, &object).await.expect("apply");
        }
    }

    /// Lets the server clean that Namespace of everything, and no other.
    pub(crate) async fn let_clean(&self, name: &str) {
        let role = install::clean_manifests(TENURE_NAMESPACE).swap_remove(0);
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "clean", "namespace": name},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": install::CLEAN,
            },
            "subjects": [
                {"kind": "ServiceAccount", "name": install::NAME, "namespace": TENURE_NAMESPACE},
            ],
        });
        for object in [role, binding] {
            tenure_testbed::apply(&self.admin, &object).await.expect("apply");
        }
    }

    /// Names of the Stages and ConfigMaps there, but for Kubernetes' own.
    pub(crate) async fn content(&self, name: &str) -> Vec<String> {
        let mut names = Vec::new();
        for path in [
            format!("/apis/kargo.akuity.io/v1alpha1/namespaces/{name}/stages"),
            format!("/api/v1/namespaces/{name}/configmaps"),
        ] {
            let list: Value = eventually("a list", async || {
                let request = http::Request::get(&path).body(Vec::new()).expect("a request");
                self.admin.request(request).await.ok()
            })
            .await;
            let items = list["items"].as_array().cloned().unwrap_or_default();
            names.extend(
                items.iter().filter_map(|i| i["metadata"]["name"].as_str().map(str::to_owned)),
            );
        }
        names.retain(|name| name != "kube-root-ca.crt");
        names.sort_by(|a, b| b.cmp(a));
        names
    }

    /// The plan has ended, its trail is whole, and its beginning was recorded before any deletion
    /// of the namespace was asked for.
    pub(crate) async fn judge_plan(&self, audit: &AuditLog, name: &str, case: &str) {
        let plan = self.plan(name).await.unwrap_or_else(|| panic!("{case}: no plan"));
        let status = plan.status.clone().unwrap_or_default();
        assert_ne!(format!("{:?}", status.phase), "Waiting", "{case}");
        assert_ne!(format!("{:?}", status.phase), "Executing", "{case}");
        let plan = plan.name_any();
        tenure_core::trail::verify(&plan, &status.history)
            .unwrap_or_else(|fault| panic!("{case}: {fault}"));
        let entries = self.asked(audit, name);
        let first = |short: &str, of: &str| {
            entries.iter().position(|e| e.short() == short && e.name() == of && e.succeeded())
        };
        if let Some(deleted) = first("delete namespaces", name) {
            let told = first("patch deletionplans/status", &plan);
            assert!(told.is_some_and(|told| told < deleted), "{case}: deleted before the record");
        }
    }

    pub(crate) async fn is_ready(&self, name: &str) -> bool {
        let conditions =
            self.project(name).await.and_then(|p| p.status).unwrap_or_default().conditions;
        conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
    }

    /// Names of provisioned objects that are left, in the namespace and outside.
    pub(crate) async fn left_behind(&self, name: &str) -> Vec<String> {
        let mut left = Vec::new();
        let rbac = "apis/rbac.authorization.k8s.io/v1";
        for path in [
            format!("/api/v1/namespaces/{name}/serviceaccounts"),
            format!("/{rbac}/namespaces/{name}/roles"),
            format!("/{rbac}/namespaces/{name}/rolebindings"),
            format!("/{rbac}/clusterroles"),
            format!("/{rbac}/clusterrolebindings"),
        ] {
            // The API server closes idle connections under load; a read may be asked again.
            let list: Value = eventually("a list", async || {
                let request = http::Request::get(&path).body(Vec::new()).expect("a request");
                self.admin.request(request).await.ok()
            })
            .await;
            let items = list["items"].as_array().cloned().unwrap_or_default();
            left.extend(items.iter().filter_map(|item| {
                let found = item["metadata"]["name"].as_str()?;
                let cluster_wide = item["metadata"]["namespace"].is_null();
                let ours = if cluster_wide { found.ends_with(name) } else { found != "default" };
                ours.then(|| format!("{path}/{found}"))
            }));
        }
        left
    }

    /// What the controllers asked for about that Project.
    pub(crate) fn asked(&self, audit: &AuditLog, name: &str) -> Vec<Entry> {
        audit.of(SERVER, name)
    }
}

/// One controller, without watches.
#[derive(Clone)]
pub(crate) struct Driver {
    reconciler: Reconciler,
    pub(crate) cluster: Cluster,
}

impl Driver {
    fn new(client: Client, profile: Profile) -> Self {
        let breaker = BreakerLimit { at_least: 1_000_000, ..BreakerLimit::default() };
        let settings = Settings { profile, breaker, ..Settings::default() };
        let store = Arc::new(Store::default());
        store.put_controllers(["kargo-controller".to_owned()].into());
        let cluster = Cluster::new(client, Arc::new(settings), store);
        let metrics = Metrics::register(&mut Registry::default());
        Self { reconciler: Reconciler::new(cluster.clone(), metrics), cluster }
    }

    /// One look at the Project.
    pub(crate) async fn look(&self, name: &str) -> Verdict {
        self.reconciler.look(name).await
    }

    /// Looks until `done` says so.
    pub(crate) async fn until(&self, what: &str, name: &str, done: impl AsyncFn() -> bool) {
        eventually(&format!("{name}: {what}"), async || {
            self.look(name).await;
            if done().await {
                return Some(());
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
            None
        })
        .await;
    }
}
