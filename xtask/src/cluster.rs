//! `cargo xtask cluster`: a control plane to try things on.

use std::path::Path;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tenure_testbed::ControlPlane;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) async fn up(dir: &Path, port: Option<u16>) -> anyhow::Result<()> {
    if dir.join("pid").exists() {
        bail!("{} is in use; `cargo xtask cluster down` ends what runs there", dir.display());
    }
    let plane = ControlPlane::start(dir, port).await?;
    println!("{}", plane.kubeconfig().display());
    eprintln!("kubectl is {}", plane.binaries().path("kubectl").display());
    eprintln!("ready; Ctrl-C ends it");
    until_told().await?;
    drop(plane);
    std::fs::remove_dir_all(dir).with_context(|| format!("remove {}", dir.display()))
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn until_told() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

pub(crate) fn down(dir: &Path) -> anyhow::Result<()> {
    let pid = std::fs::read_to_string(dir.join("pid"))
        .with_context(|| format!("no cluster runs in {}", dir.display()))?;
    let pid = Pid::from_raw(pid.trim().parse().context("read pid")?);
    if kill(pid, Signal::SIGTERM).is_err() {
        // It was killed; what it left is in the way of the next.
        std::fs::remove_dir_all(dir)?;
        eprintln!("it was gone already");
        return Ok(());
    }
    while kill(pid, None).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Ok(())
}
