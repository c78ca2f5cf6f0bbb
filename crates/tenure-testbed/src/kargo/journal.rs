//! What the stand-in logs: a line for each request, and one for each error. Tests read them.
//!
//! ```text
//! running
//! request PATCH /api/v1/namespaces/payments 200
//! error project payments: delete the Namespace: …
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};
use kube::client::{Body, ClientBuilder, DynBody};
use kube::{Client, Config};
use tower::{BoxError, Layer, Service};

/// Keeps the errors, and prints every line if it was told to.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    errors: Arc<Mutex<Vec<String>>>,
    printed: bool,
}

impl Journal {
    /// A journal that also prints, to standard error.
    pub fn printed() -> Self {
        Self { printed: true, ..Self::default() }
    }

    /// The errors so far, as `project NAME: what went wrong`.
    pub fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn error_of<T>(&self, kind: &str, name: &str, done: &anyhow::Result<T>) {
        if let Err(error) = done {
            let error = format!("{kind} {name}: {error:#}").replace('\n', " ");
            self.print(&format!("error {error}"));
            self.errors.lock().unwrap_or_else(PoisonError::into_inner).push(error);
        }
    }

    /// Prints a line, if lines are printed.
    pub fn print(&self, line: &str) {
        if self.printed {
            eprintln!("{line}");
        }
    }
}

/// A client whose requests are in the journal. It sends nothing twice by itself.
///
/// # Errors
/// If the configuration does not describe a usable connection.
pub fn connect(mut config: Config, journal: &Journal) -> kube::Result<Client> {
    config.default_retry = false;
    config.headers.push((USER_AGENT, HeaderValue::from_static("kargo/stand-in")));
    Ok(ClientBuilder::try_from(config)?.with_layer(&Journalled(journal.clone())).build())
}

struct Journalled(Journal);

impl<S> Layer<S> for Journalled {
    type Service = Writing<S>;

    fn layer(&self, inner: S) -> Writing<S> {
        Writing { inner, journal: self.0.clone() }
    }
}

struct Writing<S> {
    inner: S,
    journal: Journal,
}

impl<S> Service<Request<Body>> for Writing<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = format!("request {} {}", request.method(), request.uri().path());
        let (journal, answer) = (self.journal.clone(), self.inner.call(request));
        Box::pin(async move {
            let answer = answer.await;
            let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
            journal.print(&format!("{asked} {status}"));
            answer
        })
    }
}
