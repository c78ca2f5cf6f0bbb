//! Contents are attributed as expected, and what cannot be seen is told.

use std::collections::BTreeSet;
use std::sync::Mutex;

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use serde_json::json;
use tenure_api::install;
use tenure_cluster::Progress;
use tenure_core::contents::{Contents, LossKind};
use tenure_testbed::eventually;
use tenure_testbed::fault::{Fault, Plan};

use crate::support::{Test, argo_cd, managed, managers, root};

#[tokio::test(flavor = "multi_thread")]
async fn each_object_is_known_by_what_its_tool_wrote_on_it() {
    let test = Test::start("attributed").await;
    test.fill().await;
    let deployments: Api<Deployment> = Api::namespaced(test.admin.clone(), &test.namespace);
    let web = deployments.get("web").await.unwrap();
    let child = json!({"metadata": {"ownerReferences": [{
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": true,
        "uid": web.metadata.uid,
    }]}});
    test.put(("v1", "ConfigMap"), "of-web", child).await;
    let found = read(&test).await;

    assert_eq!(found.unseen, []);
    let config = |name| managers(&found, "configmaps", name);
    let secret = |name| managers(&found, "secrets", name);
    assert_eq!(managers(&found, "deployments.apps", "web"), ["Argo CD shop"]);
    assert_eq!(root(&found, "deployments.apps", "web").unwrap().children, 1);
    assert_eq!(root(&found, "configmaps", "of-web"), None);
    assert_eq!(managers(&found, "resourcequotas", "compute"), ["Helm platform/platform"]);
    assert_eq!(secret("git"), ["Kargo"]);
    assert_eq!(secret("git-argo"), ["Kargo", "Argo CD shop"]);
    let release = format!("Helm {}/cache", test.namespace);
    assert_eq!(secret("sh.helm.release.v1.platform.v1"), [release.as_str()]);
    assert_eq!(secret("certificate"), ["cert-manager"]);
    assert_eq!(config("flux"), ["Flux flux-system/apps"]);
    assert_eq!(config("kapp"), ["kapp 17"]);
    assert_eq!(config("by-terraform"), ["Terraform"]);
    assert_eq!(config("by-hand"), ["kubectl"]);
    assert_eq!(config("kube-root-ca.crt"), ["Kubernetes"]);
    assert_eq!(managers(&found, "stages.kargo.akuity.io", "main"), ["Kargo"]);

    let counted = managed(&found);
    assert_eq!(counted["Argo CD shop"], 3);
    assert_eq!(counted["Helm platform/platform"], 3);
    assert_eq!(counted.len(), 6);
    let ours = BTreeSet::from([argo_cd()]);
    assert_eq!(found.foreign(&ours).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_whole_cluster_had_none_of_is_seen_as_soon_as_it_comes() {
    let test = Test::alone("absent").await;
    let cluster = test.cluster(&[install::CONTENTS]).await;
    let templates = async || {
        let found = cluster.read_contents(&test.namespace, &BTreeSet::new(), |_| {}).await.unwrap();
        assert_eq!(found.unseen, []);
        let of_kind = |kind: &&_| root(&found, "podtemplates", kind).is_some();
        ["first", "second"].iter().filter(|name| of_kind(name)).count()
    };
    let template = json!({"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}});
    let asked = || {
        let entries = test.plane.audit();
        move || {
            let lists = entries.entries();
            let ours = lists.iter().filter(|e| e.user.username.starts_with("reader"));
            let lists = ours.filter(|e| e.verb == "list" && e.resource() == "podtemplates");
            lists.map(|e| e.request_uri.contains("/namespaces/")).collect::<Vec<_>>()
        }
    };
    // The first time the namespace is asked, then the cluster, and where it has some both.
    for (name, expected, in_namespace) in
        [(None, 0, vec![true]), (None, 0, vec![false]), (Some("first"), 1, vec![false, true])]
    {
        if let Some(name) = name {
            test.put(("v1", "PodTemplate"), name, template.clone()).await;
        }
        let audit = asked();
        assert_eq!(templates().await, expected, "{name:?}");
        eventually("the audit log has it", async || (audit() == in_namespace).then_some(())).await;
    }
    // For a while the cluster is known to have some, and not asked again.
    test.put(("v1", "PodTemplate"), "second", template).await;
    let audit = asked();
    assert_eq!(templates().await, 2);
    eventually("the audit log has it", async || (audit() == [true]).then_some(())).await;

    // Many at once ask together for what there is none of.
    let audit = test.plane.audit();
    let all = futures::future::join_all((0..20).map(|_| templates())).await;
    assert!(all.iter().all(|seen| *seen == 2), "{all:?}");
    let lists = audit.entries();
    let lists = lists.iter().filter(|e| e.verb == "list" && e.resource() == "controllerrevisions");
    let lists = lists.filter(|e| e.user.username.starts_with("reader")).count();
    assert!((1..10).contains(&lists), "{lists} lists for 20 looks");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_for_good_is_told_and_nothing_else() {
    let test = Test::start("lost").await;
    test.fill().await;
    let found = read(&test).await;
    let lost: BTreeSet<_> =
        found.losses.iter().map(|loss| (loss.object.as_str(), loss.kind)).collect();
    let expected = BTreeSet::from([
        ("persistentvolumeclaims/scratch", LossKind::Volume),
        ("services/front", LossKind::LoadBalancer),
        ("secrets/git", LossKind::Secret),
        ("secrets/registry", LossKind::Secret),
    ]);
    assert_eq!(lost, expected);
    assert_eq!(found.lost_for_good().len(), 4);
    let stored = serde_json::to_string(&found).unwrap();
    assert!(!stored.contains("auths"), "what is in a Secret is no part of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_may_not_be_read_may_be_lost() {
    let test = Test::start("volumes").await;
    test.fill().await;
    test.apply(&role("list-only", &["*"], &["list"])).await;
    let cluster = test.cluster(&["list-only"]).await;
    let found = cluster.read_contents(&test.namespace, &BTreeSet::new(), |_| {}).await.unwrap();
    let volumes: Vec<_> =
        found.losses.iter().filter(|loss| loss.kind == LossKind::Volume).collect();
    assert_eq!(volumes.len(), 2);
    assert!(volumes.iter().all(|loss| loss.explanation.contains("cannot be read")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_role_allows_is_unseen_and_the_rest_is_seen() {
    let test = Test::start("roleless").await;
    test.fill().await;
    test.apply(&role("configmaps-only", &["configmaps"], &["list"])).await;
    let cluster = test.cluster(&["configmaps-only"]).await;
    let found = cluster.read_contents(&test.namespace, &BTreeSet::new(), |_| {}).await.unwrap();
    assert_eq!(found.kinds.len(), 1);
    assert_eq!(found.objects, 5);
    let secrets = found.unseen.iter().find(|unseen| unseen.kind == "secrets").unwrap();
    assert!(secrets.why.contains("forbidden") && !secrets.temporary, "{secrets:?}");
    assert!(found.unseen.len() > 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_fails_now_is_unseen_for_the_moment() {
    let test = Test::start("failing").await;
    test.install_roles().await;
    let path = format!("/api/v1/namespaces/{}/services", test.namespace);
    let plan = Plan::always("GET", path, Fault::Answer(503));
    let cluster = test.cluster_through(&[install::CONTENTS], Some(plan)).await;
    let found = cluster.read_contents(&test.namespace, &BTreeSet::new(), |_| {}).await.unwrap();
    let unseen: Vec<_> = found.unseen.iter().map(|u| (u.kind.as_str(), u.temporary)).collect();
    assert_eq!(unseen, [("services", true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_cannot_be_read_now_leaves_the_claims_unseen_for_the_moment() {
    let test = Test::start("volume-fails").await;
    test.install_roles().await;
    test.fill().await;
    let path = format!("/api/v1/persistentvolumes/{}-scratch", test.namespace);
    let plan = Plan::always("GET", path, Fault::Answer(503));
    let cluster = test.cluster_through(&[install::CONTENTS], Some(plan)).await;
    let found = cluster.read_contents(&test.namespace, &BTreeSet::new(), |_| {}).await.unwrap();
    let unseen: Vec<_> = found.unseen.iter().map(|u| (u.kind.as_str(), u.temporary)).collect();
    assert_eq!(unseen, [("persistentvolumeclaims", true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_that_is_forgotten_on_its_way_begins_anew_and_counts_nothing_twice() {
    let test = Test::start("pages").await;
    test.install_roles().await;
    for n in 0..1_100 {
        let object = test.object(("v1", "ConfigMap"), &format!("c-{n}"), json!({}));
        tenure_testbed::create_as(&test.admin, "tests", &object).await.unwrap();
    }
    let plan = Plan::first("/configmaps?&limit=500&continue=", Fault::Answer(410));
    let cluster = test.cluster_through(&[install::CONTENTS], Some(plan.clone())).await;
    let seen = Mutex::new(Vec::new());
    let found = cluster
        .read_contents(&test.namespace, &BTreeSet::new(), |progress| {
            seen.lock().unwrap().push(progress);
        })
        .await
        .unwrap();
    assert!(plan.all_met(), "no page was forgotten");
    assert_eq!(found.unseen, []);
    let configmaps = found.kinds.iter().find(|counted| counted.kind == "configmaps").unwrap();
    assert_eq!(configmaps.objects, 1_101);
    let seen = seen.into_inner().unwrap();
    let last = seen.iter().max_by_key(|progress| progress.kinds_done).unwrap();
    let Progress { kinds, kinds_done, objects } = *last;
    assert_eq!(kinds, kinds_done);
    // The first page was seen twice.
    assert_eq!(objects, found.objects + 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_leaves_its_group_unseen_unless_it_is_ignored() {
    let test = Test::alone("broken").await;
    test.fill().await;
    for group in ["broken.example.com", "metrics.k8s.io"] {
        test.apply(&json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": {"name": format!("v1.{group}")},
            "spec": {
                "group": group, "version": "v1", "groupPriorityMinimum": 100,
                "versionPriority": 100, "insecureSkipTLSVerify": true,
                "service": {"name": "nobody", "namespace": "default"},
            },
        }))
        .await;
    }
    test.install_roles().await;
    let found = eventually("the broken group is unseen", async || {
        let cluster = test.cluster(&[install::CONTENTS]).await;
        let none = BTreeSet::new();
        let found = cluster.read_contents(&test.namespace, &none, |_| {}).await.unwrap();
        (!found.unseen.is_empty()).then_some(found)
    })
    .await;
    let unseen: Vec<_> = found.unseen.iter().map(|unseen| unseen.kind.as_str()).collect();
    assert_eq!(unseen, ["*.broken.example.com"]);
    assert!(found.objects > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_can_be_spawned_and_nothing_is_written() {
    let test = Test::start("spawned").await;
    let cluster = test.tenure().await;
    let audit = test.plane.audit();
    let namespace = test.namespace.clone();
    let reading =
        tokio::spawn(
            async move { cluster.read_contents(&namespace, &BTreeSet::new(), |_| {}).await },
        );
    let found = reading.await.unwrap().unwrap();
    assert!(found.objects > 5);
    let reader = |entry: &tenure_testbed::audit::Entry| entry.user.username.starts_with("reader-");
    let written = audit.entries().into_iter().filter(|e| reader(e) && e.is_write());
    let here =
        written.filter(|e| e.object_ref.as_ref().is_some_and(|o| o.namespace == test.namespace));
    assert_eq!(here.count(), 0);
}

async fn read(test: &Test) -> Contents {
    let cluster = test.tenure().await;
    cluster.read_contents(&test.namespace, &BTreeSet::new(), |_| {}).await.expect("read")
}

fn role(name: &str, resources: &[&str], verbs: &[&str]) -> serde_json::Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [{"apiGroups": ["*"], "resources": resources, "verbs": verbs}],
    })
}
