//! The rules of any installation.

use kube::api::{DynamicObject, PostParams};
use kube::discovery::pinned_kind;
use kube::{Api, ResourceExt as _};
use tenure_api::install::{Installation, manifests};
use tenure_testbed::ControlPlane;

/// What is composed of names that people choose is taken by the API server, which compiles it.
#[tokio::test]
async fn the_rules_compile_whatever_names_an_installation_has() {
    let plane = ControlPlane::shared().await;
    let client = plane.admin().expect("an administrator");
    let dry = PostParams { dry_run: true, ..Default::default() };
    let odd = "o'brien \"and\" \\ \n others";
    let installation = Installation {
        mode: tenure_core::Mode::Companion,
        namespace: "tenancy".to_owned(),
        kargo_namespace: "promotions".to_owned(),
        system_namespaces: ["platform".to_owned(), odd.to_owned()].into(),
        break_glass_group: Some(odd.to_owned()),
    };
    let mut compiled = 0;
    for manifest in manifests(&installation) {
        if manifest["kind"] != "ValidatingAdmissionPolicy" {
            continue;
        }
        let mut policy: DynamicObject = serde_json::from_value(manifest).expect("an object");
        policy.metadata.name = Some(format!("{}-elsewhere", policy.name_any()));
        let kind = kube::core::GroupVersionKind::gvk(
            "admissionregistration.k8s.io",
            "v1",
            "ValidatingAdmissionPolicy",
        );
        let (resource, _) = pinned_kind(&client, &kind).await.expect("it is served");
        let policies: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        policies.create(&dry, &policy).await.expect("it compiles");
        compiled += 1;
    }
    assert_eq!(compiled, 9);
}
