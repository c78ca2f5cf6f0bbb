//! Programs of this workspace that tests of another package run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::DIR_VARIABLE;

/// The program of that name, of that package of the workspace. It is built anew, for whoever runs one
/// package's tests does not build another's; but not in a run of all tests, which built everything.
///
/// # Errors
/// If it cannot be built.
pub fn built(package: &str, name: &str) -> anyhow::Result<PathBuf> {
    // A test is in `deps`, beside which programs are.
    let test = std::env::current_exe().context("find this program")?;
    let beside = test.ancestors().find(|dir| dir.join("deps").is_dir());
    let program = beside.unwrap_or(Path::new(".")).join(name);
    if std::env::var_os(DIR_VARIABLE).is_some() && program.is_file() {
        return Ok(program);
    }
    let mut build = cargo();
    build
        .args(["build", "--quiet", "--package", package, "--bin", name])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    ensure!(build.status().context("run cargo")?.success(), "{name} cannot be built");
    Ok(program)
}

/// A cargo command that builds what cargo builds when a person runs it.
///
/// Cargo tells the programs that it runs about their package, by environment variables. Build scripts
/// of dependencies (ring's, for one) run again when these change, and all that depends on them is then
/// built again.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut cargo = Command::new(program);
    let of_package =
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if of_package.iter().any(|prefix| text.starts_with(prefix)) {
            cargo.env_remove(&name);
        }
    }
    cargo
}
