//! A stand-in for Kargo's management controller, as far as Projects and their Namespaces go:
//! its two reconcilers, and the webhook that is asked when a Project is created.
//!
//! It does what Kargo does, in Kargo's order, with Kargo's weaknesses; it is no model of what is
//! right. What makes it worth testing against:
//!
//! - it decides on what its *caches* hold, which may be old, and writes to what *is*;
//! - what a write is answered with replaces what the pass knows of that object, and no more: the
//!   caches learn of it when a watch tells them;
//! - a finalizer is put on or taken off by a merge patch of the whole list, and a DELETE carries a
//!   name and no more;
//! - whatever fails is logged as an error, and the whole pass is done again.
//!
//! [`Kargo`] is driven by hand: one call is one pass over one name, over caches that whoever
//! drives it fills ([`Cache::catch_up`]). [`run`] is a thin loop around it, with watches that fill
//! the caches, late if asked to, and with a work queue. [`Running`] is that loop as a process of
//! its own.
//!
//! Left out: everything about kinds other than these two, Kargo's own limit of 50 requests a
//! second (300 at once), and its lazy start of watches.

mod cache;
mod conditions;
mod install;
mod journal;
mod namespace;
mod process;
mod project;
mod provision;
mod queue;
mod run;
mod webhook;

use std::time::Duration;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tenure_core::keys;

pub use cache::{Cache, Shelf};
pub use install::{CONTROLLER, WEBHOOK, install, install_webhook};
pub use journal::{Journal, connect};
pub use process::{COMMAND_VARIABLE, Options, Running};
pub use run::{Delays, run};
pub use webhook::{Refusal, Webhook, serve};

/// The field manager of every write, which is the name of Kargo's binary.
pub const FIELD_MANAGER: &str = "kargo";
/// When a Project that is as it should be is looked at again.
pub const RESYNC: Duration = Duration::from_secs(300);

/// Kargo's management controller.
pub struct Kargo {
    client: Client,
    cache: Cache,
    journal: Journal,
    namespace: String,
}

impl Kargo {
    /// The controller as it starts: its caches hold nothing. Kargo runs in that namespace.
    pub fn new(client: Client, namespace: &str, journal: Journal) -> Self {
        let cache = Cache::new(client.clone(), namespace);
        Self { client, cache, journal, namespace: namespace.to_owned() }
    }

    /// What it decides on.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// What it logs.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    fn cluster<K>(&self) -> Api<K>
    where
        K: Resource<Scope = kube::core::ClusterResourceScope, DynamicType = ()>,
    {
        Api::all(self.client.clone())
    }
}

/// An object that may carry Kargo's finalizer.
trait Finalized: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug {}
impl<K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug> Finalized for K {}

/// Puts the finalizer on, unless it is on what is known of the object.
async fn ensure_finalizer<K: Finalized>(api: &Api<K>, object: &mut K) -> kube::Result<()> {
    let finalizers = object.meta_mut().finalizers.get_or_insert_default();
    if finalizers.iter().any(|finalizer| finalizer == keys::FINALIZER) {
        return Ok(());
    }
    finalizers.push(keys::FINALIZER.to_owned());
    patch_finalizers(api, object).await
}

/// Takes the finalizer off, if it is on what is known of the object.
async fn remove_finalizer<K: Finalized>(api: &Api<K>, object: &mut K) -> kube::Result<()> {
    let finalizers = object.meta_mut().finalizers.get_or_insert_default();
    let before = finalizers.len();
    finalizers.retain(|finalizer| finalizer != keys::FINALIZER);
    if finalizers.len() == before {
        return Ok(());
    }
    patch_finalizers(api, object).await
}

/// Replaces the whole list, whatever it is by now, and takes the answer for the object.
async fn patch_finalizers<K: Finalized>(api: &Api<K>, object: &mut K) -> kube::Result<()> {
    let name = object.meta().name.clone().unwrap_or_default();
    let list = object.meta().finalizers.clone().unwrap_or_default();
    let patch = Patch::Merge(json!({"metadata": {"finalizers": list}}));
    *object = api.patch(&name, &patching(), &patch).await?;
    Ok(())
}

/// Deletes whatever has that name.
async fn delete<K>(api: &Api<K>, name: &str) -> kube::Result<()>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    match api.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        answer => answer.map(drop),
    }
}

async fn create<K>(api: &Api<K>, object: &K) -> kube::Result<K>
where
    K: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), dry_run: false };
    api.create(&params, object).await
}

fn patching() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() }
}
