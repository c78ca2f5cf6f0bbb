//! What the tests share: the server, and short ways to say what they do.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Weak};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use tenure_api::{DeletionPlan, Project};
use tenure_testbed::{ControlPlane, Process, TENURE_NAMESPACE, eventually};

/// The user that the server is, in the audit log.
pub(crate) const SERVER: &str = "system:serviceaccount:tenure-system:tenure";

/// Kargo's annotation.
pub(crate) const KEEP: &str = "kargo.akuity.io/keep-namespace";

/// A control plane with a server on it, as long as any test holds it.
pub(crate) struct Bed {
    /// Ends before the control plane does.
    server: Option<Process>,
    pub(crate) plane: Arc<ControlPlane>,
}

/// One test's view.
pub(crate) struct Test {
    pub(crate) bed: Arc<Bed>,
    pub(crate) client: Client,
    pub(crate) projects: Api<Project>,
    pub(crate) namespaces: Api<Namespace>,
}

impl Test {
    /// The same test by a member of the break-glass group: the way around what the API server would
    /// refuse by its rules. It makes what was there before there were rules, so that what the
    /// server makes of it stays tested.
    pub(crate) fn around_admission(&self) -> Self {
        let client = self.bed.plane.around_admission().expect("a member of the group");
        Self::with(self.bed.clone(), client)
    }

    pub(crate) async fn start() -> Self {
        static SHARED: tokio::sync::Mutex<Weak<Bed>> = tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        let bed = match shared.upgrade() {
            Some(bed) => bed,
            None => {
                let bed = Arc::new(Bed::on(ControlPlane::shared().await).await);
                *shared = Arc::downgrade(&bed);
                bed
            }
        };
        drop(shared);
        Self::on(bed)
    }

    /// A control plane and a server of this test's own.
    pub(crate) async fn alone() -> Self {
        let plane = ControlPlane::start_temporary().await.expect("start a control plane");
        Self::on(Arc::new(Bed::on(Arc::new(plane)).await))
    }

    fn on(bed: Arc<Bed>) -> Self {
        let client = bed.plane.admin().expect("an administrator");
        Self::with(bed, client)
    }

    fn with(bed: Arc<Bed>, client: Client) -> Self {
        Self {
            projects: Api::all(client.clone()),
            namespaces: Api::all(client.clone()),
            client,
            bed,
        }
    }

    /// Takes the server of a test that is alone.
    pub(crate) fn take_server(&mut self) -> Process {
        let bed = Arc::get_mut(&mut self.bed).expect("the test is alone");
        bed.server.take().expect("there is a server")
    }

    /// Ends the server of a test that is alone.
    pub(crate) fn stop_server(&mut self) {
        drop(self.take_server());
    }

    pub(crate) async fn create(&self, name: &str, annotations: &[(&str, &str)]) {
        let project = project(name, annotations);
        self.projects.create(&PostParams::default(), &project).await.expect("create the project");
    }

    pub(crate) async fn create_ready(&self, name: &str, annotations: &[(&str, &str)]) {
        self.create(name, annotations).await;
        self.condition(name, "Ready", "True").await;
    }

    /// Waits for a condition, and gives its reason and message.
    pub(crate) async fn condition(&self, name: &str, kind: &str, status: &str) -> (String, String) {
        eventually(&format!("{name} has condition {kind}={status}"), async || {
            let project = self.projects.get_opt(name).await.expect("read the project")?;
            let conditions = project.status?.conditions;
            let found = conditions.into_iter().find(|c| c.type_ == kind && c.status == status)?;
            Some((found.reason, found.message))
        })
        .await
    }

    /// The plan of the Project of that name; of the one before it, if it has none.
    pub(crate) async fn plan(&self, name: &str) -> Option<DeletionPlan> {
        let project = self.projects.get_opt(name).await.expect("read the project");
        let uid = project.and_then(|project| project.metadata.uid);
        let plans: Api<DeletionPlan> = Api::all(self.client.clone());
        let all = plans.list(&Default::default()).await.expect("list plans");
        let of = all.items.into_iter().filter(|plan| plan.spec.project.name == name);
        of.max_by_key(|plan| {
            let its = Some(&plan.spec.project.uid) == uid.as_ref();
            (its, plan.metadata.creation_timestamp.clone())
        })
    }

    /// Waits until the plan is in that phase.
    pub(crate) async fn plan_in(&self, name: &str, phase: &str) -> DeletionPlan {
        eventually(&format!("the plan of {name} is {phase}"), async || {
            let plan = self.plan(name).await?;
            let found = format!("{:?}", plan.status.as_ref()?.phase);
            (found == phase).then_some(plan)
        })
        .await
    }

    /// Waits until the plan says what it waits for.
    pub(crate) async fn plan_waits_for(&self, name: &str, gates: &str) -> DeletionPlan {
        eventually(&format!("the plan of {name} waits for {gates}"), async || {
            let plan = self.plan(name).await?;
            let found = plan.status.as_ref()?.waiting_for.clone();
            (found.as_deref() == Some(gates)).then_some(plan)
        })
        .await
    }

    /// A policy for the Project of that name alone.
    pub(crate) async fn policy(&self, name: &str, mut spec: Value) {
        spec["selector"] = json!({"names": [name]});
        if spec["enforcement"].is_null() {
            spec["enforcement"] = "Enforce".into();
        }
        self.apply(&json!({
            "apiVersion": "tenure.dev/v1alpha1", "kind": "DeletionPolicy",
            "metadata": {"name": name}, "spec": spec,
        }))
        .await;
    }

    /// Patches a plan as that user.
    pub(crate) async fn patch_plan_as(
        &self,
        user: &str,
        groups: &[&str],
        plan: &DeletionPlan,
        patch: Value,
    ) -> Result<DeletionPlan, kube::Error> {
        let mut config = self.bed.plane.user("admin", &["system:masters"]).expect("a user");
        let groups = [groups, &["system:masters"]].concat();
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups =
            Some(groups.iter().map(|group| (*group).to_owned()).collect());
        let client = tenure_cluster::connect(config).expect("a client");
        let plans: Api<DeletionPlan> = Api::all(client);
        plans.patch(&plan.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await
    }

    /// Waits for the static decision, and gives its explanation.
    pub(crate) async fn disposition(&self, name: &str, disposition: &str) -> String {
        self.disposition_because(name, disposition, "").await
    }

    /// Waits for the static decision with that in its explanation.
    pub(crate) async fn disposition_because(
        &self,
        name: &str,
        disposition: &str,
        because: &str,
    ) -> String {
        eventually(&format!("the disposition of {name} is {disposition} {because}"), async || {
            let project = self.projects.get_opt(name).await.expect("read the project")?;
            let conditions = project.status?.conditions;
            let found = conditions
                .into_iter()
                .find(|c| c.type_ == "Disposition" && c.reason == disposition)?;
            found.message.contains(because).then_some(found.message)
        })
        .await
    }

    /// Waits until the Namespace has these finalizers.
    pub(crate) async fn namespace_finalizers(&self, name: &str, finalizers: &[&str]) {
        eventually(&format!("{name} has finalizers {finalizers:?}"), async || {
            let found = self.namespace(name).await?.metadata.finalizers.unwrap_or_default();
            (found == finalizers).then_some(())
        })
        .await;
    }

    /// ServiceAccounts, Roles and RoleBindings in the Namespace, but for Kubernetes' own.
    pub(crate) async fn access_objects(&self, name: &str) -> Vec<String> {
        let mut all = Vec::new();
        for (kind, plural, group) in [
            ("ServiceAccount", "serviceaccounts", "api/v1"),
            ("Role", "roles", "apis/rbac.authorization.k8s.io/v1"),
            ("RoleBinding", "rolebindings", "apis/rbac.authorization.k8s.io/v1"),
        ] {
            let list = self.raw(&format!("/{group}/namespaces/{name}/{plural}")).await;
            let items = list["items"].as_array().cloned().unwrap_or_default();
            let names = items.iter().filter_map(|item| item["metadata"]["name"].as_str());
            let others = names.filter(|name| *name != "default");
            all.extend(others.map(|name| format!("{kind}/{name}")));
        }
        all
    }

    /// The Namespace and everything in it, but for what changes by itself.
    pub(crate) async fn content(&self, name: &str) -> Vec<Value> {
        let mut all = vec![self.raw(&format!("/api/v1/namespaces/{name}")).await];
        for path in [
            "api/v1/namespaces/{}/serviceaccounts",
            "api/v1/namespaces/{}/secrets",
            "api/v1/namespaces/{}/configmaps",
            "api/v1/namespaces/{}/resourcequotas",
            "apis/apps/v1/namespaces/{}/deployments",
            "apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
            "apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
            "apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
        ] {
            let list = self.raw(&format!("/{}", path.replace("{}", name))).await;
            all.extend(list["items"].as_array().cloned().unwrap_or_default());
        }
        for object in &mut all {
            let changing = object["metadata"]["labels"]["kubernetes.io/metadata.name"] == name;
            let meta = object["metadata"].as_object_mut().expect("metadata");
            meta.remove("managedFields");
            if changing {
                meta.remove("resourceVersion");
            }
        }
        all
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.raw(path).await
    }

    async fn raw(&self, path: &str) -> Value {
        let request = http::Request::get(path).body(Vec::new()).expect("a request");
        self.client.request(request).await.expect("an answer")
    }

    pub(crate) async fn apply(&self, object: &Value) {
        tenure_testbed::apply(&self.client, object).await.expect("apply");
    }

    /// Has the API server refuse the deletion of a Project, and waits until it does.
    pub(crate) async fn refuse_deletion_of(&self, name: &str) {
        let policy = format!("refuse-{name}");
        self.apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": policy},
            "spec": {
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["kargo.akuity.io"], "apiVersions": ["*"],
                    "operations": ["DELETE"], "resources": ["projects"],
                }]},
                "matchConditions": [{"name": "name", "expression": format!("oldObject.metadata.name == '{name}'")}],
                "validations": [{"expression": "false", "message": "not this one"}],
            },
        }))
        .await;
        self.apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": policy},
            "spec": {"policyName": policy, "validationActions": ["Deny"]},
        }))
        .await;
        let dry = DeleteParams { dry_run: true, ..Default::default() };
        eventually("the deletion is refused", async || {
            self.projects.delete(name, &dry).await.is_err().then_some(())
        })
        .await;
    }

    pub(crate) async fn namespace(&self, name: &str) -> Option<Namespace> {
        self.namespaces.get_opt(name).await.expect("read the namespace")
    }

    pub(crate) async fn delete(&self, name: &str) {
        let deleted = self.projects.delete(name, &DeleteParams::default()).await;
        deleted.expect("delete the project");
    }

    /// Deletes the Project and waits until it is gone.
    pub(crate) async fn delete_and_wait(&self, name: &str) {
        self.delete(name).await;
        self.project_gone(name).await;
    }

    pub(crate) async fn project_gone(&self, name: &str) {
        eventually(&format!("project {name} is gone"), async || {
            self.projects.get_opt(name).await.expect("read the project").is_none().then_some(())
        })
        .await;
    }

    pub(crate) async fn namespace_gone(&self, name: &str) {
        eventually(&format!("namespace {name} is gone"), async || {
            self.namespace(name).await.is_none().then_some(())
        })
        .await;
    }

    pub(crate) async fn annotate_project(&self, name: &str, annotations: Value) {
        let patch = json!({"metadata": {"annotations": annotations}});
        let patched =
            self.projects.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.expect("annotate the project");
    }

    pub(crate) async fn patch_namespace(&self, name: &str, metadata: Value) {
        let patch = json!({"metadata": metadata});
        let patched =
            self.namespaces.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.expect("patch the namespace");
    }

    pub(crate) async fn create_namespace(&self, name: &str, labels: &[(&str, &str)]) {
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                labels: Some(map(labels)),
                ..Default::default()
            },
            ..Default::default()
        };
        let created = self.namespaces.create(&PostParams::default(), &namespace).await;
        created.expect("create the namespace");
    }

    /// Whether the server ever asked for the deletion of that namespace.
    pub(crate) fn delete_was_asked(
        &self,
        audit: &tenure_testbed::audit::AuditLog,
        name: &str,
    ) -> bool {
        audit.entries().iter().any(|entry| {
            entry.user.username == SERVER
                && entry.verb == "delete"
                && entry.resource() == "namespaces"
                && entry.name() == name
        })
    }
}

pub(crate) fn project(name: &str, annotations: &[(&str, &str)]) -> Project {
    let mut project = Project::named(name);
    *project.annotations_mut() = map(annotations);
    project
}

pub(crate) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

impl Bed {
    async fn on(plane: Arc<ControlPlane>) -> Self {
        let kubeconfig = plane.dir().join("tenure.kubeconfig");
        plane
            .write_service_account_kubeconfig(&kubeconfig, TENURE_NAMESPACE, "tenure")
            .await
            .expect("a kubeconfig for the server");
        let server = Some(server(&plane, "tenure", &[]));
        Self { server, plane }
    }

    /// Where the server answers probes.
    pub(crate) async fn probes(&self) -> String {
        let log = self.plane.dir().join("tenure.log");
        eventually("the server says where it listens", async || {
            let log = std::fs::read_to_string(&log).ok()?;
            let line = log.lines().rfind(|line| line.contains("\"starting\""))?;
            let line: Value = serde_json::from_str(line).ok()?;
            line["listen"].as_str().map(str::to_owned)
        })
        .await
    }
}

/// Starts a server under its own ServiceAccount.
pub(crate) fn server(plane: &ControlPlane, name: &str, arguments: &[&str]) -> Process {
    let mut server = Command::new(env!("CARGO_BIN_EXE_tenure"));
    server.args(["server", "--mode", "standalone", "--listen", "127.0.0.1:0"]);
    if !arguments.contains(&"--breaker-at-least") {
        // Many tests delete many namespaces in a short time.
        server.args(["--breaker-at-least", "1000000"]);
    }
    server
        .args(["--log", "info,tenure_controllers=debug"])
        .args(arguments)
        .arg("--kubeconfig")
        .arg(plane.dir().join("tenure.kubeconfig"));
    Process::start(name, server, plane.dir()).expect("start the server")
}

/// A namespace as Argo CD and Helm leave one: a Deployment with a tracking id, a Role, a
/// NetworkPolicy, a ResourceQuota, a registry credential, and Helm's marks.
pub(crate) async fn filled_namespace(test: &Test, name: &str) {
    for object in tenure_testbed::filled_namespace(name) {
        test.apply(&object).await;
    }
    eventually("the controllers have been there", async || {
        let path = format!("/api/v1/namespaces/{name}/configmaps");
        let maps = test.raw(&path).await;
        let accounts = test.raw(&format!("/api/v1/namespaces/{name}/serviceaccounts")).await;
        let count = |list: &Value| list["items"].as_array().map_or(0, Vec::len);
        (count(&maps) == 1 && count(&accounts) == 1).then_some(())
    })
    .await;
}
