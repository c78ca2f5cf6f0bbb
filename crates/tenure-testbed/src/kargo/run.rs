//! The loop: watches fill the caches, what they tell of is queued, four workers of each kind pass.

use std::convert::Infallible;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _, join_all, select_all};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch as signal};
use tokio::time::{Instant, sleep_until};

use super::cache::{Shelf, kargo_kind, key_of};
use super::queue::Queue;
use super::{Cache, Kargo};

/// Workers of each kind.
const WORKERS: usize = 4;

/// How long after it came each piece of news gets into the cache.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delays {
    /// News of Projects.
    pub projects: Duration,
    /// News of Namespaces.
    pub namespaces: Duration,
}

/// Runs the controller until this is dropped. What is given is called once it acts.
///
/// # Errors
/// If a watch ends for good, which none does by itself.
pub async fn run(
    kargo: Arc<Kargo>,
    delays: Delays,
    acts: impl FnOnce() + Send,
) -> anyhow::Result<Infallible> {
    let (projects, namespaces) = (Arc::new(Queue::default()), Arc::new(Queue::default()));
    let cache = kargo.cache();
    let told = [listen(&cache.projects, &projects), listen(&cache.namespaces, &namespaces)];
    let mut watches = Watches::default();
    watches.all(&kargo, delays);
    let Watches { running, synced } = watches;
    let act = async {
        for mut synced in synced {
            // It ends only with the watch, of whose end the other branch tells.
            let _ = synced.wait_for(|synced| *synced).await;
        }
        if let Err(error) = kargo.hold_controllers().await {
            kargo.journal().error_of::<()>("serviceaccount", &kargo.namespace, &Err(error));
        }
        acts();
        let workers = (0..WORKERS).flat_map(|_| {
            [
                work_on_projects(&kargo, &projects).boxed(),
                work_on_namespaces(&kargo, &namespaces).boxed(),
            ]
        });
        join_all(workers).await;
    };
    let ended = select_all(running.into_iter().chain([act.boxed()]).chain(told)).await;
    drop(ended);
    Err(anyhow!("a watch ended"))
}

async fn work_on_projects(kargo: &Kargo, queue: &Queue) {
    loop {
        let name = queue.next().await;
        match kargo.reconcile_project(&name).await {
            Ok(again) => queue.done(&name, again),
            Err(_) => queue.failed(&name),
        }
    }
}

async fn work_on_namespaces(kargo: &Kargo, queue: &Queue) {
    loop {
        let name = queue.next().await;
        match kargo.reconcile_namespace(&name).await {
            Ok(()) => queue.done(&name, None),
            Err(_) => queue.failed(&name),
        }
    }
}

/// Queues the names of what comes onto a shelf.
fn listen<K: Clone>(shelf: &Shelf<K>, queue: &Arc<Queue>) -> BoxFuture<'static, ()> {
    let (listener, mut names) = mpsc::unbounded_channel();
    shelf.listen(listener);
    let queue = queue.clone();
    async move {
        while let Some(name) = names.recv().await {
            queue.add(name);
        }
    }
    .boxed()
}

/// Watches, and for each whether its shelf is complete.
#[derive(Default)]
pub(super) struct Watches<'a> {
    pub(super) running: Vec<BoxFuture<'a, ()>>,
    pub(super) synced: Vec<signal::Receiver<bool>>,
}

impl<'a> Watches<'a> {
    fn all(&mut self, kargo: &'a Kargo, delays: Delays) {
        let (cache, client): (&Cache, _) = (kargo.cache(), &kargo.client);
        let none = Duration::ZERO;
        self.add(Api::all(client.clone()), &cache.projects, delays.projects);
        self.add(Api::all(client.clone()), &cache.namespaces, delays.namespaces);
        self.add(Api::all(client.clone()), &cache.accounts, none);
        self.add(Api::all(client.clone()), &cache.roles, none);
        self.add(Api::all(client.clone()), &cache.role_bindings, none);
        self.add(Api::all(client.clone()), &cache.cluster_roles, none);
        self.add(Api::all(client.clone()), &cache.cluster_role_bindings, none);
        self.add(Api::all_with(client.clone(), &kargo_kind("Warehouse")), &cache.warehouses, none);
        self.add(Api::all_with(client.clone(), &kargo_kind("Stage")), &cache.stages, none);
    }

    pub(super) fn add<K>(&mut self, api: Api<K>, shelf: &'a Shelf<K>, delay: Duration)
    where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let (tell, synced) = signal::channel(false);
        self.running.push(fill(api, shelf, delay, tell).boxed());
        self.synced.push(synced);
    }
}

/// Puts onto the shelf what a watch tells, each piece as long after it came as it is delayed.
async fn fill<K>(api: Api<K>, shelf: &Shelf<K>, delay: Duration, synced: signal::Sender<bool>)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let (sender, mut late) = mpsc::unbounded_channel();
    let mut events = pin!(watch(api, watcher::Config::default()).default_backoff());
    let receive = async {
        while let Some(event) = events.next().await {
            // Errors are waited after and not told: the caches get old, which is all there is to
            // them. The other end lives as long as this one.
            let _ = event.map(|event| sender.send((Instant::now() + delay, event)));
        }
    };
    let deliver = async {
        let mut listed = Vec::new();
        while let Some((at, event)) = late.recv().await {
            // Even what is over takes a timer up to a millisecond, in which the next pass begins.
            if !delay.is_zero() {
                sleep_until(at).await;
            }
            take(shelf, event, &mut listed, &synced);
        }
    };
    futures::future::join(receive, deliver).await;
}

fn take<K>(
    shelf: &Shelf<K>,
    event: Event<K>,
    listed: &mut Vec<super::cache::Key>,
    synced: &signal::Sender<bool>,
) where
    K: Resource + Clone,
{
    match event {
        Event::Init => listed.clear(),
        Event::InitApply(object) => {
            listed.push(key_of(&object));
            shelf.deliver(key_of(&object), Some(object));
        }
        Event::InitDone => {
            let gone = shelf.keys().into_iter().filter(|key| !listed.contains(key));
            gone.for_each(|key| shelf.deliver(key, None));
            synced.send_replace(true);
        }
        Event::Apply(object) => shelf.deliver(key_of(&object), Some(object)),
        Event::Delete(object) => shelf.deliver(key_of(&object), None),
    }
}
