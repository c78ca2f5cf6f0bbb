//! What Kargo provided in a Namespace, beside which Tenure runs, and taking it away once the
//! Namespace stays without its Project.
//!
//! Of what Kargo makes nothing says for which Project: what goes is what has a name that Kargo
//! gives, was written by Kargo, and is nobody else's. What Tenure provided there while it ran alone
//! goes, too; it says for which Project.

use std::fmt::Debug;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, ListParams, VersionMatch};
use kube::core::{NamespaceResourceScope, ObjectMeta, PartialObjectMeta};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tenure_core::access::{AccessFacts, AccessKey, AccessKind, AccessState};
use tenure_core::contents::{Kind, attribute};
use tenure_core::lifecycle::Access;
use tenure_core::{Uid, keys};

use crate::RequestError;
use crate::access::made_by_kargo;
use crate::error::Failure;
use crate::gather::Cluster;
use crate::world::{Found, Listed, World};

/// Objects per page of a list.
const PAGE: u32 = 500;
/// How many others of a kind may be named in a request that takes the rest.
const MOST_NAMED: usize = 20;

impl Cluster {
    /// Reads what Kargo provided in the Namespace.
    pub(crate) async fn read_kargos_access(&self, world: &mut World) -> Result<(), RequestError> {
        world.access = Access::Known(AccessFacts::default());
        world.found.clear();
        world.listed.clear();
        if world.namespace_facts.as_ref().is_some_and(|ns| ns.deleting.is_none()) {
            self.read_kind::<ServiceAccount>(AccessKind::ServiceAccount, world).await?;
            self.read_kind::<Role>(AccessKind::Role, world).await?;
            self.read_kind::<RoleBinding>(AccessKind::RoleBinding, world).await?;
            self.is_still_there(world).await?;
        }
        Ok(())
    }

    /// Makes sure that what was listed by the Namespace's name was in that very Namespace.
    async fn is_still_there(&self, world: &World) -> Result<(), RequestError> {
        let doing = format!("read namespace {}", world.name);
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let again = self.within(doing.clone(), namespaces.get_metadata_opt(&world.name)).await?;
        let uid = again.and_then(|namespace| namespace.metadata.uid);
        let read = world.namespace_facts.as_ref().map(|namespace| namespace.uid.as_str());
        if uid.as_deref() != read {
            return Err(RequestError { doing, failure: Failure::Changed });
        }
        Ok(())
    }

    async fn read_kind<K>(&self, kind: AccessKind, world: &mut World) -> Result<(), RequestError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        let api: Api<K> = self.in_namespace(&world.name);
        let mut listed = Listed::default();
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let doing = format!("list {} in {}", K::plural(&()), world.name);
            let page = self.within(doing, api.list_metadata(&params)).await?;
            for PartialObjectMeta { metadata: meta, .. } in page.items {
                let name = meta.name.clone().unwrap_or_default();
                let key = AccessKey { kind, name };
                let goes = is_tenures(&meta, world) || self.is_kargos_alone::<K>(&meta);
                if !(key.provisionable(&world.name) && goes) {
                    listed.others.insert(key.name);
                    continue;
                }
                let found = Found { meta, labelled: false, relabel: false, anew: false };
                world.found.insert(key.clone(), found);
                if let Access::Known(access) = &mut world.access {
                    access.wanted.push((key, AccessState::Current));
                }
            }
            listed.resource_version = page.metadata.resource_version.unwrap_or_default();
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
        world.listed.insert(kind, listed);
        Ok(())
    }

    /// Whether Kargo made the object, and no tool says that it is its own. What a person changed by
    /// hand is Kargo's all the same.
    fn is_kargos_alone<K: Resource<DynamicType = ()>>(&self, meta: &ObjectMeta) -> bool {
        let kind = Kind::new(&K::group(&()), &K::version(&()), &K::kind(&()), &K::plural(&()));
        let managers = attribute(&tenure_api::marks(&kind, meta), &self.settings).managers();
        made_by_kargo(meta) && !managers.iter().any(|manager| manager.tool.is_others())
    }

    /// Takes away what Kargo provided: of each kind in one request, where few others are there that
    /// are to stay.
    pub(crate) async fn take_kargos_access(
        &self,
        keys: &[AccessKey],
        world: &mut World,
    ) -> Result<(), RequestError> {
        let of_kind = AccessKind::NAMESPACED.map(|kind| {
            let keys: Vec<_> = keys.iter().filter(|key| key.kind == kind).collect();
            (kind, keys)
        });
        try_join_all(of_kind.iter().map(|(kind, keys)| self.take_kind(*kind, keys, world))).await?;
        for key in keys {
            world.mark(key, AccessState::Missing, None);
        }
        Ok(())
    }

    async fn take_kind(
        &self,
        kind: AccessKind,
        keys: &[&AccessKey],
        world: &World,
    ) -> Result<(), RequestError> {
        let namespace = world.name.as_str();
        let whole = world.listed.get(&kind).filter(|l| l.others.len() <= MOST_NAMED);
        let Some(listed) = whole.filter(|_| keys.len() > 1) else {
            let one_by_one = keys.iter().filter_map(|key| {
                let found = world.found.get(*key)?;
                Some(self.delete_one(namespace, key, found))
            });
            return try_join_all(one_by_one).await.map(drop);
        };
        match kind {
            AccessKind::ServiceAccount => {
                self.take_all_but::<ServiceAccount>(namespace, listed).await
            }
            AccessKind::Role => self.take_all_but::<Role>(namespace, listed).await,
            _ => self.take_all_but::<RoleBinding>(namespace, listed).await,
        }
    }

    /// Deletes what was listed, but for the others, by the very version that the list had: no name that
    /// came since is in it. The API server deletes what it lists by name, so an object that was made anew
    /// under the same name in the moment between would go with it; a request for each object would close
    /// that gap, at the price of nine more writes.
    async fn take_all_but<K>(&self, namespace: &str, listed: &Listed) -> Result<(), RequestError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        let others: Vec<_> =
            listed.others.iter().map(|name| format!("metadata.name!={name}")).collect();
        let those = ListParams::default()
            .fields(&others.join(","))
            .at(&listed.resource_version)
            .matching(VersionMatch::Exact);
        let doing = format!("delete Kargo's {} in {namespace}", K::plural(&()));
        let api: Api<K> = self.in_namespace(namespace);
        let params = DeleteParams::default();
        let deleting = api.delete_collection(&params, &those);
        self.within(doing, deleting).await.map(drop)
    }
}

/// Whether Tenure provided it for the Project that the Namespace is recorded as that of, or for the
/// one before, whose deletion was called off.
fn is_tenures(meta: &ObjectMeta, world: &World) -> bool {
    let recorded = world.namespace_facts.as_ref().and_then(|ns| ns.project_uid.as_ref());
    let project = world.project_facts.as_ref().or(world.recorded.as_ref());
    let former = project.and_then(|project| project.restored_from.as_ref());
    let label = meta.labels.as_ref().and_then(|labels| labels.get(keys::PROJECT_UID));
    let is = |uid: &Uid| label.is_some_and(|label| label == uid.as_str());
    recorded.into_iter().chain(former).any(is)
}
