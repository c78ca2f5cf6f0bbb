//! The webhook of this replica: every replica answers, whoever leads.

use std::time::Duration;

use anyhow::Context as _;
use tenure_admission::{Admission, Limits, Options, Own, ServingCertificate, Source};
use tenure_cluster::{Clock, Cluster, Guard};
use tenure_controllers::Metrics;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::arguments::{ModeName, ServerArguments, WebhookArguments};

/// How often it is tried whether the API server asks.
const TRY: Duration = Duration::from_mins(1);
/// The same, while it does not.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// After how many failed tries in a row people are told: what has just been installed takes a while.
const TELL_AFTER: u32 = 12;

/// For how long answers are given after the program was told to stop: until nobody is sent here
/// any more.
const DRAIN: Duration = Duration::from_secs(3);

/// Answers until told to stop. Does nothing where no address was given.
pub(crate) async fn run(
    arguments: &ServerArguments,
    cluster: Cluster,
    clock: Clock,
    certificate: ServingCertificate,
    metrics: Metrics,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let Some(listen) = arguments.webhook.webhook_listen else { return Ok(()) };
    let stopping = async move {
        // A sender that is gone has nothing more to say: then the server ends.
        drop(stop.wait_for(|stop| *stop).await);
        tokio::time::sleep(DRAIN).await;
    };
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("listen on {listen}"))?;
    tracing::info!(
        listen = %listener.local_addr().unwrap_or(listen),
        "answering what the API server asks"
    );
    // While the API server carries out what the controllers ask for, it asks us.
    let router = Admission::new(cluster.apart(), options(arguments)).router();
    let source = source(&arguments.webhook, &cluster, clock);
    tokio::select! {
        served = tenure_admission::serve(
            listener, router, certificate.clone(), Limits::default(), stopping,
        ) => served.context("serve admission"),
        () = source.keep(certificate.clone()) => {
            anyhow::bail!("nobody looks after the webhook's certificate any more")
        }
        () = try_guard(&cluster, &metrics, &certificate, arguments.webhook.pod.as_deref()) => {
            anyhow::bail!("nobody tries any more whether deletions are guarded")
        }
    }
}

fn options(arguments: &ServerArguments) -> Options {
    Options {
        break_glass_group: arguments.webhook.break_glass_group.clone(),
        check_requester: arguments.webhook.check_requester,
        makes_namespaces: arguments.mode == ModeName::Standalone,
    }
}

fn source(arguments: &WebhookArguments, cluster: &Cluster, clock: Clock) -> Source {
    if let Some(directory) = &arguments.webhook_certificate_dir {
        return Source::directory(directory);
    }
    let namespace = &cluster.settings().tenure_namespace;
    let mut own = Own::of_service(cluster.client().clone(), clock, namespace);
    own.names.extend(arguments.webhook_host.iter().cloned());
    Source::Own(own)
}

/// Tries again and again whether the API server asks us, and tells people when it does not.
async fn try_guard(
    cluster: &Cluster,
    metrics: &Metrics,
    certificate: &ServingCertificate,
    pod: Option<&str>,
) {
    certificate.present().await;
    let mut failed = 0;
    let mut shown = None;
    loop {
        let why = match cluster.try_guard().await {
            Ok(Guard::Effective) => None,
            Ok(Guard::Ineffective(why)) => Some(why),
            Err(error) => Some(error.to_string()),
        };
        metrics.guard(why.is_none());
        match &why {
            None if failed != 0 => tracing::info!("deletions are guarded"),
            None => {}
            Some(why) => {
                tracing::warn!(why, "deletions are not guarded by admission");
                if failed == TELL_AFTER {
                    cluster.tell_of_guard(why).await;
                }
            }
        }
        if let Some(pod) = pod.filter(|_| shown != Some(why.is_none())) {
            match cluster.show_guard(pod, why.as_deref()).await {
                Ok(()) => shown = Some(why.is_none()),
                Err(error) => tracing::warn!(%error, "it will be tried again"),
            }
        }
        failed = if why.is_some() { failed + 1 } else { 0 };
        let told = pod.is_none() || shown == Some(why.is_none());
        tokio::time::sleep(if why.is_none() && told { TRY } else { TRY_AGAIN }).await;
    }
}
