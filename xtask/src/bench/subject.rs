//! What is measured: Tenure, or a peer, as a process with a user of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tenure_api::Project;
use tenure_testbed::{ControlPlane, Process, TENURE_NAMESPACE, apply};

/// Requests of the bench itself at once.
const AT_ONCE: usize = 24;
/// Within how long a program ends that cannot run.
const AT_ONCE_OR_NEVER: Duration = Duration::from_secs(1);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// What is measured.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// The user it is, in the audit log.
    pub(crate) user: String,
    program: Program,
    kubeconfig: PathBuf,
}

enum Program {
    Tenure { binary: PathBuf, arguments: Vec<String> },
    Shell(String),
}

impl Subject {
    pub(crate) async fn tenure(
        plane: &ControlPlane,
        binary: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let kubeconfig = plane.dir().join("tenure.kubeconfig");
        plane.write_service_account_kubeconfig(&kubeconfig, TENURE_NAMESPACE, "tenure").await?;
        Ok(Self {
            name: "tenure",
            user: "system:serviceaccount:tenure-system:tenure".to_owned(),
            program: Program::Tenure {
                binary: binary.to_owned(),
                arguments: arguments.iter().map(|a| (*a).to_owned()).collect(),
            },
            kubeconfig,
        })
    }

    pub(crate) async fn peer(plane: &ControlPlane, command: &str) -> anyhow::Result<Self> {
        let (user, kubeconfig) = ("bench-peer", plane.dir().join("peer.kubeconfig"));
        plane.write_kubeconfig(&kubeconfig, user, &[])?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": user},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        apply(&plane.admin()?, &binding).await?;
        let program = Program::Shell(command.to_owned());
        Ok(Self { name: "peer", user: user.to_owned(), program, kubeconfig })
    }

    /// Uses another kubeconfig, which leads through a proxy.
    pub(crate) fn through(mut self, kubeconfig: PathBuf) -> Self {
        self.kubeconfig = kubeconfig;
        self
    }

    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    pub(crate) fn start(&self, plane: &ControlPlane) -> anyhow::Result<Process> {
        let command = match &self.program {
            Program::Tenure { binary, arguments } => {
                let mut command = Command::new(binary);
                command
                    .args(["server", "--mode", "standalone", "--listen", "127.0.0.1:0"])
                    .args(["--breaker-at-least", "1000000", "--log", "warn", "--kubeconfig"])
                    .arg(&self.kubeconfig)
                    .args(arguments);
                command
            }
            Program::Shell(line) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("exec {line}")]).env("KUBECONFIG", &self.kubeconfig);
                command
            }
        };
        let mut process = Process::start(&format!("bench-{}", self.name), command, plane.dir())?;
        // What lacks a setting ends at once, and nobody should wait for it.
        std::thread::sleep(AT_ONCE_OR_NEVER);
        process.check()?;
        Ok(process)
    }
}

/// Applies a file of manifests, or all files of a directory.
pub(crate) async fn apply_manifests(plane: &ControlPlane, path: &Path) -> anyhow::Result<()> {
    let mut kubectl = Command::new(plane.binaries().path("kubectl"));
    kubectl
        .args(["apply", "--server-side", "--force-conflicts", "-f"])
        .arg(path)
        .arg("--kubeconfig")
        .arg(plane.kubeconfig())
        .stdout(std::process::Stdio::null());
    crate::cargo::run(kubectl).context("apply the peer's manifests")
}

/// Creates Projects of these names.
pub(crate) async fn create(projects: &Api<Project>, names: &[String]) -> anyhow::Result<()> {
    futures::stream::iter(names)
        .map(|name| async move {
            projects.create(&PostParams::default(), &Project::named(name)).await.map(drop)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await
        .context("create projects")
}

/// Deletes Projects of these names.
pub(crate) async fn delete(projects: &Api<Project>, names: &[String]) -> anyhow::Result<()> {
    futures::stream::iter(names)
        .map(|name| async move { projects.delete(name, &DeleteParams::default()).await.map(drop) })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await
        .context("delete projects")
}

/// Waits until all Projects whose names begin so are ready.
pub(crate) async fn until_ready(
    projects: &Api<Project>,
    prefix: &str,
    count: usize,
) -> anyhow::Result<()> {
    wait("ready", async || {
        let all = projects.list(&from_cache()).await?;
        let ready = all.iter().filter(|p| p.name_any().starts_with(prefix) && is_ready(p)).count();
        Ok(ready >= count)
    })
    .await
}

fn is_ready(project: &Project) -> bool {
    let conditions = project.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// Reads from the API server's cache, so that looking costs the measured little.
pub(crate) fn from_cache() -> ListParams {
    ListParams::default().match_any()
}

/// Waits for something, looking ten times a second.
pub(crate) async fn wait(
    what: &str,
    done: impl AsyncFn() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    while started.elapsed() < PATIENCE {
        if done().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("not {what} after {} s", PATIENCE.as_secs())
}
