//! Running commands in the workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A cargo command, in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(root());
    cargo
}

/// Runs a command that must succeed.
pub(crate) fn run(mut command: Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("run {name}"))?;
    let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
    ensure!(status.success(), "{name} {} failed", arguments.join(" "));
    Ok(())
}

/// Builds the server, and gives its path.
pub(crate) fn server(release: bool) -> anyhow::Result<PathBuf> {
    let mut arguments = vec!["build", "--quiet", "--package", "tenure", "--bin", "tenure"];
    if release {
        arguments.push("--release");
    }
    run(cargo(&arguments))?;
    Ok(target().join(if release { "release" } else { "debug" }).join("tenure"))
}

/// Builds `kubectl tenure`, and gives its path.
pub(crate) fn plugin() -> anyhow::Result<PathBuf> {
    run(cargo(&["build", "--quiet", "--package", "tenure-cli", "--bin", "kubectl-tenure"]))?;
    Ok(fs::canonicalize(target().join("debug/kubectl-tenure"))?)
}

/// Builds an example for release, and gives its path.
pub(crate) fn example(package: &str, name: &str) -> anyhow::Result<PathBuf> {
    let example = ["build", "--quiet", "--release", "--package", package, "--example", name];
    run(cargo(&example))?;
    Ok(target().join("release/examples").join(name))
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
