//! What others delete or overwrite is made anew, and nothing that is served suffers from it.

use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tenure_admission::Limits;
use tenure_api::install::{NAME, WEBHOOK_TLS};
use tenure_testbed::eventually;

use crate::support::{Replica, World, lasting};

/// Certificates are told apart by when they expire, in seconds.
const TWO_SECONDS: Duration = Duration::from_secs(2);

async fn overwrite(world: &World, data: Value) {
    let patch = Patch::Merge(json!({ "data": data }));
    world.secrets().patch(WEBHOOK_TLS, &PatchParams::default(), &patch).await.expect("written");
}

/// Waits until both replicas serve another certificate, and the Secret holds it.
async fn replaced(world: &World, before: &Secret, replicas: [&Replica; 2]) {
    let old = replicas.map(|replica| replica.certificate.not_after());
    eventually("the certificate is another", async || {
        let now = world.secrets().get_opt(WEBHOOK_TLS).await.ok()??;
        let certificate = |secret: &Secret| secret.data.clone()?.get("tls.crt").cloned();
        let kept = certificate(&now).is_some_and(|now| Some(now) != certificate(before));
        let now = replicas.map(|replica| replica.certificate.not_after());
        (kept && now[0] == now[1] && now[0] != old[0]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_lost_is_made_anew_and_no_call_fails() {
    let world = World::new().await;
    let one = world.replica(lasting(), Limits::default()).await;
    let other = world.replica(lasting(), Limits::default()).await;
    world.configure("ValidatingWebhookConfiguration", &[&one, &other]).await;
    world.called(&[&one, &other]).await;
    let load = world.load();
    tokio::time::sleep(TWO_SECONDS).await;
    let first = world.secret().await;
    overwrite(&world, json!({"tls.crt": "Z2FyYmFnZQ==", "ca.crt": "Z2FyYmFnZQ=="})).await;
    replaced(&world, &first, [&one, &other]).await;

    tokio::time::sleep(TWO_SECONDS).await;
    let second = world.secret().await;
    overwrite(&world, json!({"tls.key": first.data.as_ref().map(|data| &data["tls.key"])})).await;
    replaced(&world, &second, [&one, &other]).await;

    tokio::time::sleep(TWO_SECONDS).await;
    let third = world.secret().await;
    world.secrets().delete(WEBHOOK_TLS, &Default::default()).await.expect("deleted");
    replaced(&world, &third, [&one, &other]).await;
    world.called(&[&one, &other]).await;
    let (calls, failures) = load.stop().await;
    assert_eq!(failures, 0);
    assert!(calls > 20, "{calls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_others_wrote_is_overruled() {
    let world = World::new().await;
    let replica = world.replica(lasting(), Limits::default()).await;
    world.configure("ValidatingWebhookConfiguration", &[&replica]).await;
    world.called(&[&replica]).await;
    let good = world.bundles().await;
    let api: Api<ValidatingWebhookConfiguration> = Api::all(world.admin.clone());
    // A bundle without a certificate in it is refused by the API server.
    let another = rcgen::generate_simple_self_signed(["x".to_owned()]).expect("a certificate");
    for bundle in [another.cert.pem(), String::new()] {
        let bundle = json!(k8s_openapi::ByteString(bundle.into_bytes()));
        let path = "/webhooks/0/clientConfig/caBundle";
        let patch = json!([{"op": "replace", "path": path, "value": bundle}]);
        let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).expect("a patch"));
        api.patch(NAME, &PatchParams::default(), &patch).await.expect("written");
        eventually("it is as it was", async || (world.bundles().await == good).then_some(())).await;
        world.called(&[&replica]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_made_anew_is_given_the_authority_again() {
    let world = World::new().await;
    let replica = world.replica(lasting(), Limits::default()).await;
    world.configure("ValidatingWebhookConfiguration", &[&replica]).await;
    world.called(&[&replica]).await;
    let good = world.bundles().await;
    world.delete("ValidatingWebhookConfiguration").await;
    world.configure("ValidatingWebhookConfiguration", &[&replica]).await;
    eventually("it is as it was", async || (world.bundles().await == good).then_some(())).await;
    world.called(&[&replica]).await;
}
