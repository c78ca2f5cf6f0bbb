//! One request and its answer.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::Config;
use kube::client::ConfigExt as _;
use kube::config::AuthInfo;
use tokio::sync::watch;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt as _};

use super::body::{self, Body};
use super::rule::{agent, is_read, is_watch};
use super::{Fault, Rule, RuleId, Seen};
use crate::fault::{refusal, status_object};

type Server = BoxCloneSyncService<Request<Body>, Response<Incoming>, BoxError>;
/// What equal lists and gets have in common: the URI, and the form that is asked for.
type Key = (Uri, Option<HeaderValue>);

/// What all connections share.
pub(super) struct Exchange {
    url: Uri,
    /// For requests that say who they come from.
    server: Server,
    /// For others: with the certificate of the kubeconfig, if it has one.
    server_by_certificate: Server,
    state: Mutex<State>,
    cut: watch::Sender<()>,
}

/// What changes.
#[derive(Default)]
pub(super) struct State {
    pub(super) rules: Vec<(RuleId, Rule)>,
    pub(super) seen: Vec<Seen>,
    /// Answers for those who meet [`Fault::Stale`].
    pub(super) recorded: HashMap<Key, Response<Bytes>>,
    /// Lists and gets so far, with the headers that each had last.
    asked: HashMap<Key, HeaderMap>,
    rules_so_far: usize,
}

impl Exchange {
    pub(super) fn with(config: &Config) -> anyhow::Result<Self> {
        let mut anonymous = config.clone();
        anonymous.auth_info = AuthInfo::default();
        Ok(Self {
            url: config.cluster_url.clone(),
            server: server(&anonymous)?,
            server_by_certificate: server(config)?,
            state: Mutex::default(),
            cut: watch::Sender::new(()),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cut_watches(&self) {
        self.cut.send_replace(());
    }

    /// Answers a request. An error closes the connection.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, BoxError> {
        let (at, fault) = self.state().arrives(&request);
        let request = request.map(body::passing);
        let answer = match fault {
            None => self.forward(request).await,
            Some(fault) => self.meet(request, fault).await,
        }?;
        self.state().seen[at].status = Some(answer.status().as_u16());
        Ok(answer)
    }

    async fn meet(&self, request: Request<Body>, fault: Fault) -> Result<Response<Body>, BoxError> {
        match fault {
            Fault::Answer(status) => {
                read(request).await?;
                Ok(refusal(status).map(body::whole))
            }
            Fault::Drop => Err(body::broken()),
            Fault::LostAnswer => {
                self.forward(request).await?;
                Err(body::broken())
            }
            Fault::HangBefore => {
                // While the body is not read, nobody sees that the client gave up.
                read(request).await?;
                pending().await
            }
            Fault::HangAfter => {
                self.forward(request).await?;
                pending().await
            }
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                self.forward(request).await
            }
            Fault::Truncate if is_watch(&request) => {
                Ok(self.forward(request).await?.map(body::half_of_first))
            }
            Fault::Truncate => Ok(self.forward_whole(request).await?.map(|body| body::half(&body))),
            Fault::Stale => self.stale(request).await,
            Fault::DuplicateEvents => Ok(self.forward(request).await?.map(body::lines_twice)),
            Fault::Gone => Ok(gone()),
        }
    }

    async fn forward(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let watch = is_watch(&request);
        let (mut head, body) = request.into_parts();
        let mut target = self.url.clone().into_parts();
        target.path_and_query = head.uri.into_parts().path_and_query;
        head.uri = Uri::from_parts(target)?;
        // The server's own name takes its place.
        head.headers.remove(HOST);
        let server = if head.headers.contains_key(AUTHORIZATION) {
            &self.server
        } else {
            &self.server_by_certificate
        };
        let cut = self.cut.subscribe();
        let answer = send(server, Request::from_parts(head, body)).await?;
        let answer = answer.map(body::passing);
        Ok(if watch { answer.map(|body| body::until_cut(body, cut)) } else { answer })
    }

    async fn forward_whole(&self, request: Request<Body>) -> Result<Response<Bytes>, BoxError> {
        let (head, body) = self.forward(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    async fn stale(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let key = key(&request);
        if let Some(recorded) = self.state().recorded.get(&key) {
            return Ok(recorded.clone().map(body::whole));
        }
        let answer = self.forward_whole(request).await?;
        // Another may have been answered first.
        let first = self.state().recorded.entry(key).or_insert(answer).clone();
        Ok(first.map(body::whole))
    }

    /// Records how lists and gets would be answered now.
    pub(super) async fn record(&self, path_prefix: &str) -> anyhow::Result<()> {
        let mut asked: Vec<_> = self.state().asked.clone().into_iter().collect();
        asked.retain(|((uri, _), _)| uri.path().starts_with(path_prefix));
        for (key, headers) in asked {
            let mut request = Request::get(key.0.clone()).body(body::whole(Bytes::new()))?;
            *request.headers_mut() = headers;
            let answer = self.forward_whole(request).await.map_err(anyhow::Error::from_boxed);
            let answer = answer.with_context(|| format!("record {}", key.0))?;
            self.state().recorded.insert(key, answer);
        }
        Ok(())
    }
}

impl State {
    pub(super) fn add(&mut self, rule: Rule) -> RuleId {
        self.rules_so_far += 1;
        let id = RuleId(self.rules_so_far);
        self.rules.push((id, rule));
        id
    }

    /// Writes down a request. Where that is written, and the fault it meets.
    fn arrives(&mut self, request: &Request<Incoming>) -> (usize, Option<Fault>) {
        // Each rule counts, whatever others say.
        let met: Vec<_> =
            self.rules.iter_mut().filter_map(|(_, rule)| rule.meets(request)).collect();
        let fault = met.first().copied();
        if is_read(request) {
            self.asked.insert(key(request), request.headers().clone());
        }
        self.seen.push(Seen {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            watch: is_watch(request),
            agent: agent(request).to_owned(),
            status: None,
            fault,
        });
        (self.seen.len() - 1, fault)
    }
}

fn server(config: &Config) -> anyhow::Result<Server> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let client = Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    Ok(BoxCloneSyncService::new(client.map_err(BoxError::from)))
}

/// Boxed, for the compiler cannot see that what is in it may be sent between threads.
fn send(
    server: &Server,
    request: Request<Body>,
) -> BoxFuture<'static, Result<Response<Incoming>, BoxError>> {
    Box::pin(server.clone().oneshot(request))
}

fn key<B>(request: &Request<B>) -> Key {
    (request.uri().clone(), request.headers().get(ACCEPT).cloned())
}

/// Reads a request that is not forwarded, so that the connection can be used again.
async fn read(request: Request<Body>) -> Result<(), BoxError> {
    request.into_body().collect().await.map(drop)
}

/// The answer to a watch that wants to go on where nobody remembers.
fn gone() -> Response<Body> {
    let event = serde_json::json!({"type": "ERROR", "object": status_object(410)});
    let mut answer = Response::new(body::whole(format!("{event}\n")));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
