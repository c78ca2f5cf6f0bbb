//! A stand-in for Tenure's webhook, to measure it by: asked about the deletion of a Project it
//! makes the same calls by the same client library, with the same concurrency, decides nothing,
//! and lets everything pass.
//!
//! ```console
//! $ cargo run --release -p tenure-testbed --example stand_in -- 127.0.0.1:9444 certificate.pem
//! ```
//!
//! It writes the certificate that it shows to that file. The cluster is that of `KUBECONFIG`.

use std::convert::Infallible;

use anyhow::Context as _;
use bytes::Bytes;
use futures::future::try_join4;
use http::Response;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, Config, ResourceExt as _};
use serde_json::{Value, json};
use tenure_api::install::BREAKER;
use tenure_api::{DeletionPlan, DeletionPolicy, Project};
use tenure_core::{Uid, keys, plan};
use tenure_testbed::{TENURE_NAMESPACE, self_signed};
use tokio::net::TcpListener;

/// As many threads as Tenure works with.
#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().context("give an address to listen on")?;
    let file = arguments.next().context("give a file for the certificate")?;
    let client = Client::try_from(Config::infer().await?)?;
    let (acceptor, certificate) = self_signed()?;
    let listener =
        TcpListener::bind(&listen).await.with_context(|| format!("listen on {listen}"))?;
    // Whoever waits for the file finds somebody who listens.
    std::fs::write(&file, certificate).with_context(|| format!("write {file}"))?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, client) = (acceptor.clone(), client.clone());
        tokio::spawn(async move {
            let stream = acceptor.accept(stream).await?;
            let service = service_fn(move |request| answer(client.clone(), request));
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?;
            anyhow::Ok(())
        });
    }
}

async fn answer(
    client: Client,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = match allow(client, request).await {
        Ok(review) => review.to_string(),
        Err(error) => format!("{error:#}"),
    };
    Ok(Response::new(Full::new(body.into())))
}

async fn allow(client: Client, request: hyper::Request<Incoming>) -> anyhow::Result<Value> {
    let body = request.into_body().collect().await?.to_bytes();
    let review: Value = serde_json::from_slice(&body)?;
    let name = review["request"]["name"].as_str().context("no name")?;
    look(client, name).await?;
    Ok(json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": {"uid": review["request"]["uid"], "allowed": true},
    }))
}

/// The calls, in the order in which Tenure makes them.
async fn look(client: Client, name: &str) -> anyhow::Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let projects: Api<Project> = Api::all(client.clone());
    namespaces.get_metadata_opt(name).await?.context("no namespace")?;
    let project = projects.get_opt(name).await?.context("no project")?;
    let uid = Uid::new(project.uid().context("no UID")?);
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let plans: Api<DeletionPlan> = Api::all(client.clone());
    let policies: Api<DeletionPolicy> = Api::all(client.clone());
    let maps: Api<ConfigMap> = Api::namespaced(client, TENURE_NAMESPACE);
    let plan = plan::name(name, &uid);
    try_join4(
        definitions.get_opt(keys::PROJECT_CRD),
        plans.get_opt(&plan),
        policies.list(&Default::default()),
        maps.get_opt(BREAKER),
    )
    .await?;
    Ok(())
}
