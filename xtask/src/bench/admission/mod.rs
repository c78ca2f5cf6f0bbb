//! What it costs to be asked: the webhook, on a control plane of its own.

mod bad;
mod flood;
mod foreign;
mod latency;
mod writes;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::Api;
use serde_json::{Value, json};
use tenure_api::Project;
use tenure_api::install::NAME;
use tenure_testbed::{
    ControlPlane, Process, eventually, free_port, install_webhook, wait_for_guard,
};

use super::proxy::Proxy;
use super::report::Row;
use super::subject::{Subject, create, until_ready};
use crate::cargo::example;

/// The Project whose deletion is asked about.
const PROJECT: &str = "asked-about";

/// A server that the API server asks through a proxy.
struct Bed {
    server: Process,
    subject: Subject,
    proxy: Proxy,
    /// Where the webhook itself listens.
    webhook: SocketAddr,
    /// Who vouches for its certificate, in PEM.
    roots: PathBuf,
    plane: ControlPlane,
}

pub(crate) async fn measure(binary: &Path, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let examples = [example("tenure-testbed", "stand_in")?, example("tenure-testbed", "reviews")?];
    let bed = Bed::start(binary).await?;
    println!("admission: create to Ready");
    writes::measure(&bed, rows).await?;
    println!("admission: foreign namespaces");
    foreign::measure(&bed, rows).await?;
    println!("admission: how long a review takes");
    let review = bed.review().await?;
    latency::measure(&bed, &review, &examples, rows).await?;
    println!("admission: bad and large reviews");
    flood::measure(&bed, &review, rows).await
}

impl Bed {
    async fn start(binary: &Path) -> anyhow::Result<Self> {
        let plane = ControlPlane::start_temporary().await?;
        let client = plane.admin()?;
        let webhook = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let proxy = Proxy::to(webhook.to_string()).await?;
        install_webhook(&client, &format!("https://{}", proxy.address())).await?;
        let listen = webhook.to_string();
        // With that profile contents decide nothing, and so are not looked at.
        let arguments =
            ["--profile", "kargo", "--webhook-host", "127.0.0.1", "--webhook-listen", &listen];
        let subject = Subject::tenure(&plane, binary, &arguments).await?;
        let audit = plane.audit();
        let server = subject.start(&plane)?;
        wait_for_guard(&client).await;
        // It tries for itself, too, and the next time minutes later.
        eventually("the server knows that it is asked", async || {
            foreign::has_tried(&subject.user, &audit).filter(|passed| *passed)
        })
        .await;
        let roots = plane.dir().join("webhook-ca.pem");
        std::fs::write(&roots, authority(&plane).await?)?;
        Ok(Self { server, subject, proxy, webhook, roots, plane })
    }

    /// The review of the deletion of a Project that is ready, in a dry run.
    async fn review(&self) -> anyhow::Result<Value> {
        let projects: Api<Project> = Api::all(self.plane.admin()?);
        create(&projects, &[PROJECT.to_owned()]).await?;
        until_ready(&projects, PROJECT, 1).await?;
        let project = projects.get(PROJECT).await?;
        let resource =
            json!({"group": "kargo.akuity.io", "version": "v1alpha1", "resource": "projects"});
        let kind = json!({"group": "kargo.akuity.io", "version": "v1alpha1", "kind": "Project"});
        Ok(json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "6c6d0f8e-0000-4000-8000-000000000000", "operation": "DELETE",
                "name": PROJECT, "resource": resource, "requestResource": resource,
                "kind": kind, "requestKind": kind, "dryRun": true,
                "userInfo": {"username": "anna", "groups": ["people", "system:authenticated"]},
                "object": null, "oldObject": project,
                "options": {"apiVersion": "meta.k8s.io/v1", "kind": "DeleteOptions", "dryRun": ["All"]},
            },
        }))
    }
}

/// Who vouches for the webhook's certificate, as the API server is told.
async fn authority(plane: &ControlPlane) -> anyhow::Result<Vec<u8>> {
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(plane.admin()?);
    let configuration = configurations.get(NAME).await?;
    let webhook = configuration.webhooks.into_iter().flatten().next().context("no webhook")?;
    let bundle = webhook.client_config.ca_bundle.context("nobody vouches for the webhook")?;
    ensure!(!bundle.0.is_empty(), "nobody vouches for the webhook");
    Ok(bundle.0)
}
