//! Watches on Warehouses and Stages, for `status.stats`, on clusters that have those kinds.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use kube::core::ApiResource;
use kube::runtime::watcher::{Config, Event};
use kube::{Api, ResourceExt as _};
use tenure_api::health_of;
use tenure_cluster::HealthByNamespace;
use tenure_core::keys;

use super::{Untyped, Watching};

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
        let resource = ApiResource {
            group: keys::KARGO_GROUP.to_owned(),
            version: "v1alpha1".to_owned(),
            api_version: format!("{}/v1alpha1", keys::KARGO_GROUP),
            kind: kind.to_owned(),
            plural,
        };
        let api: Api<Untyped> = Api::all_with(self.client.clone(), &resource);
        let mut events = Box::pin(self.events(api, Config::default()).ready_chunks(512));
        let mut listed = HealthByNamespace::new();
        while let Some(batch) = events.next().await {
            let mut concerned = BTreeSet::new();
            for event in batch {
                concerned.extend(self.health_event(kind, event, &mut listed));
            }
            if !concerned.is_empty() {
                tokio::time::sleep(GATHER).await;
                concerned.into_iter().for_each(|project| self.waker.wake(project));
            }
        }
    }

    /// Takes an event in. The Projects whose numbers it changed.
    fn health_event(
        &self,
        kind: &str,
        event: Event<Untyped>,
        listed: &mut HealthByNamespace,
    ) -> Vec<String> {
        let of = |object: &Untyped| (object.namespace().unwrap_or_default(), object.name_any());
        let changed = |(namespace, name): (String, String), health| {
            let changed = self.store.put_health(kind, &namespace, &name, health);
            changed.then_some(namespace).into_iter().collect()
        };
        match event {
            // What was known stays known until the list is complete.
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                if let Some(health) = health_of(kind, &object.data) {
                    let (namespace, name) = of(&object);
                    listed.entry(namespace.into()).or_default().insert(name.into(), health);
                }
            }
            Event::InitDone => return self.store.put_all_health(kind, std::mem::take(listed)),
            Event::Apply(object) => return changed(of(&object), health_of(kind, &object.data)),
            Event::Delete(object) => return changed(of(&object), None),
        }
        Vec::new()
    }

    async fn exists(&self, plural: &str) -> bool {
        let group = format!("{}/v1alpha1", keys::KARGO_GROUP);
        let resources = self.client.list_api_group_resources(&group).await;
        resources.is_ok_and(|list| list.resources.iter().any(|resource| resource.name == plural))
    }
}
