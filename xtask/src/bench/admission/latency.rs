//! How long a review takes, beside a stand-in that makes the same calls and decides nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tenure_testbed::audit::{self, AuditLog};
use tenure_testbed::{Process, eventually, free_port};

use super::super::report::Row;
use super::Bed;

/// Reviews that are posted to one of the two before it is the other's turn.
const BATCH: usize = 10;
const ROUNDS: usize = 100;
/// What the answer may take, of what the stand-in's takes.
const SHARE: f64 = 1.3;
/// The calls of one review.
const CALLS: [&str; 6] = [
    "get configmaps",
    "get customresourcedefinitions",
    "get deletionplans",
    "get namespaces",
    "get projects",
    "list deletionpolicies",
];

/// Where a webhook listens, and the file of who vouches for it.
type Webhook<'a> = (SocketAddr, &'a Path);

pub(super) async fn measure(
    bed: &Bed,
    review: &Value,
    [stand_in, reviews]: &[PathBuf; 2],
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let file = bed.plane.dir().join("review.json");
    std::fs::write(&file, review.to_string())?;
    let certificate = bed.plane.dir().join("stand-in.pem");
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let mut command = Command::new(stand_in);
    command.arg(address.to_string()).arg(&certificate).env("KUBECONFIG", bed.subject.kubeconfig());
    let running = Process::start("stand-in", command, bed.plane.dir())?;
    eventually("the stand-in listens", async || certificate.exists().then_some(())).await;
    let (ours, theirs) = ((bed.webhook, bed.roots.as_path()), (address, certificate.as_path()));
    let post = |rounds, webhooks: &[Webhook<'_>]| post(reviews, &file, rounds, webhooks);
    // That warms both up, too.
    for webhook in [ours, theirs] {
        let audit = bed.plane.audit();
        post(1, &[webhook])?;
        check(&audit, &bed.subject.user)?;
    }
    let [ours, theirs] = <[Vec<f64>; 2]>::try_from(post(ROUNDS, &[ours, theirs])?)
        .map_err(|_| anyhow::anyhow!("not both were measured"))?;
    drop(running);
    let row = |name: &str, share: f64| {
        let peer = percentile(&theirs, share);
        let name = format!("{name} of a DELETE review; peer: a stand-in, same calls");
        (Row::new(&name, "ms", percentile(&ours, share)).beside(Some(peer)), peer)
    };
    rows.push(row("median", 0.5).0);
    let (p99, peer) = row("p99", 0.99);
    rows.push(p99.at_most(SHARE * peer));
    Ok(())
}

/// Posts, as a program of its own that is built for release, and gives milliseconds.
fn post(
    reviews: &Path,
    review: &Path,
    rounds: usize,
    webhooks: &[Webhook<'_>],
) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut command = Command::new(reviews);
    command.arg(review).args([BATCH.to_string(), rounds.to_string()]);
    for (address, roots) in webhooks {
        command.arg(address.to_string()).arg(roots);
    }
    let output = command.output().context("post reviews")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "could not post reviews: {error}");
    serde_json::from_slice(&output.stdout).context("read what it took")
}

/// Each review has to have made each call once: only then is the same compared.
fn check(audit: &AuditLog, user: &str) -> anyhow::Result<()> {
    let entries = audit.entries();
    let tally = audit::tally(entries.iter().filter(|entry| entry.user.username == user));
    let made = |call: &str| tally.get(call).copied().unwrap_or_default() == BATCH;
    ensure!(CALLS.iter().all(|call| made(call)), "{BATCH} reviews made other calls: {tally:?}");
    Ok(())
}

/// The value that this share of all does not exceed.
fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or_default()
}
