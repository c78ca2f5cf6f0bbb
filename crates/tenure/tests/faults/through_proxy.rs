//! The server as it is shipped, a process of its own, behind a proxy that provokes what networks
//! and API servers do to it.

use std::process::Command;
use std::time::Duration;

use http::Method;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, PostParams};
use tenure_api::Project;
use tenure_testbed::audit::AuditLog;
use tenure_testbed::proxy::{Fault, Proxy, Rule};
use tenure_testbed::{ControlPlane, Process, TENURE_NAMESPACE, eventually};

use crate::support::{KEEP, SERVER};

/// Where Projects are served.
const PROJECTS: &str = "/apis/kargo.akuity.io/v1alpha1/projects";

/// A control plane and a server of this test's own, with the proxy between them. In the order in
/// which they end.
struct Bed {
    _server: Process,
    proxy: Proxy,
    projects: Api<Project>,
    namespaces: Api<Namespace>,
    audit: AuditLog,
    _plane: ControlPlane,
}

impl Bed {
    async fn start() -> Self {
        let plane = ControlPlane::start_temporary().await.expect("start a control plane");
        let direct = plane.dir().join("tenure.kubeconfig");
        plane
            .write_service_account_kubeconfig(&direct, TENURE_NAMESPACE, "tenure")
            .await
            .expect("a kubeconfig for the server");
        let proxy = Proxy::start(&direct).await.expect("a proxy");
        let through = plane.dir().join("through.kubeconfig");
        proxy.write_kubeconfig(&through).expect("a kubeconfig through the proxy");
        let mut server = Command::new(env!("CARGO_BIN_EXE_tenure"));
        server
            .args(["server", "--mode", "standalone", "--listen", "127.0.0.1:0"])
            .args(["--log", "info,tenure_controllers=debug", "--kubeconfig"])
            .arg(&through);
        let admin = plane.admin().expect("an administrator");
        let bed = Self {
            _server: Process::start("tenure", server, plane.dir()).expect("start the server"),
            proxy,
            projects: Api::all(admin.clone()),
            namespaces: Api::all(admin),
            audit: plane.audit(),
            _plane: plane,
        };
        eventually("the server watches", async || {
            bed.proxy.seen().iter().any(|seen| seen.watch && seen.path == PROJECTS).then_some(())
        })
        .await;
        bed
    }

    async fn create(&self, name: &str, annotations: &[(&str, &str)]) {
        let mut project = Project::named(name);
        let annotations = annotations.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        project.annotations_mut().extend(annotations);
        self.projects.create(&PostParams::default(), &project).await.expect("create");
    }

    async fn ready(&self, name: &str) {
        eventually(&format!("{name} is ready"), async || {
            let status = self.projects.get_opt(name).await.expect("read")?.status?;
            status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True").then_some(())
        })
        .await;
    }

    async fn project_gone(&self, name: &str) {
        eventually(&format!("project {name} is gone"), async || {
            self.projects.get_opt(name).await.expect("read").is_none().then_some(())
        })
        .await;
    }

    async fn delete(&self, name: &str) {
        self.projects.delete(name, &DeleteParams::default()).await.expect("delete");
    }

    /// One Project is made and deleted, and another that keeps its Namespace.
    async fn lives(&self, word: &str) {
        let (goes, kept) = (format!("{word}-goes"), format!("{word}-kept"));
        self.create(&goes, &[]).await;
        self.create(&kept, &[(KEEP, "true")]).await;
        self.ready(&goes).await;
        self.ready(&kept).await;
        self.delete(&goes).await;
        self.delete(&kept).await;
        self.project_gone(&goes).await;
        self.project_gone(&kept).await;
        self.judge(&goes, &kept).await;
    }

    async fn judge(&self, goes: &str, kept: &str) {
        let namespace = self.namespaces.get_opt(goes).await.expect("read");
        assert!(namespace.is_none(), "{goes}: the Project went before its namespace");
        let namespace = self.namespaces.get_opt(kept).await.expect("read").expect("kept").metadata;
        assert!(namespace.deletion_timestamp.is_none(), "{kept}");
        assert_eq!((namespace.annotations, namespace.finalizers), (None, None), "{kept}");
        let deletions = |name: &str| {
            let asked = self.audit.of(SERVER, name).into_iter();
            asked.filter(|e| e.short() == "delete namespaces").collect::<Vec<_>>()
        };
        assert_eq!(deletions(goes).iter().filter(|e| e.succeeded()).count(), 1, "{goes}");
        for deletion in deletions(goes) {
            let body = deletion.request_object.expect("a body");
            for precondition in ["uid", "resourceVersion"] {
                assert!(body["preconditions"][precondition].is_string(), "{goes}: {body}");
            }
        }
        assert_eq!(deletions(kept).len(), 0, "{kept}");
    }

    /// Waits until that many requests met the fault.
    async fn met(&self, fault: Fault, times: usize) {
        eventually(&format!("{fault:?} was met {times} times"), async || {
            let seen = self.proxy.seen();
            (seen.iter().filter(|seen| seen.fault == Some(fault)).count() >= times).then_some(())
        })
        .await;
    }

    /// How many watches, and how many lists of Projects, there were.
    fn watches_and_lists(&self) -> (usize, usize) {
        let seen = self.proxy.seen();
        let watches = seen.iter().filter(|seen| seen.watch).count();
        let lists =
            seen.iter().filter(|seen| seen.path == "/apis/kargo.akuity.io/v1alpha1/projects");
        (watches, lists.filter(|seen| !seen.watch && seen.method == Method::GET).count())
    }
}

/// All in one life of a server; the longest faults run beside the others.
#[tokio::test]
async fn the_server_survives_what_networks_and_api_servers_do() {
    let bed = Bed::start().await;
    let one_by_one = async {
        watches_are_dropped_and_duplicated(&bed).await;
        the_past_of_watches_is_forgotten(&bed).await;
        nothing_is_served_for_a_while(&bed).await;
    };
    futures::join!(a_request_hangs(&bed), conflicts_storm(&bed), one_by_one);
    bed.proxy.remove_all();
    bed.lives("afterwards").await;
}

/// Carried out, and never answered: the server must give up by itself, and look again.
async fn a_request_hangs(bed: &Bed) {
    let first = Rule::new(Fault::HangAfter).method(Method::PATCH).nth(1);
    bed.proxy.add(first.path(format!("{PROJECTS}/hang-goes*")));
    bed.lives("hang").await;
    bed.met(Fault::HangAfter, 1).await;
}

async fn conflicts_storm(bed: &Bed) {
    for pattern in ["/api/v1/namespaces/storm-*".to_owned(), format!("{PROJECTS}/storm-*")] {
        let storm = Rule::new(Fault::Answer(409)).method(Method::PATCH).window(1..=12);
        bed.proxy.add(storm.path(pattern));
    }
    bed.lives("storm").await;
    bed.met(Fault::Answer(409), 12).await;
}

async fn watches_are_dropped_and_duplicated(bed: &Bed) {
    let twice = bed.proxy.add(Rule::new(Fault::DuplicateEvents));
    let (watches, lists) = bed.watches_and_lists();
    let drops = async {
        for _ in 0..10 {
            bed.proxy.cut_watches();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    futures::join!(bed.lives("dropped"), drops);
    bed.proxy.remove(twice);
    let (watches_then, lists_then) = bed.watches_and_lists();
    assert!(watches_then >= watches + 10, "{watches} watches, then {watches_then}");
    assert_eq!(lists_then, lists, "a watch that was dropped goes on where it was");
}

async fn the_past_of_watches_is_forgotten(bed: &Bed) {
    let (_, lists) = bed.watches_and_lists();
    let gone = bed.proxy.add(Rule::new(Fault::Gone).window(1..=20));
    bed.proxy.cut_watches();
    bed.lives("forgotten").await;
    bed.met(Fault::Gone, 8).await;
    bed.proxy.remove(gone);
    assert!(bed.watches_and_lists().1 > lists, "it did not list again");
}

async fn nothing_is_served_for_a_while(bed: &Bed) {
    let unavailable = bed.proxy.add(Rule::new(Fault::Answer(503)).and_watches());
    bed.proxy.cut_watches();
    let end = async {
        bed.met(Fault::Answer(503), 10).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        bed.proxy.remove(unavailable);
    };
    futures::join!(bed.lives("window"), end);
}
