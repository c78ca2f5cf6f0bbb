//! Asking a webhook without an API server: over one TLS connection, which is kept.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Whoever asks.
pub struct Asking {
    sender: SendRequest<Full<Bytes>>,
}

impl Asking {
    /// Connects to a webhook whose certificate those in PEM vouch for.
    ///
    /// # Errors
    /// If nobody answers there, or somebody else.
    pub async fn start(address: SocketAddr, roots: &[u8]) -> anyhow::Result<Self> {
        let io = TokioIo::new(Self::connect(address, roots).await?);
        let (sender, connection) = handshake(io).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// A TLS connection to a webhook whose certificate those in PEM vouch for.
    ///
    /// # Errors
    /// If nobody answers there, or somebody else.
    pub async fn connect(
        address: SocketAddr,
        roots: &[u8],
    ) -> anyhow::Result<TlsStream<TcpStream>> {
        let mut store = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(roots) {
            store.add(root.context("read a certificate")?)?;
        }
        ensure!(!store.is_empty(), "no certificate vouches for {address}");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(address.ip().into());
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .context("the TLS handshake")
    }

    /// Whether no more can be asked over this connection.
    pub fn has_ended(&self) -> bool {
        self.sender.is_closed()
    }

    /// Asks, and gives the whole answer.
    ///
    /// # Errors
    /// If the connection ends before the answer does.
    pub async fn ask(
        &mut self,
        path: &str,
        encoding: Option<&str>,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let mut request = Request::post(path)
            .header("Host", "127.0.0.1")
            .header("Content-Type", "application/json");
        if let Some(encoding) = encoding {
            request = request.header("Content-Encoding", encoding);
        }
        self.sender.ready().await.context("the connection ended")?;
        let answer = self.sender.send_request(request.body(Full::new(body))?).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}
