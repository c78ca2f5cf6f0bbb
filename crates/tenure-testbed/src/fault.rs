//! Faults, injected at the client: the n-th request is not sent, or not answered, or answered
//! with an error.
//!
//! This is a stand-in for what networks and servers do, which cannot be provoked at will. What
//! is sent is answered by the real API server. [`crate::proxy`] does the same, and more, to a
//! program that runs as a process of its own; only here can the program itself end at a request.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use kube::client::{Body, DynBody};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::{BoxError, Layer, Service};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The program ends before it is sent.
    CrashBefore,
    /// The program ends after it was carried out and before the answer is seen.
    CrashAfter,
    /// It is carried out, but the connection breaks before the answer comes.
    LostAnswer,
    /// It is answered with that status, and not carried out. With 404 as an API server answers for
    /// a kind that it does not serve yet, in plain text: that says nothing about any object.
    Answer(u16),
    /// It is answered with a proxy's page that says 404, and not carried out.
    NotFoundPage,
    /// It is answered that another object was not found, and not carried out.
    AnotherNotFound,
}

/// Which request meets which fault.
#[derive(Debug, Default)]
pub struct Plan {
    faults: Mutex<Vec<(usize, Fault)>>,
    always: Option<(&'static str, String, Fault)>,
    first: Mutex<Option<(String, Fault)>>,
    asked: Mutex<Vec<String>>,
    crashed: Notify,
}

impl Plan {
    /// The n-th request, counted from 1, meets the fault.
    pub fn at(n: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self { faults: Mutex::new(vec![(n, fault)]), ..Self::default() })
    }

    /// No request meets a fault; they are only counted.
    pub fn none() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Every request of that method and path meets the fault.
    pub fn always(method: &'static str, path: impl Into<String>, fault: Fault) -> Arc<Self> {
        Arc::new(Self { always: Some((method, path.into(), fault)), ..Self::default() })
    }

    /// The first request whose path and query hold that meets the fault.
    pub fn first(part: impl Into<String>, fault: Fault) -> Arc<Self> {
        Arc::new(Self { first: Mutex::new(Some((part.into(), fault))), ..Self::default() })
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.asked().len()
    }

    /// Whether the request met the fault that the first of its like was to meet.
    pub fn all_met(&self) -> bool {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Waits until a request met a crash.
    pub async fn crashed(&self) {
        self.crashed.notified().await;
    }

    /// Method and path of every request, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn next(&self, request: &Request<Body>) -> Option<Fault> {
        let n = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.push(format!("{} {}", request.method(), request.uri().path()));
            asked.len()
        };
        if let Some((method, path, fault)) = &self.always
            && request.method() == method
            && request.uri().path() == path
        {
            return Some(*fault);
        }
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let uri = request.uri().to_string();
        if let Some((_, fault)) = first.take_if(|(part, _)| uri.contains(part.as_str())) {
            return Some(fault);
        }
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter().find(|(at, _)| *at == n).map(|(_, fault)| *fault)
    }
}

/// Lets requests meet the faults of a plan.
#[derive(Clone, Debug)]
pub struct Faults(pub Arc<Plan>);

impl<S> Layer<S> for Faults {
    type Service = Faulty<S>;

    fn layer(&self, inner: S) -> Faulty<S> {
        Faulty { inner, plan: self.0.clone() }
    }
}

/// A service whose requests meet faults.
#[derive(Debug)]
pub struct Faulty<S> {
    inner: S,
    plan: Arc<Plan>,
}

type Answer = Response<Box<DynBody>>;

impl<S> Service<Request<Body>> for Faulty<S>
where
    S: Service<Request<Body>, Response = Answer, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let fault = self.plan.next(&request);
        if let Some(answer) = fault.and_then(stray) {
            let answer = answer.map(|body| {
                let body: Box<DynBody> = Box::new(Full::new(body).map_err(BoxError::from));
                body
            });
            return Box::pin(std::future::ready(Ok(answer)));
        }
        let plan = self.plan.clone();
        if fault == Some(Fault::CrashBefore) {
            plan.crashed.notify_one();
            return Box::pin(std::future::pending());
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            match fault {
                Some(Fault::CrashAfter) => {
                    plan.crashed.notify_one();
                    std::future::pending().await
                }
                Some(Fault::LostAnswer) => {
                    drop(answer);
                    Err(BoxError::from("the connection broke, as provoked"))
                }
                _ => answer,
            }
        })
    }
}

/// The answer that comes in place of the API server's own, if any does.
fn stray(fault: Fault) -> Option<Response<Bytes>> {
    match fault {
        Fault::Answer(status) => Some(refusal(status)),
        Fault::NotFoundPage => {
            let page = "<html><body><h1>404 Not Found</h1><hr>nginx</body></html>";
            Some(not_found("text/html", page.into()))
        }
        Fault::AnotherNotFound => {
            let mut status = status_object(404);
            status["details"] = json!({"name": "another", "kind": "namespaces"});
            Some(not_found("application/json", status.to_string()))
        }
        Fault::CrashBefore | Fault::CrashAfter | Fault::LostAnswer => None,
    }
}

fn not_found(content_type: &'static str, body: String) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// The answer of an API server that does not do what it was asked for.
pub(crate) fn refusal(status: u16) -> Response<Bytes> {
    if status == 404 {
        return not_found("text/plain; charset=utf-8", "404 page not found\n".to_owned());
    }
    let mut answer = Response::new(Bytes::from(status_object(status).to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if matches!(status, 429 | 503) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// What an API server says with an error.
pub(crate) fn status_object(status: u16) -> Value {
    let reason = match status {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": status,
        "reason": reason, "message": "as provoked",
    })
}
