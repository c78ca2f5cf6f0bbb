//! Kargo's webhook for Projects that are created: it makes the Namespace, and the access of
//! Kargo's API server to it, before the Project is stored. It has a cache of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::select_all;
use http::Response;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use serde_json::{Value, json};
use tenure_core::access::PROJECT_ADMIN;
use tokio::net::TcpListener;

use super::cache::Shelf;
use super::provision::{Bodies, is_labelled, namespace};
use super::run::Watches;
use super::{Journal, create};
use crate::self_signed;

/// The webhook.
pub struct Webhook {
    client: Client,
    journal: Journal,
    kargo_namespace: String,
    /// What it knows of Namespaces.
    pub namespaces: Shelf<Namespace>,
}

/// Why a Project is not created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status: 409 or 500.
    pub code: u16,
    /// Why.
    pub message: String,
}

impl Webhook {
    /// The webhook as it starts: it knows of no Namespace.
    pub fn new(client: Client, kargo_namespace: &str, journal: Journal) -> Self {
        let kargo_namespace = kargo_namespace.to_owned();
        Self { client, journal, kargo_namespace, namespaces: Shelf::default() }
    }

    /// Reviews the creation of the Project of that name.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn review(&self, project: &str, dry_run: bool) -> Result<(), Refusal> {
        if dry_run {
            return Ok(());
        }
        self.ensure_namespace(project).await?;
        let bodies = Bodies { project, create_actor: None, kargo_namespace: &self.kargo_namespace };
        let api = Api::namespaced(self.client.clone(), project);
        match create(&api, &bodies.role_binding(PROJECT_ADMIN)).await {
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(broken(&error)),
            Ok(_) => Ok(()),
        }
    }

    async fn ensure_namespace(&self, name: &str) -> Result<(), Refusal> {
        let conflict = |message: &str| Refusal {
            code: 409,
            message: format!("the Project {name} cannot be: its Namespace {message}"),
        };
        match self.namespaces.get(name) {
            Some(found) if !is_labelled(&found) => Err(conflict("exists without the label")),
            Some(found) if found.metadata.deletion_timestamp.is_some() => {
                Err(conflict("is still being terminated; try again when it is gone"))
            }
            Some(_) => Ok(()),
            None => {
                let api: Api<Namespace> = Api::all(self.client.clone());
                create(&api, &namespace(name)).await.map_err(|error| broken(&error))?;
                Ok(())
            }
        }
    }

    async fn answer(&self, body: &[u8]) -> anyhow::Result<Value> {
        let review: Value = serde_json::from_slice(body)?;
        let request = &review["request"];
        let mut response = json!({"uid": request["uid"], "allowed": true});
        if request["operation"] == "CREATE" {
            let name = request["object"]["metadata"]["name"].as_str().unwrap_or_default();
            if let Err(refusal) = self.review(name, request["dryRun"] == true).await {
                self.journal.error_of::<()>(
                    "review",
                    name,
                    &Err(anyhow::anyhow!("{}: {}", refusal.code, refusal.message)),
                );
                let reason = if refusal.code == 409 { "Conflict" } else { "InternalError" };
                response["allowed"] = false.into();
                response["status"] = json!({
                    "status": "Failure", "code": refusal.code, "reason": reason,
                    "message": refusal.message,
                });
            }
        }
        Ok(json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response,
        }))
    }
}

fn broken(error: &kube::Error) -> Refusal {
    Refusal { code: 500, message: error.to_string() }
}

/// Serves the webhook on loopback until this is dropped. What is given is called with the
/// certificate once it can be asked.
///
/// # Errors
/// If it cannot be served any longer.
pub async fn serve(
    webhook: Arc<Webhook>,
    listener: TcpListener,
    serves: impl FnOnce(&str) + Send,
) -> anyhow::Result<Infallible> {
    let (acceptor, certificate) = self_signed()?;
    let mut watches = Watches::default();
    watches.add(Api::all(webhook.client.clone()), &webhook.namespaces, Duration::ZERO);
    let Watches { running, mut synced } = watches;
    let listen = async {
        for synced in &mut synced {
            // It ends only with the watch, of whose end the other branch tells.
            let _ = synced.wait_for(|synced| *synced).await;
        }
        serves(&certificate);
        // A connection that fails is the API server's to make anew.
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, webhook) = (acceptor.clone(), webhook.clone());
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await?;
                let service = service_fn(move |request| respond(webhook.clone(), request));
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?;
                anyhow::Ok(())
            });
        }
    };
    select_all(running.into_iter().chain([listen.boxed()])).await;
    Err(anyhow::anyhow!("the webhook is served no longer"))
}

async fn respond(
    webhook: Arc<Webhook>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answered = async {
        let body = request.into_body().collect().await?.to_bytes();
        webhook.answer(&body).await
    };
    // What is no review is not answered with one, and so refused.
    let body =
        answered.await.map_or_else(|error| format!("{error:#}"), |review| review.to_string());
    Ok(Response::new(Full::new(body.into())))
}
