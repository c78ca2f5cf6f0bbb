//! The access that a Project gets, and that it stays as it should be.

use k8s_openapi::api::rbac::v1::{ClusterRole, Role, RoleBinding};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tenure_testbed::{eventually, unique_name};

use crate::support::Test;

#[tokio::test]
async fn a_project_gets_all_that_kargo_gives_one() {
    let test = Test::start().await;
    let name = unique_name("access");
    test.create_ready(&name, &[("kargo.akuity.io/create-actor", "email:ann@example.com")]).await;
    assert_eq!(
        test.access_objects(&name).await,
        [
            "ServiceAccount/kargo-admin",
            "ServiceAccount/kargo-promoter",
            "ServiceAccount/kargo-viewer",
            "Role/kargo-admin",
            "Role/kargo-promoter",
            "Role/kargo-viewer",
            "RoleBinding/kargo-admin",
            "RoleBinding/kargo-controller-read-secrets",
            "RoleBinding/kargo-project-admin",
            "RoleBinding/kargo-project-secrets-reader",
            "RoleBinding/kargo-promoter",
            "RoleBinding/kargo-viewer",
        ]
    );
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
        Api::namespaced(test.client.clone(), &name);
    let admin = accounts.get("kargo-admin").await.expect("there");
    let annotations = admin.metadata.annotations.unwrap_or_default();
    assert_eq!(annotations["rbac.kargo.akuity.io/claims"], r#"{"email":["ann@example.com"]}"#);
    let roles: Api<ClusterRole> = Api::all(test.client.clone());
    let role = roles.get(&format!("kargo-project-admin-{name}")).await.expect("there");
    let rules = role.rules.unwrap_or_default();
    assert_eq!(rules[0].resource_names.as_deref(), Some([name].as_slice()));
}

#[tokio::test]
async fn what_drifts_is_repaired_and_what_is_deleted_comes_back() {
    let test = Test::start().await;
    let name = unique_name("drift");
    test.create_ready(&name, &[]).await;
    let roles: Api<Role> = Api::namespaced(test.client.clone(), &name);
    let bindings: Api<RoleBinding> = Api::namespaced(test.client.clone(), &name);
    let cluster_roles: Api<ClusterRole> = Api::all(test.client.clone());
    let cluster_role = format!("kargo-project-admin-{name}");
    let before = roles.get("kargo-viewer").await.expect("there").rules;

    let grab = json!({"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
    roles.patch("kargo-viewer", &PatchParams::default(), &Patch::Merge(&grab)).await.expect("grab");
    cluster_roles
        .patch(&cluster_role, &PatchParams::default(), &Patch::Merge(&grab))
        .await
        .expect("grab");
    bindings.delete("kargo-project-admin", &DeleteParams::default()).await.expect("delete");

    eventually("the drift is repaired", async || {
        let role = roles.get("kargo-viewer").await.ok()?.rules;
        let cluster_role = cluster_roles.get(&cluster_role).await.ok()?.rules?;
        let binding = bindings.get_opt("kargo-project-admin").await.ok()?;
        let narrow = cluster_role[0].resource_names == Some(vec![name.clone()]);
        (role == before && narrow && binding.is_some()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_binding_whose_role_was_swapped_is_made_anew() {
    let test = Test::start().await;
    let name = unique_name("swapped");
    test.create_ready(&name, &[]).await;
    let bindings: Api<RoleBinding> = Api::namespaced(test.client.clone(), &name);
    let mut binding = bindings.get("kargo-viewer").await.expect("there");
    bindings.delete("kargo-viewer", &DeleteParams::default()).await.expect("delete");
    eventually("it comes back", async || bindings.get_opt("kargo-viewer").await.ok()?).await;
    bindings.delete("kargo-viewer", &DeleteParams::default()).await.expect("delete");
    binding.role_ref.name = "kargo-admin".to_owned();
    binding.metadata.resource_version = None;
    binding.metadata.uid = None;
    // Whoever comes second finds the other's; both are repaired.
    drop(bindings.create(&Default::default(), &binding).await);
    eventually("it refers to its own role", async || {
        let binding = bindings.get_opt("kargo-viewer").await.ok()??;
        (binding.role_ref.name == "kargo-viewer").then_some(())
    })
    .await;
}

#[tokio::test]
async fn stats_count_warehouses_and_stages_where_those_kinds_exist() {
    let test = Test::start().await;
    let name = unique_name("stats");
    test.create_ready(&name, &[]).await;
    let healthy = json!({"conditions": [{"type": "Healthy", "status": "True"}]});
    let promoting = json!({"promotionTemplate": {"spec": {"steps": [{"uses": "git-push"}]}}});
    for (kind, object, spec, status) in [
        ("Warehouse", "w1", json!({}), healthy.clone()),
        ("Warehouse", "w2", json!({}), json!({})),
        ("Stage", "test", promoting, healthy),
        ("Stage", "control-flow", json!({}), json!({})),
    ] {
        test.apply(&json!({
            "apiVersion": "kargo.akuity.io/v1alpha1", "kind": kind,
            "metadata": {"name": object, "namespace": name}, "spec": spec, "status": status,
        }))
        .await;
    }
    let stats = eventually("the stats are counted", async || {
        let stats = test.projects.get(&name).await.ok()?.status?.stats?;
        (stats.warehouses.health.healthy == 1 && stats.stages.health.healthy == 1).then_some(stats)
    })
    .await;
    assert_eq!((stats.warehouses.count, stats.stages.count), (2, 1));
}
