//! When a certificate is made, published, taken into use and forgotten. Pure: what is stored,
//! what is published and the time are arguments, and the next write is the answer.
//!
//! A *generation* is an authority and the one serving certificate that it signed; the key of the
//! authority is never kept. A generation is *introduced* as the next one, its authority is
//! *published* beside the current one's, and once every configuration has held it for a while it
//! is *promoted*: stored as the current one, which replicas serve as they come to see it.
//!
//! Nobody tells which replicas have seen it, and nobody needs to: what is published only grows.
//! An authority is forgotten when it has expired, and with it the only certificate that needs
//! it. So one that a replica serves is covered, however long that replica looks away.
//!
//! Every write is conditional on what it was decided on, so whoever loses a race looks again.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

/// A certificate authority by which the API server may judge a serving certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Authority {
    /// Its certificate, in PEM; this is what identifies it.
    pub(crate) certificate: String,
    /// When it expires, and with it what it signed.
    pub(crate) not_after: Timestamp,
}

/// A serving certificate, as far as this module needs to know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Generation {
    /// Who signed it.
    pub(crate) authority: Authority,
    /// When it expires.
    pub(crate) not_after: Timestamp,
    /// Whether it is good for every name that is to be served.
    pub(crate) fits: bool,
}

/// What the Secret holds. A Secret that is not there or cannot be read holds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Stored {
    /// What replicas serve.
    pub(crate) current: Option<Generation>,
    /// What they will serve next.
    pub(crate) next: Option<Generation>,
    /// Authorities of certificates that may be in use.
    pub(crate) trusted: BTreeSet<Authority>,
}

/// What one webhook configuration holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Published {
    /// The authorities that each of its webhooks holds.
    pub(crate) held: BTreeSet<Authority>,
    /// The authorities that any of its webhooks holds.
    pub(crate) found: BTreeSet<Authority>,
    /// Whether each webhook holds just those that were found, as they are written here.
    pub(crate) tidy: bool,
    /// How long it has been seen unchanged.
    pub(crate) unchanged_for: Duration,
}

/// All that is decided on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct View {
    /// What the Secret holds.
    pub(crate) stored: Stored,
    /// What each webhook configuration holds that there is.
    pub(crate) published: Vec<Published>,
    /// What this replica serves.
    pub(crate) in_use: Option<Generation>,
}

/// How long certificates last, and how carefully they are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long a serving certificate is good for.
    pub validity: Duration,
    /// How long before it expires the next one is made.
    pub renewal: Duration,
    /// How long the next authority has to be published, unchanged, before it is relied on: longer
    /// than any API server takes to see what is published.
    pub dwell: Duration,
    /// How far any two clocks may be apart. A certificate is good from that long before it was
    /// made, and its authority is published until that long after it expired.
    pub skew: Duration,
    /// How often the Secret and the webhook configurations are looked at.
    pub poll: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self {
            validity: 90 * 24 * hour,
            renewal: 30 * 24 * hour,
            dwell: Duration::from_secs(60),
            skew: 2 * hour,
            poll: Duration::from_secs(10),
        }
    }
}

/// One write, or none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Nothing to write.
    Rest,
    /// Make a generation, and store it as the next one, and its authority beside these.
    Introduce {
        /// Authorities of certificates that may be in use.
        trusted: BTreeSet<Authority>,
    },
    /// Store the next generation as the current one, and there is no next one.
    Promote {
        /// Authorities of certificates that may be in use.
        trusted: BTreeSet<Authority>,
    },
    /// Publish these in a webhook configuration, in place of what it holds.
    Publish {
        /// Which of those in the view.
        configuration: usize,
        /// All that it is to hold.
        trusted: BTreeSet<Authority>,
    },
}

/// Whether this replica takes what is stored as current into use.
///
/// One that serves a good certificate takes another only when it has itself seen that every
/// configuration held its authority for long enough. One that serves none is not in service yet:
/// it waits only until the authority is published.
pub(crate) fn takes_current(view: &View, terms: &Terms, now: Timestamp) -> bool {
    let Some(current) = &view.stored.current else { return false };
    match &view.in_use {
        Some(in_use) if in_use == current => false,
        Some(in_use) if now < in_use.not_after => view.held_for(&current.authority, terms.dwell),
        _ => view.held_for(&current.authority, Duration::ZERO),
    }
}

/// What to write next.
pub(crate) fn next_action(view: &View, terms: &Terms, now: Timestamp) -> Action {
    let Stored { current, next, .. } = &view.stored;
    let trusted = view.wanted(terms, now);
    if current.is_none() && next.is_none() {
        return Action::Introduce { trusted };
    }
    if let Some(configuration) =
        view.published.iter().position(|published| published.lacks(&trusted, terms, now))
    {
        return Action::Publish { configuration, trusted };
    }
    match next {
        Some(next) if !next.lasts(terms, now) => Action::Introduce { trusted },
        Some(next) if view.may_promote(next, &trusted, terms) => Action::Promote { trusted },
        Some(_) => Action::Rest,
        None if current.as_ref().is_some_and(|current| current.lasts(terms, now)) => Action::Rest,
        None => Action::Introduce { trusted },
    }
}

impl Generation {
    /// Whether there is no need for another yet.
    fn lasts(&self, terms: &Terms, now: Timestamp) -> bool {
        self.fits && before(self.not_after, terms.renewal) > now
    }
}

impl Published {
    /// Whether something else has to be published here. What merely expired is let be for a
    /// while, in which every clock comes to agree that it did: no two replicas undo each other.
    fn lacks(&self, trusted: &BTreeSet<Authority>, terms: &Terms, now: Timestamp) -> bool {
        let long_expired = |authority: &Authority| after(authority.not_after, 3 * terms.skew) < now;
        !self.tidy || !trusted.is_subset(&self.held) || self.found.iter().any(long_expired)
    }
}

impl View {
    /// The authorities of all certificates that may be in use, now or next.
    fn wanted(&self, terms: &Terms, now: Timestamp) -> BTreeSet<Authority> {
        let Stored { current, next, trusted } = &self.stored;
        let found = self.published.iter().flat_map(|published| &published.found);
        let unexpired = |authority: &&Authority| after(authority.not_after, terms.skew) > now;
        let known = [current, next, &self.in_use].into_iter().flatten();
        let known = known.map(|generation| &generation.authority);
        trusted.iter().chain(found).chain(known).filter(unexpired).cloned().collect()
    }

    fn held_for(&self, authority: &Authority, time: Duration) -> bool {
        self.published
            .iter()
            .all(|published| published.held.contains(authority) && published.unchanged_for >= time)
    }

    /// Whether every API server knows the next authority by now, or none ever knew another.
    fn may_promote(&self, next: &Generation, trusted: &BTreeSet<Authority>, terms: &Terms) -> bool {
        let first = trusted.len() == 1;
        self.held_for(&next.authority, if first { Duration::ZERO } else { terms.dwell })
    }
}

/// That long after; the latest time there is, if there is none.
fn after(time: Timestamp, duration: Duration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

/// That long before; the earliest time there is, if there is none.
fn before(time: Timestamp, duration: Duration) -> Timestamp {
    time.saturating_sub(duration).unwrap_or(Timestamp::MIN)
}
