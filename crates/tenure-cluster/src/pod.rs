//! What a server shows on the pod that it is.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tenure_core::keys;

use crate::RequestError;
use crate::gather::Cluster;

/// Longest message, in bytes.
const LONGEST: usize = 1000;

impl Cluster {
    /// Shows a condition on a pod in Tenure's namespace.
    ///
    /// # Errors
    /// If it could not be written.
    pub(crate) async fn show(
        &self,
        pod: &str,
        condition: &str,
        holds: bool,
        reason: &str,
        message: &str,
    ) -> Result<(), RequestError> {
        let message = &message[..message.floor_char_boundary(LONGEST)];
        let shown = json!({
            "apiVersion": "v1", "kind": "Pod",
            "status": {"conditions": [{
                "type": condition, "status": if holds { "True" } else { "False" },
                "reason": reason, "message": message,
                "lastTransitionTime": Time(self.now()),
            }]},
        });
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.settings.tenure_namespace);
        // Conditions are a list by type. Who applies owns its own, and leaves the others alone; to apply
        // another as the same manager would take away the first.
        let name = condition.rsplit('/').next().unwrap_or(condition);
        let params = PatchParams::apply(&format!("{}-{name}", keys::FIELD_MANAGER));
        let shown = Patch::Apply(shown);
        let request = pods.patch_status(pod, &params, &shown);
        let doing = format!("show {condition} on pod {pod}");
        self.within(doing, request).await.map(drop)
    }
}
