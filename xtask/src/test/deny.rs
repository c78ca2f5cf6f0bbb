//! What may be in the dependency tree: checked by cargo-deny when what it reads has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::cargo::{cargo, root, run as run_command};

/// The version of cargo-deny; built from source where it is not.
const CARGO_DENY: &str = "0.20.2";
/// Has the digest of what cargo-deny read when it last passed. It is committed, so that a machine
/// that has no cargo-deny need not build it to find out what is known.
const PASSED: &str = ".ci/deny-passed";

/// Checks, and records that it passed.
pub(crate) fn run() -> anyhow::Result<()> {
    check()?;
    fs::write(root().join(PASSED), digest(root())? + "\n").context("record that it passed")?;
    println!("passed; recorded in {PASSED}");
    Ok(())
}

/// Checks if what is read has changed since it last passed, or if `always` is set.
pub(super) fn if_changed(always: bool) -> anyhow::Result<()> {
    let passed = fs::read_to_string(root().join(PASSED)).unwrap_or_default();
    if !always && passed.trim() == digest(root())? {
        println!("nothing has changed since they last passed ({PASSED})");
        return Ok(());
    }
    check().context("run `cargo xtask deny` after changing dependencies")
}

fn check() -> anyhow::Result<()> {
    let mut deny = Command::new(cargo_deny()?);
    deny.args(["--log-level", "error", "check", "bans", "licenses", "sources"]).current_dir(root());
    run_command(deny)
}

/// Of the dependency tree, of the rules, and of the version that checks them.
fn digest(root: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(CARGO_DENY);
    for name in ["Cargo.lock", "Cargo.toml", "deny.toml"] {
        let text = fs::read(root.join(name)).with_context(|| format!("read {name}"))?;
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The path of cargo-deny, which is built once and kept with the control plane's binaries.
fn cargo_deny() -> anyhow::Result<PathBuf> {
    let root = tenure_testbed::cache_dir()?.join("tools").join(format!("cargo-deny-{CARGO_DENY}"));
    let tool = root.join("bin/cargo-deny");
    if !tool.exists() {
        println!("building cargo-deny {CARGO_DENY}; once, in about 2 minutes");
        let mut install =
            cargo(&["install", "--quiet", "--locked", "cargo-deny", "--version", CARGO_DENY]);
        // Its own features fetch crates; ours are fetched already. A debug build is soon made.
        install.args(["--no-default-features", "--profile", "dev", "--root"]).arg(&root);
        run_command(install)?;
    }
    Ok(tool)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::digest;

    #[test]
    fn whatever_the_check_reads_changes_the_digest() {
        let dir = tempfile::tempdir().expect("a directory");
        let names = ["Cargo.lock", "Cargo.toml", "deny.toml"];
        for name in names {
            fs::write(dir.path().join(name), "a").expect("write");
        }
        let before = digest(dir.path()).expect("a digest");
        for name in names {
            fs::write(dir.path().join(name), "b").expect("write");
            assert_ne!(digest(dir.path()).expect("a digest"), before, "{name}");
            fs::write(dir.path().join(name), "a").expect("write");
        }
        assert_eq!(digest(dir.path()).expect("a digest"), before);
    }
}
