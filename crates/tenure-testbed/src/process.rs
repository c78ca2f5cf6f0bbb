//! Child processes that end with us.
//!
//! Linux delivers a child's parent-death signal when the *thread* that made it ends, and test
//! threads end early. So one thread makes all children, and lives as long as the process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A child process, ended when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// How long a process may take to end in order.
const PATIENCE: Duration = Duration::from_secs(5);

impl Process {
    /// Starts a process whose output goes to `NAME.log` in that directory.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(name: &str, mut command: Command, dir: &Path) -> anyhow::Result<Self> {
        let log = dir.join(format!("{name}.log"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("create {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = spawn(command).with_context(|| format!("start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Whether it still runs; if not, the end of its log is the error.
    ///
    /// # Errors
    /// If it ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(10).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            anyhow::bail!("{} ended ({status}):\n{}", self.name, last.join("\n"));
        }
        Ok(())
    }
}

impl Process {
    /// Its process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has it do nothing until what is given back is dropped.
    pub(crate) fn stop(&self) -> Stopped<'_> {
        self.signal(Signal::SIGSTOP);
        Stopped(self)
    }

    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // It may be gone already.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Asks it to end, and waits until it has. Whether it ended well.
    pub fn terminate(mut self) -> bool {
        let Ok(pid) = i32::try_from(self.child.id()) else { return false };
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        self.child.wait().is_ok_and(|status| status.success())
    }
}

/// A process that does nothing until this is dropped.
#[derive(Debug)]
pub struct Stopped<'a>(&'a Process);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.signal(Signal::SIGCONT);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Ok(pid) = i32::try_from(self.child.id()) else { return };
        // It may be gone already, which is as good.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

fn spawn(mut command: Command) -> std::io::Result<Child> {
    static MAKER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    end_with_parent(&mut command);
    let maker = MAKER.get_or_init(|| {
        let (orders, received) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in received {
                drop(answer.send(command.spawn()));
            }
        });
        orders
    });
    let (answer, child) = mpsc::channel();
    maker.send((command, answer)).map_err(|_| std::io::Error::other("the maker ended"))?;
    child.recv().map_err(|_| std::io::Error::other("the maker ended"))?
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "pre_exec is unsafe; the closure only makes one system call")]
fn end_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: prctl is async-signal-safe, and nothing else happens between fork and exec.
    unsafe {
        command.pre_exec(|| {
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(std::io::Error::from)
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent(_: &mut Command) {}
