//! What stands on the stage for whoever looks around: the two Projects of the README's five minutes.

use serde_json::json;
use tenure_api::Project;
use tenure_testbed::{apply, eventually, filled_namespace};

use super::stage::Stage;

/// A Project that moved into a namespace which others deploy into, and one that is held.
pub(crate) async fn set(stage: &Stage) -> anyhow::Result<()> {
    let mut objects = filled_namespace("payments");
    for object in &mut objects {
        if object["kind"] == "Namespace" {
            object["metadata"]["labels"]["kargo.akuity.io/project"] = "true".into();
        }
    }
    let project = |name: &str, annotations| {
        json!({
            "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Project",
            "metadata": {"name": name, "annotations": annotations},
        })
    };
    objects.push(project("payments", json!({})));
    let lien = json!({"hold.tenure.dev/audit": "the quarter is not closed"});
    objects.push(project("billing", lien));
    for object in &objects {
        apply(&stage.client, object).await?;
    }
    let projects: kube::Api<Project> = kube::Api::all(stage.client.clone());
    for name in ["payments", "billing"] {
        eventually(&format!("{name} is ready"), async || {
            let conditions = projects.get_opt(name).await.ok()??.status?.conditions;
            conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True").then_some(())
        })
        .await;
    }
    Ok(())
}
