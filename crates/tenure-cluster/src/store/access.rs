//! Versions of provisioned objects: which are there, and which were compared with what they
//! should be. Some thirty bytes each; there are fourteen to a Project.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use kube::core::ObjectMeta;
use tenure_core::Uid;
use tenure_core::access::{
    AccessFacts, AccessKey, AccessKind, AccessState, cluster_role_name, wanted,
};

use super::Store;

/// What is known of one provisioned object.
#[derive(Clone, Debug)]
pub struct AccessSlot {
    kind: AccessKind,
    /// Names recur in every Namespace, so they are shared; cluster-wide objects, of which each
    /// Project has one a kind, need none.
    name: Arc<str>,
    /// Hash of the UID of the Project it was provisioned for.
    owner: u64,
    version: u64,
    /// The version that was compared with what it should be, and agreed.
    verified: u64,
}

impl AccessSlot {
    /// An object as it was read, or written, and found to be as it should be.
    pub fn verified(key: &AccessKey, owner: &Uid, meta: &ObjectMeta) -> Self {
        let slot = Self::seen(key, owner.as_str(), meta);
        Self { verified: slot.version, ..slot }
    }

    /// An object as a watch saw it.
    pub fn seen(key: &AccessKey, owner: &str, meta: &ObjectMeta) -> Self {
        let name = if key.kind.namespaced() { key.name.as_str() } else { "" };
        Self {
            kind: key.kind,
            name: name.into(),
            owner: hash(owner),
            version: version(meta),
            verified: 0,
        }
    }

    fn is(&self, kind: AccessKind, name: &str) -> bool {
        self.kind == kind && (!kind.namespaced() || *self.name == *name)
    }
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    of: HashMap<Box<str>, Vec<AccessSlot>>,
    names: HashMap<Arc<str>, ()>,
}

impl Slots {
    fn put(&mut self, project: &str, mut slot: AccessSlot) -> bool {
        slot.name = match self.names.get_key_value(&*slot.name) {
            Some((shared, ())) => shared.clone(),
            None => {
                self.names.insert(slot.name.clone(), ());
                slot.name
            }
        };
        if !self.of.contains_key(project) {
            self.of.insert(project.into(), Vec::new());
        }
        let Some(slots) = self.of.get_mut(project) else { return false };
        let Some(old) = slots.iter_mut().find(|old| old.is(slot.kind, &slot.name)) else {
            slots.push(slot);
            return true;
        };
        if slot.version < old.version {
            return false;
        }
        let verified = slot.verified.max(old.verified);
        let news =
            (slot.version, slot.owner) != (old.version, old.owner) && slot.version != verified;
        *old = AccessSlot { verified, ..slot };
        news
    }

    fn remove(&mut self, project: &str, kind: AccessKind, name: &str, version: u64) -> bool {
        let Some(slots) = self.of.get_mut(project) else { return false };
        let before = slots.len();
        slots.retain(|slot| !slot.is(kind, name) || slot.version > version);
        let removed = slots.len() < before;
        if slots.is_empty() {
            self.of.remove(project);
        }
        // Names of controllers' bindings come and go.
        self.names.retain(|name, ()| Arc::strong_count(name) > 1);
        removed
    }

    pub(super) fn facts(&self, project: &str, uid: &Uid, controllers: &[String]) -> AccessFacts {
        let owner = hash(uid.as_str());
        let slots = self.of.get(project).map(Vec::as_slice).unwrap_or_default();
        let wanted = wanted(project, controllers);
        let surplus = slots
            .iter()
            .filter(|slot| {
                slot.owner == owner && !wanted.iter().any(|key| slot.is(key.kind, &key.name))
            })
            .map(|slot| AccessKey { kind: slot.kind, name: slot.name.to_string() })
            .filter(|key| key.provisionable(project))
            .collect();
        let wanted = wanted
            .into_iter()
            .map(|key| {
                let slot = slots.iter().find(|slot| slot.is(key.kind, &key.name));
                let state = match slot.filter(|slot| slot.owner == owner) {
                    None => AccessState::Missing,
                    Some(slot) if slot.version == slot.verified => AccessState::Current,
                    Some(_) => AccessState::Unverified,
                };
                (key, state)
            })
            .collect();
        AccessFacts { wanted, surplus, ..AccessFacts::default() }
    }
}

impl Slots {
    /// What was provisioned outside the Namespace for a Project that is gone.
    pub(super) fn left_over(&self, project: &str) -> AccessFacts {
        let slots = self.of.get(project).map(Vec::as_slice).unwrap_or_default();
        let surplus = slots
            .iter()
            .filter(|slot| !slot.kind.namespaced())
            .map(|slot| AccessKey { kind: slot.kind, name: cluster_role_name(project) })
            .collect();
        AccessFacts { surplus, ..AccessFacts::default() }
    }
}

impl Store {
    /// Puts provisioned objects of a Project. Whether any of them was news.
    pub fn put_access(&self, project: &str, slots: Vec<AccessSlot>) -> bool {
        let mut inner = self.lock();
        let mut news = false;
        for slot in slots {
            news |= inner.access.put(project, slot);
        }
        news
    }

    /// Takes a provisioned object away that was deleted. Whether that was news.
    pub fn remove_access(&self, project: &str, key: &AccessKey, meta: &ObjectMeta) -> bool {
        self.lock().access.remove(project, key.kind, &key.name, version(meta))
    }

    /// Takes away what of a kind a complete list no longer shows. Projects for whom that was news.
    pub fn retain_access(
        &self,
        kind: AccessKind,
        listed: &std::collections::HashSet<(String, String)>,
    ) -> Vec<String> {
        let mut inner = self.lock();
        let mut news = Vec::new();
        for (project, slots) in &mut inner.access.of {
            let before = slots.len();
            slots.retain(|slot| {
                slot.kind != kind || listed.contains(&(project.to_string(), slot.name.to_string()))
            });
            if slots.len() < before {
                news.push(project.to_string());
            }
        }
        inner.access.of.retain(|_, slots| !slots.is_empty());
        news
    }
}

fn hash(uid: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    hasher.finish()
}

/// The version as a number; one that is none is hashed, which keeps it comparable for equality.
fn version(meta: &ObjectMeta) -> u64 {
    let version = meta.resource_version.as_deref().unwrap_or_default();
    version.parse().unwrap_or_else(|_| hash(version))
}
