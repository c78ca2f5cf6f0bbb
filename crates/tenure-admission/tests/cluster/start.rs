//! The first start, and rest.

use std::time::Duration;

use kube::Api;
use tenure_admission::Limits;
use tenure_api::install::WEBHOOK_TLS;
use tenure_testbed::audit::Entry;
use tenure_testbed::eventually;

use crate::support::{World, lasting};

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_start_at_once_make_one_certificate() {
    let world = World::new().await;
    let audit = world.control.audit();
    let one = world.replica(lasting(), Limits::default()).await;
    let other = world.replica(lasting(), Limits::default()).await;
    world.configure("ValidatingWebhookConfiguration", &[&one, &other]).await;
    world.configure("MutatingWebhookConfiguration", &[&other]).await;
    world.called(&[&one, &other]).await;
    one.certificate.present().await;
    other.certificate.present().await;
    assert_eq!(one.certificate.not_after(), other.certificate.not_after());
    let bundles = world.bundles().await;
    assert_eq!(bundles[0].matches("BEGIN CERTIFICATE").count(), 1);
    assert_eq!(bundles[0], bundles[1]);

    let ours = |entry: &Entry| entry.user.username == world.user();
    let entries = audit.entries();
    let made = entries.iter().filter(|e| ours(e) && e.short() == "create secrets");
    assert_eq!(made.filter(|entry| entry.succeeded()).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_while_nothing_is_due() {
    let world = World::new().await;
    let one = world.replica(lasting(), Limits::default()).await;
    let _other = world.replica(lasting(), Limits::default()).await;
    world.configure("ValidatingWebhookConfiguration", &[&one]).await;
    world.called(&[&one]).await;
    tokio::time::sleep(2 * lasting().dwell).await;
    let audit = world.control.audit();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let entries = audit.entries();
    let ours: Vec<_> = entries.iter().filter(|e| e.user.username == world.user()).collect();
    let writes: Vec<_> = ours.iter().filter(|e| e.is_write()).map(|e| e.short()).collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert!(ours.iter().any(|entry| entry.name() == WEBHOOK_TLS && entry.verb == "get"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_comes_late_is_given_the_authority() {
    let world = World::new().await;
    let replica = world.replica(lasting(), Limits::default()).await;
    replica.certificate.present().await;
    world.called(&[]).await;
    world.configure("MutatingWebhookConfiguration", &[&replica]).await;
    world.called(&[&replica]).await;
    world.configure("ValidatingWebhookConfiguration", &[&replica, &replica]).await;
    world.called(&[&replica]).await;
    let bundles = world.bundles().await;
    assert!(bundles.iter().all(|bundle| bundle.contains("BEGIN CERTIFICATE")));
}

#[tokio::test(flavor = "multi_thread")]
async fn its_rights_are_for_nothing_else() {
    let world = World::new().await;
    let name = tenure_api::install::NAME;
    let config = world.control.service_account(&world.namespace, name).await.expect("a token");
    let client = kube::Client::try_from(config).expect("a client");
    let secrets: Api<k8s_openapi::api::core::v1::Secret> =
        Api::namespaced(client.clone(), &world.namespace);
    let may = eventually("its role is known", async || secrets.get_opt(WEBHOOK_TLS).await.ok());
    assert!(may.await.is_none());
    secrets.list(&Default::default()).await.expect_err("no list");
    secrets.get("another").await.expect_err("no other");
    secrets.delete(WEBHOOK_TLS, &Default::default()).await.expect_err("no deletion");
    let maps: Api<k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration> =
        Api::all(client);
    maps.get("another").await.expect_err("no other");
}
