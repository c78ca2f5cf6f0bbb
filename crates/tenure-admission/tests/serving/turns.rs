//! How connections and the server end: what is at hand is finished.

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use http::StatusCode;
use tenure_admission::Limits;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Server, ask, hear, request};

fn sleeping(time: Duration) -> Router {
    Router::new().route("/sleep", post(async move || tokio::time::sleep(time).await))
}

#[tokio::test]
async fn what_is_at_hand_when_the_server_stops_is_finished_and_nothing_else_begins() {
    let half = Duration::from_millis(500);
    let mut server = Server::start(Limits::default(), sleeping(half)).await;
    let mut sender = server.http_2().await;
    let mut old = server.connect(b"http/1.1").await;
    let http_2 = tokio::spawn(async move { ask(&mut sender, "/sleep", vec![]).await });
    let http_1 = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        old.write_all(&request("/sleep", "")).await.expect("write");
        hear(&mut old).await
    });
    let _idle = server.http_2().await;
    tokio::time::sleep(half / 2).await;
    server.stop.take().expect("not stopped").send(()).expect("it runs");
    timeout(Duration::from_secs(5), &mut server.task).await.expect("it ends").expect("in order");
    let (status, _) = http_2.await.expect("asked").expect("an answer");
    assert_eq!(status, StatusCode::OK);
    assert!(http_1.await.expect("asked").starts_with("HTTP/1.1 200"));
    TcpStream::connect(server.address).await.expect_err("nobody listens");
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_ever() {
    let limits = Limits { stopping: Duration::from_millis(300), ..Limits::default() };
    let mut server = Server::start(limits, sleeping(Duration::from_secs(60))).await;
    let mut sender = server.http_2().await;
    let asking = tokio::spawn(async move { ask(&mut sender, "/sleep", vec![]).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let start = Instant::now();
    server.stop.take().expect("not stopped").send(()).expect("it runs");
    timeout(Duration::from_secs(5), &mut server.task).await.expect("it ends").expect("in order");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    asking.await.expect("asked").expect_err("no answer");
}

#[tokio::test]
async fn a_connection_is_closed_for_being_idle_only_when_nothing_is_at_hand() {
    let half = Duration::from_millis(500);
    let limits = Limits { idle: half / 2, ..Limits::default() };
    let server = Server::start(limits, sleeping(2 * half)).await;
    let mut sender = server.http_2().await;
    ask(&mut sender, "/echo", vec![]).await.expect("an answer");
    let (status, _) = ask(&mut sender, "/sleep", vec![]).await.expect("an answer");
    assert_eq!(status, StatusCode::OK);
    let closed = async {
        while !sender.is_closed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), closed).await.expect("closed");
}
