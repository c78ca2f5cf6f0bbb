//! What Kargo's own controller does wrong, and this one must not. Each test is named after the
//! behaviour that is right.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tenure_testbed::{eventually, unique_name};

use crate::support::{KEEP, SERVER, Test, project};

#[tokio::test]
async fn an_unlabelled_namespace_is_refused_and_stays_untouched_when_the_project_goes() {
    let test = Test::start().await;
    let name = unique_name("foreign");
    test.create_namespace(&name, &[("team", "payments")]).await;
    let before = test.namespace(&name).await.expect("made");
    test.create(&name, &[]).await;
    let (reason, message) = test.condition(&name, "Stalled", "True").await;
    assert_eq!(reason, "ExistingNamespaceMissingLabel");
    assert!(message.contains("label it kargo.akuity.io/project=true"), "{message}");
    let (reason, _) = test.condition(&name, "Ready", "False").await;
    assert_eq!(reason, "EnsuringNamespaceFailed");
    test.delete_and_wait(&name).await;
    assert_eq!(test.namespace(&name).await, Some(before));
}

#[tokio::test]
async fn no_finalizer_is_added_to_a_project_that_is_being_deleted() {
    let test = Test::start().await;
    let name = unique_name("late");
    let audit = test.bed.plane.audit();
    let mut project = project(&name, &[]);
    project.metadata.finalizers = Some(vec!["example.com/slow".to_owned()]);
    // In one go, so that the controller meets it as it is being deleted, or is refused once.
    test.projects.create(&PostParams::default(), &project).await.expect("create");
    test.delete(&name).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let rejected =
        audit.of(SERVER, &name).iter().filter(|e| e.is_write() && !e.succeeded()).count();
    assert!(rejected <= 1, "{rejected} rejected writes");
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    test.projects.patch(&name, &PatchParams::default(), &free).await.expect("free");
    test.project_gone(&name).await;
}

/// The API server may delete an object whose first finalizer was accepted while the deletion was
/// on its way. Then nobody can ask any more what the Project's annotations said, and the
/// namespace is released; it is never left to be moved into.
#[tokio::test]
async fn a_project_deleted_at_once_leaves_nothing_that_another_could_move_into() {
    let test = Test::start().await;
    let names: Vec<_> = (0..30).map(|_| unique_name("brief")).collect();
    for name in &names {
        test.create(name, &[]).await;
        test.delete(name).await;
    }
    let mut gone = 0;
    for name in &names {
        test.project_gone(name).await;
        gone += eventually(&format!("{name} is gone or released"), async || {
            let Some(namespace) = test.namespace(name).await else { return Some(1) };
            let meta = namespace.metadata;
            let labels = meta.labels.unwrap_or_default();
            let released = meta.annotations.is_none()
                && meta.finalizers.is_none()
                && !labels.contains_key("kargo.akuity.io/project");
            (released && test.access_objects(name).await.is_empty()).then_some(0)
        })
        .await;
    }
    assert!(gone >= 20, "only {gone} of 30 namespaces are gone");
}

#[tokio::test]
async fn the_next_project_of_a_kept_namespaces_name_does_not_move_in_unseen() {
    let test = Test::start().await;
    let name = unique_name("next");
    test.create_ready(&name, &[(KEEP, "true")]).await;
    test.delete_and_wait(&name).await;
    test.create(&name, &[]).await;
    let (reason, _) = test.condition(&name, "Stalled", "True").await;
    assert_eq!(reason, "ExistingNamespaceMissingLabel");
    assert_eq!(test.access_objects(&name).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_project_is_held_until_its_namespace_is_gone() {
    let test = Test::start().await;
    let name = unique_name("hold");
    test.create_ready(&name, &[]).await;
    let hold = json!({"finalizers": ["kargo.akuity.io/finalizer", "example.com/foreign"]});
    test.patch_namespace(&name, hold).await;
    test.delete(&name).await;
    // Ours goes; the foreign one stays, and holds the Namespace, and so the Project.
    test.namespace_finalizers(&name, &["example.com/foreign"]).await;
    let (_, message) = test.condition(&name, "Reconciling", "True").await;
    assert!(message.contains("finalizer example.com/foreign"), "{message}");
    assert!(test.projects.get_opt(&name).await.expect("read").is_some());
    test.patch_namespace(&name, json!({"finalizers": null})).await;
    test.project_gone(&name).await;
    test.namespace_gone(&name).await;
}

/// A namespace that is deleted while its Project may not be: nothing hangs, and the Project
/// gets a new one.
#[tokio::test]
async fn a_refused_project_deletion_does_not_hold_a_terminating_namespace() {
    let test = Test::start().await;
    let name = unique_name("refused");
    test.create_ready(&name, &[]).await;
    let first = test.namespace(&name).await.expect("made");
    test.refuse_deletion_of(&name).await;
    test.namespaces.delete(&name, &DeleteParams::default()).await.expect("delete");
    eventually("a new namespace", async || {
        let namespace: Namespace = test.namespace(&name).await?;
        (namespace.metadata.uid != first.metadata.uid).then_some(())
    })
    .await;
    test.condition(&name, "Ready", "True").await;
}
