//! Which connections there are, and on which of them nothing is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

/// All connections, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Table(Mutex<Connections>);

#[derive(Debug, Default)]
struct Connections {
    entered: u64,
    open: BTreeMap<u64, Arc<Shared>>,
}

/// What goes on on one connection. It leaves the table when it is dropped.
#[derive(Debug)]
pub(super) struct Activity {
    number: u64,
    table: Arc<Table>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told when it is to be closed for another.
    close: Notify,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// How many requests are at hand.
    pub(super) at_hand: usize,
    /// Whether there ever was one.
    pub(super) used: bool,
    /// Since when it has been as it is.
    pub(super) since: Instant,
    closing: bool,
}

/// What tells of the requests of one connection.
#[derive(Clone, Debug)]
pub(super) struct Requests(Arc<Shared>);

/// A request at hand, until it is dropped.
#[derive(Debug)]
pub(super) struct AtHand(Arc<Shared>);

impl Table {
    /// A new connection.
    pub(super) fn enter(self: &Arc<Self>) -> Activity {
        let state = State { at_hand: 0, used: false, since: Instant::now(), closing: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), close: Notify::new() });
        let mut connections = lock(&self.0);
        connections.entered += 1;
        let number = connections.entered;
        connections.open.insert(number, shared.clone());
        Activity { number, table: self.clone(), shared }
    }

    /// Closes the connection that has been idle for longest, and of these rather one that was
    /// never used; none, if there is something at hand on all that are not closing yet.
    pub(super) fn close_idlest(&self) {
        let connections = lock(&self.0);
        let idle = connections.open.values().filter_map(|shared| {
            let state = *lock(&shared.state);
            (state.at_hand == 0 && !state.closing).then_some((state.used, state.since, shared))
        });
        if let Some((_, _, shared)) = idle.min_by_key(|(used, since, _)| (*used, *since)) {
            lock(&shared.state).closing = true;
            shared.close.notify_one();
        }
    }
}

impl Activity {
    /// Where its requests are told.
    pub(super) fn requests(&self) -> Requests {
        Requests(self.shared.clone())
    }

    /// What goes on now.
    pub(super) fn state(&self) -> State {
        *lock(&self.shared.state)
    }

    /// Waits until it is to be closed for another.
    pub(super) async fn closed_for_another(&self) {
        self.shared.close.notified().await;
    }
}

impl Requests {
    /// A request begins.
    pub(super) fn begin(&self) -> AtHand {
        let mut state = lock(&self.0.state);
        state.at_hand += 1;
        state.used = true;
        state.since = Instant::now();
        AtHand(self.0.clone())
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        lock(&self.table.0).open.remove(&self.number);
    }
}

impl Drop for AtHand {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.at_hand -= 1;
        state.since = Instant::now();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
