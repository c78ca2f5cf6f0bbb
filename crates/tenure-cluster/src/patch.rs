//! JSON patches that change exactly what they mean to.
//!
//! Every patch tests what it is based on: the UID, and either the very value it removes or the
//! resourceVersion. A finalizer or annotation that somebody adds meanwhile is never lost; a
//! patch that no longer fits is refused, and everything is read again.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, TestOperation};
use kube::core::ObjectMeta;
use serde_json::{Value, json};
use tenure_core::keys;

/// A patch of one object, growing.
#[derive(Debug)]
pub struct ObjectPatch<'a> {
    meta: &'a ObjectMeta,
    operations: Vec<PatchOperation>,
}

impl<'a> ObjectPatch<'a> {
    /// Starts a patch that holds only for this incarnation of the object.
    pub fn of(meta: &'a ObjectMeta) -> Self {
        let uid = TestOperation { path: pointer(["metadata", "uid"]), value: json!(meta.uid) };
        Self { meta, operations: vec![PatchOperation::Test(uid)] }
    }

    /// Lets the patch hold only for the version that was read.
    #[must_use]
    pub fn at_this_version(mut self) -> Self {
        let version = json!(self.meta.resource_version);
        self.test(["metadata", "resourceVersion"], version);
        self
    }

    /// Adds our finalizer, unless it is there.
    pub(crate) fn add_finalizer(mut self) -> Self {
        let finalizers = self.meta.finalizers.as_deref().unwrap_or_default();
        if finalizers.iter().any(|f| f == keys::FINALIZER) {
            return self;
        }
        // Nobody may have made the list meanwhile, or added ours to it.
        self = self.at_this_version();
        if finalizers.is_empty() {
            self.add(["metadata", "finalizers"], json!([keys::FINALIZER]));
        } else {
            self.add(["metadata", "finalizers", "-"], json!(keys::FINALIZER));
        }
        self
    }

    /// Removes our finalizer, if it is there.
    pub(crate) fn remove_finalizer(mut self) -> Self {
        let finalizers = self.meta.finalizers.as_deref().unwrap_or_default();
        if let Some(index) = finalizers.iter().position(|f| f == keys::FINALIZER) {
            self.remove_tested(
                &["metadata", "finalizers", &index.to_string()],
                json!(keys::FINALIZER),
            );
        }
        self
    }

    /// Sets annotations.
    #[must_use]
    pub fn annotate(mut self, annotations: &[(&str, &str)]) -> Self {
        if annotations.is_empty() {
            return self;
        }
        if self.meta.annotations.is_none() {
            self = self.at_this_version();
            self.add(["metadata", "annotations"], json!({}));
        }
        for (key, value) in annotations {
            self.add(["metadata", "annotations", key], json!(value));
        }
        self
    }

    /// Removes an annotation, if it is there and as it was read.
    #[must_use]
    pub fn remove_annotation(mut self, key: &str) -> Self {
        let value = self.meta.annotations.as_ref().and_then(|annotations| annotations.get(key));
        if let Some(value) = value {
            self.remove_tested(&["metadata", "annotations", key], json!(value));
        }
        self
    }

    /// Sets a label of an object that has some, at the version that was read.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self = self.at_this_version();
        self.add(["metadata", "labels", key], json!(value));
        self
    }

    /// Removes a label, if it is there and as it was read.
    #[must_use]
    pub fn remove_label(mut self, key: &str) -> Self {
        if let Some(value) = self.meta.labels.as_ref().and_then(|labels| labels.get(key)) {
            self.remove_tested(&["metadata", "labels", key], json!(value));
        }
        self
    }

    /// Removes the ownerReference to a Project that an old Kargo left.
    pub(crate) fn remove_owner_reference(mut self) -> Self {
        let owners = self.meta.owner_references.as_deref().unwrap_or_default();
        let ours = tenure_api::owner_reference(self.meta);
        if let Some(index) = ours {
            let path = ["metadata", "ownerReferences", &index.to_string()];
            self.remove_tested(&path, json!(owners[index]));
        }
        self
    }

    /// Sets a field as a whole, at the version that was read.
    pub(crate) fn set(mut self, path: &str, value: Value) -> Self {
        self = self.at_this_version();
        self.add(path.trim_start_matches('/').split('/'), value);
        self
    }

    /// The patch.
    #[must_use]
    pub fn build(self) -> kube::api::Patch<()> {
        kube::api::Patch::Json(Patch(self.operations))
    }

    fn remove_tested(&mut self, path: &[&str], value: Value) {
        self.test(path.iter().copied(), value);
        let path = pointer(path.iter().copied());
        self.operations.push(PatchOperation::Remove(RemoveOperation { path }));
    }

    fn test<'p>(&mut self, path: impl IntoIterator<Item = &'p str>, value: Value) {
        let path = pointer(path);
        self.operations.push(PatchOperation::Test(TestOperation { path, value }));
    }

    fn add<'p>(&mut self, path: impl IntoIterator<Item = &'p str>, value: Value) {
        let path = pointer(path);
        self.operations.push(PatchOperation::Add(AddOperation { path, value }));
    }
}

fn pointer<'p>(path: impl IntoIterator<Item = &'p str>) -> PointerBuf {
    PointerBuf::from_tokens(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(value: &Value) -> ObjectMeta {
        serde_json::from_value(value.clone()).expect("metadata")
    }

    fn apply(object: &Value, patch: kube::api::Patch<()>) -> Result<Value, json_patch::PatchError> {
        let kube::api::Patch::Json(patch) = patch else { panic!("not a JSON patch") };
        let mut object = json!({ "metadata": object });
        json_patch::patch(&mut object, &patch)?;
        Ok(object["metadata"].clone())
    }

    #[test]
    fn a_finalizer_that_came_meanwhile_survives_the_removal_of_ours() {
        let read = json!({"uid": "u", "finalizers": ["a/b", keys::FINALIZER]});
        let patch = ObjectPatch::of(&meta(&read)).remove_finalizer().build();
        let now = json!({"uid": "u", "finalizers": ["a/b", keys::FINALIZER, "c/d"]});
        assert_eq!(apply(&now, patch).expect("fits")["finalizers"], json!(["a/b", "c/d"]));
    }

    #[test]
    fn a_patch_does_not_fit_once_the_list_was_reordered() {
        let read = json!({"uid": "u", "finalizers": ["a/b", keys::FINALIZER]});
        let patch = ObjectPatch::of(&meta(&read)).remove_finalizer().build();
        let now = json!({"uid": "u", "finalizers": [keys::FINALIZER, "a/b"]});
        assert!(apply(&now, patch).is_err());
    }

    #[test]
    fn a_patch_does_not_fit_another_incarnation() {
        let read = json!({"uid": "u", "annotations": {keys::LEDGER: "{}"}});
        let patch = ObjectPatch::of(&meta(&read)).remove_annotation(keys::LEDGER).build();
        let now = json!({"uid": "v", "annotations": {keys::LEDGER: "{}"}});
        assert!(apply(&now, patch).is_err());
    }

    #[test]
    fn the_first_annotation_and_finalizer_are_made_only_at_the_version_read() {
        let read = json!({"uid": "u", "resourceVersion": "1"});
        let meta = meta(&read);
        let patch = || ObjectPatch::of(&meta).add_finalizer().annotate(&[("t/k", "v")]).build();
        let changed = json!({"uid": "u", "resourceVersion": "2", "finalizers": ["a/b"]});
        assert!(apply(&changed, patch()).is_err());
        let patched = apply(&read, patch()).expect("fits");
        assert_eq!(patched["finalizers"], json!([keys::FINALIZER]));
        assert_eq!(patched["annotations"], json!({"t/k": "v"}));
    }

    #[test]
    fn an_owner_reference_is_removed_by_its_value() {
        let owner = json!({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Project", "name": "p", "uid": "x"});
        let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "y"});
        let read = json!({"name": "p", "uid": "u", "ownerReferences": [other, owner]});
        let patch = ObjectPatch::of(&meta(&read)).remove_owner_reference().build();
        assert_eq!(apply(&read, patch).expect("fits")["ownerReferences"], json!([other]));
    }
}
