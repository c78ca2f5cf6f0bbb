//! Steps on the provisioned access.
//!
//! The requests of one step do not depend on each other and are sent together. If some fail,
//! the step has failed, and what they left is read again.

use std::fmt::Debug;

use futures::future::{join_all, try_join_all};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{DeleteParams, ListParams, Preconditions};
use kube::core::{NamespaceResourceScope, ObjectMeta};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenure_api::access::AccessObject;
use tenure_core::access::{AccessKey, AccessKind, AccessState};
use tenure_core::lifecycle::Access;
use tenure_core::{Mode, Uid, keys};

use super::{patch, post};
use crate::gather::Cluster;
use crate::patch::ObjectPatch;
use crate::world::{Found, World};
use crate::{AccessSlot, RequestError};

impl Cluster {
    pub(super) async fn provision(
        &self,
        keys: &[AccessKey],
        world: &mut World,
    ) -> Result<(), RequestError> {
        let Some(uid) = world.tenant_uid() else { return Ok(()) };
        let tenant = self.tenant(world, &uid);
        let created =
            join_all(keys.iter().map(|key| self.create(&world.name, tenant.object(key)))).await;
        let mut slots = Vec::new();
        let mut failure = None;
        for (key, answer) in keys.iter().zip(created) {
            match answer {
                Ok(meta) => {
                    slots.push(AccessSlot::verified(key, &uid, &meta));
                    world.mark(key, AccessState::Current, Some(meta));
                }
                // Of several failures the one that a person can mend is worth telling.
                Err(error) => failure = worse(failure, error),
            }
        }
        self.store.put_access(&world.name, slots);
        failure.map_or(Ok(()), Err)
    }

    pub(super) async fn repair(
        &self,
        keys: &[AccessKey],
        world: &mut World,
    ) -> Result<(), RequestError> {
        let Some(uid) = world.tenant_uid() else { return Ok(()) };
        try_join_all(keys.iter().map(|key| self.repair_one(world, &uid, key))).await?;
        // What they are now, and their versions, is read again.
        world.access = Access::Unread;
        Ok(())
    }

    async fn repair_one(
        &self,
        world: &World,
        uid: &Uid,
        key: &AccessKey,
    ) -> Result<(), RequestError> {
        let Some(found) = world.found.get(key) else { return Ok(()) };
        let desired = self.tenant(world, uid).object(key);
        if found.anew {
            self.delete_one(&world.name, key, found).await?;
            return self.create(&world.name, desired).await.map(drop);
        }
        let mut change = ObjectPatch::of(&found.meta);
        if found.relabel {
            change = change.label(keys::PROJECT_UID, uid.as_str());
        }
        if let Some((path, value)) = desired.grant() {
            change = change.set(path, value);
        }
        let change = change.build();
        if super::is_empty(&change) {
            return Ok(());
        }
        let doing = format!("repair {key} in {}", world.name);
        let params = patch();
        macro_rules! send {
            ($api:expr) => {
                self.within(doing, $api.patch_metadata(&key.name, &params, &change)).await.map(drop)
            };
        }
        match key.kind {
            AccessKind::ServiceAccount => send!(self.in_namespace::<ServiceAccount>(&world.name)),
            AccessKind::Role => send!(self.in_namespace::<Role>(&world.name)),
            AccessKind::RoleBinding => send!(self.in_namespace::<RoleBinding>(&world.name)),
            AccessKind::ClusterRole => send!(self.cluster_wide::<ClusterRole>()),
            AccessKind::ClusterRoleBinding => send!(self.cluster_wide::<ClusterRoleBinding>()),
        }
    }

    pub(super) async fn remove_access(
        &self,
        keys: &[AccessKey],
        world: &mut World,
    ) -> Result<(), RequestError> {
        if self.settings.mode == Mode::Companion {
            return self.take_kargos_access(keys, world).await;
        }
        let (whole, single) = split(keys, world);
        let uid = world.tenant_uid();
        let collections = whole
            .iter()
            .filter_map(|kind| Some(self.delete_labelled(&world.name, *kind, uid.as_ref()?)));
        let one_by_one = single.iter().filter_map(|key| {
            let found = world.found.get(*key)?;
            Some(self.delete_one(&world.name, key, found))
        });
        let (collections, one_by_one) =
            futures::future::join(try_join_all(collections), try_join_all(one_by_one)).await;
        collections?;
        one_by_one?;
        for key in keys {
            world.mark(key, AccessState::Missing, None);
        }
        Ok(())
    }

    async fn create(
        &self,
        namespace: &str,
        object: AccessObject,
    ) -> Result<ObjectMeta, RequestError> {
        let doing = {
            let meta = object.metadata();
            format!("create {} in {namespace}", meta.name.as_deref().unwrap_or_default())
        };
        match object {
            AccessObject::ServiceAccount(o) => {
                self.send(doing, self.in_namespace(namespace), &o).await
            }
            AccessObject::Role(o) => self.send(doing, self.in_namespace(namespace), &o).await,
            AccessObject::RoleBinding(o) => {
                self.send(doing, self.in_namespace(namespace), &o).await
            }
            AccessObject::ClusterRole(o) => self.send(doing, self.cluster_wide(), &o).await,
            AccessObject::ClusterRoleBinding(o) => self.send(doing, self.cluster_wide(), &o).await,
        }
    }

    /// Deletes everything of a kind that was provisioned for that Project, in one request.
    async fn delete_labelled(
        &self,
        namespace: &str,
        kind: AccessKind,
        uid: &Uid,
    ) -> Result<(), RequestError> {
        let selector = ListParams::default().labels(&format!("{}={uid}", keys::PROJECT_UID));
        let params = DeleteParams::default();
        let doing = format!("delete provisioned {}s in {namespace}", kind.as_str());
        macro_rules! send {
            ($kind:ty) => {
                self.within(
                    doing,
                    self.in_namespace::<$kind>(namespace).delete_collection(&params, &selector),
                )
                .await
                .map(drop)
            };
        }
        match kind {
            AccessKind::ServiceAccount => send!(ServiceAccount),
            AccessKind::Role => send!(Role),
            AccessKind::RoleBinding => send!(RoleBinding),
            AccessKind::ClusterRole | AccessKind::ClusterRoleBinding => Ok(()),
        }
    }

    pub(crate) async fn delete_one(
        &self,
        namespace: &str,
        key: &AccessKey,
        found: &Found,
    ) -> Result<(), RequestError> {
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: found.meta.uid.clone(),
                resource_version: None,
            }),
            ..Default::default()
        };
        let doing = format!("delete {key} of {namespace}");
        macro_rules! send {
            ($api:expr) => {
                self.within(doing, $api.delete(&key.name, &params)).await.map(drop)
            };
        }
        let answer = match key.kind {
            AccessKind::ServiceAccount => send!(self.in_namespace::<ServiceAccount>(namespace)),
            AccessKind::Role => send!(self.in_namespace::<Role>(namespace)),
            AccessKind::RoleBinding => send!(self.in_namespace::<RoleBinding>(namespace)),
            AccessKind::ClusterRole => send!(self.cluster_wide::<ClusterRole>()),
            AccessKind::ClusterRoleBinding => send!(self.cluster_wide::<ClusterRoleBinding>()),
        };
        match answer {
            Err(error) if error.is_not_found() => Ok(()),
            answer => answer,
        }
    }

    async fn send<K>(
        &self,
        doing: String,
        api: Api<K>,
        object: &K,
    ) -> Result<ObjectMeta, RequestError>
    where
        K: Resource + Clone + DeserializeOwned + Serialize + Debug,
    {
        Ok(self.within(doing, api.create(&post(), object)).await?.meta().clone())
    }

    pub(crate) fn in_namespace<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    fn cluster_wide<K: Resource<DynamicType = ()>>(&self) -> Api<K> {
        Api::all(self.client.clone())
    }
}

/// Which kinds can be deleted by label, and which objects must be deleted one by one: those
/// that stand alone, those without our label, and those of a kind of which somebody copied one,
/// label and all.
fn split<'k>(keys: &'k [AccessKey], world: &World) -> (Vec<AccessKind>, Vec<&'k AccessKey>) {
    let mut whole = Vec::new();
    let mut single: Vec<&AccessKey> = keys.iter().filter(|key| !key.kind.namespaced()).collect();
    for kind in AccessKind::NAMESPACED {
        let wanted: Vec<_> = keys.iter().filter(|key| key.kind == kind).collect();
        let labelled = |key: &AccessKey| world.found.get(key).is_some_and(|found| found.labelled);
        let strays = world
            .found
            .keys()
            .any(|key| key.kind == kind && labelled(key) && !wanted.contains(&key));
        let (by_label, alone): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|key| labelled(key));
        single.extend(alone);
        if by_label.len() > 1 && !strays {
            whole.push(kind);
        } else {
            single.extend(by_label);
        }
    }
    (whole, single)
}

fn worse(one: Option<RequestError>, other: RequestError) -> Option<RequestError> {
    use crate::Category::Refused;
    match one {
        Some(one) if one.category() == Refused || other.category() != Refused => Some(one),
        _ => Some(other),
    }
}

impl World {
    pub(crate) fn mark(&mut self, key: &AccessKey, state: AccessState, meta: Option<ObjectMeta>) {
        if let Access::Known(access) = &mut self.access {
            if let Some(entry) = access.wanted.iter_mut().find(|(wanted, _)| wanted == key) {
                entry.1 = state;
            }
            if state == AccessState::Missing {
                access.surplus.retain(|surplus| surplus != key);
            }
        }
        match meta {
            Some(meta) => {
                self.found.insert(
                    key.clone(),
                    Found { meta, labelled: true, relabel: false, anew: false },
                );
            }
            None => {
                self.found.remove(key);
            }
        }
    }
}
