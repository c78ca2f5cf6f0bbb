//! Watches on what was provisioned, by its label and as metadata only.

use std::collections::HashSet;
use std::fmt::Debug;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::runtime::watcher::{Config, Event};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tenure_cluster::{AccessSlot, Watched};
use tenure_core::access::{AccessKey, AccessKind, PROJECT_ADMIN};
use tenure_core::keys;
use tokio::task::JoinSet;

use super::Watching;

impl Watching {
    pub(super) fn provisioned(&self, tasks: &mut JoinSet<()>) {
        use AccessKind as Kind;
        tasks.spawn(
            self.clone().kind::<ServiceAccount>(Kind::ServiceAccount, Watched::ServiceAccounts),
        );
        tasks.spawn(self.clone().kind::<Role>(Kind::Role, Watched::Roles));
        tasks.spawn(self.clone().kind::<RoleBinding>(Kind::RoleBinding, Watched::RoleBindings));
        tasks.spawn(self.clone().kind::<ClusterRole>(Kind::ClusterRole, Watched::ClusterRoles));
        tasks.spawn(
            self.clone()
                .kind::<ClusterRoleBinding>(Kind::ClusterRoleBinding, Watched::ClusterRoleBindings),
        );
    }

    async fn kind<K>(self, kind: AccessKind, watched: Watched)
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let api: Api<PartialObjectMeta<K>> = Api::all(self.client.clone());
        let mut events = Box::pin(self.events(api, Config::default().labels(keys::PROJECT_UID)));
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Event::Init => listed.clear(),
                Event::InitApply(object) => {
                    if let Some((project, key)) = whose(kind, object.meta()) {
                        let name = if kind.namespaced() { key.name.clone() } else { String::new() };
                        listed.insert((project, name));
                    }
                    self.provisioned_object(kind, object.meta());
                }
                Event::InitDone => {
                    self.store
                        .retain_access(kind, &listed)
                        .into_iter()
                        .for_each(|project| self.waker.wake(project));
                    self.store.complete(watched);
                    listed = HashSet::new();
                }
                Event::Apply(object) => self.provisioned_object(kind, object.meta()),
                Event::Delete(object) => {
                    if let Some((project, key)) = whose(kind, object.meta())
                        && self.store.remove_access(&project, &key, object.meta())
                    {
                        self.waker.wake(project);
                    }
                }
            }
        }
    }

    fn provisioned_object(&self, kind: AccessKind, meta: &ObjectMeta) {
        let Some((project, key)) = whose(kind, meta) else { return };
        let Some(owner) = meta.labels.as_ref().and_then(|labels| labels.get(keys::PROJECT_UID))
        else {
            return;
        };
        if self.store.put_access(&project, vec![AccessSlot::seen(&key, owner, meta)]) {
            self.waker.wake(project);
        }
    }
}

/// The Project an object belongs to, by where it is or how it is named.
fn whose(kind: AccessKind, meta: &ObjectMeta) -> Option<(String, AccessKey)> {
    let name = meta.name.clone()?;
    let project = if kind.namespaced() {
        meta.namespace.clone()?
    } else {
        name.strip_prefix(PROJECT_ADMIN)?.strip_prefix('-')?.to_owned()
    };
    // What no Project is ever given is a copy that somebody made; it is not worth remembering.
    let key = AccessKey { kind, name };
    key.provisionable(&project).then_some((project, key))
}
