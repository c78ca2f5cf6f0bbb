//! Which replica acts. The Lease saves work; it is not what makes two replicas safe.

use anyhow::Context as _;
use kube::Client;
use kube_lease_manager::LeaseManagerBuilder;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Name of the Lease.
pub(crate) const LEASE: &str = "tenure";
/// Seconds after which a Lease that was not renewed may be taken.
const DURATION: u64 = 30;
/// Seconds before that at which it is renewed.
const GRACE: u64 = 15;

/// The right to act, as a value that changes, and the task that keeps it.
pub(crate) struct Leadership {
    pub(crate) leads: watch::Receiver<bool>,
    keeper: Option<JoinHandle<()>>,
}

impl Leadership {
    /// Acts without asking.
    pub(crate) fn always() -> Self {
        let (sender, leads) = watch::channel(true);
        // The sender lives as long as its task, which never ends: nobody takes it away.
        let keeper = tokio::spawn(async move { sender.closed().await });
        Self { leads, keeper: Some(keeper) }
    }

    /// Acts while it holds the Lease.
    pub(crate) async fn by_lease(client: Client, namespace: &str) -> anyhow::Result<Self> {
        let manager = LeaseManagerBuilder::new(client, LEASE)
            .with_namespace(namespace)
            .with_duration(DURATION)
            .with_grace(GRACE)
            .build()
            .await
            .with_context(|| format!("take part in the election by lease {namespace}/{LEASE}"))?;
        let (leads, task) = manager.watch().await;
        let keeper = tokio::spawn(async move {
            match task.await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::error!(%error, "the election ended"),
                Err(error) => tracing::error!(%error, "the election ended"),
            }
        });
        Ok(Self { leads, keeper: Some(keeper) })
    }

    /// Gives the right back, so that another replica need not wait for the Lease to expire.
    pub(crate) async fn give_back(mut self) {
        let keeper = self.keeper.take();
        drop(self.leads);
        if let Some(keeper) = keeper {
            let patience = std::time::Duration::from_secs(5);
            if tokio::time::timeout(patience, keeper).await.is_err() {
                tracing::warn!("the lease was not given back in time");
            }
        }
    }
}
