//! `cargo xtask bench`: what Tenure costs, on a real control plane, beside a peer if one is given.
//!
//! Counts come from the API server's audit log and are exact. Times and memory depend on the
//! machine; those of a peer are taken in the same run, on the same control plane, alternating.

mod admission;
mod bulk;
mod cli;
mod contents;
mod footprint;
mod proxy;
mod report;
mod requests;
mod subject;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use tenure_testbed::ControlPlane;

use crate::cargo::release_server;
use report::Row;
use subject::Subject;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write the rows to this file, as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure another controller in the same run. It gets KUBECONFIG, with a user that may do
    /// everything
    #[arg(long, value_name = "COMMAND")]
    peer: Option<String>,
    /// Apply these manifests, a file or a directory, before the peer starts
    #[arg(long, value_name = "PATH", requires = "peer")]
    peer_manifests: Option<PathBuf>,
    /// Leave out rows whose measurement takes minutes: memory, idle writes, foreign namespaces
    #[arg(long)]
    quick: bool,
    /// Measure only three hundred Projects at once
    #[arg(long, conflicts_with_all = ["quick", "contents", "admission"])]
    bulk: bool,
    /// Measure only what it costs to know what is in a namespace
    #[arg(long, conflicts_with = "peer")]
    contents: bool,
    /// Measure only what it costs to be asked by the API server
    #[arg(long, conflicts_with_all = ["peer", "contents"])]
    admission: bool,
    /// Measure only what it takes to ask on the command line
    #[arg(long, conflicts_with_all = ["peer", "contents", "admission", "bulk"])]
    cli: bool,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    if !arguments.contents && !arguments.admission && !arguments.cli {
        projects(&arguments, &mut rows).await?;
    }
    if !arguments.contents && !arguments.bulk && !arguments.cli {
        admission::measure(&release_server()?, &mut rows).await?;
    }
    if !arguments.admission && !arguments.bulk && !arguments.cli {
        contents::measure(arguments.quick, &mut rows).await?;
    }
    if !arguments.contents && !arguments.admission && !arguments.bulk {
        cli::measure(arguments.quick, &mut rows).await?;
    }
    report::print(&rows);
    if let Some(path) = &arguments.json {
        let json = serde_json::to_vec_pretty(&rows)?;
        std::fs::write(path, json).with_context(|| format!("write {}", path.display()))?;
    }
    let missed: Vec<_> = rows.iter().filter(|row| row.met == Some(false)).map(Row::name).collect();
    if !missed.is_empty() {
        bail!("missed: {}", missed.join(", "));
    }
    Ok(())
}

/// What Projects cost, from their creation to their end.
async fn projects(arguments: &Arguments, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let binary = release_server()?;
    let plane = ControlPlane::start_temporary().await?;
    if let Some(path) = &arguments.peer_manifests {
        subject::apply_manifests(&plane, path).await?;
    }
    let ours = Subject::tenure(&plane, &binary, &[]).await?;
    let kargo_profile = Subject::tenure(&plane, &binary, &["--profile", "kargo"]).await?;
    let peer = match &arguments.peer {
        Some(command) => Some(Subject::peer(&plane, command).await?),
        None => None,
    };
    if !arguments.bulk {
        requests::measure(&plane, &ours, &kargo_profile, peer.as_ref(), rows).await?;
    }
    bulk::measure(&plane, &ours, &kargo_profile, peer.as_ref(), rows).await?;
    drop(plane);
    if !arguments.quick && !arguments.bulk {
        footprint::measure(
            &binary,
            arguments.peer.as_deref(),
            arguments.peer_manifests.as_deref(),
            rows,
        )
        .await?;
    }
    Ok(())
}
