//! A control plane to install on, and what a kubelet would do there.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use tenure_api::{Project, install};
use tenure_testbed::{ControlPlane, Process, TENURE_NAMESPACE, eventually, wait_for_guard};

use crate::support::{CHART, RELEASE, helm, outcome, with_values};

/// A control plane to install on.
pub(crate) struct Cluster {
    pub(crate) plane: ControlPlane,
    pub(crate) client: Client,
    pub(crate) projects: Api<Project>,
    pub(crate) namespaces: Api<Namespace>,
}

impl Cluster {
    pub(crate) fn on(plane: ControlPlane) -> Self {
        let client = plane.admin().expect("an administrator");
        let (projects, namespaces) = (Api::all(client.clone()), Api::all(client.clone()));
        Self { plane, client, projects, namespaces }
    }

    pub(crate) async fn without_tenure() -> Self {
        Self::on(ControlPlane::start_without_tenure().await.expect("a control plane"))
    }

    /// Helm, as the administrator.
    pub(crate) fn helm(&self, arguments: &[&str]) -> Command {
        let mut helm = helm(&[arguments, &RELEASE[1..]].concat());
        helm.env("KUBECONFIG", self.plane.kubeconfig());
        helm
    }

    /// Installs the chart, or upgrades it, with those values.
    pub(crate) fn upgrade(&self, values: &Value, more: &[&str]) {
        let arguments = ["upgrade", "--install", "--create-namespace", RELEASE[0], CHART];
        let done = with_values(self.helm(&[&arguments, more].concat()), values);
        assert!(done.is_ok(), "{values}: {done:?}");
    }

    /// Has the API server take what was rendered, without keeping it.
    pub(crate) fn dry_run(&self, rendered: &str) -> Result<String, String> {
        let mut kubectl = Command::new(self.plane.binaries().path("kubectl"));
        kubectl.args(["apply", "--server-side", "--force-conflicts", "--dry-run=server"]);
        kubectl.args(["--validate=strict", "--filename", "-"]);
        kubectl.env("KUBECONFIG", self.plane.kubeconfig());
        crate::support::with_input(kubectl, rendered)
    }

    /// How many of Tenure's CustomResourceDefinitions there are that nobody deletes.
    pub(crate) async fn definitions(&self) -> usize {
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let mut stand = 0;
        for crd in install::crds() {
            let found = crds.get_opt(&crd.name_any()).await.expect("read");
            stand +=
                usize::from(found.is_some_and(|crd| crd.metadata.deletion_timestamp.is_none()));
        }
        stand
    }

    /// What a pod's only container would be: its arguments, under its ServiceAccount. Where it
    /// listens is left out, for pods have addresses of their own.
    pub(crate) async fn container(&self, name: &str, pod: &Value) -> Command {
        let account = pod["serviceAccountName"].as_str().expect("a ServiceAccount");
        let kubeconfig = self.plane.dir().join(format!("{name}.kubeconfig"));
        let plane = &self.plane;
        let written =
            plane.write_service_account_kubeconfig(&kubeconfig, TENURE_NAMESPACE, account).await;
        written.expect("a token");
        let arguments: Vec<String> =
            serde_json::from_value(pod["containers"][0]["args"].clone()).expect("arguments");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
        command.args(arguments.iter().filter(|argument| !argument.starts_with("--listen=")));
        command.arg("--kubeconfig").arg(kubeconfig);
        command
    }

    /// The server, as the Deployment that was installed has it.
    pub(crate) async fn server(&self) -> Process {
        let deployment = self.deployments().get("tenure").await.expect("it is installed");
        let pod = json!(deployment.spec.expect("a specification").template.spec);
        let mut command = self.container("server", &pod).await;
        command.args(["--listen", "127.0.0.1:0"]);
        Process::start("server", command, self.plane.dir()).expect("start the server")
    }

    /// The same, asked by the API server at that port.
    pub(crate) async fn asked_server(&self, port: u16) -> Process {
        let deployment = self.deployments().get("tenure").await.expect("it is installed");
        let pod = json!(deployment.spec.expect("a specification").template.spec);
        let mut command = self.container("server", &pod).await;
        command.args(["--listen", "127.0.0.1:0", "--webhook-host", "127.0.0.1"]);
        command.args(["--webhook-listen", &format!("127.0.0.1:{port}")]);
        let server = Process::start("server", command, self.plane.dir()).expect("start the server");
        wait_for_guard(&self.client).await;
        server
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), TENURE_NAMESPACE)
    }

    /// `helm uninstall`: the Job that it makes is run, and the server ends when it is scaled down.
    /// What the Job printed.
    pub(crate) async fn uninstall(&self, server: Process) -> String {
        let helm = piped(self.helm(&["uninstall", RELEASE[0]]));
        let printed = self.run_job(server).await;
        let done = tokio::task::spawn_blocking(move || helm.wait_with_output());
        let done = outcome(&done.await.expect("it is awaited").expect("its output"));
        assert!(done.is_ok(), "{done:?}");
        printed
    }

    async fn run_job(&self, server: Process) -> String {
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), TENURE_NAMESPACE);
        let name = install::UNINSTALL;
        let job =
            eventually("the Job is there", async || jobs.get_opt(name).await.expect("read")).await;
        let pod = json!(job.spec.expect("a specification").template.spec);
        let mut child = piped(self.container("uninstall", &pod).await);
        let mut server = Some(server);
        while child.try_wait().expect("wait").is_none() {
            let scale = self.deployments().get_scale("tenure").await.expect("its scale");
            if scale.spec.is_some_and(|spec| spec.replicas.unwrap_or_default() == 0) {
                drop(server.take());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let printed = outcome(&child.wait_with_output().expect("its output")).expect("it succeeds");
        assert!(server.is_none(), "the server still runs");
        let now = jiff::Timestamp::now().to_string();
        let condition = |kind: &str| json!({"type": kind, "status": "True", "reason": "CompletionsReached", "lastTransitionTime": now});
        let status = json!({"status": {
            "startTime": now, "completionTime": now, "succeeded": 1,
            "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
        }});
        jobs.patch_status(name, &PatchParams::default(), &Patch::Merge(status))
            .await
            .expect("complete the Job");
        printed
    }
}

fn piped(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("start it")
}
