//! Where the trail is kept besides the plans, if anywhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use tenure_core::lifecycle::Archived;
use tenure_core::plan::PlanFacts;
use tenure_core::trail::{Entry, EntryDigest};

use crate::gather::Cluster;
use crate::world::World;

/// Of how many plans it is remembered what of them is kept.
const MOST_KNOWN: usize = 16_384;

/// Keeps entries of trails. Keeping one twice is harmless.
pub trait Sink: Send + Sync {
    /// Keeps an entry of that plan's trail.
    ///
    /// The error is a fragment that fits "failed to …".
    fn keep<'a>(&'a self, subject: &'a str, entry: &'a Entry) -> BoxFuture<'a, Result<(), String>>;
}

/// The sink, and what is known to be in it: of each plan the last entry. A process that starts
/// knows nothing, and keeps everything once more.
#[derive(Default)]
pub(crate) struct Archive {
    sink: Option<Box<dyn Sink>>,
    kept: Mutex<HashMap<String, EntryDigest>>,
}

impl Archive {
    pub(crate) fn with(sink: Box<dyn Sink>) -> Self {
        Self { sink: Some(sink), ..Self::default() }
    }

    pub(crate) fn state_of(&self, plan: Option<&PlanFacts>) -> Archived {
        if self.sink.is_none() {
            return Archived::Nowhere;
        }
        let Some(plan) = plan else { return Archived::Kept };
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let last = plan.status.history.last().map(|entry| &entry.digest);
        if last.is_none() || kept.get(&plan.name) == last {
            Archived::Kept
        } else {
            Archived::Pending
        }
    }

    /// Keeps what of the plan's history is not known to be kept.
    pub(crate) async fn keep(&self, plan: &PlanFacts) -> Archived {
        let Some(sink) = &self.sink else { return Archived::Nowhere };
        let known =
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&plan.name).cloned();
        let history = &plan.status.history;
        let from = known
            .and_then(|known| history.iter().position(|entry| entry.digest == known))
            .map_or(0, |last| last + 1);
        for entry in &history[from..] {
            if let Err(why) = sink.keep(&plan.name, entry).await {
                tracing::warn!(
                    plan = plan.name,
                    "the trail is not kept in the archive: failed to {why}"
                );
                return Archived::Failed(why);
            }
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KNOWN {
            // What is forgotten is kept once more, which is harmless.
            kept.clear();
        }
        if let Some(last) = history.last() {
            kept.insert(plan.name.clone(), last.digest.clone());
        }
        Archived::Kept
    }
}

impl Cluster {
    /// Takes in what is known of the archive, after the plan was read or written.
    pub(crate) fn look_into_archive(&self, world: &mut World) {
        world.archived = self.archive.state_of(world.plan_facts.as_ref());
    }

    pub(crate) async fn archive(&self, world: &mut World) {
        let Some(plan) = &world.plan_facts else { return };
        world.archived = self.archive.keep(plan).await;
    }
}
