//! Test programs, side by side: most of their time they wait for a control plane.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::num::NonZero;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use tenure_testbed::DIR_VARIABLE;

use super::programs::Program;
use super::table::{self, Took, seconds};

/// Says how many tests of a program run at once.
const THREADS: &str = "RUST_TEST_THREADS";
/// How many programs run at once on each core, and how many tests of each.
const PER_CORE: usize = 2;

/// Those that take longest start first, so that none is left alone at the end.
const FIRST: [&str; 6] = [
    "tenure-core exploration",
    "tenure faults",
    "tenure companion",
    "tenure-cli companion",
    "tenure soak",
    "tenure-cli cli",
];

/// What came of a test program.
pub(super) struct Ran {
    pub(super) program: Program,
    pub(super) took: Took,
    pub(super) tests: Vec<Took>,
    pub(super) passed: bool,
}

/// Runs them all, whatever fails, on the control plane in that directory; prints what each printed
/// when it ends.
pub(super) fn all(
    mut programs: Vec<Program>,
    plane: &Path,
    repetitions: &(&str, String),
) -> anyhow::Result<Vec<Ran>> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let rank = |program: &Program| FIRST.iter().position(|first| *first == program.name);
    programs.sort_by_key(|program| rank(program).unwrap_or(FIRST.len()));
    programs.reverse();
    let left = Mutex::new(programs);
    let ran = Mutex::new(Vec::new());
    let work = || -> anyhow::Result<()> {
        loop {
            let next = left.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(program) = next else { return Ok(()) };
            let done = run(program, plane, repetitions, PER_CORE * cores)?;
            ran.lock().unwrap_or_else(PoisonError::into_inner).push(done);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..PER_CORE * cores).map(|_| scope.spawn(work)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| match worker.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        workers.into_iter().map(join).collect::<anyhow::Result<Vec<()>>>()
    })?;
    Ok(ran.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn run(
    program: Program,
    plane: &Path,
    repetitions: &(&str, String),
    threads: usize,
) -> anyhow::Result<Ran> {
    println!("    {} started", program.name);
    let mut output = tempfile::tempfile().context("make a file for the output")?;
    let started = Instant::now();
    let status = command(&program, plane, threads, &output)?
        .env(repetitions.0, &repetitions.1)
        .status()
        .with_context(|| format!("run {}", program.executable.display()))?;
    let took = Took::new(&program.name, started.elapsed());
    output.seek(SeekFrom::Start(0)).context("read the output")?;
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes).context("read the output")?;
    let text = String::from_utf8_lossy(&bytes);
    // In one piece, so that programs that end at the same time do not mix.
    println!("\n==> {} ({})\n{}", program.name, seconds(took.time), text.trim());
    let tests = table::times(&program.name, &text);
    Ok(Ran { program, took, tests, passed: status.success() })
}

fn command(
    program: &Program,
    plane: &Path,
    threads: usize,
    output: &File,
) -> anyhow::Result<Command> {
    // What only computes lets the rest go first, whose tests have to keep up with a cluster.
    let mut command = if program.computes() {
        let mut nice = Command::new("nice");
        nice.arg("-n").arg("10").arg(&program.executable);
        nice
    } else {
        Command::new(&program.executable)
    };
    command
        .args(["-Zunstable-options", "--report-time"])
        // Only nightly builds of libtest tell how long a test took; others do if this is set.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO", std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .env("CARGO_MANIFEST_DIR", &program.dir)
        .env(DIR_VARIABLE, plane)
        .env("INSTA_UPDATE", "no")
        .current_dir(&program.dir)
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("share the output")?)
        .stderr(output.try_clone().context("share the output")?);
    if std::env::var_os(THREADS).is_none() {
        command.env(THREADS, threads.to_string());
    }
    Ok(command)
}
