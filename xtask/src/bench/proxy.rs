//! A proxy that counts what passes. It sees only TLS, and so counts that too.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Bytes that a record has at least in which something is asked: an object is in it. What keeps a
/// connection alive is far shorter.
const QUESTION: usize = 400;

pub(crate) struct Proxy {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    received: AtomicU64,
    questions: AtomicU64,
}

impl Proxy {
    /// Starts a proxy to the API server of a kubeconfig, and writes one that leads through it.
    pub(crate) async fn start(kubeconfig: &Path, through: &Path) -> anyhow::Result<Self> {
        let mut config: Value = serde_json::from_slice(&std::fs::read(kubeconfig)?)?;
        let server = &mut config["clusters"][0]["cluster"]["server"];
        let target = server
            .as_str()
            .and_then(|url| url.strip_prefix("https://"))
            .context("the kubeconfig names no server")?
            .to_owned();
        let proxy = Self::to(target).await?;
        *server = format!("https://{}", proxy.address).into();
        std::fs::write(through, serde_json::to_vec(&config)?)?;
        Ok(proxy)
    }

    /// Starts a proxy to that address.
    pub(crate) async fn to(target: String) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let counter = counts.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, counter) = (target.clone(), counter.clone());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(target).await else { return };
                    pass(client, server, counter).await;
                });
            }
        });
        Ok(Self { address, counts })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that were sent to the clients so far.
    pub(crate) fn received(&self) -> u64 {
        self.counts.received.load(Ordering::Relaxed)
    }

    /// Records in which the clients may have asked something so far. A long question has several.
    pub(crate) fn questions(&self) -> u64 {
        self.counts.questions.load(Ordering::Relaxed)
    }
}

async fn pass(client: TcpStream, server: TcpStream, counts: Arc<Counts>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let counter = counts.clone();
    tokio::spawn(async move {
        let (mut buffer, mut records) = (vec![0; 64 * 1024], Records::default());
        while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
            counter.questions.fetch_add(records.questions_in(&buffer[..n]), Ordering::Relaxed);
            if to_server.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
        drop(to_server.shutdown().await);
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
        counts.received.fetch_add(n as u64, Ordering::Relaxed);
        if to_client.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

/// Where in the records of TLS a flow is: each says in five bytes what it is, and how long.
#[derive(Default)]
struct Records {
    header: Vec<u8>,
    left: usize,
}

impl Records {
    /// The records with data of the application, long enough for a question, that begin here.
    fn questions_in(&mut self, mut bytes: &[u8]) -> u64 {
        let mut questions = 0;
        while !bytes.is_empty() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            self.header.push(bytes[0]);
            bytes = &bytes[1..];
            if let [kind, _, _, high, low] = self.header[..] {
                self.left = usize::from(u16::from_be_bytes([high, low]));
                questions += u64::from(kind == 23 && self.left >= QUESTION);
                self.header.clear();
            }
        }
        questions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_records_of_data_are_counted_however_they_come() {
        let mut flow = Vec::new();
        for (kind, length) in [(22, 900), (23, 399), (23, 400), (23, 39), (23, 1500)] {
            let [high, low] = u16::to_be_bytes(length);
            flow.extend([kind, 3, 3, high, low]);
            flow.extend(vec![23; usize::from(length)]);
        }
        for size in [1, 3, 7, 1000, flow.len()] {
            let mut records = Records::default();
            let counted: u64 = flow.chunks(size).map(|bytes| records.questions_in(bytes)).sum();
            assert_eq!(counted, 2, "in pieces of {size}");
        }
    }
}
