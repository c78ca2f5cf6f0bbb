//! A proxy that counts what the server is sent. It sees only TLS, and so counts that too.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Proxy {
    received: Arc<AtomicU64>,
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
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        *server = format!("https://{address}").into();
        std::fs::write(through, serde_json::to_vec(&config)?)?;
        let received = Arc::new(AtomicU64::new(0));
        let counter = received.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, counter) = (target.clone(), counter.clone());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(target).await else { return };
                    pass(client, server, counter).await;
                });
            }
        });
        Ok(Self { received })
    }

    /// Bytes that were sent to the clients so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

async fn pass(client: TcpStream, server: TcpStream, counter: Arc<AtomicU64>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move {
        drop(tokio::io::copy(&mut from_client, &mut to_server).await);
        drop(to_server.shutdown().await);
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
        counter.fetch_add(n as u64, Ordering::Relaxed);
        if to_client.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}
