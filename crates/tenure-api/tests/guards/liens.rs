//! Projects with liens.

use kube::api::{DeleteParams, ListParams, PropagationPolicy};
use serde_json::json;
use tenure_testbed::unique_name;

use crate::support::{Bed, KEEP, On, User, table};

const LIEN: &str = "hold.tenure.dev/audit";

#[tokio::test]
async fn a_project_with_a_lien_is_not_deleted_and_any_other_is() {
    let bed = Bed::start().await;
    let name = unique_name("held");
    bed.stands(On::Project, &name, &[]).await;
    let mut rows = Vec::new();
    for (key, value) in [
        (LIEN, "quarter not closed"),
        (LIEN, ""),
        (LIEN, "\u{1b}]0;of\nmany lines, and of more than is repeated in a message"),
        (KEEP, "true"),
        ("tenure.dev/disposition", "Retain"),
        ("tenure.dev/hold", "true"),
    ] {
        bed.anna.annotate(On::Project, &name, json!({key: value})).await.expect("annotate");
        let answer = bed.anna.delete(On::Project, &name, true).await;
        rows.push((format!("{key}: {value:?}"), answer));
        bed.anna.annotate(On::Project, &name, json!({key: null})).await.expect("take it off");
    }
    let liens = json!({LIEN: "a", "hold.tenure.dev/b": "b"});
    bed.anna.annotate(On::Project, &name, liens).await.expect("annotate");
    rows.push(("two liens".to_owned(), bed.anna.delete(On::Project, &name, false).await));
    insta::assert_snapshot!(table(&rows, &name));
    bed.clear(On::Project, &name).await;
}

/// Kargo's API server deletes in the name of people; its management controller and Tenure delete
/// a Project only because its namespace is going.
#[tokio::test]
async fn a_lien_holds_against_all_but_who_follows_a_namespace_that_is_going() {
    let bed = Bed::start().await;
    let name = unique_name("follows");
    bed.stands(On::Project, &name, &[(LIEN, "x")]).await;
    let admin = User::of(bed.plane.admin().expect("an administrator"));
    let others = ["kargo-api", "kargo-controller", "kargo-webhooks-server"].map(|n| bed.kargo(n));
    for user in others.iter().chain([&bed.anna, &admin]) {
        for how in [PropagationPolicy::Foreground, PropagationPolicy::Background] {
            let params = DeleteParams { propagation_policy: Some(how), ..Default::default() };
            let told = user.delete_with(On::Project, &name, &params).await;
            assert!(told.is_err_and(|told| told.contains(LIEN)));
        }
    }
    let management = bed.kargo("kargo-management-controller");
    assert_eq!(management.delete(On::Project, &name, true).await, Ok(()));
    assert_eq!(bed.tenure().await.delete(On::Project, &name, false).await, Ok(()));
}

#[tokio::test]
async fn a_project_that_is_going_may_be_asked_to_go_again() {
    let bed = Bed::start().await;
    let name = unique_name("again");
    bed.stands(On::Project, &name, &[]).await;
    let finalizer = json!({"finalizers": ["example.com/hold"]});
    bed.anna.patch(On::Project, &name, finalizer).await.expect("patch");
    assert_eq!(bed.anna.delete(On::Project, &name, false).await, Ok(()));
    bed.anna.annotate(On::Project, &name, json!({LIEN: "late"})).await.expect("annotate");
    assert_eq!(bed.anna.delete(On::Project, &name, false).await, Ok(()));
    bed.anna.patch(On::Project, &name, json!({"finalizers": null})).await.expect("free");
    assert!(bed.anna.projects.get_opt(&name).await.expect("read").is_none());
}

#[tokio::test]
async fn a_lien_among_thousands_of_annotations_holds() {
    let bed = Bed::start().await;
    let name = unique_name("among");
    let many = crate::values::many();
    let mut many: Vec<_> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    many.push((LIEN, ""));
    bed.stands(On::Project, &name, &many).await;
    let told = bed.anna.delete(On::Project, &name, false).await.expect_err("it is held");
    assert!(told.contains("hold.tenure.dev/NAME"), "{told}");
    bed.anna.annotate(On::Project, &name, json!({LIEN: null})).await.expect("take it off");
    assert_eq!(bed.anna.delete(On::Project, &name, false).await, Ok(()));
}

#[tokio::test]
async fn a_collection_goes_but_for_what_is_held() {
    let bed = Bed::start().await;
    let label = json!({"labels": {"collection": unique_name("c")}});
    let selector = format!("collection={}", label["labels"]["collection"].as_str().expect("text"));
    let (held, goes) = (unique_name("held"), unique_name("goes"));
    bed.stands(On::Project, &held, &[(LIEN, "x")]).await;
    bed.stands(On::Project, &goes, &[]).await;
    for name in [&held, &goes] {
        bed.anna.patch(On::Project, name, label.clone()).await.expect("label");
    }
    let these = ListParams::default().labels(&selector);
    let told = bed.anna.projects.delete_collection(&DeleteParams::default(), &these).await;
    assert!(told.is_err_and(|error| error.to_string().contains(LIEN)));
    assert!(bed.anna.projects.get_opt(&held).await.expect("read").is_some());
    bed.clear(On::Project, &held).await;
    drop(bed.around.projects.delete(&goes, &DeleteParams::default()).await);
}
