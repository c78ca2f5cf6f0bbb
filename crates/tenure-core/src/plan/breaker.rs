//! The breaker: when more namespaces are deleted in a while than usual, nothing more is, until a
//! person says that this is meant.
//!
//! What counts are the times at which plans began to be carried out, as the plans record them, so
//! that neither a crash nor a second controller begins to count anew.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How many deletions are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimit {
    /// In how long.
    pub window: Duration,
    /// This many are always allowed.
    pub at_least: usize,
    /// And this part of all Projects, in hundredths.
    pub percent: usize,
}

impl Default for BreakerLimit {
    /// 20, or a tenth of all Projects, in five minutes.
    fn default() -> Self {
        Self { window: Duration::from_mins(5), at_least: 20, percent: 10 }
    }
}

/// What is durably known of the breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerRecord {
    /// When it opened.
    pub opened: Timestamp,
    /// Why.
    pub why: String,
    /// When and by whom it was closed.
    pub closed: Option<(Timestamp, String)>,
    /// Who asks for it to be closed, as long as it is not.
    pub asked_by: Option<String>,
}

/// What was observed of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// The record; `None` if it never opened.
    pub record: Option<BreakerRecord>,
    /// When plans that delete began to be carried out.
    pub started: Vec<Timestamp>,
    /// How many Projects there are.
    pub projects: usize,
    /// How many deletions are too many.
    pub limit: BreakerLimit,
}

/// How the current flows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Current {
    /// Deletions are carried out.
    Flows,
    /// Too many were: it has to be opened first, for that reason.
    MustOpen(String),
    /// It is open; why.
    Interrupted(String),
    /// It is open, and that person asks for it to be closed.
    MustClose(String),
}

impl Breaker {
    /// How many deletions the window allows.
    pub fn allows(&self) -> usize {
        self.limit.at_least.max(self.projects.saturating_mul(self.limit.percent) / 100)
    }

    /// Whether one more deletion may begin now.
    pub fn current(&self, now: Timestamp) -> Current {
        if let Some(record) = &self.record
            && record.closed.is_none()
        {
            return match &record.asked_by {
                Some(by) => Current::MustClose(by.clone()),
                None => Current::Interrupted(record.why.clone()),
            };
        }
        let window = SignedDuration::try_from(self.limit.window).unwrap_or(SignedDuration::MAX);
        // What a person has seen and found right does not count again.
        let closed = self.record.as_ref().and_then(|record| record.closed.as_ref());
        let since = closed.map_or(Timestamp::MIN, |(at, _)| *at);
        let counts = |at: &&Timestamp| **at > since && now.duration_since(**at) < window;
        let recent = self.started.iter().filter(counts).count();
        if recent < self.allows() {
            return Current::Flows;
        }
        Current::MustOpen(format!(
            "{recent} namespaces were deleted within {} s, of {} Projects; {} are usual",
            self.limit.window.as_secs(),
            self.projects,
            self.allows()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn breaker(started: usize, projects: usize) -> Breaker {
        Breaker { started: vec![at(0); started], projects, ..Breaker::default() }
    }

    #[test]
    fn twenty_or_a_tenth_of_all_projects_are_usual() {
        assert_eq!(breaker(19, 50).current(at(1)), Current::Flows);
        assert!(matches!(breaker(20, 50).current(at(1)), Current::MustOpen(_)));
        assert_eq!(breaker(20, 300).current(at(1)), Current::Flows);
        assert!(matches!(breaker(30, 300).current(at(1)), Current::MustOpen(_)));
    }

    #[test]
    fn what_is_long_ago_does_not_count() {
        assert!(matches!(breaker(20, 50).current(at(299)), Current::MustOpen(_)));
        assert_eq!(breaker(20, 50).current(at(300)), Current::Flows);
    }

    #[test]
    fn it_stays_open_until_a_person_closes_it_and_then_counts_anew() {
        let mut breaker = breaker(20, 50);
        let record =
            BreakerRecord { opened: at(2), why: "20".to_owned(), closed: None, asked_by: None };
        breaker.record = Some(record.clone());
        assert_eq!(breaker.current(at(100_000)), Current::Interrupted("20".to_owned()));
        let asked = BreakerRecord { asked_by: Some("anna".to_owned()), ..record.clone() };
        breaker.record = Some(asked);
        assert_eq!(breaker.current(at(9)), Current::MustClose("anna".to_owned()));
        breaker.record =
            Some(BreakerRecord { closed: Some((at(10), "anna".to_owned())), ..record });
        assert_eq!(breaker.current(at(11)), Current::Flows);
        breaker.started.extend([at(12); 20]);
        assert!(matches!(breaker.current(at(13)), Current::MustOpen(_)));
    }
}
