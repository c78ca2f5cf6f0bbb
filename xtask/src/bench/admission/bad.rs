//! Reviews that make no sense, and a few that do although they look as if they did not.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use serde_json::Value;
use tenure_testbed::Asking;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How deep the deepest is. A reader that follows may run out of stack.
const NESTED: usize = 100_000;

/// How it has to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The API server may go on.
    Allowed,
    /// It may not.
    Refused,
    /// By a failure.
    Unreadable,
}

/// One kind of review.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) answer: Answer,
    pub(super) encoding: Option<&'static str>,
    pub(super) body: Bytes,
}

impl Kind {
    fn new(name: &'static str, answer: Answer, body: Vec<u8>) -> Self {
        Self { name, answer, encoding: None, body: body.into() }
    }
}

/// All kinds, made from a review that is good.
pub(super) fn kinds(good: &Value) -> Vec<Kind> {
    use Answer::{Allowed, Refused, Unreadable};
    let text = good.to_string();
    let changed = |change: fn(&mut Value)| {
        let mut review = good.clone();
        change(&mut review);
        review.to_string().into_bytes()
    };
    let asking = |name, answer, change| Kind::new(name, answer, changed(change));
    let saying = |name, answer, said: &str, other: String| {
        Kind::new(name, answer, text.replacen(said, &other, 1).into_bytes())
    };
    let nested = "[".repeat(NESTED) + &"]".repeat(NESTED);
    // A header as gzip writes it, and something that may follow.
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], &text.as_bytes()[..64]].concat();
    let gzip = Kind::new("truncated gzip", Unreadable, gzip);
    vec![
        asking("object is null", Allowed, |r| r["request"]["object"] = Value::Null),
        asking("oldObject is null", Refused, |r| r["request"]["oldObject"] = Value::Null),
        asking("no name", Refused, |r| {
            r["request"]["name"] = "".into();
            r["request"]["oldObject"]["metadata"]["name"] = "".into();
        }),
        asking("no uid", Unreadable, |r| r["request"]["uid"] = "".into()),
        asking("wrong version", Unreadable, |r| r["apiVersion"] = "admission.k8s.io/v2".into()),
        asking("unknown operation", Refused, |r| r["request"]["operation"] = "ERASE".into()),
        asking("unknown subresource", Refused, |r| r["request"]["subResource"] = "soul".into()),
        asking("dryRun is no boolean", Unreadable, |r| r["request"]["dryRun"] = "yes".into()),
        asking("deletionTimestamp", Allowed, |r| {
            let metadata = &mut r["request"]["oldObject"]["metadata"];
            metadata["deletionTimestamp"] = "2026-11-23T00:00:00Z".into();
        }),
        saying(
            "duplicate keys",
            Unreadable,
            "\"dryRun\":true",
            "\"dryRun\":true,\"dryRun\":false".to_owned(),
        ),
        saying("nested deeply", Allowed, "\"options\":{", format!("\"options\":{{\"x\":{nested},")),
        Kind::new("invalid UTF-8", Unreadable, not_utf8(&text)),
        Kind { encoding: Some("gzip"), ..gzip },
    ]
}

/// Names somebody whose name is no text.
fn not_utf8(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    if let Some(at) = text.find("anna") {
        bytes.splice(at..at + 4, [0xff, 0xfe, 0xc0, 0x80]);
    }
    bytes
}

/// A review of three MiB; what fills it is taken in, or is not.
pub(super) fn large(good: &Value, taken_in: bool) -> Bytes {
    let mut review = good.clone();
    let missing = (3 << 20) - review.to_string().len() - 64;
    let object = &mut review["request"]["oldObject"];
    let filled =
        if taken_in { &mut object["metadata"]["annotations"] } else { &mut object["spec"] };
    filled["filling"] = "x".repeat(missing).into();
    review.to_string().into()
}

/// Sends a review one byte a second, until somebody has had enough of it.
pub(super) async fn slowly(address: SocketAddr, roots: &[u8], body: &[u8]) -> anyhow::Result<()> {
    let mut stream = Asking::connect(address, roots).await?;
    let length = body.len();
    let head = format!("POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let (mut answer, mut heard) = (vec![0; 1024], 0);
    for byte in body {
        stream.write_all(&[*byte]).await?;
        stream.flush().await?;
        let answering = stream.read(&mut answer[heard..]);
        match tokio::time::timeout(Duration::from_secs(1), answering).await {
            Err(_) => continue,
            Ok(read) => heard += read.context("hear the answer")?,
        }
        let said = String::from_utf8_lossy(&answer[..heard]);
        if said.starts_with("HTTP/1.1 408") {
            return Ok(());
        }
        bail!("one byte a second is answered with {said:.80}");
    }
    bail!("nobody had enough of one byte a second")
}
