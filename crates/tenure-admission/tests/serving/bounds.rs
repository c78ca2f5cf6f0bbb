//! What no client can do: take more time, room or connections than there are for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use http::StatusCode;
use tenure_admission::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Server, ask, hear, request};

const HALF: Duration = Duration::from_millis(500);

fn limits() -> Limits {
    Limits { handshake: HALF, header: HALF, body: HALF, ..Limits::default() }
}

/// Writes a byte now and then, until nobody reads any more.
async fn drip(stream: &mut (impl tokio::io::AsyncWrite + Unpin), text: &[u8]) {
    for byte in text {
        if stream.write_all(&[*byte]).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn both_versions_of_http_are_answered() {
    let server = Server::echo(Limits::default()).await;
    assert!(server.answers().await);
    let mut sender = server.http_2().await;
    for length in [0, 5, 1 << 20] {
        let answer = ask(&mut sender, "/echo", vec![b'x'; length]).await.expect("an answer");
        assert_eq!(answer, (StatusCode::OK, length.to_string()));
    }
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_is_cut_off() {
    let server = Server::echo(limits()).await;
    let stream = server.connect(b"http/1.1").await;
    let (mut reading, mut writing) = tokio::io::split(stream);
    let start = Instant::now();
    let dripping = tokio::spawn(async move {
        let head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n";
        writing.write_all(head).await.expect("write");
        drip(&mut writing, &[b'x'; 1000]).await;
    });
    let mut answer = String::new();
    drop(reading.read_to_string(&mut answer).await);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(start.elapsed() < 4 * HALF, "{:?}", start.elapsed());
    dripping.abort();
    assert!(server.answers().await);
}

#[tokio::test]
async fn a_header_that_comes_byte_by_byte_is_cut_off() {
    let server = Server::echo(limits()).await;
    let (mut reading, mut writing) = tokio::io::split(server.connect(b"http/1.1").await);
    let start = Instant::now();
    let dripping = tokio::spawn(async move { drip(&mut writing, &[b'P'; 1000]).await });
    let mut answer = Vec::new();
    drop(reading.read_to_end(&mut answer).await);
    assert!(start.elapsed() < 4 * HALF, "{:?}", start.elapsed());
    dripping.abort();
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_ever_asked_is_closed() {
    let server = Server::echo(limits()).await;
    for protocol in [&b"h2"[..], b"http/1.1"] {
        let mut stream = server.connect(protocol).await;
        timeout(6 * HALF, hear(&mut stream)).await.expect("closed");
    }
    let mut silent = TcpStream::connect(server.address).await.expect("a connection");
    let closed = timeout(4 * HALF, silent.read(&mut [0; 1])).await.expect("closed");
    assert!(matches!(closed, Ok(0) | Err(_)), "before the handshake");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_or_not_it_says_so() {
    let limits = Limits { body_bytes: 10_000, ..limits() };
    let server = Server::echo(limits).await;
    let announced = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10001\r\n\r\n";
    let answer = server.say(announced).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let answer = server.say(format!("{head}{chunk}{chunk}{chunk}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    let mut sender = server.http_2().await;
    let (status, _) = ask(&mut sender, "/echo", vec![0; 10_001]).await.expect("an answer");
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _) = ask(&mut sender, "/echo", vec![0; 10_000]).await.expect("an answer");
    assert_eq!(status, StatusCode::OK, "the connection goes on");
}

#[tokio::test]
async fn the_largest_review_that_can_be_is_taken() {
    let server = Server::echo(Limits::default()).await;
    let mut sender = server.http_2().await;
    let answer = ask(&mut sender, "/echo", vec![b' '; 3 << 20]).await.expect("an answer");
    assert_eq!(answer, (StatusCode::OK, (3 << 20).to_string()));
}

#[tokio::test]
async fn bodies_at_hand_take_no_more_room_than_there_is() {
    let limits = Limits { small_bytes_at_hand: 15_000, ..limits() };
    let slow = post(async |body: bytes::Bytes| {
        tokio::time::sleep(3 * HALF).await;
        body.len().to_string()
    });
    let server = Server::start(limits, Router::new().route("/slow", slow)).await;
    let mut first = server.http_2().await;
    let mut second = first.clone();
    let holding = tokio::spawn(async move { ask(&mut first, "/slow", vec![0; 10_000]).await });
    tokio::time::sleep(HALF / 2).await;
    let (status, _) = ask(&mut second, "/echo", vec![0; 10_000]).await.expect("an answer");
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let held = holding.await.expect("asked").expect("an answer");
    assert_eq!(held, (StatusCode::OK, "10000".to_owned()));
    let (status, _) = ask(&mut second, "/echo", vec![0; 10_000]).await.expect("an answer");
    assert_eq!(status, StatusCode::OK, "there is room again");
}

#[tokio::test]
async fn large_bodies_wait_for_each_other_and_small_ones_do_not_wait_for_them() {
    let limits = Limits {
        small_body_bytes: 10_000,
        small_bytes_at_hand: 45_000,
        large_at_hand: 1,
        body: 20 * HALF,
        ..limits()
    };
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (now.clone(), most.clone());
    let slow = post(async move |body: bytes::Bytes| {
        let at_once = counted.fetch_add(1, Ordering::SeqCst) + 1;
        highest.fetch_max(at_once, Ordering::SeqCst);
        tokio::time::sleep(HALF / 2).await;
        counted.fetch_sub(1, Ordering::SeqCst);
        body.len().to_string()
    });
    let server = Server::start(limits, Router::new().route("/slow", slow)).await;
    let mut asked = Vec::new();
    for _ in 0..4 {
        let mut sender = server.http_2().await;
        asked.push(tokio::spawn(async move { ask(&mut sender, "/slow", vec![0; 100_000]).await }));
    }
    tokio::time::sleep(HALF / 4).await;
    let mut sender = server.http_2().await;
    let (status, _) = ask(&mut sender, "/echo", vec![0; 1_000]).await.expect("an answer");
    assert_eq!((status, now.load(Ordering::SeqCst)), (StatusCode::OK, 1));
    for asking in asked {
        let answer = asking.await.expect("asked").expect("an answer");
        assert_eq!(answer, (StatusCode::OK, "100000".to_owned()));
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn garbage_in_place_of_a_handshake_harms_nobody() {
    let server = Server::echo(limits()).await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 5000], &[0x16, 3, 1, 0xff, 0xff, 1]] {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.write_all(garbage).await.expect("write");
        let mut answer = Vec::new();
        let ended = timeout(4 * HALF, stream.read_to_end(&mut answer)).await;
        drop(ended.expect("the server closes it"));
    }
    assert!(server.answers().await);
}

#[tokio::test]
async fn two_hundred_idle_connections_harm_nobody_and_do_not_stay() {
    let server = Server::echo(Limits { header: 4 * HALF, ..limits() }).await;
    let mut idle = Vec::new();
    for number in 0..200 {
        let protocol = if number % 2 == 0 { &b"h2"[..] } else { b"http/1.1" };
        idle.push(server.connect(protocol).await);
    }
    assert!(server.answers().await);
    for mut stream in idle {
        timeout(10 * HALF, hear(&mut stream)).await.expect("closed");
    }
    assert!(server.answers().await);
}

#[tokio::test]
async fn at_the_limit_a_newcomer_takes_the_place_of_one_that_is_idle() {
    let limits = Limits { connections: 10, ..Limits::default() };
    let server = Server::echo(limits).await;
    let mut used = server.http_2().await;
    ask(&mut used, "/echo", vec![]).await.expect("an answer");
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(TcpStream::connect(server.address).await.expect("a connection"));
    }
    let start = Instant::now();
    assert!(server.answers().await);
    assert!(start.elapsed() < 4 * HALF, "{:?}", start.elapsed());
    let answer = ask(&mut used, "/echo", vec![]).await;
    answer.expect("one that was used is not closed for one that was not");
}

#[tokio::test]
async fn one_connection_has_no_more_requests_at_once_than_it_may() {
    let limits = Limits { streams: 4, ..limits() };
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (now.clone(), most.clone());
    let handler = post(async move || {
        let at_once = counted.fetch_add(1, Ordering::SeqCst) + 1;
        highest.fetch_max(at_once, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        counted.fetch_sub(1, Ordering::SeqCst);
    });
    let server = Server::start(limits, Router::new().route("/count", handler)).await;
    let mut sender = server.http_2().await;
    ask(&mut sender, "/echo", vec![]).await.expect("an answer, and with it what the server allows");
    let mut asked = Vec::new();
    for _ in 0..40 {
        let mut sender = sender.clone();
        asked.push(tokio::spawn(async move { ask(&mut sender, "/count", vec![]).await }));
    }
    for asking in asked {
        let (status, _) = asking.await.expect("asked").expect("an answer");
        assert_eq!(status, StatusCode::OK);
    }
    assert!((2..=4).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_for() {
    let handler = post(async || -> String { panic!("as a test wants it") });
    let server = Server::start(limits(), Router::new().route("/panic", handler)).await;
    let mut sender = server.http_2().await;
    let (status, _) = ask(&mut sender, "/panic", vec![]).await.expect("an answer");
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    let (status, _) = ask(&mut sender, "/echo", vec![]).await.expect("an answer");
    assert_eq!(status, StatusCode::OK, "the connection goes on");
    let answer = server.say(&request("/panic", "")).await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
}
