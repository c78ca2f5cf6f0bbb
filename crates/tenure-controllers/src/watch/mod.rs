//! The watches: each fills the store and wakes the Projects that what it saw concerns.
//!
//! Namespaces and provisioned objects are watched by label and as metadata only, so what is
//! nobody's Project's costs nothing. A Namespace that leaves its watch may only have lost its
//! label: its Project is woken, and reads it, uncached.

mod access;
mod health;
mod pairs;
mod plans;

use std::fmt::Debug;
use std::sync::Arc;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Config, Event};
use kube::{Api, Client, Resource};
use tenure_cluster::{Store, Watched};
use tenure_core::{Mode, Settings};
use tokio::task::JoinSet;

use crate::{Metrics, Waker};

/// Everything a watch needs.
#[derive(Clone)]
pub(crate) struct Watching {
    pub(crate) client: Client,
    pub(crate) store: Arc<Store>,
    pub(crate) waker: Waker,
    pub(crate) metrics: Metrics,
    pub(crate) settings: Arc<Settings>,
}

/// Objects per page of the first list. Small, for a page is in memory as a whole.
const PAGE: u32 = 250;

impl Watching {
    /// Starts every watch. None of them ends.
    pub(crate) fn start(&self, tasks: &mut JoinSet<()>) {
        tasks.spawn(self.clone().projects());
        tasks.spawn(self.clone().namespaces());
        tasks.spawn(self.clone().project_crd());
        tasks.spawn(self.clone().plans());
        tasks.spawn(self.clone().policies());
        tasks.spawn(self.clone().breaker());
        if self.settings.mode == Mode::Companion {
            // What Kargo provides, and reports, is Kargo's to look after.
            Watched::PROVIDED.into_iter().for_each(|watched| self.store.complete(watched));
            return;
        }
        tasks.spawn(self.clone().controllers());
        self.provisioned(tasks);
        for kind in ["Warehouse", "Stage"] {
            tasks.spawn(self.clone().health(kind));
        }
    }

    /// Wakes every Project; beside Kargo, also those that are gone while their plans are not carried
    /// out.
    fn wake_all(&self) {
        let names = self.store.project_names().into_iter();
        names.chain(self.store.unfinished_projects()).for_each(|name| self.waker.wake(name));
    }

    /// The events of a watch, which is started again after errors.
    fn events<K>(&self, api: Api<K>, config: Config) -> impl Stream<Item = Event<K>> + use<K>
    where
        K: Resource + Clone + serde::de::DeserializeOwned + Debug + Send + 'static,
    {
        self.pages(api, config, PAGE)
    }

    /// The same, with so many objects per page of the first list.
    fn pages<K>(
        &self,
        api: Api<K>,
        config: Config,
        page: u32,
    ) -> impl Stream<Item = Event<K>> + use<K>
    where
        K: Resource + Clone + serde::de::DeserializeOwned + Debug + Send + 'static,
    {
        let metrics = self.metrics.clone();
        let kind = api.resource_url().to_owned();
        watcher::watcher(api, config.page_size(page))
            .default_backoff()
            .inspect_err(move |error| {
                metrics.watch_restart();
                tracing::warn!(%kind, %error, "a watch failed and is started again");
            })
            .filter_map(|event| std::future::ready(event.ok()))
    }
}

/// An object of a kind whose whole type is of no interest.
type Untyped = kube::core::DynamicObject;
