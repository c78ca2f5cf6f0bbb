//! Reads what is in a namespace so many times, and prints it, and what it cost, as JSON:
//!
//! ```console
//! $ cargo run --release -p tenure-cluster --example contents -- payments 5
//! ```
//!
//! The cluster is that of `KUBECONFIG`. Memory is told on Linux only.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use tenure_cluster::{Cluster, Store, connect};
use tenure_core::Settings;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let namespace = arguments.next().ok_or("give the namespace")?;
    let times: usize = arguments.next().map_or(Ok(1), |times| times.parse())?;
    let client = connect(kube::Config::infer().await?)?;
    // The connection is there, and what a first request allocates.
    client.apiserver_version().await?;
    let before = memory("VmRSS:");
    let mut milliseconds = Vec::new();
    let mut contents = None;
    for _ in 0..times {
        // One that does not remember which kinds are served.
        let cluster =
            Cluster::new(client.clone(), Arc::new(Settings::default()), Arc::new(Store::default()));
        let clock = Instant::now();
        let found = cluster.read_contents(&namespace, &BTreeSet::new(), |_| {}).await?;
        milliseconds.push(clock.elapsed().as_secs_f64() * 1_000.0);
        contents = Some(found.shortened(10));
    }
    let peak = memory("VmHWM:");
    let report = serde_json::json!({
        "milliseconds": milliseconds, "kibBefore": before, "kibPeak": peak, "contents": contents,
    });
    println!("{report:#}");
    Ok(())
}

/// A line of what Linux tells of the process's memory, in KiB.
fn memory(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|found| found.strip_prefix(line))?;
    value.trim().trim_end_matches("kB").trim().parse().ok()
}
