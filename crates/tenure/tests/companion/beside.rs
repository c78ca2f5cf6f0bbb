//! What tests beside Kargo share, besides what they share with those of admission.

use tenure_testbed::eventually;

use crate::support::Test;

impl Test {
    /// Creates a Project, with those annotations, and waits until it is ready and Tenure has recorded
    /// how it came by its Namespace.
    pub(crate) async fn settled(&self, name: &str, annotations: serde_json::Value) {
        self.ready(name, annotations).await;
        self.recorded(name, "Created").await;
    }

    /// Waits until it is recorded how the Project came by its Namespace.
    pub(crate) async fn recorded(&self, name: &str, origin: &str) {
        eventually(&format!("{name} is recorded as {origin}"), async || {
            let annotations = self.namespace(name).await?.metadata.annotations?;
            (annotations.get("tenure.dev/origin")? == origin).then_some(())
        })
        .await;
    }

    /// What the stand-in for Kargo logged as errors about that name.
    pub(crate) fn kargo_errors(&self, name: &str) -> Vec<String> {
        let errors = self.bed.kargo.as_ref().expect("a stand-in").errors();
        errors.into_iter().filter(|error| error.contains(name)).collect()
    }
}
