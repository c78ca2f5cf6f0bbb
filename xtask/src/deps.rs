//! The direction of dependencies: checked, not hoped for.

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::cargo::cargo;

/// Which crates of the workspace a crate may depend on.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("tenure-core", &[]),
    ("tenure-api", &["tenure-core"]),
    ("tenure-archive", &["tenure-core"]),
    ("tenure-cluster", &["tenure-core", "tenure-api"]),
    ("tenure-controllers", &["tenure-core", "tenure-api", "tenure-cluster"]),
    ("tenure-admission", &["tenure-core", "tenure-api", "tenure-cluster"]),
    ("tenure-cli", &["tenure-core", "tenure-api", "tenure-archive", "tenure-cluster"]),
    (
        "tenure",
        &[
            "tenure-core",
            "tenure-api",
            "tenure-admission",
            "tenure-archive",
            "tenure-cluster",
            "tenure-controllers",
        ],
    ),
    ("tenure-testbed", &["tenure-api", "tenure-core"]),
    ("xtask", &["tenure-api", "tenure-cli", "tenure-testbed"]),
];
/// Crates that the pure crate must not have, however they come.
const IMPURE: [&str; 6] = ["kube", "tokio", "hyper", "reqwest", "rand", "axum"];

pub(crate) fn run() -> anyhow::Result<()> {
    let output = cargo(&["metadata", "--format-version=1", "--no-deps"]).output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("read cargo metadata")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            bail!("{name} is not in xtask/src/deps.rs; say there what it may depend on");
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"] == "dev";
            let ours = ALLOWED.iter().any(|(known, _)| *known == on);
            if ours && !for_tests && !allowed.contains(&on) {
                bail!("{name} depends on {on}, which the architecture does not allow");
            }
            if name == "tenure-core" && !for_tests && IMPURE.contains(&on) {
                bail!("tenure-core depends on {on}, which is not pure");
            }
        }
    }
    println!("{} crates depend on each other as they may", packages.len());
    Ok(())
}
