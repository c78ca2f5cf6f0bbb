//! What is marked for no Project, Kargo's management controller does not delete.

use serde_json::json;
use tenure_core::keys;
use tenure_testbed::unique_name;

use crate::support::{Bed, On};

#[tokio::test]
async fn kargo_deletes_only_what_is_marked_for_a_project_and_others_what_they_may() {
    let bed = Bed::start().await;
    let name = unique_name("strange");
    bed.stands(On::Namespace, &name, &[]).await;
    let kargo = bed.kargo("kargo-management-controller");
    for label in [None, Some("True"), Some("")] {
        let labels = json!({"labels": {keys::PROJECT_LABEL: label}});
        bed.around.patch(On::Namespace, &name, labels).await.expect("label");
        for dry_run in [true, false] {
            let told = kargo.delete(On::Namespace, &name, dry_run).await.expect_err("a stranger");
            assert!(told.starts_with("403 ") && told.contains(keys::PROJECT_LABEL), "{told}");
        }
        assert_eq!(bed.anna.delete(On::Namespace, &name, true).await, Ok(()));
        assert_eq!(bed.kargo("kargo-api").delete(On::Namespace, &name, true).await, Ok(()));
    }
    let labels = json!({"labels": {keys::PROJECT_LABEL: keys::TRUE}});
    bed.around.patch(On::Namespace, &name, labels).await.expect("label");
    assert_eq!(kargo.delete(On::Namespace, &name, false).await, Ok(()));
    // What is going is finished, whatever it says.
    assert_eq!(kargo.delete(On::Namespace, &name, false).await, Ok(()));
}
