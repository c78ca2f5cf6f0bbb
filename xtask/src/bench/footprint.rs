//! What it costs to be there: memory, writes at rest, and what foreign namespaces cause.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use tenure_api::Project;
use tenure_testbed::{ControlPlane, Process};

use super::proxy::Proxy;
use super::report::Row;
use super::subject::{self, Subject, create, until_ready};

/// How long memory and watches are left to settle.
const SETTLE: Duration = Duration::from_secs(15);
/// How long writes at rest are counted.
const IDLE: Duration = Duration::from_secs(120);
const FOREIGN: usize = 1_000;

/// Resident memory, in MiB.
#[derive(Clone, Copy)]
struct Memory {
    at_0: f64,
    at_500: f64,
    at_2000: f64,
    restarted: f64,
}

pub(crate) async fn measure(
    binary: &Path,
    peer: Option<&str>,
    manifests: Option<&Path>,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let peer = match peer {
        Some(command) => {
            println!("memory of the peer");
            let plane = ControlPlane::start_temporary().await?;
            if let Some(path) = manifests {
                subject::apply_manifests(&plane, path).await?;
            }
            let subject = Subject::peer(&plane, command).await?;
            Some(memory(&plane, &subject).await?.0)
        }
        None => None,
    };
    println!("memory of tenure, and what happens at rest");
    let plane = ControlPlane::start_temporary().await?;
    let subject = Subject::tenure(&plane, binary, &[]).await?;
    let through = plane.dir().join("through-proxy.kubeconfig");
    let proxy = Proxy::start(subject.kubeconfig(), &through).await?;
    let subject = subject.through(through);
    let (ours, running) = memory(&plane, &subject).await?;
    let row = |name: &str, pick: fn(&Memory) -> f64| {
        Row::new(name, "MiB", pick(&ours)).beside(peer.as_ref().map(pick))
    };
    rows.push(row("memory at 0 Projects", |m| m.at_0).at_most(20.0));
    rows.push(row("memory at 500 Projects", |m| m.at_500));
    rows.push(row("memory at 2,000 Projects", |m| m.at_2000).at_most(40.0));
    rows.push(row("memory at 2,000 Projects, restarted", |m| m.restarted).at_most(40.0));
    let slope = |m: &Memory| (m.at_2000 - m.at_0) * 1024.0 / 2_000.0;
    rows.push(Row::new("memory per Project", "KiB", slope(&ours)).beside(peer.as_ref().map(slope)));
    at_rest(&plane, &subject, &proxy, rows).await?;
    drop(running);
    Ok(())
}

async fn memory(plane: &ControlPlane, subject: &Subject) -> anyhow::Result<(Memory, Process)> {
    let projects: Api<Project> = Api::all(plane.admin()?);
    let running = subject.start(plane)?;
    tokio::time::sleep(SETTLE).await;
    let at_0 = resident(&running, "VmRSS")?;
    grow(&projects, 0, 500).await?;
    let at_500 = resident(&running, "VmRSS")?;
    grow(&projects, 500, 2_000).await?;
    let at_2000 = resident(&running, "VmRSS")?;
    drop(running);
    let running = subject.start(plane)?;
    // Everything is listed, and every provisioned object compared with what it should be.
    tokio::time::sleep(SETTLE * 4).await;
    let restarted = resident(&running, "VmRSS")?;
    Ok((Memory { at_0, at_500, at_2000, restarted }, running))
}

async fn grow(projects: &Api<Project>, from: usize, to: usize) -> anyhow::Result<()> {
    let names: Vec<_> = (from..to).map(|n| format!("memory-{n}")).collect();
    create(projects, &names).await?;
    until_ready(projects, "memory-", to).await?;
    tokio::time::sleep(SETTLE).await;
    Ok(())
}

/// What Linux tells of the memory of a process, in MiB: `VmRSS` is what it has, `VmHWM` what it had
/// at most.
pub(super) fn resident(process: &Process, what: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))
        .context("read the memory of the process; only Linux tells it so")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let line = line.with_context(|| format!("no {what}"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().context("read memory")?;
    Ok(kib / 1024.0)
}

async fn at_rest(
    plane: &ControlPlane,
    subject: &Subject,
    proxy: &Proxy,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    println!("two minutes at rest");
    let audit = plane.audit();
    tokio::time::sleep(IDLE).await;
    let writes = audit
        .entries()
        .iter()
        .filter(|e| e.user.username == subject.user && e.is_write() && e.resource() != "leases")
        .count();
    rows.push(
        Row::new("writes in two idle minutes, Lease apart", "requests", writes as f64).at_most(0.0),
    );

    println!("{FOREIGN} foreign namespaces");
    let namespaces: Api<Namespace> = Api::all(plane.admin()?);
    let before = proxy.received();
    let clock = std::time::Instant::now();
    futures::stream::iter(0..FOREIGN)
        .map(|n| {
            let metadata = ObjectMeta { name: Some(format!("foreign-{n}")), ..Default::default() };
            let namespace = Namespace { metadata, ..Default::default() };
            let namespaces = namespaces.clone();
            async move { namespaces.create(&PostParams::default(), &namespace).await.map(drop) }
        })
        .buffer_unordered(24)
        .try_collect::<()>()
        .await?;
    tokio::time::sleep(SETTLE).await;
    let during = proxy.received() - before;
    let before = proxy.received();
    tokio::time::sleep(clock.elapsed()).await;
    let idle = proxy.received() - before;
    let caused = during.saturating_sub(idle) as f64;
    rows.push(
        // Bookmarks come when they come, some kilobytes in a minute; an event is a kilobyte.
        Row::new("watch bytes per foreign namespace", "B", caused / FOREIGN as f64).at_most(10.0),
    );
    Ok(())
}
