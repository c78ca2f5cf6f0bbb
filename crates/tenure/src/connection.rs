//! Which cluster, and the client to it.

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tenure_cluster::{Clock, connect_through};

use crate::arguments::ClusterArguments;

impl ClusterArguments {
    /// Connects; the clock listens to every answer.
    pub(crate) async fn client(&self, clock: &Clock) -> anyhow::Result<Client> {
        let options =
            KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = match &self.kubeconfig {
            Some(path) => {
                let kubeconfig = Kubeconfig::read_from(path)
                    .with_context(|| format!("read kubeconfig {}", path.display()))?;
                Config::from_custom_kubeconfig(kubeconfig, &options).await?
            }
            None if self.context.is_some() => Config::from_kubeconfig(&options).await?,
            None => Config::infer().await.context("find a cluster; give --kubeconfig")?,
        };
        connect_through(config, clock).context("connect to the cluster")
    }
}
