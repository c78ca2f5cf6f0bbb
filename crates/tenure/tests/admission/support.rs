//! What the tests share: the server with its webhook, people, and kubectl.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tenure_api::{DeletionPlan, Project};
use tenure_core::Mode;
use tenure_testbed::audit::AuditLog;
use tenure_testbed::{
    ControlPlane, Process, TENURE_NAMESPACE, eventually, free_port, install_webhook, kargo,
    wait_for_guard,
};

use crate::MODE;

/// The stand-in for Kargo that most tests share, as it is where there is to be one.
const KARGO: kargo::Options = kargo::Options {
    webhook: true,
    delays: kargo::Delays { projects: Duration::ZERO, namespaces: Duration::ZERO },
};

/// The user that the server is, in the audit log.
pub(crate) const SERVER: &str = "system:serviceaccount:tenure-system:tenure";

/// A control plane with a server that is asked, as long as any test holds it.
pub(crate) struct Bed {
    /// The stand-in for Kargo, where there is one.
    #[allow(dead_code, reason = "only tests beside Kargo ask it anything")]
    pub(crate) kargo: Option<kargo::Running>,
    /// Ends before the control plane does.
    server: Option<Process>,
    pub(crate) plane: ControlPlane,
    /// Everything that was asked since the control plane is up.
    audit: AuditLog,
    /// Where the server answers probes.
    probes: u16,
}

/// One test's view.
pub(crate) struct Test {
    pub(crate) bed: Arc<Bed>,
    pub(crate) client: Client,
    pub(crate) projects: Api<Project>,
    pub(crate) namespaces: Api<Namespace>,
}

/// What kubectl said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) ok: bool,
    pub(crate) err: String,
}

impl Test {
    pub(crate) async fn start() -> Self {
        static SHARED: tokio::sync::Mutex<Weak<Bed>> = tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        let bed = match shared.upgrade() {
            Some(bed) => bed,
            None => {
                let bed = Arc::new(Bed::start(&[], KARGO).await);
                *shared = Arc::downgrade(&bed);
                bed
            }
        };
        drop(shared);
        Self::on(bed)
    }

    /// A control plane and a server of this test's own. A stand-in for Kargo serves no webhook then:
    /// it may be stopped, and its controller alone would be.
    pub(crate) async fn alone(arguments: &[&str]) -> Self {
        Self::on(Arc::new(Bed::start(arguments, kargo::Options::default()).await))
    }

    pub(crate) fn on(bed: Arc<Bed>) -> Self {
        let client = bed.plane.admin().expect("an administrator");
        Self {
            projects: Api::all(client.clone()),
            namespaces: Api::all(client.clone()),
            client,
            bed,
        }
    }

    /// Ends the server of a test that is alone.
    pub(crate) fn stop_server(&mut self) {
        Arc::get_mut(&mut self.bed).expect("the test is alone").server = None;
    }

    /// Creates a Project, with those annotations, and waits until it is ready.
    pub(crate) async fn ready(&self, name: &str, annotations: Value) {
        let mut project = Project::named(name);
        project.metadata.annotations = serde_json::from_value(annotations).expect("annotations");
        self.projects.create(&PostParams::default(), &project).await.expect("create the project");
        self.is_ready(name).await;
    }

    /// Waits until the Project is ready.
    pub(crate) async fn is_ready(&self, name: &str) {
        eventually(&format!("{name} is ready"), async || {
            let project = self.projects.get_opt(name).await.expect("read the project")?;
            let conditions = project.status?.conditions;
            conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True").then_some(())
        })
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

    pub(crate) async fn apply(&self, object: &Value) {
        tenure_testbed::apply(&self.client, object).await.expect("apply");
    }

    pub(crate) async fn plan(&self, name: &str) -> Option<DeletionPlan> {
        let plans: Api<DeletionPlan> = Api::all(self.client.clone());
        let all = plans.list(&Default::default()).await.expect("list plans");
        all.items.into_iter().find(|plan| plan.spec.project.name == name)
    }

    /// Waits until the Project is gone, and what was planned with it is done.
    pub(crate) async fn gone(&self, name: &str) {
        eventually(&format!("project {name} is gone"), async || {
            let found = self.projects.get_opt(name).await.expect("read the project");
            let plan = self.plan(name).await;
            let ended = plan.is_none_or(|plan| {
                plan.facts().expect("a plan that can be read").status.phase.is_final()
            });
            (found.is_none() && ended).then_some(())
        })
        .await;
    }

    /// Whether the Project stands and nobody asked, successfully, for its deletion.
    pub(crate) async fn lives(&self, name: &str) -> bool {
        let project = self.projects.get_opt(name).await.expect("read the project");
        project.is_some_and(|project| project.metadata.deletion_timestamp.is_none())
    }

    pub(crate) async fn namespace(&self, name: &str) -> Option<Namespace> {
        self.namespaces.get_opt(name).await.expect("read the namespace")
    }

    pub(crate) async fn patch_namespace(&self, name: &str, metadata: Value) {
        let patch = json!({"metadata": metadata});
        let patched =
            self.namespaces.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.expect("patch the namespace");
    }

    pub(crate) async fn annotate_project(&self, name: &str, annotations: Value) {
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        let patched = self.projects.patch(name, &PatchParams::default(), &patch).await;
        patched.expect("annotate the project");
    }

    /// Calls the deletion off: on the Project, or beside Kargo, which lets go of that, on its plan.
    pub(crate) async fn call_off(&self, name: &str) {
        let cancel = json!({"tenure.dev/cancel": "true"});
        if MODE == Mode::Standalone {
            return self.annotate_project(name, cancel).await;
        }
        let plan = self.plan(name).await.expect("a plan").metadata.name.expect("a name");
        let path = format!("/apis/tenure.dev/v1alpha1/deletionplans/{plan}");
        self.merge(&path, json!({"metadata": {"annotations": cancel}})).await;
    }

    /// Merges something into what is at that path.
    pub(crate) async fn merge(&self, path: &str, patch: Value) {
        let request = http::Request::patch(path)
            .header("content-type", "application/merge-patch+json")
            .body(patch.to_string().into_bytes())
            .expect("a request");
        self.client.request::<Value>(request).await.expect("merge");
    }

    /// A client that is somebody else.
    pub(crate) fn client_as(&self, user: &str, groups: &[&str]) -> Client {
        let mut config = self.bed.plane.user("admin", &["system:masters"]).expect("a user");
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups =
            Some(groups.iter().map(|group| (*group).to_owned()).collect());
        tenure_cluster::connect(config).expect("a client")
    }

    /// Runs kubectl as one of the people.
    pub(crate) fn kubectl(&self, user: &str, arguments: &[&str]) -> Said {
        self.kubectl_with(user, arguments, "")
    }

    /// The same, with something on standard input.
    pub(crate) fn kubectl_with(&self, user: &str, arguments: &[&str], input: &str) -> Said {
        let plane = &self.bed.plane;
        let kubeconfig = plane.dir().join(format!("{user}-{}.kubeconfig", fresh()));
        plane.write_kubeconfig(&kubeconfig, user, &["people"]).expect("a kubeconfig");
        let mut child = Command::new(plane.binaries().path("kubectl"))
            .args(arguments)
            .env("KUBECONFIG", &kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start kubectl");
        let mut pipe = child.stdin.take().expect("standard input");
        std::io::Write::write_all(&mut pipe, input.as_bytes()).expect("write");
        drop(pipe);
        let output = child.wait_with_output().expect("kubectl ends");
        Said {
            ok: output.status.success(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs the command that a message names, on the line that begins so.
    pub(crate) fn follow(&self, user: &str, message: &str, line: &str) -> Said {
        let command = message
            .lines()
            .find_map(|found| found.trim().strip_prefix(line))
            .and_then(|found| found.split_once("kubectl "))
            .unwrap_or_else(|| panic!("no line begins with {line}: {message}"))
            .1;
        let words: Vec<_> = command.split_whitespace().collect();
        self.kubectl(user, &words)
    }

    /// The value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/metrics", self.bed.probes);
        let text = reqwest::get(url).await.ok()?.text().await.ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(' ')?.1.to_owned())
    }

    /// What the server wrote that concerns the Project of that name.
    pub(crate) fn writes(&self, name: &str) -> usize {
        let entries = self.bed.audit.of(SERVER, name);
        entries.iter().filter(|entry| entry.is_write() && entry.resource() != "events").count()
    }
}

fn fresh() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

impl Bed {
    pub(crate) async fn start(arguments: &[&str], options: kargo::Options) -> Self {
        let plane = ControlPlane::start_temporary_for(MODE).await.expect("a control plane");
        let audit = plane.audit();
        let client = plane.admin().expect("an administrator");
        let [webhook, probes] = [(); 2].map(|()| free_port().expect("a port"));
        let base = format!("https://127.0.0.1:{webhook}");
        install_webhook(&client, &base).await.expect("install the webhook");
        for object in people() {
            tenure_testbed::apply(&client, &object).await.expect("apply");
        }
        let kubeconfig = plane.dir().join("tenure.kubeconfig");
        plane
            .write_service_account_kubeconfig(&kubeconfig, TENURE_NAMESPACE, "tenure")
            .await
            .expect("a kubeconfig for the server");
        let server = Some(server(plane.dir().into(), MODE, webhook, probes, arguments));
        wait_for_guard(&client).await;
        let kargo = match MODE {
            Mode::Standalone => None,
            Mode::Companion => {
                Some(kargo::Running::start(&plane, options).await.expect("start the stand-in"))
            }
        };
        Self { kargo, server, plane, audit, probes }
    }
}

/// Starts a server in that mode, on those ports.
pub(crate) fn server(
    dir: PathBuf,
    mode: Mode,
    webhook: u16,
    probes: u16,
    arguments: &[&str],
) -> Process {
    let mut server = Command::new(env!("CARGO_BIN_EXE_tenure"));
    server.args(["server", "--mode", mode.as_str()]);
    if !arguments.contains(&"--breaker-at-least") {
        // Many tests delete many namespaces in a short time.
        server.args(["--breaker-at-least", "1000000"]);
    }
    server
        .args(["--listen", &format!("127.0.0.1:{probes}")])
        .args(["--webhook-listen", &format!("127.0.0.1:{webhook}")])
        .args(["--webhook-host", "127.0.0.1", "--break-glass-group"])
        .arg(tenure_testbed::BREAK_GLASS_GROUP)
        .args(arguments)
        .args(["--log", "info,tenure_admission=debug,tenure_controllers=debug", "--kubeconfig"])
        .arg(dir.join("tenure.kubeconfig"));
    Process::start("tenure", server, &dir).expect("start the server")
}

/// What people may do who are no administrators.
fn people() -> [Value; 2] {
    let everything = ["create", "delete", "deletecollection", "get", "list", "patch", "update"];
    [
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "people"},
            "rules": [
                {"apiGroups": ["kargo.akuity.io"], "resources": ["projects"], "verbs": everything},
                {"apiGroups": ["tenure.dev"], "resources": ["deletionplans"],
                 "verbs": ["get", "list", "patch"]},
                {"apiGroups": [""], "resources": ["namespaces", "configmaps"],
                 "verbs": ["create", "get", "list", "patch"]},
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "people"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "people",
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "people"},
            ],
        }),
    ]
}
