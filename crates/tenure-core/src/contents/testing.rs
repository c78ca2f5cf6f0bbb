//! Objects for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Kind, Marks, Object, Owner};
use crate::{Settings, Uid};

/// What an object is to carry.
#[derive(Clone, Debug, Default)]
pub(super) struct Sketch {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) field_managers: Vec<String>,
    pub(super) owner_groups: Vec<String>,
    pub(super) secret_type: Option<String>,
}

impl Sketch {
    pub(super) fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(super) fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(super) fn argo_cd(self, instance: &str) -> Self {
        self.annotation("argocd.argoproj.io/tracking-id", &format!("{instance}:x"))
    }

    /// The object, of a kind given as `plural.group`, with its name for a UID.
    pub(super) fn object(&self, resource: &str, name: &str) -> Object {
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        let kind = Arc::new(Kind::new(group, "v1", "", plural));
        let marks = Marks {
            kind: &kind,
            namespace: Some("here"),
            name,
            labels: Some(&self.labels),
            annotations: Some(&self.annotations),
            field_managers: self.field_managers.iter().map(String::as_str).collect(),
            owner_groups: self.owner_groups.iter().map(String::as_str).collect(),
            secret_type: self.secret_type.as_deref(),
        };
        Object::new(&kind, Uid::new(name), &marks, &Settings::default())
    }
}

/// An object that carries nothing.
pub(super) fn plain(resource: &str, name: &str) -> Object {
    Sketch::default().object(resource, name)
}

/// The object, owned by those of these UIDs, the first of which controls it.
pub(super) fn owned(mut object: Object, owners: &[&str]) -> Object {
    object.owners = owners
        .iter()
        .enumerate()
        .map(|(index, uid)| Owner { uid: Uid::new(*uid), controller: index == 0, kargo: false })
        .collect();
    object
}
