//! What reviews that make no sense, and very large ones, do to the server's memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use serde_json::Value;
use tenure_testbed::Asking;
use tokio::sync::Mutex;

use super::super::footprint::resident;
use super::super::report::Row;
use super::Bed;
use super::bad::{Answer, Kind, kinds, large, slowly};

/// Reviews that make no sense.
const BAD: usize = 10_000;
/// Reviews of three MiB.
const LARGE: usize = 300;
/// Those at once.
const AT_ONCE: usize = 16;
/// The same of those that come one byte a second: they do nothing but wait.
const SLOW_AT_ONCE: usize = 128;
const SETTLE: Duration = Duration::from_secs(5);

pub(super) async fn measure(bed: &Bed, review: &Value, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let roots: Arc<[u8]> = std::fs::read(&bed.roots)?.into();
    let flood = Flood { address: bed.webhook, roots, idle: Mutex::default() };
    let good = Bytes::from(review.to_string());
    ensure!(flood.allows(&good).await?, "a good review is not allowed");
    let before = resident(&bed.server, "VmRSS")?;
    forget_peak(bed)?;
    flood.bad(review).await?;
    let bad = resident(&bed.server, "VmHWM")?;
    let unanswered = flood.large(review).await?;
    let most = resident(&bed.server, "VmHWM")?;
    ensure!(flood.allows(&good).await?, "a good review is not allowed after bad ones");
    tokio::time::sleep(SETTLE).await;
    let left = resident(&bed.server, "VmRSS")?;
    println!("  from {before:.1} MiB to {bad:.1}, with large ones {most:.1}, then {left:.1}");
    let name = format!("memory for {BAD} bad and {LARGE} large reviews, at most");
    rows.push(Row::new(&name, "MiB", most - before).at_most(64.0));
    rows.push(Row::new("memory that they leave behind", "MiB", left - before).at_most(64.0));
    rows.push(Row::new("large reviews not answered for want of room", "", unanswered as f64));
    Ok(())
}

/// Has Linux forget how much memory the server had at most.
fn forget_peak(bed: &Bed) -> anyhow::Result<()> {
    std::fs::write(format!("/proc/{}/clear_refs", bed.server.id()), "5")
        .context("forget the peak of the server's memory")
}

struct Flood {
    address: SocketAddr,
    roots: Arc<[u8]>,
    /// Connections on which nothing is asked now.
    idle: Mutex<Vec<Asking>>,
}

impl Flood {
    /// Posts a review; the status, and whether it is allowed if the answer says so.
    async fn ask(
        &self,
        encoding: Option<&str>,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, Option<bool>)> {
        let kept = self.idle.lock().await.pop().filter(|asking| !asking.has_ended());
        let mut asking = match kept {
            Some(asking) => asking,
            None => Asking::start(self.address, &self.roots).await?,
        };
        let (status, answer) = asking.ask("/validate", encoding, body).await?;
        self.idle.lock().await.push(asking);
        let said: Value = serde_json::from_slice(&answer).unwrap_or_default();
        Ok((status, said["response"]["allowed"].as_bool()))
    }

    async fn allows(&self, review: &Bytes) -> anyhow::Result<bool> {
        Ok(self.ask(None, review.clone()).await? == (StatusCode::OK, Some(true)))
    }

    /// Posts bad reviews, each kind in turn, and looks at each answer.
    async fn bad(&self, review: &Value) -> anyhow::Result<()> {
        let kinds = kinds(review);
        // One more comes slowly.
        let rounds = BAD.div_ceil(kinds.len() + 1);
        let slow = review.to_string().into_bytes();
        let slow = futures::stream::iter(0..rounds)
            .map(|_| slowly(self.address, &self.roots, &slow))
            .buffer_unordered(SLOW_AT_ONCE)
            .try_collect::<()>();
        let bad = futures::stream::iter(0..BAD - rounds)
            .map(|n| self.one(&kinds[n % kinds.len()]))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>();
        futures::future::try_join(slow, bad).await.map(drop)
    }

    async fn one(&self, kind: &Kind) -> anyhow::Result<()> {
        let Kind { name, answer, encoding, body } = kind;
        let (status, allowed) =
            self.ask(*encoding, body.clone()).await.with_context(|| format!("post: {name}"))?;
        let answered = match (status, allowed) {
            (StatusCode::OK, Some(true)) => Answer::Allowed,
            (StatusCode::OK, Some(false)) => Answer::Refused,
            _ => Answer::Unreadable,
        };
        ensure!(answered == *answer, "{name}: answered with {status}, allowed: {allowed:?}");
        ensure!(!status.is_server_error(), "{name}: answered with {status}");
        Ok(())
    }

    /// Posts large reviews; how many the server had no room for.
    async fn large(&self, review: &Value) -> anyhow::Result<usize> {
        let bodies = &[large(review, false), large(review, true)];
        let outcomes: Vec<_> = futures::stream::iter(0..LARGE)
            .map(|n| async move {
                match self.ask(None, bodies[n % 2].clone()).await {
                    Ok((StatusCode::OK, Some(true))) => "allowed".to_owned(),
                    Ok((status, allowed)) => format!("{status}, allowed: {allowed:?}"),
                    Err(error) => format!("{error:#}"),
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut tally = BTreeMap::<_, usize>::new();
        for outcome in outcomes {
            *tally.entry(outcome).or_default() += 1;
        }
        println!("  large reviews: {tally:?}");
        Ok(LARGE - tally.get("allowed").copied().unwrap_or_default())
    }
}
