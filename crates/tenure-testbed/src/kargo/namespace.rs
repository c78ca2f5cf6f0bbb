//! The reconciler of Namespaces: one that is deleted takes its Project along.

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Patch;
use serde_json::json;
use tenure_api::{Project, owner_reference};
use tenure_core::keys;

use super::{Kargo, delete, patching, remove_finalizer};

impl Kargo {
    /// One pass over the Namespace of that name.
    ///
    /// # Errors
    /// If the pass failed; that is in the journal too.
    pub async fn reconcile_namespace(&self, name: &str) -> anyhow::Result<()> {
        let done = self.pass_over_namespace(name).await;
        self.journal.error_of("namespace", name, &done);
        done
    }

    async fn pass_over_namespace(&self, name: &str) -> anyhow::Result<()> {
        let Some(mut namespace) = self.cache.namespaces.get(name) else { return Ok(()) };
        let meta = &mut namespace.metadata;
        // An old Kargo made one, and a Project deleted in the foreground waited for it for ever.
        if let Some(at) = owner_reference(meta) {
            let references = meta.owner_references.get_or_insert_default();
            references.remove(at);
            let patch = Patch::Merge(json!({"metadata": {"ownerReferences": references}}));
            self.cluster::<Namespace>()
                .patch(name, &patching(), &patch)
                .await
                .context("take the ownerReference off")?;
            return Ok(());
        }
        let held = meta.finalizers.iter().flatten().any(|finalizer| finalizer == keys::FINALIZER);
        if meta.deletion_timestamp.is_none() || !held {
            return Ok(());
        }
        // First this: the Namespace hangs for as long as the Project's deletion is refused.
        delete(&self.cluster::<Project>(), name).await.context("delete the Project")?;
        remove_finalizer(&self.cluster(), &mut namespace).await.context("take the finalizer off")
    }
}
