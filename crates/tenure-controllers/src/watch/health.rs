//! Watches on Warehouses and Stages, for `status.stats`, on clusters that have those kinds.

use std::time::Duration;

use futures::StreamExt as _;
use kube::core::ApiResource;
use kube::runtime::watcher::{Config, Event};
use kube::{Api, ResourceExt as _};
use tenure_api::health_of;
use tenure_core::keys;

use super::{Untyped, Watching, untyped};

/// How often to ask whether the kind exists, where it does not.
const ASK_AGAIN: Duration = Duration::from_mins(1);
/// How long changes are gathered before Projects are woken: health changes come in bursts, and
/// each would be a write.
const GATHER: Duration = Duration::from_secs(1);

impl Watching {
    pub(super) async fn health(self, kind: &'static str) {
        let plural = format!("{}s", kind.to_ascii_lowercase());
        while !self.exists(&plural).await {
            tokio::time::sleep(ASK_AGAIN).await;
        }
        self.store.count_health();
        let resource = ApiResource {
            group: keys::KARGO_GROUP.to_owned(),
            version: "v1alpha1".to_owned(),
            api_version: format!("{}/v1alpha1", keys::KARGO_GROUP),
            kind: kind.to_owned(),
            plural,
        };
        let api: Api<Untyped> = Api::all_with(self.client.clone(), &resource);
        let mut events = Box::pin(
            kube::runtime::watcher::watcher(api, Config::default().page_size(super::PAGE))
                .ready_chunks(512),
        );
        while let Some(batch) = events.next().await {
            let mut concerned = std::collections::BTreeSet::new();
            for event in batch {
                match event {
                    Ok(event) => concerned.extend(self.health_event(kind, event)),
                    Err(error) => {
                        self.metrics.watch_restart();
                        tracing::warn!(kind, %error, "a watch failed and is started again");
                        tokio::time::sleep(GATHER).await;
                    }
                }
            }
            if !concerned.is_empty() {
                tokio::time::sleep(GATHER).await;
                concerned.into_iter().for_each(|project| self.waker.wake(project));
            }
        }
    }

    /// Takes an event in. The Projects whose numbers it changed.
    fn health_event(&self, kind: &str, event: Event<Untyped>) -> Vec<String> {
        match event {
            Event::Init => self.store.clear_health(kind),
            Event::InitDone => Vec::new(),
            Event::InitApply(object) | Event::Apply(object) => {
                let namespace = object.namespace().unwrap_or_default();
                let health = health_of(kind, untyped(&object));
                let changed = self.store.put_health(kind, &namespace, &object.name_any(), health);
                changed.then_some(namespace).into_iter().collect()
            }
            Event::Delete(object) => {
                let namespace = object.namespace().unwrap_or_default();
                let changed = self.store.put_health(kind, &namespace, &object.name_any(), None);
                changed.then_some(namespace).into_iter().collect()
            }
        }
    }

    async fn exists(&self, plural: &str) -> bool {
        let group = format!("{}/v1alpha1", keys::KARGO_GROUP);
        let resources = self.client.list_api_group_resources(&group).await;
        resources.is_ok_and(|list| list.resources.iter().any(|resource| resource.name == plural))
    }
}
