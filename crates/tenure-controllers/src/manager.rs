//! Everything that runs while the server does: watches, queue, and whether they still live.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;
use tenure_cluster::{Cluster, Store, Tended};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::metrics;
use crate::project::Reconciler;
use crate::watch::Watching;
use crate::{Metrics, Queue, Waker};

/// Projects worked on at once. The work is waiting for the API server, whose priority and
/// fairness is the one to say how much is too much.
const AT_ONCE: usize = 64;
/// How often plans that have ended are looked after.
const TEND: Duration = Duration::from_hours(1);
/// How soon again, if that failed.
const TEND_AGAIN: Duration = Duration::from_mins(5);
/// How often it is checked whether the first lists are complete.
const CHECK: Duration = Duration::from_millis(20);

/// The controllers of one replica.
pub struct Manager {
    cluster: Cluster,
    metrics: Metrics,
    waker: Waker,
    queue: Queue,
    health: Health,
    plan_retention: Duration,
}

/// Whether the controllers are as they should be; shared with who answers probes.
#[derive(Clone)]
pub struct Health {
    store: Arc<Store>,
    alive: Arc<AtomicBool>,
    registry: Arc<Registry>,
}

impl Health {
    /// Whether every task lives.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// Whether every task lives and the caches are complete.
    pub fn is_ready(&self) -> bool {
        self.is_alive() && self.store.is_complete()
    }

    /// The metrics in the Prometheus text format.
    pub fn metrics(&self) -> String {
        metrics::text(&self.registry)
    }
}

/// The controllers stopped although nobody told them to.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// A watch ended or panicked.
    #[error("a watch ended: {0}")]
    Watch(String),
    /// The work on a Project panicked.
    #[error(transparent)]
    Work(#[from] crate::queue::Panicked),
}

impl Manager {
    /// The controllers for that cluster.
    pub fn new(cluster: Cluster, plan_retention: Duration) -> Self {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let (waker, queue) = Queue::new();
        let health = Health {
            store: cluster.store().clone(),
            alive: Arc::new(AtomicBool::new(true)),
            registry: Arc::new(registry),
        };
        Self { cluster, metrics, waker, queue, health, plan_retention }
    }

    /// Whether the controllers are as they should be.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// What the controllers count.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Runs until told to stop. Watches always run, so that a replica that comes to lead knows
    /// what there is; work is done only while it leads and once every first list is complete.
    ///
    /// # Errors
    /// If a task ended that should not have.
    pub async fn run(
        self,
        leads: watch::Receiver<bool>,
        stop: watch::Receiver<bool>,
    ) -> Result<(), ManagerError> {
        let mut watches = JoinSet::new();
        let watching = Watching {
            client: self.cluster.client().clone(),
            store: self.cluster.store().clone(),
            waker: self.waker.clone(),
            metrics: self.metrics.clone(),
            settings: self.cluster.settings().clone(),
        };
        watching.start(&mut watches);
        let (act, active) = watch::channel(false);
        let acting = acting(self.cluster.store().clone(), leads, act);
        let tending = tending(self.cluster.clone(), active.clone(), self.plan_retention);
        let reconciler = Arc::new(Reconciler::new(self.cluster, self.metrics));
        let work = move |name: String| {
            let reconciler = reconciler.clone();
            async move {
                let verdict = reconciler.reconcile(&name).await;
                (name, verdict)
            }
        };
        let queue = self.queue.run(AT_ONCE, active, stop, work);
        let outcome = tokio::select! {
            done = queue => done.map_err(ManagerError::from),
            () = tending => Err(ManagerError::Watch("of old plans".to_owned())),
            () = acting => Err(ManagerError::Watch("of the lease".to_owned())),
            Some(ended) = watches.join_next() => {
                let why = ended.err().map_or_else(|| "of its own accord".to_owned(), |e| e.to_string());
                Err(ManagerError::Watch(why))
            }
        };
        self.health.alive.store(outcome.is_ok(), Ordering::Relaxed);
        outcome
    }
}

/// Looks after plans that have ended, while this replica acts.
async fn tending(cluster: Cluster, mut active: watch::Receiver<bool>, retention: Duration) {
    while active.wait_for(|active| *active).await.is_ok() {
        let pause = match cluster.tend_plans(retention).await {
            Ok(Tended { pruned, unkept }) => {
                if pruned > 0 {
                    tracing::info!(pruned, "plans that ended long ago were deleted");
                }
                if unkept == 0 { TEND } else { TEND_AGAIN }
            }
            Err(error) => {
                tracing::warn!(%error, "old plans stay a while longer");
                TEND_AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Lets work be done while this replica leads and the caches are complete.
async fn acting(store: Arc<Store>, mut leads: watch::Receiver<bool>, act: watch::Sender<bool>) {
    while !store.is_complete() {
        tokio::time::sleep(CHECK).await;
    }
    loop {
        act.send_replace(*leads.borrow_and_update());
        if leads.changed().await.is_err() {
            return;
        }
    }
}
