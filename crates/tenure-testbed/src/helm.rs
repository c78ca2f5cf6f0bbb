//! Helm, built once from its Go module and kept in the user's cache directory.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

/// The version of Helm. Its module is verified by Go's checksum database.
const HELM: &str = "4.3.1";

/// The path of Helm, which is built if need be.
///
/// # Errors
/// If it cannot be built.
pub fn helm() -> anyhow::Result<PathBuf> {
    let tools = crate::cache_dir()?.join("tools");
    fs::create_dir_all(&tools).with_context(|| format!("create {}", tools.display()))?;
    let dir = tools.join(format!("helm-{HELM}"));
    // One builds, the others wait for it.
    let lock = File::create(tools.join("helm.lock")).context("create the build lock")?;
    lock.lock().context("wait for another build")?;
    let helm = dir.join("helm");
    if !helm.exists() {
        eprintln!("building Helm {HELM} from its Go module; once, in 3 to 8 minutes");
        let part = dir.with_extension("part");
        build(&part)?;
        fs::rename(&part, &dir).context("put Helm in its place")?;
    }
    Ok(helm)
}

fn build(into: &PathBuf) -> anyhow::Result<()> {
    let status = Command::new("go")
        .args(["install", "-trimpath", "-ldflags", "-s -w"])
        .arg(format!("helm.sh/helm/v4/cmd/helm@v{HELM}"))
        // The workspace has modules of its own, which have no say in this one.
        .current_dir("/")
        .env("GOBIN", into)
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .status();
    match status {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("go is not installed; Helm is built with Go 1.26 or later")
        }
        status => ensure!(status.context("run go install")?.success(), "go install failed"),
    }
    Ok(())
}
