//! Names that wait for a pass, as Kargo's library keeps them: each once, none twice at a time, and
//! one that failed the later the oftener it did.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How long the first failure is waited after; each further one, twice as long.
const FIRST: Duration = Duration::from_millis(5);
/// How long any failure is waited after at most.
const LONGEST: Duration = Duration::from_secs(1000);
/// How long a name that was told of while it was worked on takes to be handed on. In Kargo that goes
/// through other threads, and what the pass has just written is usually known by then.
const HANDED_ON: Duration = Duration::from_millis(1);
/// When a queue looks again although nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<String>,
    /// To be passed over; those in `working`, once they are done.
    waiting: HashSet<String>,
    working: HashSet<String>,
    due: HashMap<String, Instant>,
    failures: HashMap<String, u32>,
}

impl State {
    /// What was to be done later is done now, once.
    fn add(&mut self, name: String) {
        self.due.remove(&name);
        if self.waiting.insert(name.clone()) && !self.working.contains(&name) {
            self.ready.push_back(name);
        }
    }

    fn add_after(&mut self, name: &str, after: Duration) {
        let at = Instant::now() + after;
        let due = self.due.entry(name.to_owned()).or_insert(at);
        *due = (*due).min(at);
    }

    fn next(&mut self) -> Option<String> {
        let now = Instant::now();
        let due: Vec<_> = self.due.extract_if(|_, at| *at <= now).collect();
        due.into_iter().for_each(|(name, _)| self.add(name));
        let name = self.ready.pop_front()?;
        self.waiting.remove(&name);
        self.working.insert(name.clone());
        Some(name)
    }
}

impl Queue {
    pub(super) fn add(&self, name: String) {
        self.lock().add(name);
        self.changed.notify_waiters();
    }

    /// Waits for a name, which is worked on until [`Self::done`] or [`Self::failed`].
    pub(super) async fn next(&self) -> String {
        loop {
            let changed = self.changed.notified();
            let due = {
                let mut state = self.lock();
                if let Some(name) = state.next() {
                    return name;
                }
                state.due.values().min().copied().unwrap_or_else(|| Instant::now() + IDLE)
            };
            tokio::select! {
                () = changed => {}
                () = sleep_until(due) => {}
            }
        }
    }

    pub(super) fn done(&self, name: &str, again: Option<Duration>) {
        self.lock().failures.remove(name);
        self.end(name, again);
    }

    pub(super) fn failed(&self, name: &str) {
        let failures = {
            let mut state = self.lock();
            let failures = state.failures.entry(name.to_owned()).or_default();
            *failures += 1;
            *failures - 1
        };
        let wait = FIRST.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
        self.end(name, Some(wait.min(LONGEST)));
    }

    fn end(&self, name: &str, again: Option<Duration>) {
        let mut state = self.lock();
        state.working.remove(name);
        if state.waiting.remove(name) {
            state.add_after(name, HANDED_ON);
        }
        if let Some(after) = again {
            state.add_after(name, after);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
