//! The client through which every actor asks: what matters goes through the turnstile, what never
//! changes while a soak lasts is read once, and Events are taken and not kept.

use std::collections::HashMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::{BoxError, Service};

use super::record::Done;
use super::turnstile::{Actor, Broken, Turnstile, WHO};

/// What never changes, as it was read first.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<HashMap<String, (StatusCode, Bytes)>>>);

/// The way to the API server.
#[derive(Clone)]
struct Gate {
    client: Client,
    memory: Memory,
}

/// A client whose requests go through the turnstile of the schedule that they are of.
pub(crate) fn through(client: Client, memory: &Memory) -> Client {
    Client::new(Gate { client, memory: memory.clone() }, "default")
}

type Answer = Response<Full<Bytes>>;

impl Service<Request<Body>> for Gate {
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Some(answer) = canned(request.method(), request.uri().path()) {
            return Box::pin(ready(Ok(answer)));
        }
        let gate = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            match WHO.try_with(Clone::clone) {
                Ok((turnstile, actor)) => gate.go_through(&turnstile, actor, parts, body).await,
                Err(_) => gate.send(parts, body).await,
            }
        })
    }
}

impl Gate {
    async fn send(&self, parts: Parts, body: Bytes) -> Result<Answer, BoxError> {
        let remembered = (parts.method == Method::GET && never_changes(parts.uri.path()))
            .then(|| parts.uri.path().to_owned());
        if let Some(path) = &remembered
            && let Some((status, body)) = self.recall(path)
        {
            return Ok(answer(status, body));
        }
        let answered = self.client.send(Request::from_parts(parts, Body::from(body))).await?;
        let (parts, body) = answered.into_parts();
        let body = body.collect().await?.to_bytes();
        if let Some(path) = remembered {
            let mut known = self.memory.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(path, (parts.status, body.clone()));
        }
        Ok(Response::from_parts(parts, Full::new(body)))
    }

    fn recall(&self, path: &str) -> Option<(StatusCode, Bytes)> {
        self.memory.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    async fn go_through(
        &self,
        turnstile: &Arc<Turnstile>,
        actor: Actor,
        parts: Parts,
        body: Bytes,
    ) -> Result<Answer, BoxError> {
        if !matters(parts.uri.path()) {
            let _passing = turnstile.pass();
            return self.send(parts, body).await;
        }
        let on_its_way = turnstile.wait(actor).await;
        let sent = turnstile.record(|record| record.project_version());
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (method, path) = (parts.method.clone(), parts.uri.to_string());
        let answered = match stands_in(turnstile.broken, actor, &asked) {
            Some(after) => {
                let read = Request::get(parts.uri.path()).body(())?.into_parts().0;
                let read = self.send(read, Bytes::new()).await?;
                let (parts, body) = read.into_parts();
                let mut object: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
                object["metadata"]["annotations"] = after;
                return Ok(Response::from_parts(parts, Full::new(object.to_string().into())));
            }
            None => self.send(parts, body).await,
        };
        let (parts, answered) = answered?.into_parts();
        let text = answered.collect().await?.to_bytes();
        let object: Value = serde_json::from_slice(&text).unwrap_or_default();
        let status = parts.status.as_u16();
        let done = Done { actor, method, path, body: asked, status };
        turnstile.record(|record| {
            record.lines.push(line(&done, &turnstile.name, &object));
            record.take(sent, &done, &object);
        });
        drop(on_its_way);
        Ok(Response::from_parts(parts, Full::new(text)))
    }
}

/// What the Project would say if it were stamped, where it is only believed to be.
fn stands_in(broken: Broken, actor: Actor, asked: &Value) -> Option<Value> {
    let breaks = matches!(broken, Broken::Stamp | Broken::StampAndGuard);
    let stamps = |change: &&Value| {
        change["op"] == "add"
            && change["path"].as_str().is_some_and(|path| {
                path.ends_with("tenure.dev~1stamp")
                    || change["value"]["tenure.dev/stamp"].is_string()
            })
    };
    let stamped = asked.as_array().is_some_and(|changes| changes.iter().any(|c| stamps(&c)));
    (breaks && matches!(actor, Actor::Review(_)) && stamped)
        .then(|| json!({"kargo.akuity.io/keep-namespace": "true"}))
}

/// A request and its answer, for people: without what differs from run to run.
fn line(done: &Done, name: &str, answer: &Value) -> String {
    let path = done.path.replace(name, "NAME");
    let path = path.split('?').next().unwrap_or_default();
    let path = path.rsplit_once("v1alpha1/").or_else(|| path.rsplit_once("v1/"));
    let path = path.map_or("", |(_, path)| path.split('.').next().unwrap_or(path));
    let mut line = format!("{:?}: {} {path} {}", done.actor, done.method, done.status);
    if done.method != Method::GET && !done.body.is_null() {
        let changes = done.body.as_array().map(Vec::as_slice).unwrap_or_default();
        let changes = changes.iter().filter(|change| change["op"] != "test");
        let paths: Vec<_> = changes.filter_map(|change| change["path"].as_str()).collect();
        line.push_str(&if paths.is_empty() { String::new() } else { format!(" {paths:?}") });
    }
    if done.status >= 400 && done.status != 404 {
        let why = answer["message"].as_str().unwrap_or_default().replace(name, "NAME");
        let why = without_uid(&why);
        line.push_str(&format!(": {:.100}", why.lines().next().unwrap_or_default()));
    }
    line
}

/// Plans are named after UIDs, which differ from run to run.
fn without_uid(why: &str) -> String {
    const UID: usize = 36;
    let mut parts = why.split("NAME.");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        all.push_str("NAME.UID");
        all.push_str(part.get(UID..).unwrap_or_default());
    }
    all
}

/// Whether the order of such requests matters: those on the Project, its Namespace and its plan.
fn matters(path: &str) -> bool {
    let project = "/apis/kargo.akuity.io/v1alpha1/projects";
    let plan = "/apis/tenure.dev/v1alpha1/deletionplans";
    let namespaces = "/api/v1/namespaces";
    let of_namespace = path.strip_prefix(namespaces).is_some_and(|rest| {
        !rest.trim_start_matches('/').contains('/') || rest.ends_with("/finalize")
    });
    path.starts_with(project) || path.starts_with(plan) || of_namespace
}

fn never_changes(path: &str) -> bool {
    path.ends_with("/customresourcedefinitions/projects.kargo.akuity.io")
        || path.ends_with("/configmaps/tenure-breaker")
        || path == "/apis/tenure.dev/v1alpha1/deletionpolicies"
}

/// Answers of the API server as long as it has two kinds of contents, and keeps no Events.
fn canned(method: &Method, path: &str) -> Option<Answer> {
    let kinds = |group: &str, version: &str, plural: &str, kind: &str| {
        json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
            "items": [{
                "metadata": {"name": group},
                "versions": [{"version": version, "freshness": "Current", "resources": [{
                    "resource": plural, "scope": "Namespaced", "verbs": ["list", "delete"],
                    "responseKind": {"group": group, "version": version, "kind": kind},
                }]}],
            }],
        })
    };
    let body = match path {
        "/api" => kinds("", "v1", "configmaps", "ConfigMap"),
        "/apis" => kinds("kargo.akuity.io", "v1alpha1", "stages", "Stage"),
        _ if method == Method::POST && path.ends_with("/events") => json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "eventTime": null, "metadata": {},
        }),
        _ => return None,
    };
    Some(answer(StatusCode::OK, body.to_string().into()))
}

fn answer(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
