//! Reading the provisioned access, and comparing it with what it should be.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::ListParams;
use kube::core::ObjectMeta;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tenure_api::access::{AccessObject, Tenant};
use tenure_core::access::{
    AccessFacts, AccessKey, AccessKind, AccessState, cluster_role_name, wanted,
};
use tenure_core::lifecycle::Access;
use tenure_core::{Mode, Uid, keys};

use crate::gather::Cluster;
use crate::world::{Found, World};
use crate::{AccessSlot, RequestError};

/// Objects per page of a list.
const PAGE: u32 = 500;

impl Cluster {
    /// Reads the provisioned access of a Project, in its Namespace and outside.
    pub(crate) async fn read_access(&self, world: &mut World) -> Result<(), RequestError> {
        if self.settings.mode == Mode::Companion {
            return self.read_kargos_access(world).await;
        }
        let mut objects = Vec::new();
        // What is in a terminating Namespace goes with it.
        if world.namespace_facts.as_ref().is_some_and(|ns| ns.deleting.is_none()) {
            self.list::<ServiceAccount>(world, AccessObject::ServiceAccount, &mut objects).await?;
            self.list::<Role>(world, AccessObject::Role, &mut objects).await?;
            self.list::<RoleBinding>(world, AccessObject::RoleBinding, &mut objects).await?;
        }
        let name = cluster_role_name(&world.name);
        let roles: Api<ClusterRole> = Api::all(self.client.clone());
        let bindings: Api<ClusterRoleBinding> = Api::all(self.client.clone());
        let role = self.within(format!("read clusterrole {name}"), roles.get_opt(&name)).await?;
        let binding =
            self.within(format!("read clusterrolebinding {name}"), bindings.get_opt(&name)).await?;
        objects.extend(role.map(AccessObject::ClusterRole));
        objects.extend(binding.map(AccessObject::ClusterRoleBinding));
        match world.tenant_uid() {
            Some(uid) => self.judge(world, &uid, objects),
            None => left_over(world, objects),
        }
        Ok(())
    }

    /// Lists the objects of a kind that are of interest: ours, and those that stand where ours
    /// should. A namespace may hold thousands of others.
    async fn list<K>(
        &self,
        world: &World,
        wrap: fn(K) -> AccessObject,
        into: &mut Vec<AccessObject>,
    ) -> Result<(), RequestError>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &world.name);
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let doing = format!("list {} in {}", K::plural(&()), world.name);
            let page = self.within(doing, api.list(&params)).await?;
            let interesting = |meta: &ObjectMeta| {
                label(meta).is_some()
                    || meta.name.as_deref().is_some_and(|name| {
                        AccessKind::NAMESPACED.iter().any(|kind| {
                            AccessKey { kind: *kind, name: name.to_owned() }
                                .provisionable(&world.name)
                        })
                    })
            };
            into.extend(page.items.into_iter().filter(|k| interesting(k.meta())).map(wrap));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(()),
            }
        }
    }

    /// Says of every object what it is to us.
    fn judge(&self, world: &mut World, uid: &Uid, objects: Vec<AccessObject>) {
        let tenant = self.tenant(world, uid);
        let former = world.project_facts.as_ref().and_then(|p| p.restored_from.clone());
        let inherited = world
            .namespace_facts
            .as_ref()
            .and_then(|ns| ns.ledger.as_ref()?.as_ref().ok())
            .map(|ledger| ledger.inherited.clone())
            .unwrap_or_default();
        let mut by_key: BTreeMap<AccessKey, AccessObject> = BTreeMap::new();
        for object in objects {
            by_key.insert(key_of(&object), object);
        }
        let mut facts = AccessFacts::default();
        let mut found = BTreeMap::new();
        let mut slots = Vec::new();
        let wanted = wanted(&world.name, &self.store.controllers());
        for key in &wanted {
            let state = match by_key.get(key) {
                None => AccessState::Missing,
                Some(object) => {
                    let desired = tenant.object(key);
                    let labelled = label(object.metadata()) == Some(uid.as_str());
                    let matches = desired.grants_the_same(object);
                    // Outside the Namespace a label that names another Project names one that is
                    // gone, for a Project's name is its own.
                    let of_the_dead =
                        !labelled && !key.kind.namespaced() && label(object.metadata()).is_some();
                    // What was provisioned for the Project in whose place this one was made.
                    let relabel = !labelled
                        && former.as_ref().is_some_and(|former| {
                            label(object.metadata()) == Some(former.as_str())
                        });
                    let of_the_dead = of_the_dead && !relabel;
                    let listed = inherited.contains(&key.to_string());
                    if !labelled && !listed && made_by_kargo(object.metadata()) {
                        facts.kargos.push(key.clone());
                    }
                    let matches = matches && !of_the_dead && !relabel;
                    let ours = labelled || listed || of_the_dead || relabel;
                    if matches && labelled {
                        slots.push(AccessSlot::verified(key, uid, object.metadata()));
                    }
                    let found_now = Found {
                        meta: object.metadata().clone(),
                        labelled,
                        relabel,
                        anew: of_the_dead || desired.refers_elsewhere(object),
                    };
                    found.insert(key.clone(), found_now);
                    match (ours, matches) {
                        (true, true) => AccessState::Current,
                        (true, false) => AccessState::Drifted,
                        (false, matches) => AccessState::Foreign { matches },
                    }
                }
            };
            facts.wanted.push((key.clone(), state));
        }
        for (key, object) in by_key {
            let labelled = label(object.metadata()) == Some(uid.as_str());
            if !wanted.contains(&key) && labelled {
                // What no Project could have been given is a copy that somebody made, label and
                // all. It is not ours, but a deletion by label would take it.
                if key.provisionable(&world.name) {
                    facts.surplus.push(key.clone());
                }
                let meta = object.metadata().clone();
                found.insert(key, Found { meta, labelled, relabel: false, anew: false });
            }
        }
        world.access = Access::Known(facts);
        world.found = found;
        self.store.put_access(&world.name, slots);
    }

    /// For whom access is provided in this world.
    pub(crate) fn tenant<'a>(&'a self, world: &'a World, uid: &'a Uid) -> Tenant<'a> {
        let annotations = world.project.as_ref().and_then(|p| p.metadata.annotations.as_ref());
        Tenant {
            project: &world.name,
            uid,
            create_actor: annotations.and_then(|a| a.get(keys::CREATE_ACTOR)).map(String::as_str),
            kargo_namespace: &self.settings.kargo_namespace,
        }
    }
}

/// What is left, outside any Namespace, of a Project that is gone.
fn left_over(world: &mut World, objects: Vec<AccessObject>) {
    let mut facts = AccessFacts::default();
    for object in objects.iter().filter(|object| label(object.metadata()).is_some()) {
        let key = key_of(object);
        let meta = object.metadata().clone();
        world
            .found
            .insert(key.clone(), Found { meta, labelled: true, relabel: false, anew: false });
        facts.surplus.push(key);
    }
    world.access = Access::Known(facts);
}

/// Whether Kargo's controller wrote the object, by `managedFields`.
pub(crate) fn made_by_kargo(meta: &ObjectMeta) -> bool {
    meta.managed_fields.iter().flatten().any(|entry| entry.manager.as_deref() == Some("kargo"))
}

/// The UID of the Project that the object says it was provisioned for.
pub(crate) fn label(meta: &ObjectMeta) -> Option<&str> {
    meta.labels.as_ref()?.get(keys::PROJECT_UID).map(String::as_str)
}

fn key_of(object: &AccessObject) -> AccessKey {
    let kind = match object {
        AccessObject::ServiceAccount(_) => AccessKind::ServiceAccount,
        AccessObject::Role(_) => AccessKind::Role,
        AccessObject::RoleBinding(_) => AccessKind::RoleBinding,
        AccessObject::ClusterRole(_) => AccessKind::ClusterRole,
        AccessObject::ClusterRoleBinding(_) => AccessKind::ClusterRoleBinding,
    };
    AccessKey { kind, name: object.metadata().name.clone().unwrap_or_default() }
}
