//! A stand-in for Kargo's management controller, as a process of its own.
//!
//! ```console
//! $ kargo-stand-in --kubeconfig FILE --delay-namespaces 500
//! ```
//!
//! It logs to standard error: `running`, each request, and each error.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use futures::future::{Either, select};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tenure_testbed::kargo::{Delays, Journal, Kargo, Webhook, connect, run, serve};
use tokio::net::TcpListener;

/// A stand-in for Kargo's management controller.
#[derive(Parser)]
struct Arguments {
    /// The cluster, and who the controller is.
    #[arg(long)]
    kubeconfig: PathBuf,
    /// The namespace that Kargo would run in.
    #[arg(long, default_value = "kargo")]
    kargo_namespace: String,
    /// How late its cache of Projects is, in milliseconds.
    #[arg(long, default_value_t = 0)]
    delay_projects: u64,
    /// How late its cache of Namespaces is, in milliseconds.
    #[arg(long, default_value_t = 0)]
    delay_namespaces: u64,
    /// Serve the webhook too, on this address.
    #[arg(long, requires_all = ["webhook_kubeconfig", "webhook_certificate"])]
    webhook: Option<SocketAddr>,
    /// The cluster, and who the webhook is.
    #[arg(long)]
    webhook_kubeconfig: Option<PathBuf>,
    /// Where the webhook's certificate is written once it can be asked.
    #[arg(long)]
    webhook_certificate: Option<PathBuf>,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let journal = Journal::printed();
    let served = serve_webhook(&arguments, &journal).await?;
    let client = client(&arguments.kubeconfig, &journal).await?;
    let kargo = Arc::new(Kargo::new(client, &arguments.kargo_namespace, journal.clone()));
    let delays = Delays {
        projects: Duration::from_millis(arguments.delay_projects),
        namespaces: Duration::from_millis(arguments.delay_namespaces),
    };
    let run = Box::pin(run(kargo, delays, || journal.print("running")));
    let Some(served) = served else { return run.await.map(drop) };
    match select(run, served).await {
        Either::Left((ended, _)) => ended.map(drop),
        Either::Right((ended, _)) => ended?,
    }
}

/// Starts to serve the webhook, if it is asked for, and waits until it can be asked.
async fn serve_webhook(
    arguments: &Arguments,
    journal: &Journal,
) -> anyhow::Result<Option<tokio::task::JoinHandle<anyhow::Result<()>>>> {
    let (Some(address), Some(kubeconfig), Some(file)) =
        (arguments.webhook, &arguments.webhook_kubeconfig, arguments.webhook_certificate.clone())
    else {
        return Ok(None);
    };
    let client = client(kubeconfig, journal).await?;
    let webhook = Webhook::new(client, &arguments.kargo_namespace, journal.clone());
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
    let (tell, serves) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let tell = |certificate: &str| {
            let written = std::fs::write(&file, certificate);
            // Who waits for it waits as long as this runs.
            let _ = tell.send(written);
        };
        serve(Arc::new(webhook), listener, tell).await.map(drop)
    });
    serves.await.context("the webhook is not served")?.context("write the certificate")?;
    Ok(Some(task))
}

async fn client(kubeconfig: &Path, journal: &Journal) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(connect(config, journal)?)
}
