//! The client: no throttling of its own, no blind retries, deadlines everywhere.
//!
//! An answer with code 404 counts as absence only where it is about the object that was asked for.
//!
//! The API server's priority and fairness decides how fast we may go; when it answers that it
//! is too much, the answer is held back as long as it asks, so that nothing asks again sooner.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Request, Response, StatusCode};
use kube::client::{Body, ClientBuilder, DynBody};
use kube::{Client, Config};
use tower::layer::util::Identity;
use tower::util::BoxService;
use tower::{BoxError, Layer, Service};

use crate::not_found::AbsenceLayer;

/// Longest a single answer is held back, whatever the server asks for.
const LONGEST_PATIENCE: Duration = Duration::from_secs(30);
/// Time for a connection to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The service that kube's own stack of layers amounts to.
pub type Transport = BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>;

/// Connects with the given configuration.
///
/// # Errors
/// If the configuration does not describe a usable connection.
pub fn connect(config: Config) -> Result<Client, kube::Error> {
    connect_through(config, &Identity::new())
}

/// Connects through a layer that sees every request before it leaves and every answer first;
/// tests provoke faults there.
///
/// # Errors
/// If the configuration does not describe a usable connection.
pub fn connect_through<L>(mut config: Config, layer: &L) -> Result<Client, kube::Error>
where
    L: Layer<Transport>,
    L::Service: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>
        + Send
        + 'static,
    <L::Service as Service<Request<Body>>>::Future: Send + 'static,
{
    // Whether a request may be sent again is for the lifecycle to say, after it read again.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let builder = ClientBuilder::try_from(config)?;
    let builder = builder.with_layer(layer).with_layer(&AbsenceLayer);
    Ok(builder.with_layer(&RetryAfterLayer).build())
}

/// Holds answers back for as long as their `Retry-After` asks.
#[derive(Clone, Copy, Debug)]
struct RetryAfterLayer;

impl<S> Layer<S> for RetryAfterLayer {
    type Service = RetryAfter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryAfter { inner }
    }
}

#[derive(Clone, Debug)]
struct RetryAfter<S> {
    inner: S,
}

impl<S, B> Service<Request<Body>> for RetryAfter<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            if let Some(patience) = asked_patience(&response) {
                tokio::time::sleep(patience).await;
            }
            Ok(response)
        })
    }
}

fn asked_patience<B>(response: &Response<B>) -> Option<Duration> {
    if !matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
    {
        return None;
    }
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PATIENCE))
}
