//! Whether a trail is whole, and an anchor for it.

use std::fmt;
use std::str::FromStr;

use super::{DigestError, Entry, EntryDigest};

/// The first thing that is wrong with a trail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An entry's content is not what its digest is of.
    #[error(
        "entry {sequence} does not match its digest: it was changed, or belongs to another plan"
    )]
    Broken {
        /// Which entry.
        sequence: u64,
    },
    /// An entry is not there, although later ones are, or none is.
    #[error("entry {sequence} is missing")]
    Missing {
        /// Which entry.
        sequence: u64,
    },
    /// Entries of one sequence number differ.
    #[error("entry {sequence} is there more than once, and not the same each time")]
    Forked {
        /// Which entry.
        sequence: u64,
    },
    /// An entry names another entry as the one before it than the one that is there.
    #[error(
        "entry {sequence} does not follow the entry before it: one of the two was replaced or moved"
    )]
    Misplaced {
        /// Which entry.
        sequence: u64,
    },
    /// An entry says it was recorded before the one that precedes it.
    #[error("entry {sequence} is older than the entry before it")]
    OutOfOrder {
        /// Which entry.
        sequence: u64,
    },
    /// The trail ends before the anchor.
    #[error("entry {sequence} is missing: the trail was longer when its head was kept")]
    Truncated {
        /// The first entry that is not there.
        sequence: u64,
    },
    /// The entry that was the head is another one now.
    #[error(
        "entry {sequence} is not the one whose digest was kept: it, or something before it, was \
         written anew"
    )]
    Rewritten {
        /// The entry that the anchor is of.
        sequence: u64,
    },
    /// The anchor belongs to another trail.
    #[error("the head that was kept is of the trail of {anchor}, not of this one")]
    OtherTrail {
        /// Whose trail the anchor is of.
        anchor: String,
        /// The entry that the anchor is of.
        sequence: u64,
    },
}

impl Fault {
    /// Which entry is named.
    pub fn sequence(&self) -> u64 {
        match *self {
            Self::Broken { sequence }
            | Self::Missing { sequence }
            | Self::Forked { sequence }
            | Self::Misplaced { sequence }
            | Self::OutOfOrder { sequence }
            | Self::Truncated { sequence }
            | Self::Rewritten { sequence }
            | Self::OtherTrail { sequence, .. } => sequence,
        }
    }

    /// The fault as a CamelCase word, for condition reasons, metrics and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Broken { .. } => "Broken",
            Self::Missing { .. } => "Missing",
            Self::Forked { .. } => "Forked",
            Self::Misplaced { .. } => "Misplaced",
            Self::OutOfOrder { .. } => "OutOfOrder",
            Self::Truncated { .. } => "Truncated",
            Self::Rewritten { .. } => "Rewritten",
            Self::OtherTrail { .. } => "OtherTrail",
        }
    }
}

/// The end of a trail that verified. Kept where those who can write the trail cannot write, it
/// is an anchor: nothing up to it can be changed unseen.
///
/// As text it is one line, `SUBJECT SEQUENCE sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose trail it is.
    pub subject: String,
    /// The last entry's number.
    pub sequence: u64,
    /// The last entry's digest.
    pub digest: EntryDigest,
}

/// Why a line is not a head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// It has another number of words.
    #[error("a head is one line of three words: SUBJECT SEQUENCE sha256:…")]
    Words,
    /// The second word is not a number as Tenure writes it, or zero.
    #[error("{0:?} is not the number of an entry")]
    Sequence(String),
    /// The third word is not a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.subject, self.sequence, self.digest)
    }
}

impl FromStr for Head {
    type Err = HeadError;

    /// Parses the line; white space around it is ignored.
    fn from_str(line: &str) -> Result<Self, HeadError> {
        let words: Vec<_> = line.trim().split([' ', '\n', '\r', '\t']).collect();
        let [subject, sequence, digest] = words[..] else { return Err(HeadError::Words) };
        let not_a_number = || HeadError::Sequence(sequence.to_owned());
        let number = sequence.parse::<u64>().map_err(|_| not_a_number())?;
        if number == 0 || number.to_string() != sequence {
            return Err(not_a_number());
        }
        Ok(Self { subject: subject.to_owned(), sequence: number, digest: digest.parse()? })
    }
}

/// Whether the entries are one whole trail of `subject`, and where it ends.
///
/// They may come in any order, and an entry may come more than once if it is the same each time.
/// That the trail once was longer cannot be seen here: see [`verify_against`].
///
/// # Errors
/// Names the first fault, in the order of the entries' numbers.
pub fn verify(subject: &str, entries: &[Entry]) -> Result<Head, Fault> {
    let trail = chain(subject, entries)?;
    let last = trail.last().ok_or(Fault::Missing { sequence: 1 })?;
    Ok(head(subject, last))
}

/// Whether the entries are one whole trail that continues the one whose head was kept, and
/// where it ends now.
///
/// # Errors
/// Names the first fault, as [`verify`] does; else that the trail ends before the anchor, or that
/// the anchor's entry is another one. Which of the entries up to it was the first to be written
/// anew an anchor cannot tell: it comes after the last one whose own head was kept and holds.
pub fn verify_against(subject: &str, entries: &[Entry], anchor: &Head) -> Result<Head, Fault> {
    if anchor.subject != subject {
        return Err(Fault::OtherTrail {
            anchor: anchor.subject.clone(),
            sequence: anchor.sequence,
        });
    }
    let trail = chain(subject, entries)?;
    let last = trail.last().ok_or(Fault::Truncated { sequence: 1 })?;
    match trail.iter().find(|entry| entry.sequence == anchor.sequence) {
        None => Err(Fault::Truncated { sequence: last.sequence.saturating_add(1) }),
        Some(entry) if entry.digest != anchor.digest => {
            Err(Fault::Rewritten { sequence: anchor.sequence })
        }
        Some(_) => Ok(head(subject, last)),
    }
}

/// The entries in order, each once, if there is nothing wrong with them.
fn chain<'a>(subject: &str, entries: &'a [Entry]) -> Result<Vec<&'a Entry>, Fault> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.sequence);
    let mut trail: Vec<&Entry> = Vec::with_capacity(sorted.len());
    for copies in sorted.chunk_by(|a, b| a.sequence == b.sequence) {
        let entry = copies[0];
        let before = trail.last().copied();
        let expected = before.map_or(1, |before| before.sequence.saturating_add(1));
        if entry.sequence > expected {
            return Err(Fault::Missing { sequence: expected });
        }
        check(subject, before, copies)?;
        trail.push(entry);
    }
    Ok(trail)
}

/// Whether the entry, of which these are the copies, follows the one before it.
fn check(subject: &str, before: Option<&Entry>, copies: &[&Entry]) -> Result<(), Fault> {
    let entry = copies[0];
    let sequence = entry.sequence;
    if copies.iter().any(|copy| *copy != entry) {
        return Err(Fault::Forked { sequence });
    }
    if entry.digest_in(subject) != entry.digest {
        return Err(Fault::Broken { sequence });
    }
    // There is no entry 0, however well it matches its digest.
    if entry.previous.as_ref() != before.map(|before| &before.digest) || sequence == 0 {
        return Err(Fault::Misplaced { sequence });
    }
    if before.is_some_and(|before| entry.at < before.at) {
        return Err(Fault::OutOfOrder { sequence });
    }
    Ok(())
}

fn head(subject: &str, last: &Entry) -> Head {
    Head { subject: subject.to_owned(), sequence: last.sequence, digest: last.digest.clone() }
}
