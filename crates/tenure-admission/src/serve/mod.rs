//! Serving a router to the API server, over TLS, within bounds.
//!
//! Whoever can reach the port may try: connections, streams, headers, bodies and all the time
//! these take are bounded, and so is the memory they take together. At the limit a new
//! connection takes the place of one on which nothing is asked. Requests at hand are finished,
//! whether a connection is closed for being idle or because the server stops.

mod activity;
mod answer;
mod connection;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::NoServerSessionStorage;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::ServingCertificate;
use activity::Table;
use answer::Answerer;
use connection::{Connection, LINGER};

/// How long accepting is put off when it fails, as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The bounds within which is served.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections there may be.
    pub connections: usize,
    /// How many requests there may be at once on one connection of HTTP/2.
    pub streams: u32,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long the header of a request may take, and the first request of a connection. With
    /// HTTP/1.1 no request is waited for longer than that.
    pub header: Duration,
    /// How long the body of a request may take, as a whole.
    pub body: Duration,
    /// How many bytes a body may have. An object that can be stored has at most 1.5 MiB, and a
    /// review holds it as it was and as it is to be.
    pub body_bytes: usize,
    /// How many bytes a small body may have: nearly every review is one.
    pub small_body_bytes: usize,
    /// How many bytes of small bodies may be at hand at once, on all connections.
    pub small_bytes_at_hand: usize,
    /// How many larger bodies may be at hand at once. The others wait.
    pub large_at_hand: usize,
    /// How long a connection may be idle.
    pub idle: Duration,
    /// How long requests at hand may take once the server stops.
    pub stopping: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            // As many as Go's client takes for granted before it is told.
            streams: 100,
            handshake: Duration::from_secs(5),
            header: Duration::from_secs(10),
            body: Duration::from_secs(5),
            body_bytes: (3 << 20) + (256 << 10),
            small_body_bytes: 256 << 10,
            small_bytes_at_hand: 8 << 20,
            large_at_hand: 2,
            idle: Duration::from_secs(300),
            stopping: Duration::from_secs(15),
        }
    }
}

/// Serves the router until `stop` is ready, then finishes what is at hand.
///
/// Where other parts of a cluster are slow to learn that this server stops, `stop` had better be
/// ready some seconds after the program was told to.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    certificate: ServingCertificate,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Result<(), rustls::Error> {
    let (stopping, stopped) = watch::channel(false);
    let mut server = Server {
        acceptor: acceptor(certificate)?,
        answerer: Answerer::new(router, &limits),
        limits,
        table: Arc::new(Table::default()),
        room: Arc::new(Semaphore::new(limits.connections)),
        connections: JoinSet::new(),
        stopped,
    };
    tokio::select! {
        () = server.accept(&listener) => {}
        () = stop => {}
    }
    drop(listener);
    stopping.send_replace(true);
    server.finish().await;
    Ok(())
}

struct Server {
    acceptor: TlsAcceptor,
    answerer: Answerer,
    limits: Limits,
    table: Arc<Table>,
    room: Arc<Semaphore>,
    connections: JoinSet<()>,
    stopped: watch::Receiver<bool>,
}

impl Server {
    /// Accepts connections for as long as it is polled.
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let permit = self.make_room().await;
                    self.start(stream, permit);
                }
                Err(error) => {
                    tracing::debug!(%error, "could not accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            // Those that ended are forgotten.
            while self.connections.try_join_next().is_some() {}
        }
    }

    /// Waits until there may be one more connection; the one that has been idle for longest is
    /// closed for it.
    async fn make_room(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(permit) = self.room.clone().try_acquire_owned() {
                return Some(permit);
            }
            self.table.close_idlest();
            let waiting = timeout(LINGER, self.room.clone().acquire_owned());
            if let Ok(permit) = waiting.await {
                // It is never closed, so there is always a permit.
                return permit.ok();
            }
        }
    }

    fn start(&mut self, stream: TcpStream, permit: Option<OwnedSemaphorePermit>) {
        let connection = Connection {
            activity: self.table.enter(),
            answerer: self.answerer.clone(),
            limits: self.limits,
            stopped: self.stopped.clone(),
        };
        let acceptor = self.acceptor.clone();
        self.connections.spawn(async move {
            connection.serve(stream, acceptor).await;
            drop(permit);
        });
    }

    /// Waits until all connections have ended, or for as long as they may take.
    async fn finish(&mut self) {
        let connections = &mut self.connections;
        let ended = timeout(self.limits.stopping, async {
            while connections.join_next().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::warn!(connections = connections.len(), "closed before they were finished");
            connections.shutdown().await;
        }
    }
}

/// TLS as it is spoken here. Nothing is resumed: each connection shows the certificate in use.
fn acceptor(certificate: ServingCertificate) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![connection::HTTP_2.to_vec(), b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
