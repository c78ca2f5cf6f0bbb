//! Reading what is in a Namespace, and cleaning it.
//!
//! Every kind that is served, listable and deletable is listed in pages, several kinds at a
//! time, and each page is reduced before the next is asked for. Whatever cannot be looked at is
//! told as unseen, for blindness is a gate and not an error.
//!
//! What is in a Secret is never asked for: Secrets are listed as a table, whose rows hold
//! metadata and the columns that kubectl shows, the type among them. The annotation in which
//! `kubectl apply` keeps the whole object is part of the metadata; its value is skipped where it
//! is read.

mod absent;
mod clean;
mod discovery;
mod list;
mod reduce;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures::StreamExt as _;
use tenure_core::contents::{Collector, Contents, Kind, MOST_TOLD, Manager, Object, Unseen};

pub(crate) use absent::Absence;
pub use clean::{Cleaned, Refusal};
pub(crate) use discovery::ServedCache;
pub(crate) use list::path;

use crate::{Category, Cluster, RequestError};

/// Kinds of one Namespace that are listed at once.
const AT_ONCE: usize = 8;
/// Longest reason that is told.
const LONGEST_WHY: usize = 300;

/// How far the reading of a Namespace has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many kinds there are to list.
    pub kinds: usize,
    /// How many of them are done with.
    pub kinds_done: usize,
    /// How many objects were seen.
    pub objects: u64,
}

/// How the contents of Namespaces are read.
#[derive(Clone)]
pub(crate) struct Reading {
    most_told: usize,
    progress: Arc<dyn Fn(Progress) + Send + Sync>,
    /// Whether nobody demands anything where the kinds of Tenure are not installed.
    pub(crate) without_server: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self { most_told: MOST_TOLD, progress: Arc::new(|_| {}), without_server: false }
    }
}

/// Counts, while several kinds are listed at once, and tells.
struct Counter<'a> {
    kinds: usize,
    kinds_done: AtomicUsize,
    objects: AtomicU64,
    tell: &'a (dyn Fn(Progress) + Sync),
}

impl Counter<'_> {
    fn count(&self, kinds_done: usize, objects: usize) {
        let done = self.kinds_done.fetch_add(kinds_done, Ordering::Relaxed) + kinds_done;
        let before = self.objects.fetch_add(objects as u64, Ordering::Relaxed);
        let objects = before + objects as u64;
        (self.tell)(Progress { kinds: self.kinds, kinds_done: done, objects });
    }
}

impl Cluster {
    /// Tells of so many roots and notes of a Namespace's contents, and how far it has come while it
    /// looks for an [`Outlook`](crate::Outlook).
    #[must_use]
    pub fn telling(
        mut self,
        most_told: usize,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Self {
        self.reading.most_told = most_told;
        self.reading.progress = Arc::new(progress);
        self
    }

    /// On a cluster that may have nothing of Tenure or Kargo: where the API server's list of kinds
    /// lacks one of theirs, there is nothing of it. Never for whoever deletes: policies could have
    /// been taken away.
    #[must_use]
    pub fn without_server(mut self) -> Self {
        self.reading.without_server = true;
        self
    }

    /// What objects of each kind are called, by the kind as it is counted: `Deployment`, by
    /// `deployments.apps`.
    ///
    /// # Errors
    /// If it cannot be read which kinds are served.
    pub async fn kind_names(&self) -> Result<BTreeMap<String, String>, RequestError> {
        let served = self.served().await?;
        Ok(served.kinds.iter().map(|kind| (kind.to_string(), kind.kind.to_string())).collect())
    }

    /// Looks at the contents of a Namespace as [`Self::telling`] says.
    ///
    /// # Errors
    /// As [`Self::read_contents`].
    pub async fn look_into(
        &self,
        namespace: &str,
        project_managers: &BTreeSet<Manager>,
    ) -> Result<Contents, RequestError> {
        let progress = Arc::clone(&self.reading.progress);
        self.read_contents(namespace, project_managers, move |seen| progress(seen)).await
    }

    /// Reads what is in a Namespace. The Project's managers decide whose objects are foreign, and
    /// so what is told of first. `progress` is called as pages come in.
    ///
    /// # Errors
    /// If it cannot even be read which kinds are served. Kinds that cannot be listed are
    /// [`Contents::unseen`].
    pub async fn read_contents(
        &self,
        namespace: &str,
        project_managers: &BTreeSet<Manager>,
        progress: impl Fn(Progress) + Sync,
    ) -> Result<Contents, RequestError> {
        let everything = Selected { kind: &|_| true, group: &|_| true };
        let there = self.collect(namespace, &everything, &progress).await?;
        Ok(there.finish_telling(self.reading.most_told, project_managers))
    }

    /// The objects of a Namespace, and what could not be looked at.
    pub(crate) async fn read_objects_in(
        &self,
        namespace: &str,
        progress: &(impl Fn(Progress) + Sync),
    ) -> Result<(Vec<Object>, Vec<Unseen>), RequestError> {
        let everything = Selected { kind: &|_| true, group: &|_| true };
        Ok(self.collect(namespace, &everything, progress).await?.into_objects())
    }

    /// Lists the selected kinds.
    async fn collect(
        &self,
        namespace: &str,
        selected: &Selected<'_>,
        tell: &(dyn Fn(Progress) + Sync),
    ) -> Result<Collector, RequestError> {
        let served = self.served().await?;
        let ignored =
            |kind: &Kind| self.settings.ignored_kinds.iter().any(|pattern| kind.matches(pattern));
        let mut there = Collector::default();
        for stale in &served.stale {
            let of_group = format!("*.{}", stale.group);
            if (selected.group)(&stale.group) && !self.settings.ignored_kinds.contains(&of_group) {
                there.unseen(stale.unseen());
            }
        }
        let kinds: Vec<Arc<Kind>> = served
            .kinds
            .iter()
            .filter(|kind| (selected.kind)(kind) && !ignored(kind))
            .cloned()
            .collect();
        let counter = Counter {
            kinds: kinds.len(),
            kinds_done: AtomicUsize::new(0),
            objects: AtomicU64::new(0),
            tell,
        };
        let counter = &counter;
        let mut lists = futures::stream::iter(kinds)
            .map(|kind| async move {
                let listed = self.list_unless_absent(namespace, &kind, counter).await;
                counter.count(1, 0);
                (kind, listed)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((kind, listed)) = lists.next().await {
            match listed {
                Ok(objects) => there.append(objects),
                Err(error) => {
                    tracing::debug!(%error, %kind, namespace, "cannot be listed");
                    there.unseen(self.unseen(&kind, &error).await);
                }
            }
        }
        Ok(there)
    }

    /// Lists a kind, unless the whole cluster has none.
    async fn list_unless_absent(
        &self,
        namespace: &str,
        kind: &Arc<Kind>,
        counter: &Counter<'_>,
    ) -> Result<Vec<Object>, RequestError> {
        if self.is_absent(kind).await {
            return Ok(Vec::new());
        }
        let listed = self.list_kind(namespace, kind, counter).await?;
        if listed.is_empty() {
            self.commons.absence.none_seen(kind);
        }
        Ok(listed)
    }

    async fn unseen(&self, kind: &Kind, error: &RequestError) -> Unseen {
        if error.is_not_about_it() {
            // The kind went while we looked; whoever looks next should know.
            self.commons.served.forget().await;
        }
        Unseen {
            kind: kind.to_string(),
            why: short(&error.failure.to_string()),
            temporary: error.category() != Category::Refused,
        }
    }
}

/// What is looked at, and of which groups it matters that their kinds are unknown.
struct Selected<'a> {
    kind: &'a (dyn Fn(&Kind) -> bool + Sync),
    group: &'a (dyn Fn(&str) -> bool + Sync),
}

pub(crate) fn short(why: &str) -> String {
    why.chars().take(LONGEST_WHY).collect()
}
