//! What the tests share: a control plane with a server and its webhook, people, and the command.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Weak};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use tenure_api::install::people_manifests;
use tenure_api::{DeletionPlan, Project};
use tenure_core::Mode;
use tenure_testbed::audit::AuditLog;
use tenure_testbed::{
    ControlPlane, Process, TENURE_NAMESPACE, built, eventually, free_port, install_webhook, kargo,
    wait_for_guard,
};

use crate::{MODE, schema};

/// Somebody who deletes Projects, and may see what is in their namespaces.
pub(crate) const ANNA: &str = "anna";
/// Another one.
pub(crate) const BOB: &str = "bob";
/// Somebody who may look at Projects and plans, and not into namespaces.
pub(crate) const VERA: &str = "vera";

/// A control plane with a server, as long as any test holds it.
pub(crate) struct Bed {
    /// The stand-in for Kargo, where there is one.
    #[allow(dead_code, reason = "only tests beside Kargo ask it anything")]
    pub(crate) kargo: Option<kargo::Running>,
    /// Ends before the control plane does.
    _server: Process,
    pub(crate) plane: ControlPlane,
    /// What was asked of the API server since before the server ran.
    pub(crate) audit: AuditLog,
}

/// One test's view.
pub(crate) struct Test {
    pub(crate) bed: Arc<Bed>,
    pub(crate) client: Client,
    pub(crate) projects: Api<Project>,
    pub(crate) namespaces: Api<Namespace>,
    /// What was asked of the API server since the test began.
    pub(crate) audit: AuditLog,
}

/// What the command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Everything, to be compared with what it said before.
    pub(crate) fn all(&self) -> String {
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }

    /// The same without that name, which is another one each time.
    pub(crate) fn naming(&self, name: &str) -> Self {
        let without = |text: &str| text.replace(name, "some-name");
        Self { out: without(&self.out), err: without(&self.err), code: self.code }
    }

    pub(crate) fn json(&self) -> Value {
        schema::read(&self.out)
    }
}

/// What differs from run to run is left out of what is compared.
pub(crate) fn compare(name: &str, said: &Said) {
    let filters = vec![
        (r"sha256:[0-9a-f]{64}", "sha256:DIGEST"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
        (r"\b([a-z-]+)\.[0-9a-f]{8}\b", "$1.UID"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"https://127\.0\.0\.1:\d+/", "https://SERVER/"),
        (r#"("resourceVersion": )"\d+""#, r#"$1"VERSION""#),
        (r"(?m)\b\d+s$", "AGE"),
        // Beside Kargo they go before their namespaces do.
        (r"of \d+ Projects;", "of N Projects;"),
    ];
    let name = format!("cli__support__{name}");
    insta::with_settings!(
        {filters => filters, omit_expression => true, prepend_module_to_snapshot => false},
        { insta::assert_snapshot!(name, said.all()); }
    );
}

/// The same, where the words depend on how the server runs.
pub(crate) fn compare_by_mode(name: &str, said: &Said) {
    match MODE {
        Mode::Standalone => compare(name, said),
        Mode::Companion => compare(&format!("{name}_beside_kargo"), said),
    }
}

impl Test {
    pub(crate) async fn start() -> Self {
        static SHARED: tokio::sync::Mutex<Weak<Bed>> = tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        let bed = match shared.upgrade() {
            Some(bed) => bed,
            None => {
                let bed = Arc::new(Bed::start(&["--breaker-at-least", "1000000"]).await);
                *shared = Arc::downgrade(&bed);
                bed
            }
        };
        drop(shared);
        Self::on(bed)
    }

    /// On a control plane of its own, whose server was told something else.
    pub(crate) async fn alone(arguments: &[&str]) -> Self {
        Self::on(Arc::new(Bed::start(arguments).await))
    }

    fn on(bed: Arc<Bed>) -> Self {
        let client = bed.plane.admin().expect("an administrator");
        Self {
            projects: Api::all(client.clone()),
            namespaces: Api::all(client.clone()),
            client,
            audit: bed.plane.audit(),
            bed,
        }
    }

    /// Creates a Project and waits until it is ready.
    pub(crate) async fn ready(&self, name: &str, annotations: Value) {
        let mut project = Project::named(name);
        project.metadata.annotations = serde_json::from_value(annotations).expect("annotations");
        self.projects.create(&PostParams::default(), &project).await.expect("create the project");
        eventually(&format!("{name} is ready"), async || {
            let project = self.projects.get_opt(name).await.expect("read the project")?;
            let conditions = project.status?.conditions;
            conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True").then_some(())
        })
        .await;
        if MODE == Mode::Companion {
            // Beside Kargo it is another who says that it is ready.
            eventually(&format!("{name} is recorded"), async || {
                let namespace = self.namespaces.get(name).await.expect("read the namespace");
                namespace.metadata.annotations?.get("tenure.dev/origin").map(drop)
            })
            .await;
        }
        // Kubernetes puts its own into each namespace, a little later.
        for path in ["serviceaccounts/default", "configmaps/kube-root-ca.crt"] {
            eventually(path, async || {
                let path = format!("/api/v1/namespaces/{name}/{path}");
                let request = http::Request::get(path).body(Vec::new()).expect("a request");
                self.client.request::<Value>(request).await.ok()
            })
            .await;
        }
    }

    /// Creates a Project that moves into a namespace which Argo CD and Helm have filled.
    pub(crate) async fn shared(&self, name: &str) {
        let mut objects = tenure_testbed::filled_namespace(name);
        objects[0]["metadata"]["labels"]["kargo.akuity.io/project"] = "true".into();
        for object in objects {
            self.apply(&object).await;
        }
        self.ready(name, json!({})).await;
    }

    /// A ConfigMap that nobody manages.
    pub(crate) async fn config_map(&self, namespace: &str, name: &str) {
        self.apply(&json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace},
        }))
        .await;
    }

    /// A policy for the Project of that name alone, which the server knows when this returns.
    pub(crate) async fn policy(&self, name: &str, mut spec: Value) {
        spec["selector"] = json!({"names": [name]});
        spec["enforcement"] = "Enforce".into();
        self.apply(&json!({
            "apiVersion": "tenure.dev/v1alpha1", "kind": "DeletionPolicy",
            "metadata": {"name": name}, "spec": spec,
        }))
        .await;
    }

    /// A rule of somebody else's, which refuses that the Project of that name is deleted, and is in
    /// force when this returns.
    pub(crate) async fn refuse_deletion_of(&self, name: &str) {
        self.apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["kargo.akuity.io"], "apiVersions": ["*"],
                    "resources": ["projects"], "operations": ["DELETE"], "resourceNames": [name],
                }]},
                "validations": [{"expression": "false", "message": "not on a Friday"}],
            },
        }))
        .await;
        self.apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        }))
        .await;
        let dry = kube::api::DeleteParams { dry_run: true, ..Default::default() };
        eventually("the rule is in force", async || {
            let refused = self.projects.delete(name, &dry).await.err()?;
            refused.to_string().contains("Friday").then_some(())
        })
        .await;
    }

    pub(crate) async fn apply(&self, object: &Value) {
        tenure_testbed::apply(&self.client, object).await.expect("apply");
    }

    pub(crate) async fn annotate_project(&self, name: &str, annotations: Value) {
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        let params =
            PatchParams { field_manager: Some("kubectl-annotate".into()), ..Default::default() };
        self.projects.patch(name, &params, &patch).await.expect("annotate the project");
    }

    pub(crate) async fn annotate_namespace(&self, name: &str, annotations: Value) {
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        let patched = self.namespaces.patch(name, &PatchParams::default(), &patch).await;
        patched.expect("annotate the namespace");
    }

    pub(crate) async fn plan_of(&self, name: &str) -> DeletionPlan {
        let plans: Api<DeletionPlan> = Api::all(self.client.clone());
        eventually("there is a plan", async || {
            let all = plans.list(&Default::default()).await.expect("list plans");
            all.items.into_iter().find(|plan| plan.spec.project.name == name)
        })
        .await
    }

    pub(crate) async fn project_uid(&self, name: &str) -> Option<String> {
        self.projects.get_opt(name).await.expect("read the project")?.uid()
    }

    /// Whether the Project stands and nobody asked for its deletion.
    pub(crate) async fn lives(&self, name: &str) -> bool {
        let project = self.projects.get_opt(name).await.expect("read the project");
        project.is_some_and(|project| project.metadata.deletion_timestamp.is_none())
    }

    pub(crate) async fn has_namespace(&self, name: &str) -> bool {
        let namespace = self.namespaces.get_opt(name).await.expect("read the namespace");
        namespace.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_none())
    }

    /// How often somebody wrote to the Project or asked for its deletion, whatever came of it.
    pub(crate) fn writes(&self, user: &str, name: &str) -> Vec<String> {
        let entries = self.audit.of(user, name);
        entries.iter().filter(|entry| entry.is_write()).map(|entry| entry.short()).collect()
    }

    /// The command, as one of the people, without a terminal.
    pub(crate) fn command(&self, user: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-tenure"));
        command
            .args(arguments)
            .env_clear()
            .env("TERM", "xterm-256color")
            .env("KUBECONFIG", self.bed.kubeconfig(user));
        command
    }

    /// The command, while it runs.
    pub(crate) fn begin(&self, user: &str, arguments: &[&str]) -> Child {
        let mut command = self.command(user, arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("start kubectl tenure")
    }

    /// Waits until somebody has asked for the Project's deletion.
    pub(crate) async fn is_deleting(&self, name: &str) {
        eventually(&format!("{name} is being deleted"), async || {
            let project = self.projects.get_opt(name).await.expect("read the project")?;
            project.metadata.deletion_timestamp.map(drop)
        })
        .await;
    }

    /// Runs the command.
    pub(crate) fn run(&self, user: &str, arguments: &[&str]) -> Said {
        let mut command = self.command(user, arguments);
        said(command.stdin(Stdio::null()).output().expect("run kubectl tenure"))
    }
}

/// What a program said.
pub(crate) fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said {
        code: output.status.code().expect("it ends by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

impl Bed {
    async fn start(arguments: &[&str]) -> Self {
        let plane = ControlPlane::start_temporary_for(MODE).await;
        let plane = plane.expect("start a control plane");
        let client = plane.admin().expect("an administrator");
        let [webhook, probes] = [(); 2].map(|()| free_port().expect("a port"));
        let base = format!("https://127.0.0.1:{webhook}");
        install_webhook(&client, &base).await.expect("install the webhook");
        for object in people_manifests().into_iter().chain(people()) {
            tenure_testbed::apply(&client, &object).await.expect("apply");
        }
        let kubeconfig = plane.dir().join("tenure.kubeconfig");
        plane
            .write_service_account_kubeconfig(&kubeconfig, TENURE_NAMESPACE, "tenure")
            .await
            .expect("a kubeconfig for the server");
        for (user, group) in [(ANNA, "people"), (BOB, "people"), (VERA, "viewers")] {
            let path = plane.dir().join(format!("{user}.kubeconfig"));
            plane.write_kubeconfig(&path, user, &[group]).expect("a kubeconfig");
        }
        let mut server = Command::new(built("tenure", "tenure").expect("the server"));
        server
            .args(["server", "--mode", MODE.as_str()])
            .args(arguments)
            .args(["--listen", &format!("127.0.0.1:{probes}")])
            .args(["--webhook-listen", &format!("127.0.0.1:{webhook}")])
            .args(["--break-glass-group", tenure_testbed::BREAK_GLASS_GROUP])
            .args(["--webhook-host", "127.0.0.1", "--kubeconfig"])
            .arg(&kubeconfig);
        let audit = plane.audit();
        let server = Process::start("tenure", server, plane.dir()).expect("start the server");
        wait_for_guard(&client).await;
        let maps: Api<k8s_openapi::api::core::v1::ConfigMap> =
            Api::namespaced(client.clone(), TENURE_NAMESPACE);
        eventually("the settings are published", async || {
            maps.get_opt("tenure-settings").await.expect("read the settings")
        })
        .await;
        let kargo = match MODE {
            Mode::Standalone => None,
            Mode::Companion => {
                let running = kargo::Running::start(&plane, kargo::Options::default()).await;
                Some(running.expect("start the stand-in"))
            }
        };
        Self { kargo, _server: server, plane, audit }
    }

    fn kubeconfig(&self, user: &str) -> PathBuf {
        self.plane.dir().join(format!("{user}.kubeconfig"))
    }
}

/// What people may do who are no administrators.
fn people() -> Vec<Value> {
    let role = |name: &str, rules: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name}, "rules": rules,
        })
    };
    let bind = |group: &str, role: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": format!("{group}-{role}")},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role,
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group},
            ],
        })
    };
    vec![
        role(
            "deleters",
            json!([
                {"apiGroups": ["kargo.akuity.io"], "resources": ["projects"], "verbs": ["delete"]},
                {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "patch"]},
                {"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": ["get"]},
                {"apiGroups": ["*"], "resources": ["*"], "verbs": ["list"]},
            ]),
        ),
        role(
            "lookers",
            json!([{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"]}]),
        ),
        bind("people", "deleters"),
        bind("people", "tenure-operator"),
        bind("people", "tenure-approver"),
        bind("viewers", "lookers"),
        bind("viewers", "tenure-viewer"),
    ]
}
