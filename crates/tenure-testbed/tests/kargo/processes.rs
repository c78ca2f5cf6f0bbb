//! The stand-in as a process, with its watches and its queue.

use std::sync::{Arc, Weak};
use std::time::Duration;

use kube::api::PostParams;
use kube::{Client, ResourceExt as _};
use serde_json::json;
use tenure_api::Project;
use tenure_testbed::kargo::{CONTROLLER, Delays, Journal, Kargo, Options, Running, connect, run};
use tenure_testbed::{ControlPlane, KARGO_NAMESPACE, eventually, unique_name};

use crate::lives::{DELETION, KEPT};
use crate::support::{Bed, FINALIZER, KEEP};

/// A control plane with a stand-in and its webhook.
struct Served {
    /// Ends before the control plane does.
    kargo: Running,
    plane: Arc<ControlPlane>,
}

async fn served() -> (Arc<Served>, Bed) {
    static SHARED: tokio::sync::Mutex<Weak<Served>> = tokio::sync::Mutex::const_new(Weak::new());
    let mut shared = SHARED.lock().await;
    let served = match shared.upgrade() {
        Some(served) => served,
        None => {
            let plane = ControlPlane::start_without_tenure().await.expect("a control plane");
            let options = Options { webhook: true, ..Options::default() };
            let kargo = Running::start(&plane, options).await.expect("a stand-in");
            let served = Arc::new(Served { kargo, plane: Arc::new(plane) });
            *shared = Arc::downgrade(&served);
            served
        }
    };
    drop(shared);
    let bed = Bed::on(served.plane.clone());
    (served, bed)
}

impl Served {
    /// The errors that it logged about that name.
    fn errors(&self, name: &str) -> Vec<String> {
        let mut errors = self.kargo.errors();
        errors.retain(|error| error.split([' ', ':']).nth(1) == Some(name));
        errors
    }
}

/// The writes of a creation that admission began, and what may follow: if the news of the last write
/// is late, it is written once more.
async fn created(bed: &Bed, name: &str) {
    bed.project_ready(name).await;
    eventually(&format!("{name} is counted"), async || {
        bed.project(name).await?.status?.stats.map(drop)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let writes = bed.writes(name);
    // Two of the eighteen are the webhook's.
    let (first, more) = writes.split_at(16);
    assert!(first.ends_with(&["patch projects/status 200".to_owned()]), "{writes:#?}");
    assert!(more.iter().all(|write| write == "patch projects/status 200"), "{writes:#?}");
}

#[tokio::test]
async fn projects_come_and_go_without_an_error() {
    let (served, bed) = served().await;
    let names: Vec<_> = (0..10).map(|_| unique_name("common")).collect();
    for name in &names {
        bed.create(name, &[]).await;
    }
    for name in &names {
        created(&bed, name).await;
    }
    let (kept, deleted) = names.split_at(3);
    for name in kept {
        bed.patch_project(name, json!({"annotations": {KEEP: "true"}})).await;
    }
    for name in &names {
        bed.delete(name).await;
    }
    for name in deleted {
        bed.project_gone(name).await;
        bed.namespace_gone(name).await;
        bed.wrote(name, &DELETION).await;
    }
    for name in kept {
        bed.project_gone(name).await;
        assert!(bed.lives(name).await);
        bed.wrote(name, &KEPT).await;
    }
    for name in &names {
        assert_eq!(served.errors(name), Vec::<String>::new());
    }
    assert!(!served.kargo.requests().is_empty());
}

#[tokio::test]
async fn a_namespace_deleted_directly_takes_its_project_along() {
    let (_served, bed) = served().await;
    let name = unique_name("along");
    bed.create(&name, &[]).await;
    bed.project_ready(&name).await;
    bed.delete_namespace(&name).await;
    bed.project_gone(&name).await;
    bed.namespace_gone(&name).await;
}

#[tokio::test]
async fn admission_makes_the_namespace_but_not_in_a_dry_run() {
    let (_served, bed) = served().await;
    let name = unique_name("reviewed");
    let dry = PostParams { dry_run: true, ..Default::default() };
    bed.projects.create(&dry, &Project::named(&name)).await.expect("allowed");
    assert!(bed.namespace(&name).await.is_none());
    bed.create(&name, &[]).await;
    let namespace = bed.namespace(&name).await.expect("made before the Project was stored");
    assert_eq!(namespace.finalizers(), [FINALIZER]);
    bed.project_ready(&name).await;
}

#[tokio::test]
async fn admission_refuses_names_whose_namespace_is_taken_or_going_or_impossible() {
    let (_served, bed) = served().await;
    let refused = async |name: &str| {
        let created = bed.projects.create(&PostParams::default(), &Project::named(name)).await;
        match created.expect_err("refused") {
            kube::Error::Api(status) => (status.code, status.message),
            other => panic!("{other}"),
        }
    };
    let (taken, going) = (unique_name("taken"), unique_name("going"));
    bed.create_namespace(&taken).await;
    let (code, message) = eventually("the webhook knows of it", async || {
        Some(refused(&taken).await).filter(|(code, _)| *code == 409)
    })
    .await;
    assert!(message.contains("without the label"), "{code} {message}");

    bed.create(&going, &[]).await;
    bed.project_ready(&going).await;
    let both = json!({"finalizers": [FINALIZER, "example.com/mine"]});
    bed.patch_namespace(&going, both).await;
    bed.delete(&going).await;
    bed.project_gone(&going).await;
    let (code, message) = refused(&going).await;
    assert!(code == 409 && message.contains("being terminated"), "{code} {message}");
    bed.patch_namespace(&going, json!({"finalizers": null})).await;

    assert_eq!(refused(&format!("{}.dotted", unique_name("no"))).await.0, 500);
}

#[tokio::test]
async fn what_fails_is_tried_again_the_later_the_oftener_it_failed() {
    let (served, bed) = served().await;
    let name = unique_name("again");
    bed.create(&name, &[]).await;
    bed.project_ready(&name).await;
    bed.patch_project(&name, json!({"finalizers": [FINALIZER, "example.com/mine"]})).await;
    bed.delete(&name).await;
    eventually("it failed some times", async || (served.errors(&name).len() >= 8).then_some(()))
        .await;
    // 5 ms, twice as long each time: the tenth comes after 2.5 s, the twelfth after 10.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(served.errors(&name).len() <= 12, "{:?}", served.errors(&name));
    assert!(served.errors(&name)[0].contains("put the finalizer on the Project"));
    bed.patch_project(&name, json!({"finalizers": null})).await;
    bed.project_gone(&name).await;
}

#[tokio::test]
async fn caches_are_as_late_as_they_are_told_to_be() {
    let plane = Arc::new(ControlPlane::start_without_tenure().await.expect("a control plane"));
    let delays = Delays { namespaces: Duration::from_millis(500), ..Delays::default() };
    let kargo = Running::start(&plane, Options { delays, webhook: false }).await.expect("starts");
    let (bed, name) = (Bed::on(plane.clone()), unique_name("late"));
    bed.create(&name, &[]).await;
    bed.project_ready(&name).await;
    // The pass that its own writes bring about does not know of the Namespace yet.
    eventually("it tries to make it again", async || {
        let errors = kargo.errors();
        errors.iter().any(|error| error.contains("create the Namespace")).then_some(())
    })
    .await;
    bed.project_ready(&name).await;
    drop(kargo);

    let account = plane.service_account(KARGO_NAMESPACE, CONTROLLER).await.expect("a token");
    let client: Client = connect(account, &Journal::default()).expect("a client");
    let kargo = Arc::new(Kargo::new(client, KARGO_NAMESPACE, Journal::default()));
    let (tell, acts) = tokio::sync::oneshot::channel();
    let running = tokio::spawn(run(kargo.clone(), Delays::default(), || {
        // Who waits for it is below.
        let _ = tell.send(());
    }));
    acts.await.expect("it acts");
    kargo.cache().projects.freeze(&name);
    bed.delete(&name).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(bed.project(&name).await.is_some(), "it does not know");
    kargo.cache().projects.thaw(&name);
    bed.project_gone(&name).await;
    bed.namespace_gone(&name).await;
    running.abort();
}
