//! More than one replica, probes, and an orderly end.

use tenure_testbed::{Process, eventually, unique_name};

use crate::support::{KEEP, SERVER, Test, server};

#[tokio::test]
async fn two_controllers_that_both_act_delete_once_and_keep_what_is_to_be_kept() {
    let test = Test::alone().await;
    let always = ["--leader-elect", "false"];
    let one = server(&test.bed.plane, "one", &always);
    let two = server(&test.bed.plane, "two", &always);
    let mut test = test;
    test.stop_server();
    let goes: Vec<_> = (0..8).map(|_| unique_name("goes")).collect();
    let kept: Vec<_> = (0..8).map(|_| unique_name("stays")).collect();
    for name in &goes {
        test.create(name, &[]).await;
    }
    for name in &kept {
        test.create(name, &[(KEEP, "true")]).await;
    }
    for name in goes.iter().chain(&kept) {
        test.condition(name, "Ready", "True").await;
    }
    let audit = test.bed.plane.audit();
    for name in goes.iter().chain(&kept) {
        test.delete(name).await;
    }
    for name in goes.iter().chain(&kept) {
        test.project_gone(name).await;
    }
    for name in &goes {
        test.namespace_gone(name).await;
        let accepted = audit
            .of(SERVER, name)
            .iter()
            .filter(|e| e.short() == "delete namespaces" && e.succeeded())
            .count();
        assert_eq!(accepted, 1, "{name}");
    }
    for name in &kept {
        assert!(test.namespace(name).await.is_some(), "{name}");
        assert!(!test.delete_was_asked(&audit, name), "{name}");
        assert_eq!(test.access_objects(name).await, Vec::<String>::new());
    }
    drop((one, two));
}

#[tokio::test]
async fn a_replica_that_is_told_to_stop_ends_in_order_and_another_takes_over() {
    let test = Test::alone().await;
    test.create_ready("before", &[]).await;
    let second: Process = server(&test.bed.plane, "second", &[]);
    let mut test = test;
    assert!(test.take_server().terminate(), "the first did not end in order");
    test.create_ready("after", &[]).await;
    drop(second);
}

#[tokio::test]
async fn the_server_is_ready_when_its_caches_are_complete_and_shows_its_metrics() {
    let test = Test::start().await;
    test.create_ready(&unique_name("probed"), &[]).await;
    let get = async |path: &str| -> (u16, String) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let address = test.bed.probes().await;
        let mut stream = tokio::net::TcpStream::connect(&address).await.expect("connect");
        let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("ask");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("read");
        let status = answer[9..12].parse().expect("a status");
        (status, answer)
    };
    assert_eq!(get("/healthz").await.0, 200);
    eventually("ready", async || (get("/readyz").await.0 == 200).then_some(())).await;
    let (_, metrics) = get("/metrics").await;
    for metric in [
        "tenure_steps_total{step=\"CreateNamespace\"}",
        "tenure_reconcile_seconds_bucket",
        "tenure_leader 1",
    ] {
        assert!(metrics.contains(metric), "{metric} is not in {metrics}");
    }
}
