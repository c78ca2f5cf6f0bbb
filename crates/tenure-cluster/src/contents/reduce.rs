//! From what a list holds of an object to what matters of it.

use std::sync::Arc;

use tenure_core::contents::{Detail, Kind, Marks, Object, Owner, Reclaim, Volume};
use tenure_core::{Settings, Uid, keys};

use super::wire::{Item, OwnerReference};

/// Reduces an object. `reclaim` is what becomes of the volume, if it is a claim that has one.
pub(super) fn reduce(
    item: Item,
    kind: &Arc<Kind>,
    namespace: &str,
    reclaim: Reclaim,
    settings: &Settings,
) -> Object {
    let meta = item.metadata;
    let owners = meta.owner_references.unwrap_or_default();
    let managed = meta.managed_fields.unwrap_or_default();
    let marks = Marks {
        kind,
        namespace: Some(namespace),
        name: &meta.name,
        labels: meta.labels.as_ref(),
        annotations: meta.annotations.as_ref(),
        field_managers: managed.iter().filter_map(|fields| fields.manager.as_deref()).collect(),
        owner_groups: owners.iter().map(OwnerReference::group).collect(),
        secret_type: item.secret_type.as_deref(),
    };
    let uid = Uid::new(meta.uid.unwrap_or_default());
    let mut object = Object::new(kind, uid, &marks, settings);
    object.owners = owners
        .iter()
        .map(|owner| Owner {
            uid: Uid::new(owner.uid.as_str()),
            controller: owner.controller == Some(true),
            kargo: owner.group() == keys::KARGO_GROUP,
        })
        .collect();
    object.finalizers =
        meta.finalizers.unwrap_or_default().into_iter().map(String::into_boxed_str).collect();
    object.created = meta.creation_timestamp;
    object.deleting = meta.deletion_timestamp.is_some();
    let spec = item.spec.unwrap_or_default();
    if is_claim(kind) {
        let volume = spec.volume_name.filter(|name| !name.is_empty());
        object.detail =
            Detail::Claim(volume.map(|name| Volume { name: name.into_boxed_str(), reclaim }));
    } else if is_service(kind) && spec.service_type.as_deref() == Some("LoadBalancer") {
        object.detail = Detail::LoadBalancer;
    }
    object
}

impl OwnerReference {
    fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

pub(super) fn is_claim(kind: &Kind) -> bool {
    kind.is("persistentvolumeclaims", "")
}

pub(super) fn is_service(kind: &Kind) -> bool {
    kind.is("services", "")
}

pub(super) fn is_secret(kind: &Kind) -> bool {
    kind.is("secrets", "")
}
