//! A server with a certificate from a directory, and clients that behave as they are told.

use std::future::pending;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::KeyPair;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tenure_admission::{Limits, ServingCertificate, Source, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How often the directory is looked at.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// A certificate and its key, in PEM.
pub(crate) struct Files {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A certificate for loopback that signs itself.
pub(crate) fn files() -> Files {
    let key = KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).expect("names");
    let certificate = params.self_signed(&key).expect("a certificate").pem();
    Files { certificate, key: key.serialize_pem() }
}

pub(crate) fn write(directory: &Path, files: &Files) {
    std::fs::write(directory.join("tls.crt"), &files.certificate).expect("write tls.crt");
    std::fs::write(directory.join("tls.key"), &files.key).expect("write tls.key");
}

/// A server, which stops when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) directory: TempDir,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
    files: Files,
}

impl Server {
    /// Serves `/echo`, which tells the length of what it gets, and what else is given.
    pub(crate) async fn start(limits: Limits, router: Router) -> Self {
        let directory = TempDir::new().expect("a directory");
        let files = files();
        write(directory.path(), &files);
        let certificate = ServingCertificate::none();
        let source = Source::Directory { path: directory.path().to_owned(), poll: POLL };
        tokio::spawn(source.keep(certificate.clone()));
        certificate.present().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let router = router.route("/echo", post(async |body: Bytes| body.len().to_string()));
        let serving = serve(listener, router, certificate, limits, async {
            if stopped.await.is_err() {
                pending().await
            }
        });
        let task = tokio::spawn(async { serving.await.expect("serves") });
        Self { address, directory, stop: Some(stop), task, files }
    }

    /// A server that has only `/echo`.
    pub(crate) async fn echo(limits: Limits) -> Self {
        Self::start(limits, Router::new()).await
    }

    /// A TLS connection that speaks that protocol.
    pub(crate) async fn connect(&self, protocol: &[u8]) -> TlsStream<TcpStream> {
        self.try_connect(protocol, &self.files).await.expect("a TLS connection")
    }

    /// A TLS connection that accepts only that certificate.
    pub(crate) async fn try_connect(
        &self,
        protocol: &[u8],
        files: &Files,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(files.certificate.as_bytes()).expect("PEM");
        roots.add(root).expect("a root");
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// Asks once over HTTP/1.1, in these very bytes, and tells all that comes back.
    pub(crate) async fn say(&self, text: &[u8]) -> String {
        let mut stream = self.connect(b"http/1.1").await;
        stream.write_all(text).await.expect("write");
        hear(&mut stream).await
    }

    /// Whether it answers as it should, on a new connection, soon.
    pub(crate) async fn answers(&self) -> bool {
        let hello = request("/echo", "hello");
        let answer = tokio::time::timeout(Duration::from_secs(2), self.say(&hello)).await;
        answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200") && answer.ends_with('5'))
    }

    /// A connection of HTTP/2.
    pub(crate) async fn http_2(&self) -> SendRequest<Full<Bytes>> {
        let io = TokioIo::new(self.connect(b"h2").await);
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
        let (sender, connection) = handshake.await.expect("HTTP/2");
        tokio::spawn(connection);
        sender
    }
}

/// Asks over HTTP/2.
pub(crate) async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    path: &str,
    body: Vec<u8>,
) -> Result<(StatusCode, String), hyper::Error> {
    let uri = format!("https://127.0.0.1{path}");
    let request = Request::post(uri).version(Version::HTTP_2).body(Full::new(body.into()));
    let response = sender.send_request(request.expect("a request")).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// A request of HTTP/1.1, after which the connection is closed.
pub(crate) fn request(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = "Host: 127.0.0.1\r\nConnection: close\r\nContent-Length:";
    format!("POST {path} HTTP/1.1\r\n{head} {length}\r\n\r\n{body}").into_bytes()
}

/// All that comes until the connection ends, however it ends.
pub(crate) async fn hear(stream: &mut TlsStream<TcpStream>) -> String {
    let (mut heard, mut some) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut some).await {
        heard.extend_from_slice(&some[..count]);
    }
    String::from_utf8_lossy(&heard).into_owned()
}
