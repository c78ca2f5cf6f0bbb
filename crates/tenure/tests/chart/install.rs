//! Helm and the chart on a real control plane.
//!
//! There is no kubelet, so nothing that is installed runs by itself. The test is the kubelet: it
//! starts what a pod would, with the very arguments that were installed and as the very
//! ServiceAccount.

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::core::DynamicObject;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use tenure_api::{DeletionPlan, Project, install};
use tenure_testbed::{ControlPlane, TENURE_NAMESPACE, apply, eventually};

use crate::cluster::Cluster;
use crate::support::{render, sets, standalone};

/// Stand-ins for kinds that others install: the real definitions take no part in this.
const OTHERS: [(&str, &str, &str, &str); 3] = [
    ("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors"),
    ("cert-manager.io", "v1", "Certificate", "certificates"),
    ("cert-manager.io", "v1", "Issuer", "issuers"),
];

async fn install_stand_ins(cluster: &Cluster) {
    for (group, version, kind, plural) in OTHERS {
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
                "versions": [{
                    "name": version, "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": schema},
                }],
            },
        });
        apply(&cluster.client, &definition).await.expect("a stand-in");
    }
}

#[tokio::test]
async fn the_api_server_takes_every_object_and_no_upgrade_deletes_a_definition() {
    let cluster = Cluster::without_tenure().await;
    install_stand_ins(&cluster).await;
    cluster.upgrade(&json!({}), &[]);
    assert_eq!(cluster.definitions().await, 2, "that of Projects is Kargo's");
    cluster.upgrade(&standalone(), &[]);
    assert_eq!(cluster.definitions().await, 3);
    for (name, values) in sets() {
        // Hooks too, which an upgrade does not make.
        let taken = cluster.dry_run(&render(&values));
        assert!(taken.is_ok(), "{name}: {taken:?}");
        cluster.upgrade(&values, &[]);
        assert_eq!(cluster.definitions().await, 3, "{name}");
    }
    cluster.upgrade(&json!({}), &[]);
    for (role, user) in
        [(install::VIEWER, "vera"), (install::OPERATOR, "otto"), (install::APPROVER, "alma")]
    {
        bind(&cluster, role, user).await;
    }
    // Who may what: the verb, the kind, and whether viewer, operator and approver may.
    for (verb, group, kind, who) in [
        ("list", "tenure.dev", "deletionplans", [true, true, true]),
        ("get", "tenure.dev", "deletionpolicies", [true, true, true]),
        ("watch", "kargo.akuity.io", "projects", [true, true, true]),
        ("patch", "tenure.dev", "deletionplans", [false, true, true]),
        ("patch", "kargo.akuity.io", "projects", [false, true, false]),
        ("delete", "tenure.dev", "deletionplans", [false, true, false]),
        ("patch", "", "configmaps", [false, true, false]),
        ("create", "tenure.dev", "deletionpolicies", [false, false, false]),
        ("patch", "tenure.dev", "deletionpolicies", [false, false, false]),
        ("delete", "kargo.akuity.io", "projects", [false, false, false]),
        ("delete", "", "namespaces", [false, false, false]),
        ("get", "", "secrets", [false, false, false]),
    ] {
        for (user, may) in ["vera", "otto", "alma"].into_iter().zip(who) {
            assert_eq!(
                allowed(&cluster, user, verb, group, kind).await,
                may,
                "{user} {verb} {kind}"
            );
        }
    }
    let roles: Api<ClusterRole> = Api::all(cluster.client.clone());
    eventually("whoever views the cluster views plans", async || {
        let rules = roles.get("view").await.expect("Kubernetes' role").rules?;
        let of = |kinds: &Vec<String>| kinds.iter().any(|kind| kind == "deletionplans");
        rules.iter().any(|rule| rule.resources.as_ref().is_some_and(of)).then_some(())
    })
    .await;
}

async fn bind(cluster: &Cluster, role: &str, user: &str) {
    let binding = json!({
        "metadata": {"name": format!("{role}-{user}")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    });
    let bindings: Api<ClusterRoleBinding> = Api::all(cluster.client.clone());
    let binding = serde_json::from_value(binding).expect("a binding");
    bindings.create(&PostParams::default(), &binding).await.expect("bind");
    eventually("the right is known", async || {
        allowed(cluster, user, "list", "tenure.dev", "deletionplans").await.then_some(())
    })
    .await;
}

/// Whether the user may, in Tenure's namespace where the kind is in one; and the breaker's object
/// where it is a ConfigMap.
pub(crate) async fn allowed(
    cluster: &Cluster,
    user: &str,
    verb: &str,
    group: &str,
    kind: &str,
) -> bool {
    let named = (kind == "configmaps").then_some(install::BREAKER);
    let namespace = matches!(kind, "configmaps" | "secrets").then_some(TENURE_NAMESPACE);
    let review: SubjectAccessReview = serde_json::from_value(json!({
        "metadata": {},
        "spec": {"user": user, "resourceAttributes": {
            "verb": verb, "group": group, "resource": kind, "name": named, "namespace": namespace,
        }},
    }))
    .expect("a review");
    let reviews: Api<SubjectAccessReview> = Api::all(cluster.client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await.expect("an answer");
    answer.status.expect("a status").allowed
}

/// The values of a life: nothing routes to a webhook here.
fn values() -> Value {
    json!({
        "mode": "standalone",
        "webhook": {"enabled": false},
        "breakGlassGroup": "break-glass",
        "directDeletion": {"restrict": true, "users": ["ann"]},
    })
}

pub(crate) async fn create_ready(cluster: &Cluster, name: &str) {
    let created = cluster.projects.create(&PostParams::default(), &Project::named(name)).await;
    created.expect("create the Project");
    eventually(&format!("{name} is ready"), async || {
        let status = cluster.projects.get(name).await.expect("read").status?;
        status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True").then_some(())
    })
    .await;
}

pub(crate) async fn gone<K>(api: &Api<K>, name: &str)
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    eventually(&format!("{name} is gone"), async || {
        api.get_opt(name).await.expect("read").is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_release_lives_and_its_uninstall_leaves_nothing_that_waits_for_it() {
    let cluster = Cluster::without_tenure().await;
    cluster.upgrade(&values(), &[]);
    let server = cluster.server().await;
    for name in ["goes", "stays", "waits"] {
        create_ready(&cluster, name).await;
    }
    only_some_delete_a_namespace_of_a_project(&cluster).await;
    let (delete, get) = (DeleteParams::default(), ListParams::default());
    cluster.projects.delete("goes", &delete).await.expect("delete");
    gone(&cluster.projects, "goes").await;
    gone(&cluster.namespaces, "goes").await;

    let policy = json!({
        "apiVersion": "tenure.dev/v1alpha1", "kind": "DeletionPolicy",
        "metadata": {"name": "waits"},
        "spec": {
            "selector": {"names": ["waits"]}, "enforcement": "Enforce", "confirmation": "Required",
        },
    });
    apply(&cluster.client, &policy).await.expect("a policy");
    cluster.projects.delete("waits", &delete).await.expect("delete");
    let plans: Api<DeletionPlan> = Api::all(cluster.client.clone());
    let waiting = |plan: &DeletionPlan| {
        plan.status.as_ref().is_some_and(|status| status.waiting_for.is_some())
    };
    let plan = eventually("a plan waits", async || {
        plans.list(&get).await.expect("list").items.into_iter().find(waiting)
    })
    .await;

    let printed = cluster.uninstall(server).await;
    assert!(
        printed.ends_with(
            "projects released: 2, namespaces released: 2, plans ended: 1; nothing was deleted\n"
        ),
        "{printed}"
    );
    gone(&cluster.projects, "waits").await;
    let stays = cluster.projects.get("stays").await.expect("it stays");
    assert_eq!(stays.metadata.finalizers, None);
    for name in ["stays", "waits"] {
        let namespace = cluster.namespaces.get(name).await.expect("it stays");
        assert_eq!(namespace.metadata.finalizers, None, "{name}");
        let ours = |key: &String| key.starts_with("tenure.dev/");
        assert!(!namespace.annotations().keys().any(ours), "{name}");
        // The API server forgets a policy within a moment, not at once.
        eventually("nobody refuses it", async || {
            cluster.namespaces.delete(name, &delete).await.ok().map(drop)
        })
        .await;
        gone(&cluster.namespaces, name).await;
    }
    cluster.projects.delete("stays", &delete).await.expect("nobody refuses it");
    gone(&cluster.projects, "stays").await;
    plans.delete(&plan.name_any(), &delete).await.expect("it has ended");
    assert_eq!(cluster.definitions().await, 3);
    nothing_is_installed(&cluster).await;
}

/// What `directDeletion` says.
async fn only_some_delete_a_namespace_of_a_project(cluster: &Cluster) {
    let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
    eventually("the policy is in force", async || {
        cluster.namespaces.delete("stays", &dry).await.is_err().then_some(())
    })
    .await;
    let refused = cluster.namespaces.delete("stays", &dry).await.expect_err("it is a Project's");
    let said = refused.to_string();
    assert!(said.contains("delete the Project instead, kubectl delete project stays"), "{said}");
    let everything = "system:masters";
    for (user, groups) in [("ann", &[everything][..]), ("eve", &[everything, "break-glass"][..])] {
        let mut config = cluster.plane.user("admin", &[everything]).expect("a user");
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups =
            Some(groups.iter().map(|group| (*group).to_owned()).collect());
        let client = kube::Client::try_from(config).expect("a client");
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client);
        let deleted = namespaces.delete("stays", &dry).await;
        assert!(deleted.is_ok(), "{user}: {deleted:?}");
    }
    cluster.namespaces.delete("kargo", &dry).await.expect("it is no Project's");
}

/// Nothing of the release is left, but its CustomResourceDefinitions and its empty namespace.
async fn nothing_is_installed(cluster: &Cluster) {
    for (resource, _) in install::barriers() {
        let kind: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &resource);
        let left = kind.list(&ListParams::default()).await.expect("list").items;
        assert_eq!(names(&left), Vec::<String>::new(), "{}", resource.kind);
    }
    let ours = ListParams::default().labels("app.kubernetes.io/part-of=tenure");
    let roles: Api<ClusterRole> = Api::all(cluster.client.clone());
    assert_eq!(names(&roles.list(&ours).await.expect("list").items), Vec::<String>::new());
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), TENURE_NAMESPACE);
    assert_eq!(names(&accounts.list(&ours).await.expect("list").items), Vec::<String>::new());
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), TENURE_NAMESPACE);
    let left = leases.list(&ListParams::default()).await.expect("list").items;
    assert_eq!(names(&left), Vec::<String>::new());
}

fn names<K: kube::Resource>(objects: &[K]) -> Vec<String> {
    objects.iter().map(kube::ResourceExt::name_any).collect()
}

#[tokio::test]
async fn what_was_installed_from_manifests_becomes_the_charts_and_goes_with_it() {
    let cluster = Cluster::on(ControlPlane::start_temporary().await.expect("a control plane"));
    cluster.upgrade(&values(), &["--take-ownership", "--force-conflicts"]);
    let roles: Api<ClusterRole> = Api::all(cluster.client.clone());
    let role = roles.get(install::NAME).await.expect("the server's role");
    assert_eq!(role.labels().get("app.kubernetes.io/managed-by").map(String::as_str), Some("Helm"));
    // Nothing runs, so nothing has to be taken back.
    let done = cluster.helm(&["uninstall", "tenure", "--no-hooks"]).output().expect("run");
    crate::support::outcome(&done).expect("it is uninstalled");
    nothing_is_installed(&cluster).await;
    assert_eq!(cluster.definitions().await, 3);
}
