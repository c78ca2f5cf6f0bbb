//! What keeps a terminating Namespace from going.
//!
//! The namespace controller says in conditions of which kinds objects are left and which
//! finalizers are awaited, but not on which objects. Those are looked up kind by kind, as far
//! as we may; where we may not, the kind and the finalizers are named.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, PartialObjectMeta};
use tenure_core::Blocker;

use crate::RequestError;
use crate::gather::Cluster;
use crate::world::World;

/// Objects looked at of each kind.
const LOOK_AT: u32 = 50;

impl Cluster {
    pub(crate) async fn read_blockers(&self, world: &mut World) -> Result<(), RequestError> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let doing = format!("read namespace {}", world.name);
        let Some(namespace) = self.within(doing, namespaces.get_opt(&world.name)).await? else {
            world.set_namespace(None)?;
            return Ok(());
        };
        let message = |kind: &str| {
            let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter());
            conditions
                .flatten()
                .find(|c| c.type_ == kind && c.status == "True")
                .and_then(|c| c.message.as_deref())
        };
        let mut blockers = BTreeSet::new();
        let own = namespace.metadata.finalizers.unwrap_or_default();
        if !own.is_empty() {
            let object = format!("namespace/{}", world.name);
            blockers.insert(Blocker { object, finalizers: own, failure: false });
        }
        for failure in [
            "NamespaceDeletionDiscoveryFailure",
            "NamespaceDeletionGroupVersionParsingFailure",
            "NamespaceDeletionContentFailure",
        ] {
            if let Some(message) = message(failure) {
                blockers.insert(Blocker {
                    object: format!("{failure}: {message:.200}"),
                    finalizers: Vec::new(),
                    failure: true,
                });
            }
        }
        let awaited = message("NamespaceFinalizersRemaining").map(finalizers).unwrap_or_default();
        for resource in message("NamespaceContentRemaining").map(resources).unwrap_or_default() {
            let left = self.left_of(&world.name, &resource).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "cannot look for what blocks the namespace");
                Vec::new()
            });
            if left.is_empty() {
                blockers.insert(Blocker {
                    object: resource,
                    finalizers: awaited.clone(),
                    failure: false,
                });
            } else {
                blockers.extend(left);
            }
        }
        world.blockers = Some(blockers.into_iter().collect());
        Ok(())
    }

    /// The objects of a resource, named as the namespace controller does (`plural.group`), that
    /// carry finalizers.
    async fn left_of(&self, namespace: &str, resource: &str) -> Result<Vec<Blocker>, RequestError> {
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        let version = self.preferred_version(group).await?;
        let api_resource = ApiResource {
            group: group.to_owned(),
            version: version.clone(),
            api_version: if group.is_empty() { version } else { format!("{group}/{version}") },
            kind: String::new(),
            plural: plural.to_owned(),
        };
        let api: Api<PartialObjectMeta<DynamicObject>> =
            Api::namespaced_with(self.client.clone(), namespace, &api_resource);
        let params = ListParams::default().limit(LOOK_AT);
        let objects =
            self.within(format!("list {resource} in {namespace}"), api.list(&params)).await?;
        Ok(objects
            .items
            .into_iter()
            .filter_map(|object| {
                let finalizers = object.metadata.finalizers.filter(|f| !f.is_empty())?;
                let name = object.metadata.name.unwrap_or_default();
                let kind = resource.trim_end_matches('.');
                Some(Blocker { object: format!("{kind}/{name}"), finalizers, failure: false })
            })
            .collect())
    }

    async fn preferred_version(&self, group: &str) -> Result<String, RequestError> {
        if group.is_empty() {
            return Ok("v1".to_owned());
        }
        let groups = self.within("list API groups", self.client.list_api_groups()).await?;
        let found = groups.groups.into_iter().find(|g| g.name == group);
        Ok(found
            .and_then(|g| g.preferred_version.or_else(|| g.versions.into_iter().next()))
            .map_or_else(|| "v1".to_owned(), |version| version.version))
    }
}

/// Reads `Some resources are remaining: configmaps. has 1 resource instances, …`.
fn resources(message: &str) -> Vec<String> {
    entries(message, " has ")
}

/// Reads `Some content in the namespace has finalizers remaining: a/b in 1 resource instances, …`.
fn finalizers(message: &str) -> Vec<String> {
    entries(message, " in ")
}

fn entries(message: &str, before_count: &str) -> Vec<String> {
    let list = message.split_once(": ").map_or("", |(_, list)| list);
    list.split(", ")
        .filter_map(|entry| entry.split_once(before_count))
        .map(|(name, _)| name.trim_end_matches('.').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_controllers_words_are_understood() {
        let remaining = "Some resources are remaining: configmaps. has 1 resource instances, \
                         widgets.example.com has 2 resource instances";
        assert_eq!(resources(remaining), ["configmaps", "widgets.example.com"]);
        let awaited = "Some content in the namespace has finalizers remaining: example.com/hold \
                       in 1 resource instances";
        assert_eq!(finalizers(awaited), ["example.com/hold"]);
        assert!(resources("something else").is_empty());
    }
}
