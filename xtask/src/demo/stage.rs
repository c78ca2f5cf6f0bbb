//! Where the story is played: a control plane with the server on it, under its own
//! ServiceAccount.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tempfile::TempDir;
use tenure_api::Project;
use tenure_api::install::{self, Installation, Mode};
use tenure_testbed::{ControlPlane, KARGO_NAMESPACE, Process, TENURE_NAMESPACE, apply, eventually};

use crate::cargo::programs;
use crate::progress::telling;

pub(crate) struct Stage {
    pub(crate) client: Client,
    /// Ends first.
    _server: Process,
    /// Where `kubectl tenure` is.
    plugin: PathBuf,
    plane: Option<ControlPlane>,
    _dir: TempDir,
}

impl Stage {
    pub(crate) async fn set(context: Option<&str>) -> anyhow::Result<Self> {
        println!("building the server and kubectl tenure");
        let (server, plugin) = programs()?;
        let dir = TempDir::with_prefix("tenure-demo-")?;
        let kubeconfig = dir.path().join("tenure.kubeconfig");
        let (client, plane) = match context {
            None => {
                println!("starting a control plane: etcd, kube-apiserver, kube-controller-manager");
                tenure_testbed::binaries()?;
                let plane = telling("starting", ControlPlane::start_temporary()).await?;
                plane
                    .write_service_account_kubeconfig(&kubeconfig, TENURE_NAMESPACE, "tenure")
                    .await?;
                (plane.admin()?, Some(plane))
            }
            Some(context) => (existing(context, &kubeconfig).await?, None),
        };
        println!("starting the server under its own ServiceAccount and least-privilege role\n");
        let log: PathBuf =
            plane.as_ref().map_or_else(|| dir.path().to_owned(), |p| p.dir().to_owned());
        let mut command = Command::new(server);
        command
            .args(["server", "--mode", "standalone", "--listen", "127.0.0.1:0", "--kubeconfig"])
            .arg(&kubeconfig);
        let server = Process::start("tenure", command, &log)?;
        Ok(Self { client, _server: server, plugin, plane, _dir: dir })
    }

    /// Whether nobody else uses the cluster, so that names are free.
    pub(crate) fn is_own(&self) -> bool {
        self.plane.is_some()
    }

    /// Says how to look around.
    pub(crate) fn invite(&self) -> anyhow::Result<()> {
        let mut path: Vec<_> = self.plugin.parent().into_iter().map(Path::to_owned).collect();
        println!("\nIt stays up. To look around, in another terminal:");
        if let Some(plane) = &self.plane {
            println!("  export KUBECONFIG={}", plane.kubeconfig().display());
            path.extend(plane.binaries().path("kubectl").parent().map(Path::to_owned));
        }
        let path: Vec<_> = path.iter().map(|dir| dir.display().to_string()).collect();
        println!("  export PATH={}:$PATH", path.join(":"));
        println!("  kubectl tenure list");
        println!("  kubectl get events -n default");
        println!("Ctrl-C ends it.");
        Ok(())
    }
}

/// Prepares a cluster that the user has.
async fn existing(context: &str, kubeconfig: &Path) -> anyhow::Result<Client> {
    let options =
        KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(Kubeconfig::read()?, &options).await?;
    let client = Client::try_from(config.clone())?;
    let projects: Api<Project> = Api::all(client.clone());
    if let Ok(found) = projects.list(&ListParams::default().limit(1)).await {
        ensure!(
            found.items.is_empty(),
            "the cluster of context {context} has Projects, and Tenure would manage them; \
             choose a cluster without"
        );
    } else {
        for crd in install::crds() {
            apply(&client, &serde_json::json!(crd)).await?;
        }
        eventually("Projects are served", async || {
            projects.list(&ListParams::default()).await.ok()
        })
        .await;
    }
    let kargo = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": KARGO_NAMESPACE},
    });
    apply(&client, &kargo).await?;
    // The story is told without Kargo.
    let installation = Installation { mode: Mode::Standalone, ..Installation::default() };
    for manifest in install::manifests(&installation) {
        apply(&client, &manifest).await?;
    }
    tenure_testbed::write_token_kubeconfig(
        kubeconfig,
        &client,
        &config,
        TENURE_NAMESPACE,
        "tenure",
    )
    .await
    .context("get a token for Tenure")?;
    Ok(client)
}
