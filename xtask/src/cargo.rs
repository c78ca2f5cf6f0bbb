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
    let mut cargo = tenure_testbed::cargo();
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

/// Builds the server for release, and gives its path.
pub(crate) fn release_server() -> anyhow::Result<PathBuf> {
    run(cargo(&["build", "--quiet", "--release", "--package", "tenure", "--bin", "tenure"]))?;
    Ok(target().join("release/tenure"))
}

/// Builds the server and `kubectl tenure`, and gives their paths. Cargo shows how far it is.
///
/// No package is named: the features of dependencies are then those of the whole workspace, as in
/// `cargo xtask` and in the tests, and what was built for those is not built again.
pub(crate) fn programs() -> anyhow::Result<(PathBuf, PathBuf)> {
    run(cargo(&["build", "--bin", "tenure", "--bin", "kubectl-tenure"]))?;
    let built = |name: &str| fs::canonicalize(target().join("debug").join(name));
    Ok((built("tenure")?, built("kubectl-tenure")?))
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
