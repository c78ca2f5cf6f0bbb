//! What stops deletions: the breaker, blindness, and an archive that cannot be written.

use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tenure_archive::Archive;
use tenure_testbed::eventually;

use crate::support::{Test, server};

#[tokio::test]
async fn the_breaker_opens_stays_open_and_is_closed_by_a_person_in_their_own_name() {
    let mut test = Test::alone().await;
    test.stop_server();
    let few = ["--breaker-at-least", "3", "--breaker-percent", "0", "--breaker-window", "1h"];
    let one = server(&test.bed.plane, "one", &few);
    let names: Vec<_> = (0..6).map(|n| format!("many-{n}")).collect();
    for name in &names {
        test.create_ready(name, &[]).await;
    }
    for name in &names {
        test.delete(name).await;
    }
    let waiting = async || {
        let mut waiting = Vec::new();
        for name in &names {
            if let Some(plan) = test.plan(name).await
                && plan.status.is_some_and(|s| s.waiting_for.as_deref() == Some("Breaker"))
            {
                waiting.push(name.clone());
            }
        }
        waiting
    };
    eventually("three wait", async || (waiting().await.len() == 3).then_some(())).await;
    // A crash does not begin to count anew, nor does another controller.
    drop(one);
    let _two = server(&test.bed.plane, "two", &few);
    let held = waiting().await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(waiting().await, held);
    for name in &held {
        assert!(test.namespace(name).await.expect("held").metadata.deletion_timestamp.is_none());
    }
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> =
        Api::namespaced(test.client.clone(), "tenure-system");
    let close =
        |by: &str| Patch::Merge(json!({"metadata": {"annotations": {"tenure.dev/closed-by": by}}}));
    let forged = maps.patch("tenure-breaker", &PatchParams::default(), &close("somebody")).await;
    let forged = forged.expect_err("in another's name").to_string();
    assert!(forged.contains("closed-by has to name who closes it"), "{forged}");
    let mine = maps.patch("tenure-breaker", &PatchParams::default(), &close("admin")).await;
    mine.expect("in one's own name");
    for name in &names {
        test.namespace_gone(name).await;
        test.project_gone(name).await;
    }
    let closed = maps.get("tenure-breaker").await.expect("a record").data.unwrap_or_default();
    assert_eq!(closed.get("closedBy").map(String::as_str), Some("admin"));
    let plan = test.plan(&held[0]).await.expect("a plan");
    let history = plan.status.expect("a status").history;
    let closing = history.iter().find(|e| e.event.as_str() == "BreakerClosed").expect("recorded");
    assert_eq!(closing.by.as_deref(), Some("admin"));
}

#[tokio::test]
async fn what_may_not_be_seen_is_waited_for_and_not_taken_for_nothing() {
    let test = Test::alone().await;
    test.create_ready("blind", &[]).await;
    let bindings: Api<k8s_openapi::api::rbac::v1::ClusterRoleBinding> =
        Api::all(test.client.clone());
    bindings.delete("tenure-contents", &DeleteParams::default()).await.expect("unbind");
    // The API server forgets a right within a moment, not at once.
    let config = test.bed.plane.service_account("tenure-system", "tenure").await.expect("a token");
    let tenure = tenure_cluster::connect(config).expect("a client");
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(tenure, "blind");
    eventually("the right is gone", async || {
        maps.list(&Default::default()).await.is_err().then_some(())
    })
    .await;
    test.delete("blind").await;
    test.plan_waits_for("blind", "Contents").await;
    let (_, message) = test.condition("blind", "Ready", "False").await;
    assert!(message.contains("could not see") && message.contains("tenure-contents"), "{message}");
    for object in tenure_api::install::contents_manifests("tenure-system") {
        test.apply(&object).await;
    }
    test.namespace_gone("blind").await;
    test.project_gone("blind").await;
}

#[tokio::test]
async fn a_required_archive_that_cannot_be_written_holds_the_deletion() {
    let mut test = Test::alone().await;
    test.stop_server();
    let dir = test.bed.plane.dir().join("archive");
    std::fs::create_dir(&dir).expect("a directory");
    let url = format!("file://{}", dir.display());
    let _server = server(&test.bed.plane, "archiving", &["--archive", &url, "--archive-required"]);
    for name in ["kept-in-archive", "held-by-archive"] {
        test.create_ready(name, &[]).await;
    }
    test.delete_and_wait("kept-in-archive").await;
    let plan = test.plan_in("kept-in-archive", "Done").await;
    let subject = plan.metadata.name.clone().expect("a name");
    let archive = Archive::open(&url, std::iter::empty::<(String, String)>()).expect("open");
    let head = archive.verify(&subject).await.expect("an unbroken trail");
    let history = plan.status.expect("a status").history;
    assert_eq!(head.digest, history.last().expect("an entry").digest);

    // Not even its administrator may write into a file as if it were a directory.
    std::fs::rename(&dir, dir.with_extension("away")).expect("move it away");
    std::fs::write(&dir, "").expect("a file in its place");
    test.delete("held-by-archive").await;
    eventually("it is said why it is held", async || {
        let project = test.projects.get_opt("held-by-archive").await.expect("read")?;
        let conditions = project.status?.conditions;
        conditions.iter().any(|c| c.message.contains("the trail has to be kept")).then_some(())
    })
    .await;
    let held = test.namespace("held-by-archive").await.expect("held");
    assert!(held.metadata.deletion_timestamp.is_none());
    std::fs::remove_file(&dir).expect("take the file away");
    std::fs::rename(dir.with_extension("away"), &dir).expect("bring it back");
    test.namespace_gone("held-by-archive").await;
    test.project_gone("held-by-archive").await;
}
