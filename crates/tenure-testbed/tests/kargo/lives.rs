//! Lives without misfortune: how many writes, in which order, and what is there afterwards.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tenure_testbed::unique_name;

use crate::support::{Bed, FINALIZER, KEEP, condition};

const CREATION: [&str; 18] = [
    "patch projects 200",
    "create namespaces 201",
    "create rolebindings 201",
    "create rolebindings 201",
    "create rolebindings 201",
    "create serviceaccounts 201",
    "create serviceaccounts 201",
    "create serviceaccounts 201",
    "create roles 201",
    "create roles 201",
    "create roles 201",
    "create rolebindings 201",
    "create rolebindings 201",
    "create rolebindings 201",
    "create clusterroles 201",
    "create clusterrolebindings 201",
    "patch projects/status 200",
    "patch projects/status 200",
];
pub(crate) const DELETION: [&str; 5] = [
    "delete clusterrolebindings 200",
    "delete clusterroles 200",
    "patch namespaces 200",
    "delete namespaces 200",
    "patch projects 200",
];
pub(crate) const KEPT: [&str; 4] = [
    "delete clusterrolebindings 200",
    "delete clusterroles 200",
    "patch namespaces 200",
    "patch projects 200",
];

#[tokio::test]
async fn a_project_is_ready_after_eighteen_writes_and_then_left_alone() {
    let (bed, name) = (Bed::start().await, unique_name("created"));
    let kargo = bed.kargo().await;
    bed.create(&name, &[("kargo.akuity.io/create-actor", "email:anna@example.com")]).await;
    bed.pass(&kargo, &name).await.expect("a pass");
    bed.wrote(&name, &CREATION).await;
    assert_eq!(bed.writes(&name).len(), 18);

    let project = bed.project(&name).await.expect("there");
    assert_eq!(project.finalizers(), [FINALIZER]);
    assert_eq!(condition(&project, "Ready"), Some(("True".into(), "Synced".into())));
    assert_eq!(condition(&project, "Reconciling"), None);
    assert_eq!(project.status.and_then(|status| status.stats).expect("counted").stages.count, 0);
    let namespace = bed.namespace(&name).await.expect("made");
    assert_eq!(namespace.finalizers(), [FINALIZER]);
    assert_eq!(namespace.labels().get("kargo.akuity.io/project").expect("labelled"), "true");
    assert_eq!(namespace.owner_references(), []);
    let by = namespace.metadata.managed_fields.expect("somebody wrote it");
    assert_eq!(by[0].manager.as_deref(), Some("kargo"), "as origins are inferred from");

    bed.pass(&kargo, &name).await.expect("a pass");
    assert_eq!(bed.writes(&name).len(), 18, "nothing changed");
    assert_eq!(kargo.journal().errors(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_provisioned_is_kargos_and_bears_no_mark_of_tenure() {
    let (bed, name) = (Bed::start().await, unique_name("provided"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[("kargo.akuity.io/create-actor", "email:anna@example.com")]).await;
    let bindings: Api<RoleBinding> = Api::namespaced(bed.admin.clone(), &name);
    let mut found = bindings.list(&Default::default()).await.expect("list").items;
    found.sort_by_key(|binding| binding.name_any());
    assert!(found.iter().all(|binding| binding.metadata.labels.is_none()), "{found:?}");
    let found: Vec<_> = found
        .iter()
        .map(|binding| {
            let subjects = binding.subjects.iter().flatten();
            let subjects: Vec<_> = subjects.map(|subject| subject.name.as_str()).collect();
            format!("{} {} {}", binding.name_any(), binding.role_ref.name, subjects.join(" "))
        })
        .collect();
    let expected = [
        "kargo-admin kargo-admin kargo-admin",
        "kargo-controller-read-secrets kargo-controller-read-secrets kargo-controller",
        "kargo-project-admin kargo-project-admin kargo-api kargo-admin",
        "kargo-project-secrets-reader kargo-project-secrets-reader kargo-external-webhooks-server",
        "kargo-promoter kargo-promoter kargo-promoter",
        "kargo-viewer kargo-viewer kargo-viewer",
    ];
    assert_eq!(found, expected);
    let accounts: Api<ServiceAccount> = Api::namespaced(bed.admin.clone(), &name);
    let viewer = accounts.get("kargo-viewer").await.expect("made");
    let claims = viewer.annotations().get("rbac.kargo.akuity.io/claims").expect("claims");
    assert_eq!(claims, r#"{"email":["anna@example.com"]}"#);
}

#[tokio::test]
async fn what_grants_something_else_is_put_right_at_the_next_pass() {
    let (bed, name) = (Bed::start().await, unique_name("drifted"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[]).await;
    let roles: Api<Role> = Api::namespaced(bed.admin.clone(), &name);
    let before = roles.get("kargo-viewer").await.expect("made").rules;
    let less = Patch::Merge(json!({"rules": []}));
    roles.patch("kargo-viewer", &PatchParams::default(), &less).await.expect("patch");
    bed.pass(&kargo, &name).await.expect("a pass");
    bed.wrote(&name, &["update roles 200"]).await;
    assert_eq!(roles.get("kargo-viewer").await.expect("there").rules, before);
}

#[tokio::test]
async fn a_project_whose_namespace_is_somebody_elses_is_stalled() {
    let (bed, name) = (Bed::start().await, unique_name("foreign"));
    let kargo = bed.kargo().await;
    bed.create_namespace(&name).await;
    bed.create(&name, &[]).await;
    bed.pass(&kargo, &name).await.expect_err("stalled");
    bed.wrote(&name, &["patch projects 200", "patch projects/status 200"]).await;
    assert_eq!(bed.writes(&name).len(), 2);
    let project = bed.project(&name).await.expect("there");
    let reason = |kind| condition(&project, kind);
    assert_eq!(reason("Ready"), Some(("False".into(), "EnsuringNamespaceFailed".into())));
    assert_eq!(reason("Stalled"), Some(("True".into(), "ExistingNamespaceMissingLabel".into())));
    assert_eq!(reason("Reconciling"), Some(("True".into(), "Syncing".into())));
    assert_eq!(kargo.journal().errors().len(), 1);
}

#[tokio::test]
async fn a_deletion_takes_five_writes_in_their_order() {
    let (bed, name) = (Bed::start().await, unique_name("deleted"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[]).await;
    bed.delete(&name).await;
    bed.pass(&kargo, &name).await.expect("a pass");
    bed.wrote(&name, &DELETION).await;
    assert_eq!(bed.writes(&name).len(), 18 + 5);
    bed.project_gone(&name).await;
    bed.namespace_gone(&name).await;
    bed.pass(&kargo, &name).await.expect("nothing to do");
    kargo.reconcile_namespace(&name).await.expect("nothing to do");
    assert_eq!(bed.writes(&name).len(), 18 + 5);
    assert_eq!(kargo.journal().errors(), Vec::<String>::new());
}

#[tokio::test]
async fn a_namespace_that_is_kept_takes_one_write_less() {
    let bed = Bed::start().await;
    let kargo = bed.kargo().await;
    for on_project in [true, false] {
        let name = unique_name("kept");
        bed.ready(&kargo, &name, &[]).await;
        let keep = json!({"annotations": {KEEP: "true"}});
        if on_project {
            bed.patch_project(&name, keep).await;
        } else {
            bed.patch_namespace(&name, keep).await;
        }
        bed.delete(&name).await;
        bed.pass(&kargo, &name).await.expect("a pass");
        bed.wrote(&name, &KEPT).await;
        bed.project_gone(&name).await;
        assert!(bed.lives(&name).await);
    }
}

#[tokio::test]
async fn a_project_without_a_namespace_is_let_go() {
    let (bed, name) = (Bed::start().await, unique_name("alone"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[]).await;
    bed.patch_namespace(&name, json!({"finalizers": null})).await;
    bed.delete_namespace(&name).await;
    bed.namespace_gone(&name).await;
    bed.delete(&name).await;
    bed.pass(&kargo, &name).await.expect("a pass");
    let expected =
        ["delete clusterrolebindings 200", "delete clusterroles 200", "patch projects 200"];
    bed.wrote(&name, &expected).await;
    bed.project_gone(&name).await;
}

#[tokio::test]
async fn a_namespace_that_is_deleted_takes_its_project_along() {
    let (bed, name) = (Bed::start().await, unique_name("direct"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[]).await;
    bed.delete_namespace(&name).await;
    kargo.cache().catch_up_namespace(&name).await.expect("look");
    kargo.reconcile_namespace(&name).await.expect("a pass");
    bed.wrote(&name, &["delete projects 200", "patch namespaces 200"]).await;
    bed.namespace_gone(&name).await;
    bed.pass(&kargo, &name).await.expect("a pass");
    bed.project_gone(&name).await;
}

#[tokio::test]
async fn an_owner_reference_to_the_project_is_taken_off() {
    let (bed, name) = (Bed::start().await, unique_name("owned"));
    let kargo = bed.kargo().await;
    bed.ready(&kargo, &name, &[]).await;
    let uid = bed.project(&name).await.and_then(|project| project.uid());
    let owner = json!({
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Project", "name": name, "uid": uid,
    });
    bed.patch_namespace(&name, json!({"ownerReferences": [owner]})).await;
    kargo.cache().catch_up_namespace(&name).await.expect("look");
    kargo.reconcile_namespace(&name).await.expect("a pass");
    bed.wrote(&name, &["patch namespaces 200"]).await;
    assert_eq!(bed.namespace(&name).await.expect("there").owner_references(), []);
}
