//! `cargo xtask test`: every check, and at its end what each took.

mod deny;
mod programs;
mod running;
mod table;

use std::time::{Instant, SystemTime};

use anyhow::{Context as _, bail};
use tenure_testbed::{ALL_VARIABLE, ControlPlane, SEED_VARIABLE};

pub(crate) use deny::run as deny;

use crate::cargo::{cargo, run};
use crate::{codegen, demo, deps};
use table::Took;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also make every repetition that only adds certainty: faults at every request, the long soak,
    /// the deepest lives of the exploration. Takes about three times as long
    #[arg(long)]
    all: bool,
    /// Choose the repetitions by this number, which each run prints; by the time of day if not given
    #[arg(long, conflicts_with = "all")]
    seed: Option<u64>,
}

/// The steps so far, and how long each took.
#[derive(Default)]
struct Steps(Vec<Took>);

impl Steps {
    fn take<T>(
        &mut self,
        name: &str,
        check: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        println!("\n==> {name}");
        let started = Instant::now();
        let found = check().with_context(|| name.to_owned())?;
        let took = Took::new(name, started.elapsed());
        println!("{name}: {}", table::seconds(took.time));
        self.0.push(took);
        Ok(found)
    }
}

pub(crate) async fn run_checks(arguments: Arguments) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let repetitions = repetitions(&arguments)?;
    steps.take("format", || run(cargo(&["fmt", "--all", "--check"])))?;
    steps.take("direction of dependencies", deps::run)?;
    steps.take("generated files", || codegen::run(true))?;
    steps.take("bans, licences, sources", || deny::if_changed(arguments.all))?;
    steps.take("lints", || {
        run(cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    steps.take("documentation", || {
        let mut doc = cargo(&["doc", "--locked", "--workspace", "--no-deps", "--quiet"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        run(doc)
    })?;
    let programs = steps.take("building the test programs", programs::build)?;
    // Built here, where it is seen, and not first in a test that needs it.
    steps.take("building Helm", || tenure_testbed::helm().map(drop))?;
    steps.take("building the control plane", || tenure_testbed::binaries().map(drop))?;
    let plane = ControlPlane::start_temporary().await?;
    let ran = steps.take("tests", || running::all(programs, plane.dir(), &repetitions))?;
    steps.take("tests in documentation", || {
        run(cargo(&["test", "--locked", "--workspace", "--doc", "--quiet"]))
    })?;
    drop(plane);
    println!("\n==> demo");
    let started = Instant::now();
    let demo = demo::run(demo::Arguments::once()).await;
    steps.0.push(Took::new("demo", started.elapsed()));

    let programs: Vec<_> = ran.iter().map(|ran| ran.took.clone()).collect();
    let tests: Vec<_> = ran.iter().flat_map(|ran| ran.tests.clone()).collect();
    println!("{}", table::closing(&steps.0, &programs, &tests));
    let failed: Vec<_> = ran.iter().filter(|ran| !ran.passed).collect();
    for ran in &failed {
        println!("failed: {}; to run it alone: cargo test {}", ran.took.name, ran.program.rerun);
    }
    if !failed.is_empty() {
        bail!("{} of {} test programs failed", failed.len(), ran.len());
    }
    demo?;
    println!("every check passed");
    Ok(())
}

/// What tells the tests which repetitions to make.
fn repetitions(arguments: &Arguments) -> anyhow::Result<(&'static str, String)> {
    if arguments.all {
        println!("every repetition");
        return Ok((ALL_VARIABLE, "1".to_owned()));
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => now.context("the clock is before 1970")?.as_secs(),
    };
    println!(
        "repetitions chosen by seed {seed}; to choose the same: cargo xtask test --seed {seed}"
    );
    Ok((SEED_VARIABLE, seed.to_string()))
}
