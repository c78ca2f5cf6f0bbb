//! Rotation, while the API server calls without end.

use std::collections::BTreeSet;
use std::time::Duration;

use tenure_admission::Limits;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{World, hasty, lasting};

/// Closes connections as soon as they rest, so that nearly every call is a handshake.
fn restless() -> Limits {
    Limits { idle: Duration::from_millis(15), ..Limits::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_while_certificates_are_replaced() {
    let world = World::new().await;
    let one = world.replica(hasty(), restless()).await;
    let mut other = world.replica(hasty(), restless()).await;
    world.configure("ValidatingWebhookConfiguration", &[&one, &other]).await;
    world.configure("MutatingWebhookConfiguration", &[&one, &other]).await;
    world.called(&[&one, &other]).await;
    let load = world.load();
    let (mut served, mut most, mut round) = (BTreeSet::new(), 0, 0);
    while served.len() < 5 {
        served.extend(one.certificate.not_after().into_iter().chain(other.certificate.not_after()));
        let bundles = world.bundles().await;
        most = most.max(bundles[0].matches("BEGIN").count());
        tokio::time::sleep(Duration::from_millis(100)).await;
        round += 1;
        if round % 9 == 0 {
            other.restart_keeper();
        }
        assert!(round < 1500, "certificates are not replaced: {served:?}");
    }
    let (calls, failures) = load.stop().await;
    println!("{calls} calls over {} certificates, at most {most} published", served.len());
    assert_eq!(failures, 0);
    assert!(calls > 100, "{calls}");
    assert!(most <= 4, "what expired goes: {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_under_siege_is_called_all_the_same() {
    let world = World::new().await;
    let replica = world.replica(lasting(), Limits::default()).await;
    world.configure("ValidatingWebhookConfiguration", &[&replica]).await;
    world.called(&[&replica]).await;
    let mut besiegers = Vec::new();
    for number in 0..400 {
        let mut stream = TcpStream::connect(replica.address).await.expect("a connection");
        if number % 2 == 0 {
            drop(stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await);
        }
        besiegers.push(stream);
    }
    let load = world.load();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let (calls, failures) = load.stop().await;
    assert_eq!(failures, 0);
    assert!(calls > 20, "{calls}");
}
