//! Starting, sharing and ending a control plane.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use kube::Client;
use tempfile::TempDir;
use tenure_core::Mode;

use crate::binaries::{Binaries, binaries};
use crate::pki::{Authority, service_account_key};
use crate::ports::free_port;
use crate::process::{Process, Stopped};
use crate::{audit, fixtures};

/// Environment variable that names the directory of a running control plane to use.
pub const DIR_VARIABLE: &str = "TENURE_TESTBED_DIR";
/// How long a control plane may take to be ready.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the end of an attempt to look is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A running control plane. The one that started it ends it when dropped.
pub struct ControlPlane {
    dir: PathBuf,
    port: u16,
    binaries: Binaries,
    /// In the order in which they end.
    processes: Vec<Process>,
    /// Removed last.
    _temporary: Option<TempDir>,
}

impl ControlPlane {
    /// The control plane that all tests share: the one [`DIR_VARIABLE`] names, else one that
    /// lives as long as any test holds it.
    ///
    /// # Panics
    /// If there is none and none can be started: no test can run.
    #[expect(clippy::expect_used, reason = "without a control plane no test can run")]
    pub async fn shared() -> Arc<Self> {
        static SHARED: tokio::sync::Mutex<Weak<ControlPlane>> =
            tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let running = match std::env::var_os(DIR_VARIABLE) {
            Some(dir) => Self::attach(Path::new(&dir)).expect("attach to the control plane"),
            None => Self::start_temporary().await.expect("start a control plane"),
        };
        let running = Arc::new(running);
        *shared = Arc::downgrade(&running);
        running
    }

    /// Starts a control plane in a directory of its own, which goes with it.
    ///
    /// # Errors
    /// If a binary is missing or does not come up.
    pub async fn start_temporary() -> anyhow::Result<Self> {
        Self::start_temporary_for(Mode::Standalone).await
    }

    /// The same, where Tenure may do what it needs in that mode.
    ///
    /// # Errors
    /// If a binary is missing or does not come up.
    pub async fn start_temporary_for(mode: Mode) -> anyhow::Result<Self> {
        let running = Self::start_without_tenure().await?;
        fixtures::install_tenure(&running.admin()?, mode).await.context("install Tenure")?;
        Ok(running)
    }

    /// Starts a control plane with what Kargo would have installed and without Tenure, in a
    /// directory of its own, which goes with it.
    ///
    /// # Errors
    /// If a binary is missing or does not come up.
    pub async fn start_without_tenure() -> anyhow::Result<Self> {
        let dir = TempDir::with_prefix("tenure-testbed-").context("make a directory")?;
        let mut running = Self::start_with_kargo(dir.path(), None).await?;
        running._temporary = Some(dir);
        Ok(running)
    }

    /// Starts a control plane that keeps its files there.
    ///
    /// # Errors
    /// If a binary is missing or does not come up.
    pub async fn start(dir: &Path, port: Option<u16>) -> anyhow::Result<Self> {
        let running = Self::start_with_kargo(dir, port).await?;
        fixtures::install_tenure(&running.admin()?, Mode::Standalone)
            .await
            .context("install Tenure")?;
        Ok(running)
    }

    async fn start_with_kargo(dir: &Path, port: Option<u16>) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        let dir = fs::canonicalize(dir)?;
        let binaries = binaries()?;
        let port = port.map_or_else(free_port, Ok)?;
        let mut running = Self { dir, port, binaries, processes: Vec::new(), _temporary: None };
        running.write_files()?;
        running.start_etcd()?;
        running.start_api_server().await?;
        running.start_controller_manager()?;
        running.wait_for_namespaces().await?;
        fixtures::install_kargo(&running.admin()?).await.context("install Kargo's roles")?;
        Ok(running)
    }

    /// Uses a control plane that another process started.
    ///
    /// # Errors
    /// If its files are not there.
    pub fn attach(dir: &Path) -> anyhow::Result<Self> {
        let port = fs::read_to_string(dir.join("port"))
            .with_context(|| format!("no control plane keeps its files in {}", dir.display()))?;
        Ok(Self {
            dir: dir.to_owned(),
            port: port.trim().parse().context("read port")?,
            binaries: binaries()?,
            processes: Vec::new(),
            _temporary: None,
        })
    }

    /// Where its files are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The binaries it was started from; kubectl is among them.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    /// Has the controllers of Kubernetes do nothing until what is given back is dropped.
    ///
    /// # Errors
    /// If they were not started from here.
    pub fn without_controllers(&self) -> anyhow::Result<Stopped<'_>> {
        let manager = self.processes.first().context("this process did not start them")?;
        Ok(manager.stop())
    }

    /// The audit log, from here on.
    pub fn audit(&self) -> audit::AuditLog {
        audit::AuditLog::from_now(&self.dir.join("audit.log"))
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A client that may do everything.
    ///
    /// # Errors
    /// If the client cannot be made.
    pub fn admin(&self) -> anyhow::Result<Client> {
        Ok(Client::try_from(self.user("admin", &["system:masters"])?)?)
    }

    /// A client that may do everything, and that admission's rules let pass. It makes what they
    /// would refuse: what was there before the rules were, or came while they were not in force.
    ///
    /// # Errors
    /// If the client cannot be made.
    pub fn around_admission(&self) -> anyhow::Result<Client> {
        let mut config = self.user("admin", &["system:masters"])?;
        // A certificate made here has one group at most.
        let groups = ["system:masters", fixtures::BREAK_GLASS_GROUP];
        config.auth_info.impersonate = Some("admin".to_owned());
        config.auth_info.impersonate_groups = Some(groups.map(str::to_owned).to_vec());
        Ok(Client::try_from(config)?)
    }

    fn write_files(&self) -> anyhow::Result<()> {
        let authority = Authority::of(&self.dir)?;
        let server = authority.server()?;
        fs::write(self.dir.join("server.crt"), server.certificate)?;
        fs::write(self.dir.join("server.key"), server.key)?;
        service_account_key(&self.dir)?;
        fs::write(self.dir.join("audit-policy.yaml"), audit::POLICY)?;
        fs::write(self.dir.join("port"), self.port.to_string())?;
        fs::write(self.dir.join("pid"), std::process::id().to_string())?;
        self.write_kubeconfig(&self.kubeconfig(), "admin", &["system:masters"])?;
        let manager = "system:kube-controller-manager";
        self.write_kubeconfig(
            &self.dir.join("controller-manager.kubeconfig"),
            manager,
            &["system:masters"],
        )
    }

    fn start_etcd(&mut self) -> anyhow::Result<()> {
        let peer = format!("http://127.0.0.1:{}", free_port()?);
        let client = format!("http://127.0.0.1:{}", free_port()?);
        fs::write(self.dir.join("etcd-url"), &client)?;
        let mut etcd = Command::new(self.binaries.path("etcd"));
        etcd.arg(format!("--data-dir={}", self.dir.join("etcd").display()))
            .arg(format!("--listen-client-urls={client}"))
            .arg(format!("--advertise-client-urls={client}"))
            .arg(format!("--listen-peer-urls={peer}"))
            .arg(format!("--initial-advertise-peer-urls={peer}"))
            .arg(format!("--initial-cluster=default={peer}"))
            // Nobody restores this cluster after a power cut.
            .args(["--unsafe-no-fsync", "--log-level=warn"]);
        self.processes.push(Process::start("etcd", etcd, &self.dir)?);
        Ok(())
    }

    async fn start_api_server(&mut self) -> anyhow::Result<()> {
        let file = |name: &str| self.dir.join(name).display().to_string();
        let etcd = fs::read_to_string(self.dir.join("etcd-url"))?;
        let mut server = Command::new(self.binaries.path("kube-apiserver"));
        server
            .arg(format!("--etcd-servers={etcd}"))
            .arg(format!("--secure-port={}", self.port))
            .arg(format!("--tls-cert-file={}", file("server.crt")))
            .arg(format!("--tls-private-key-file={}", file("server.key")))
            .arg(format!("--client-ca-file={}", file("ca.crt")))
            .arg(format!("--service-account-key-file={}", file("sa.pub")))
            .arg(format!("--service-account-signing-key-file={}", file("sa.key")))
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg(format!("--audit-policy-file={}", file("audit-policy.yaml")))
            .arg(format!("--audit-log-path={}", file("audit.log")))
            // It is read from where a test began, so it must not be moved away at 100 MB.
            .arg("--audit-log-maxsize=100000")
            .arg(format!("--cert-dir={}", file("apiserver")))
            .args([
                "--bind-address=127.0.0.1",
                "--authorization-mode=RBAC",
                "--endpoint-reconciler-type=none",
                "--service-cluster-ip-range=10.0.0.0/24",
            ]);
        self.processes.insert(0, Process::start("kube-apiserver", server, &self.dir)?);
        self.wait("the API server", async |client| {
            let ready = http::Request::get("/readyz").body(Vec::new())?;
            Ok(client.request_text(ready).await.is_ok_and(|text| text == "ok"))
        })
        .await
    }

    fn start_controller_manager(&mut self) -> anyhow::Result<()> {
        let file = |name: &str| self.dir.join(name).display().to_string();
        let mut manager = Command::new(self.binaries.path("kube-controller-manager"));
        manager
            .arg(format!("--kubeconfig={}", file("controller-manager.kubeconfig")))
            .arg(format!("--root-ca-file={}", file("ca.crt")))
            .arg(format!("--service-account-private-key-file={}", file("sa.key")))
            .arg(format!("--cert-dir={}", file("controller-manager")))
            .args([
                "--controllers=namespace-controller,garbage-collector-controller,\
                 serviceaccount-controller,root-ca-certificate-publisher-controller,\
                 clusterrole-aggregation-controller",
                "--leader-elect=false",
                "--secure-port=0",
                "--authorization-always-allow-paths=/healthz",
                // Its default of 20 requests a second would measure its patience, not our work.
                "--kube-api-qps=500",
                "--kube-api-burst=1000",
            ]);
        self.processes.insert(0, Process::start("kube-controller-manager", manager, &self.dir)?);
        Ok(())
    }

    /// The controllers work once each namespace has its ServiceAccount.
    async fn wait_for_namespaces(&mut self) -> anyhow::Result<()> {
        self.wait("the controllers", async |client| {
            let accounts: kube::Api<k8s_openapi::api::core::v1::ServiceAccount> =
                kube::Api::namespaced(client, "default");
            Ok(accounts.get_opt("default").await?.is_some())
        })
        .await
    }

    async fn wait(
        &mut self,
        what: &str,
        ready: impl AsyncFn(Client) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let client = self.admin()?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            for process in &mut self.processes {
                process.check()?;
            }
            if ready(client.clone()).await.unwrap_or(false) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        bail!(
            "{what} did not come up in {} s; logs are in {}",
            PATIENCE.as_secs(),
            self.dir.display()
        )
    }
}
