//! Ports for what is started here with a port of its own.
//!
//! Invariant: a port that is given away is nobody else's until this process ends. Asking the
//! kernel for a port and letting go of it does not keep that: the next connection that anybody
//! opens may be given the same one, before what was to listen on it does. So ports come from below
//! where the kernel takes those of connections, and each process takes whole blocks of them.

use std::fs::{self, File, TryLockError};
use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, bail};

/// Below the ports of connections: 32768 and above on Linux, 49152 and above elsewhere.
const PORTS: Range<u16> = 12_000..32_000;
/// How many ports are taken at once.
const BLOCK: u16 = 100;

/// The ports that are taken and not given away. Each block's file is locked as long as this lives.
#[derive(Debug, Default)]
struct Taken {
    free: Range<u16>,
    locks: Vec<File>,
}

impl Taken {
    /// The next of these ports that nobody listens on, in blocks whose file in that directory
    /// nobody has locked.
    fn next(&mut self, ports: &Range<u16>, dir: &Path) -> anyhow::Result<u16> {
        loop {
            for port in self.free.by_ref() {
                if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                    return Ok(port);
                }
            }
            self.take(ports, dir)?;
        }
    }

    fn take(&mut self, ports: &Range<u16>, dir: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        for first in ports.clone().step_by(BLOCK.into()) {
            let path = dir.join(first.to_string());
            let lock = File::options().create(true).append(true).open(&path);
            let lock = lock.with_context(|| format!("open {}", path.display()))?;
            match lock.try_lock() {
                Ok(()) => {
                    self.locks.push(lock);
                    self.free = first..first + BLOCK;
                    return Ok(());
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("lock {}", path.display()));
                }
            }
        }
        bail!("no port is free of those below {} from {}", ports.end, ports.start);
    }
}

/// A port on loopback that nobody listens on and that nobody else is given while this process
/// lives.
///
/// # Errors
/// If there is none.
pub fn free_port() -> anyhow::Result<u16> {
    static TAKEN: Mutex<Taken> = Mutex::new(Taken { free: 0..0, locks: Vec::new() });
    let mut taken = TAKEN.lock().expect("nobody panics with it");
    taken.next(&PORTS, &std::env::temp_dir().join("tenure-ports"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::TcpListener;
    use std::ops::Range;

    use super::{BLOCK, PORTS, Taken};

    /// Of nobody else, so that nothing started beside these tests finds its port listened on.
    const SHARED: Range<u16> = PORTS.end..PORTS.end + 5 * BLOCK;
    const ALONE: Range<u16> = SHARED.end..SHARED.end + BLOCK;

    #[test]
    fn no_port_is_given_twice_whoever_asks() {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut one, mut other) = (Taken::default(), Taken::default());
        let mut given = BTreeSet::new();
        for _ in 0..2 * BLOCK {
            for taken in [&mut one, &mut other] {
                let port = taken.next(&SHARED, dir.path()).expect("a port");
                assert!(SHARED.contains(&port) && given.insert(port), "{port}");
            }
        }
        drop(one);
        let again = Taken::default().next(&SHARED, dir.path()).expect("a port");
        assert!(given.contains(&again), "what a process took is free when it has ended");
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_given() {
        let dir = tempfile::tempdir().expect("a directory");
        let port = Taken::default().next(&ALONE, dir.path()).expect("a port");
        let _listener = TcpListener::bind(("127.0.0.1", port)).expect("listen");
        assert_ne!(Taken::default().next(&ALONE, dir.path()).expect("a port"), port);
    }

    #[test]
    fn when_all_are_taken_that_is_said() {
        let dir = tempfile::tempdir().expect("a directory");
        let error = Taken::default().next(&(1..1), dir.path()).expect_err("no port");
        assert!(error.to_string().starts_with("no port is free"), "{error}");
    }
}
