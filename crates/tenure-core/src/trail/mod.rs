//! The trail of a plan: every decision and what became of it, chained by SHA-256.
//!
//! An [`Entry`] holds the digest of the entry before it, so an entry cannot be changed, taken
//! out, put in or moved without leaving a [`Fault`] that [`verify`] names. What a chain alone
//! cannot show is that its end was cut off, or that all of it was written anew: for that, keep
//! its [`Head`] elsewhere and ask [`verify_against`].
//!
//! # What is hashed
//!
//! The digest of an entry is the SHA-256 of the UTF-8 text of
//!
//! ```json
//! {"entry":{"at":"…","digestOfPlan":"…","event":"…","message":"…","sequence":1},"subject":"…"}
//! ```
//!
//! where `entry` is the entry as it is stored, without its `digest`, and `subject` names the
//! plan, so that an entry of one plan does not verify in the trail of another. The text is JSON
//! as RFC 8785 writes it: no spaces, keys sorted, strings escaped only where they must be, and
//! no numbers but integers. Fields that are absent are left out; fields that this version does
//! not know are hashed with the others, so nothing can be slipped in. Other tools get there too:
//!
//! ```console
//! $ jq -cjS '{entry: del(.digest), subject: "payments.1f0c"}' entry.json | sha256sum
//! ```
//!
//! # How long a trail gets
//!
//! A trail is stored whole in its plan, and what etcd stores in one object is at most 1.5 MiB.
//! So a trail has at most [`MAX_ENTRIES`], and [`append`] shortens what people and API servers
//! wrote: even the worst trail then takes less than 0.7 MiB, which leaves room for the rest of
//! the plan, and a common one a few KiB.

mod digest;
mod event;
mod verify;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use digest::{DigestError, EntryDigest};
pub use event::Event;
pub use verify::{Fault, Head, HeadError, verify, verify_against};

/// Most entries that a trail may have.
pub const MAX_ENTRIES: usize = 128;
/// How many of [`MAX_ENTRIES`] are kept for the events that carry a plan out or end it, so that
/// a plan which waited and was confirmed over and over can still be recorded to its end.
pub const RESERVED: usize = 32;
/// Longest message that is recorded, in characters.
pub const MAX_MESSAGE: usize = 512;
/// Longest name of who caused an entry that is recorded, in characters.
pub const MAX_BY: usize = 256;

/// One link of a trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Which entry of its trail it is; the first is 1.
    pub sequence: u64,
    /// When it was recorded. Never before the entry that precedes it.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// The digest of the plan as it was then.
    pub digest_of_plan: String,
    /// Who caused it, if it was a person or another program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What happened and why, for people.
    pub message: String,
    /// The digest of the entry before it; the first has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<EntryDigest>,
    /// The digest of all of this but itself, and of the trail's subject.
    pub digest: EntryDigest,
    /// What else is stored with it: fields of a later version, or of somebody who tampered.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

impl Entry {
    /// The digest that the entry has to have in the trail of `subject`.
    pub fn digest_in(&self, subject: &str) -> EntryDigest {
        let mut document = json!({ "entry": self, "subject": subject });
        if let Some(entry) = document["entry"].as_object_mut() {
            entry.remove("digest");
        }
        EntryDigest::of(digest::canonical(&document).as_bytes())
    }

    /// The entry as it is archived: JSON in the same canonical form that is hashed, its digest
    /// with it.
    pub fn to_canonical_json(&self) -> String {
        digest::canonical(&json!(self))
    }
}

/// The entry that comes next in a trail.
///
/// Its time is `at`, or the time of the entry before it if the clock has gone back since: times
/// never run backwards within a trail. Messages and names that are too long are cut.
///
/// Whether there is room for it is for [`has_room`] to say.
pub fn append(
    history: &[Entry],
    subject: &str,
    at: Timestamp,
    event: Event,
    plan_digest: &str,
    by: Option<&str>,
    message: &str,
) -> Entry {
    let last = history.iter().max_by_key(|entry| entry.sequence);
    let mut entry = Entry {
        sequence: last.map_or(1, |last| last.sequence.saturating_add(1)),
        at: last.map_or(at, |last| at.max(last.at)),
        event,
        digest_of_plan: plan_digest.to_owned(),
        by: by.map(|by| cut(by, MAX_BY)),
        message: cut(message, MAX_MESSAGE),
        previous: last.map(|last| last.digest.clone()),
        digest: EntryDigest::of(&[]),
        unknown: BTreeMap::new(),
    };
    entry.digest = entry.digest_in(subject);
    entry
}

/// Whether the trail may hold one more entry of this kind. The last [`RESERVED`] places are for
/// the events that carry a plan out or end it; after one that calls a deletion off, it has to be said
/// what came of that.
pub fn has_room(history: &[Entry], event: Event) -> bool {
    let bound = match event {
        Event::Cancelled => MAX_ENTRIES - 1,
        event if event.is_outcome() => MAX_ENTRIES,
        _ => MAX_ENTRIES - RESERVED,
    };
    history.len() < bound
}

/// At most `most` characters of the text, the last an ellipsis if some are missing.
fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
