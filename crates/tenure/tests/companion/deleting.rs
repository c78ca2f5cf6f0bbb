//! What becomes of Namespaces whose Projects Kargo lets go of.

use kube::api::DeleteParams;
use serde_json::json;
use tenure_testbed::unique_name;

use crate::support::Test;

#[tokio::test]
async fn a_created_namespace_goes_with_its_project_and_tenure_writes_six_times() {
    let test = Test::start().await;
    let name = unique_name("created");
    test.ready(&name, json!({})).await;
    test.recorded(&name, "Created").await;
    let before = test.writes(&name);
    test.projects.delete(&name, &DeleteParams::default()).await.expect("delete");
    test.gone(&name).await;
    assert!(test.namespace(&name).await.is_none());
    assert_eq!(test.writes(&name) - before, 6);
    assert_eq!(test.kargo_errors(&name), Vec::<String>::new());
}
