//! Projects with stamps that nobody took off.

use kube::Api;
use serde_json::json;
use tenure_api::Project;
use tenure_testbed::unique_name;

use crate::support::Test;

#[tokio::test]
async fn a_stamp_that_nobody_took_off_is_told() {
    let test = Test::start().await;
    let name = unique_name("stamped");
    test.apply(json!({
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Project",
        "metadata": {"name": name, "annotations": {
            "kargo.akuity.io/keep-namespace": "true", "tenure.dev/stamp": "a-plan",
        }},
    }))
    .await;
    let said = test.ask_as("doctor", "system:masters", &["-o", "json"]);
    assert!(said.finding("StampLeft").is_null(), "it may yet be taken off: {}", said.out);
    // Nobody waits for three minutes: the API server lets writers say when they wrote.
    let projects: Api<Project> = Api::all(test.client.clone());
    let mut project = projects.get(&name).await.expect("read the project");
    for entry in project.metadata.managed_fields.iter_mut().flatten() {
        let at = entry.time.as_mut().expect("a time");
        at.0 -= jiff::SignedDuration::from_mins(10);
    }
    // But not if nothing else is written.
    project.metadata.labels = Some([("team".to_owned(), "payments".to_owned())].into());
    projects.replace(&name, &Default::default(), &project).await.expect("write the project");
    let said = test.ask_as("doctor", "system:masters", &["-o", "json"]);
    let finding = said.finding("StampLeft");
    let evidence = finding["evidence"][0].as_str().expect("the Project is named");
    assert!(evidence.starts_with(&format!("Projects {name} (60")), "{evidence}");
    assert_eq!((said.code, &finding["severity"]), (3, &json!("Likely")), "{finding:#}");
    projects.delete(&name, &Default::default()).await.expect("delete the project");
}
