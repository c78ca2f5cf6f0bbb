//! `cargo xtask test`: every check, one after the other, on one control plane.

use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use tenure_testbed::{ControlPlane, DIR_VARIABLE};

use crate::cargo::{cargo, run};
use crate::{codegen, demo, deps};

/// The version of cargo-deny; built from source where it is not.
const CARGO_DENY: &str = "0.20.2";

/// Says how many tests of a program run at once.
const THREADS: &str = "RUST_TEST_THREADS";
/// Most of their time they wait: for a control plane to come up, for time to pass.
const TESTS_PER_CORE: usize = 2;

pub(crate) async fn run_checks() -> anyhow::Result<()> {
    step("format", || run(cargo(&["fmt", "--all", "--check"])))?;
    step("lints", || {
        run(cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    step("documentation", || {
        let mut doc = cargo(&["doc", "--locked", "--workspace", "--no-deps", "--quiet"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        run(doc)
    })?;
    step("direction of dependencies", deps::run)?;
    step("generated files", || codegen::run(true))?;
    step("bans, licences, sources", deny)?;
    // Built here, where it is seen, and not first in a test that needs it.
    step("Helm", || tenure_testbed::helm().map(drop))?;
    let started = Instant::now();
    println!("\n==> control plane");
    let plane = ControlPlane::start_temporary().await?;
    println!("up in {:.1} s", started.elapsed().as_secs_f64());
    step("tests", || {
        let mut tests = cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
        tests.env(DIR_VARIABLE, plane.dir()).env("INSTA_UPDATE", "no");
        if std::env::var_os(THREADS).is_none() {
            let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
            tests.env(THREADS, (TESTS_PER_CORE * cores).to_string());
        }
        run(tests)
    })?;
    drop(plane);
    println!("\n==> demo");
    demo::run(demo::Arguments::once()).await?;
    println!("\nevery check passed");
    Ok(())
}

fn step(name: &str, check: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    println!("\n==> {name}");
    let started = Instant::now();
    check().with_context(|| name.to_owned())?;
    println!("{name}: {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn deny() -> anyhow::Result<()> {
    let tool = cargo_deny()?;
    let mut deny = Command::new(tool);
    deny.args(["--log-level", "error", "check", "bans", "licenses", "sources"])
        .current_dir(crate::cargo::root());
    run(deny)
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
        run(install)?;
    }
    Ok(tool)
}
