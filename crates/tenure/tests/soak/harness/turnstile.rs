//! The turnstile of one schedule: every request of every actor waits here until the schedule lets
//! it go, one at a time.
//!
//! A schedule goes on when nobody can move by themselves any more: each actor at work has come to
//! its next request, and whatever is on its way waits for an admission review whose own requests
//! stand here. What an actor does next depends on nothing but what it was answered, so the whole
//! order follows from the choices.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use tokio::sync::{Notify, oneshot};

use super::record::Record;

tokio::task_local! {
    /// Whose requests these are.
    pub(crate) static WHO: (Arc<Turnstile>, Actor);
}

/// How long all may take to come to their next request.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often others get a turn before it is believed that nobody moves.
const YIELDS: usize = 8;

/// Who asks the API server for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Actor {
    Setup,
    User(u8),
    KargoProjects,
    KargoNamespaces,
    Kubernetes,
    Tenure(Controller),
    /// Admission, for one review.
    Review(u32),
}

/// One of Tenure's controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Controller {
    Leader,
    /// It does not know yet that it leads no more.
    Second,
    /// The leader, so much later that no deletion can be on its way that was let in before.
    Late,
}

impl Actor {
    pub(crate) fn is_tenure(self) -> bool {
        matches!(self, Self::Tenure(_) | Self::Review(_))
    }
}

/// A part of Tenure that does not work, to see that it is missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Broken {
    /// All works.
    #[default]
    Nothing,
    /// Admission believes that it stamped the Project, and did not.
    Stamp,
    /// The guard refuses nothing.
    Guard,
    /// Both.
    StampAndGuard,
}

/// The turnstile.
pub(crate) struct Turnstile {
    /// The name of the Project and its Namespace.
    pub(crate) name: String,
    pub(crate) broken: Broken,
    /// Whether Tenure is not asked when the Project is deleted.
    pub(crate) unasked: bool,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Whether requests wait.
    closed: bool,
    next: u64,
    held: Vec<Held>,
    in_flight: Vec<(u64, Actor)>,
    /// Requests that are let through at once, on their way.
    passing: usize,
    active: BTreeSet<Actor>,
    reviews: u32,
    record: Record,
}

struct Held {
    id: u64,
    actor: Actor,
    go: oneshot::Sender<()>,
}

impl Turnstile {
    pub(crate) fn new(name: String, broken: Broken, unasked: bool) -> Arc<Self> {
        Arc::new(Self { name, broken, unasked, state: Mutex::default(), changed: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has requests wait, or lets all go.
    pub(crate) fn close(&self, closed: bool) {
        self.lock().closed = closed;
    }

    /// What happened so far.
    pub(crate) fn record<T>(&self, look: impl FnOnce(&mut Record) -> T) -> T {
        look(&mut self.lock().record)
    }

    /// Notes what was done.
    pub(crate) fn say(&self, line: impl FnOnce() -> String) {
        let line = line();
        self.lock().record.lines.push(line);
    }

    /// Whether the actor is at work.
    pub(crate) fn is_active(&self, actor: Actor) -> bool {
        self.lock().active.contains(&actor)
    }

    /// Whether a request of that actor is on its way.
    pub(crate) fn is_in_flight(&self, actor: Actor) -> bool {
        self.lock().in_flight.iter().any(|(_, of)| *of == actor)
    }

    /// Whether any request is on its way.
    pub(crate) fn anything_in_flight(&self) -> bool {
        !self.lock().in_flight.is_empty()
    }

    /// The requests that wait: who asks, and the number. Each actor's in the order it asked.
    pub(crate) fn held(&self) -> Vec<(Actor, u64)> {
        let state = self.lock();
        let mut held: Vec<_> = state.held.iter().map(|held| (held.actor, held.id)).collect();
        held.sort();
        held
    }

    /// Lets a request go.
    pub(crate) fn let_go(&self, id: u64) {
        let mut state = self.lock();
        let Some(at) = state.held.iter().position(|held| held.id == id) else { return };
        let held = state.held.remove(at);
        state.in_flight.push((id, held.actor));
        // Whoever asked may be gone.
        if held.go.send(()).is_err() {
            state.in_flight.retain(|(known, _)| *known != id);
        }
    }

    /// The actor begins, and is at work until what is given back is dropped.
    pub(crate) fn begin(self: &Arc<Self>, actor: Actor) -> AtWork {
        self.lock().active.insert(actor);
        AtWork { turnstile: self.clone(), actor }
    }

    /// A review begins.
    pub(crate) fn begin_review(self: &Arc<Self>) -> AtWork {
        let number = {
            let mut state = self.lock();
            state.reviews += 1;
            state.reviews
        };
        self.begin(Actor::Review(number))
    }

    /// Waits for leave to send a request. It is on its way until what is given back is dropped.
    pub(crate) async fn wait(self: &Arc<Self>, actor: Actor) -> OnItsWay {
        let (id, leave) = {
            let mut state = self.lock();
            state.next += 1;
            let id = state.next;
            if state.closed {
                let (go, leave) = oneshot::channel();
                state.held.push(Held { id, actor, go });
                (id, Some(leave))
            } else {
                state.in_flight.push((id, actor));
                (id, None)
            }
        };
        let on_its_way = OnItsWay { turnstile: self.clone(), id };
        self.changed.notify_one();
        if let Some(leave) = leave {
            // The sender is kept until leave is given.
            drop(leave.await);
        }
        on_its_way
    }

    /// A request that nothing is decided by is on its way until what is given back is dropped.
    pub(crate) fn pass(self: &Arc<Self>) -> Passing {
        self.lock().passing += 1;
        Passing(self.clone())
    }

    /// Waits until nobody moves.
    pub(crate) async fn still(&self) {
        let waiting = async {
            loop {
                if !self.is_still() {
                    self.changed.notified().await;
                    continue;
                }
                for _ in 0..YIELDS {
                    tokio::task::yield_now().await;
                }
                if self.is_still() {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            let state = self.lock();
            let held: Vec<_> = state.held.iter().map(|held| held.actor).collect();
            panic!(
                "{}: somebody does not come to a request; at work: {:?}, waiting: {held:?}, on \
                 their way: {:?}, {} passing\n{}",
                self.name,
                state.active,
                state.in_flight,
                state.passing,
                state.record.lines.join("\n")
            );
        }
    }

    fn is_still(&self) -> bool {
        let state = self.lock();
        let waits = |actor: &Actor| state.held.iter().any(|held| held.actor == *actor);
        let sent = |actor: &Actor| state.in_flight.iter().any(|(_, of)| of == actor);
        let reviews = state.active.iter().filter(|a| matches!(a, Actor::Review(_))).count();
        state.passing == 0
            && state.in_flight.len() == reviews
            && state.active.iter().all(|actor| waits(actor) || sent(actor))
    }
}

/// An actor at work.
pub(crate) struct AtWork {
    turnstile: Arc<Turnstile>,
    actor: Actor,
}

impl AtWork {
    /// Does something as that actor.
    pub(crate) async fn work<T>(self, work: impl Future<Output = T>) -> T {
        WHO.scope((self.turnstile.clone(), self.actor), work).await
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.turnstile.lock().active.remove(&self.actor);
        self.turnstile.changed.notify_one();
    }
}

/// A request that waits or is on its way.
pub(crate) struct OnItsWay {
    turnstile: Arc<Turnstile>,
    id: u64,
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut state = self.turnstile.lock();
        state.held.retain(|held| held.id != self.id);
        state.in_flight.retain(|(id, _)| *id != self.id);
        drop(state);
        self.turnstile.changed.notify_one();
    }
}

/// A request that waits for nothing.
pub(crate) struct Passing(Arc<Turnstile>);

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.lock().passing -= 1;
        self.0.changed.notify_one();
    }
}
