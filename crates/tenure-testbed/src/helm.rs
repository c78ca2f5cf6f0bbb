//! Helm, built once from its Go module and kept in the user's cache directory.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::go;

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
        eprintln!("building Helm {HELM} (about 1,000 packages of Go); once, in 2 to 8 minutes");
        let part = dir.with_extension("part");
        build(&part)?;
        fs::rename(&part, &dir).context("put Helm in its place")?;
    }
    Ok(helm)
}

fn build(into: &Path) -> anyhow::Result<()> {
    let module = format!("helm.sh/helm/v4/cmd/helm@v{HELM}");
    let environment = [("GOBIN", into.as_os_str()), ("CGO_ENABLED", OsStr::new("0"))];
    let arguments = ["install", "-v", "-trimpath", "-ldflags", "-s -w", &module];
    // The workspace has modules of its own, which have no say in this one.
    go::run("Helm", arguments, Path::new("/"), &environment)
}
