//! `tenure server`: wiring, and an orderly end.

use std::sync::Arc;

use anyhow::Context as _;
use tenure_admission::ServingCertificate;
use tenure_cluster::{Clock, Cluster};
use tenure_controllers::Manager;
use tenure_controllers::project::release_all;
use tenure_core::Settings;
use tenure_core::plan::BreakerLimit;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::arguments::ServerArguments;
use crate::leader::Leadership;
use crate::{archive, mode, probes, publish, telemetry, webhook};

/// Threads that work. The server waits for the network nearly all the time.
const THREADS: usize = 2;

pub(crate) fn run(arguments: ServerArguments) -> anyhow::Result<()> {
    telemetry::start(&arguments.logs)?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("start the runtime")?
        .block_on(serve(arguments))
}

async fn serve(arguments: ServerArguments) -> anyhow::Result<()> {
    let clock = Clock::default();
    let client = arguments.cluster.client(&clock).await?;
    let settings = Arc::new(settings(&arguments));
    let mut cluster =
        Cluster::new(client.clone(), settings, Arc::default()).with_clock(clock.clone());
    if let Some(url) = &arguments.archive {
        cluster = cluster.with_sink(archive::open(url)?);
    }
    if arguments.release_all {
        let released = release_all(&client, &cluster).await.context("take everything back")?;
        println!("{released}");
        return Ok(());
    }
    let manager = Manager::new(cluster.clone(), arguments.plan_retention);
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("listen on {}", arguments.listen))?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        mode = cluster.settings().mode.as_str(),
        listen = %listener.local_addr().unwrap_or(arguments.listen),
        "starting"
    );
    let certificate = ServingCertificate::none();
    let answers = arguments.webhook.webhook_listen.is_some();
    let state = probes::State {
        health: manager.health(),
        certificate: answers.then(|| certificate.clone()),
    };
    let probes = tokio::spawn(probes::serve(listener, state));
    let leadership = if arguments.leader_elect {
        Leadership::by_lease(client, &arguments.decision.namespace).await?
    } else {
        Leadership::always()
    };
    let gauge = tokio::spawn(show_leader(leadership.leads.clone(), manager.metrics()));
    let publisher = tokio::spawn(publish::while_leading(
        cluster.client().clone(),
        publish::published(&arguments, cluster.settings()),
        arguments.decision.namespace.clone(),
        leadership.leads.clone(),
    ));
    let mode = tokio::spawn(mode::watch(
        cluster.clone(),
        manager.metrics(),
        arguments.webhook.pod.clone(),
        leadership.leads.clone(),
    ));
    let stop = stop_on_signal()?;
    let metrics = manager.metrics();
    let answering = webhook::run(&arguments, cluster, clock, certificate, metrics, stop.clone());
    let acting = manager.run(leadership.leads.clone(), stop);
    let working = Box::pin(async {
        let acting = async { acting.await.context("run the controllers") };
        tokio::try_join!(acting, answering)
    });
    let outcome = tokio::select! {
        outcome = working => outcome.map(drop),
        ended = probes => Err(anyhow::anyhow!("the probes ended: {ended:?}")),
    };
    for task in [gauge, publisher, mode] {
        task.abort();
        // Its copy of the receiver keeps the election going.
        drop(task.await);
    }
    leadership.give_back().await;
    tracing::info!("stopped");
    outcome
}

fn settings(arguments: &ServerArguments) -> Settings {
    Settings {
        mode: arguments.mode.into(),
        confirmation_holds: arguments.confirmation_holds,
        breaker: BreakerLimit {
            window: arguments.breaker_window,
            at_least: arguments.breaker_at_least,
            percent: arguments.breaker_percent,
        },
        archive_required: arguments.archive_required,
        accounts: arguments.accounts(),
        ..arguments.decision.settings()
    }
}

/// Becomes true at the first SIGTERM or SIGINT.
fn stop_on_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping; work at hand is finished");
        stop.send_replace(true);
        // A receiver that is dropped would look like a change; keep the sender.
        stop.closed().await;
    });
    Ok(stopped)
}

async fn show_leader(mut leads: watch::Receiver<bool>, metrics: tenure_controllers::Metrics) {
    loop {
        let now = *leads.borrow_and_update();
        metrics.leader(now);
        tracing::info!(leader = now, "leadership");
        if leads.changed().await.is_err() {
            return;
        }
    }
}
