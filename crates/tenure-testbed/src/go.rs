//! Programs built from Go modules, with a line every few seconds that says how far it is.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// How often it says how far it is. People take a minute of silence for a hang.
const EVERY: Duration = Duration::from_secs(4);

/// Runs `go` with these arguments, in that directory; `-v` must be among them, so that Go names each
/// package that it has compiled. What else it prints is the error if it fails.
///
/// # Errors
/// If Go is not installed or does not succeed.
pub(crate) fn run<I: AsRef<OsStr>>(
    what: &str,
    arguments: impl IntoIterator<Item = I>,
    dir: &Path,
    environment: &[(&str, &OsStr)],
) -> anyhow::Result<()> {
    let mut go = Command::new("go");
    go.args(arguments).current_dir(dir).envs(environment.iter().copied());
    let child = go.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("go is not installed; {what} is built with Go 1.26 or later")
        }
        child => child.context("start go")?,
    };
    let output = child.stderr.take().context("read what go prints")?;
    let packages = &AtomicUsize::new(0);
    let (done, ended) = mpsc::channel::<()>();
    let others = std::thread::scope(|scope| {
        scope.spawn(move || tell(what, packages, &ended));
        let mut others = Vec::new();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // A package is one word; a module that is fetched, and an error, are more.
            if line.contains(' ') {
                others.push(line);
            } else {
                packages.fetch_add(1, Ordering::Relaxed);
            }
        }
        drop(done);
        others
    });
    let status = child.wait().context("wait for go")?;
    let last = others.iter().rev().take(20).rev().cloned().collect::<Vec<_>>().join("\n");
    ensure!(status.success(), "{what} does not build:\n{last}");
    Ok(())
}

/// Says how far it is until `ended` is closed.
fn tell(what: &str, packages: &AtomicUsize, ended: &mpsc::Receiver<()>) {
    let started = Instant::now();
    while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        let packages = packages.load(Ordering::Relaxed);
        eprintln!("    {what}: {packages} packages, {} s", started.elapsed().as_secs());
    }
}
