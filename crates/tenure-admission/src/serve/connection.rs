//! One connection, from the handshake to its end.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Limits;
use super::activity::Activity;
use super::answer::Answerer;

/// HTTP/2, as a handshake calls it.
pub(super) const HTTP_2: &[u8] = b"h2";
/// How long a connection on which nothing is at hand may take to end.
pub(super) const LINGER: Duration = Duration::from_secs(1);
/// How often a connection of HTTP/2 is asked whether it lives, and how long the answer may take.
const PING: Duration = Duration::from_secs(30);
/// Bytes that are read ahead of what was asked for, on one stream and on one connection: they are
/// held for each of many connections.
const AHEAD: u32 = 64 << 10;
/// Bytes that a header may have.
const HEADER_BYTES: u32 = 16 << 10;

/// One connection.
pub(super) struct Connection {
    pub(super) activity: Activity,
    pub(super) answerer: Answerer,
    pub(super) limits: Limits,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Connection {
    /// Serves it to its end.
    pub(super) async fn serve(mut self, stream: TcpStream, acceptor: TlsAcceptor) {
        // What is sent is short, and waited for.
        drop(stream.set_nodelay(true));
        let handshake = timeout(self.limits.handshake, acceptor.accept(stream));
        let mut stopped = self.stopped.clone();
        let handshaken = tokio::select! {
            handshaken = handshake => handshaken,
            () = self.activity.closed_for_another() => return,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        match handshaken {
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "the TLS handshake failed"),
            Err(_) => tracing::debug!("the TLS handshake took too long"),
        }
    }

    async fn speak(&mut self, stream: TlsStream<TcpStream>) {
        let is_http_2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
        let (io, service) = (TokioIo::new(stream), self.service());
        if is_http_2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(self.limits.streams)
                .initial_stream_window_size(AHEAD)
                .initial_connection_window_size(4 * AHEAD)
                .max_header_list_size(HEADER_BYTES)
                .keep_alive_interval(PING)
                .keep_alive_timeout(PING);
            self.drive(builder.serve_connection(io, service)).await;
        } else {
            let mut builder = http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(self.limits.header)
                .max_buf_size(AHEAD as usize);
            self.drive(builder.serve_connection(io, service)).await;
        }
    }

    /// Answers requests, each of which is known to be at hand until it is answered.
    fn service(
        &self,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<Body>,
        Error = Infallible,
        Future = impl Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
    > + 'static {
        let (answerer, requests) = (self.answerer.clone(), self.activity.requests());
        service_fn(move |request| {
            let (answerer, at_hand) = (answerer.clone(), requests.begin());
            async move {
                let response = answerer.answer(request).await;
                drop(at_hand);
                Ok(response)
            }
        })
    }

    /// Lets it go on until it ends, is idle for too long, is closed for another, or the server
    /// stops; and then until what is at hand is finished.
    async fn drive(&mut self, connection: impl GracefulConnection) {
        let mut connection = pin!(connection);
        let mut stopped = self.stopped.clone();
        let (reason, lingers) = tokio::select! {
            _ = connection.as_mut() => return,
            () = self.idle_for_too_long() => ("idle", true),
            () = self.activity.closed_for_another() => ("another", self.activity.state().used),
            _ = stopped.wait_for(|stopped| *stopped) => ("stopping", true),
        };
        tracing::trace!(reason, "closes a connection");
        connection.as_mut().graceful_shutdown();
        // One that was never used has nothing to lose.
        if !lingers {
            return;
        }
        while timeout(LINGER, connection.as_mut()).await.is_err() {
            if self.activity.state().at_hand == 0 {
                return;
            }
        }
    }

    async fn idle_for_too_long(&self) {
        loop {
            let state = self.activity.state();
            let limit = if state.used { self.limits.idle } else { self.limits.header };
            let (until, now) = (state.since + limit, Instant::now());
            if state.at_hand == 0 && until <= now {
                return;
            }
            // Meanwhile it may be used, and the other limit be the one that counts.
            let again = now + self.limits.idle.min(limit);
            sleep_until(if until <= now { again } else { until.min(again) }).await;
        }
    }
}
