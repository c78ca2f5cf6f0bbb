//! Who is woken when: each key at most once at a time, many keys at once, failures later and
//! later.
//!
//! All state belongs to the one task that runs the queue, so nothing is locked. A key woken
//! while its work runs is run once more afterwards: no wake is lost.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue;

/// First delay after a failure; it doubles with each one that follows.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Longest delay after a failure during which something changed.
const SOON: Duration = Duration::from_secs(1);
/// Longest delay after failures.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// When a key is to be worked on again, if nothing wakes it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not at all.
    Never,
    /// After that time.
    After(Duration),
    /// After a failure: sooner after the first, later after more.
    Retry,
}

/// Wakes keys.
#[derive(Clone, Debug)]
pub struct Waker(mpsc::UnboundedSender<String>);

impl Waker {
    /// Wakes a key. Waking one that waits for its turn changes nothing.
    pub fn wake(&self, key: impl Into<String>) {
        // The queue is gone only when the program ends.
        drop(self.0.send(key.into()));
    }
}

/// Keys that want work.
#[derive(Debug)]
pub struct Queue {
    woken: mpsc::UnboundedReceiver<String>,
    waiting: VecDeque<String>,
    known_waiting: HashSet<String>,
    running: HashSet<String>,
    again: HashSet<String>,
    later: DelayQueue<String>,
    later_keys: HashMap<String, delay_queue::Key>,
    failures: HashMap<String, u32>,
}

/// The work on a key panicked. The program must not go on as if nothing had happened.
#[derive(Debug, thiserror::Error)]
#[error("the work on a project panicked: {0}")]
pub struct Panicked(String);

impl Queue {
    /// An empty queue, and what wakes keys in it.
    pub fn new() -> (Waker, Self) {
        let (sender, woken) = mpsc::unbounded_channel();
        let queue = Self {
            woken,
            waiting: VecDeque::new(),
            known_waiting: HashSet::new(),
            running: HashSet::new(),
            again: HashSet::new(),
            later: DelayQueue::new(),
            later_keys: HashMap::new(),
            failures: HashMap::new(),
        };
        (Waker(sender), queue)
    }

    /// Works on woken keys, `at_once` at a time, while `active` says so, until `stop` does.
    /// Work that runs then is finished.
    ///
    /// # Errors
    /// If the work on a key panicked.
    pub async fn run<F>(
        mut self,
        at_once: usize,
        mut active: watch::Receiver<bool>,
        mut stop: watch::Receiver<bool>,
        work: impl Fn(String) -> F,
    ) -> Result<(), Panicked>
    where
        F: Future<Output = (String, Verdict)> + Send + 'static,
    {
        let mut work_at_hand = JoinSet::new();
        loop {
            while *active.borrow() && self.running.len() < at_once {
                let Some(key) = self.waiting.pop_front() else { break };
                self.known_waiting.remove(&key);
                self.running.insert(key.clone());
                work_at_hand.spawn(work(key));
            }
            tokio::select! {
                biased;
                _ = stop.changed() => break,
                Some(done) = work_at_hand.join_next() => {
                    let (key, verdict) = done.map_err(|e| Panicked(e.to_string()))?;
                    self.finished(key, verdict);
                }
                Some(key) = self.woken.recv() => self.wake(key),
                Some(due) = self.later.next() => {
                    let key = due.into_inner();
                    self.later_keys.remove(&key);
                    self.wake(key);
                }
                _ = active.changed() => {}
            }
        }
        while let Some(done) = work_at_hand.join_next().await {
            done.map_err(|e| Panicked(e.to_string()))?;
        }
        Ok(())
    }

    fn wake(&mut self, key: String) {
        if let Some(later) = self.later_keys.remove(&key) {
            self.later.remove(&later);
        }
        if self.running.contains(&key) {
            self.again.insert(key);
        } else if self.known_waiting.insert(key.clone()) {
            self.waiting.push_back(key);
        }
    }

    fn finished(&mut self, key: String, verdict: Verdict) {
        self.running.remove(&key);
        let delay = match verdict {
            Verdict::Never => {
                self.failures.remove(&key);
                None
            }
            Verdict::After(delay) => {
                self.failures.remove(&key);
                Some(delay)
            }
            Verdict::Retry => {
                let failures = self.failures.entry(key.clone()).or_default();
                *failures += 1;
                Some(backoff(*failures))
            }
        };
        let again = self.again.remove(&key);
        if again && verdict != Verdict::Retry {
            self.wake(key);
        } else if let Some(delay) = delay {
            // Something changed while it failed: that may have been what was missing.
            let delay = if again { delay.min(SOON) } else { delay };
            let later = self.later.insert(key.clone(), delay);
            self.later_keys.insert(key, later);
        }
    }
}

/// The delay after so many failures in a row: doubled each time, and spread over half of it, so
/// that what failed together is not tried again together.
fn backoff(failures: u32) -> Duration {
    let doubled = FIRST_DELAY.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_DELAY).mul_f64(rand::random_range(0.5..1.0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_woken_while_it_runs_runs_once_more_and_never_twice_at_once() {
        let (waker, queue) = Queue::new();
        let (_active, active) = watch::channel(true);
        let (stop, stopped) = watch::channel(false);
        let runs = Arc::new(AtomicUsize::new(0));
        let at_once = Arc::new(AtomicUsize::new(0));
        waker.wake("a");
        let work = {
            let (runs, at_once, waker) = (runs.clone(), at_once.clone(), waker.clone());
            move |key: String| {
                let (runs, at_once, waker) = (runs.clone(), at_once.clone(), waker.clone());
                async move {
                    assert_eq!(at_once.fetch_add(1, Ordering::SeqCst), 0);
                    if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                        waker.wake(key.clone());
                        waker.wake(key.clone());
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    at_once.fetch_sub(1, Ordering::SeqCst);
                    (key, Verdict::Never)
                }
            }
        };
        let running = tokio::spawn(queue.run(8, active, stopped, work));
        tokio::time::sleep(Duration::from_secs(5)).await;
        stop.send(true).expect("the queue runs");
        running.await.expect("joins").expect("no panic");
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_runs_while_another_leads() {
        let (waker, queue) = Queue::new();
        let (lead, active) = watch::channel(false);
        let (stop, stopped) = watch::channel(false);
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        let work = move |key: String| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { (key, Verdict::Never) }
        };
        let running = tokio::spawn(queue.run(8, active, stopped, work));
        waker.wake("a");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(runs.load(Ordering::SeqCst), 0);
        lead.send(true).expect("the queue runs");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        stop.send(true).expect("the queue runs");
        running.await.expect("joins").expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_ends_the_queue() {
        let (waker, queue) = Queue::new();
        let (_active, active) = watch::channel(true);
        let (_stop, stopped) = watch::channel(false);
        waker.wake("a");
        let ended = queue.run(8, active, stopped, |_| async { panic!("as provoked") }).await;
        assert!(ended.is_err());
    }

    #[test]
    fn delays_grow_and_end() {
        for failures in 1..40 {
            let delay = backoff(failures);
            assert!(delay <= LONGEST_DELAY && delay >= FIRST_DELAY / 2, "{delay:?}");
        }
        assert!(backoff(12) >= LONGEST_DELAY / 2);
    }
}
