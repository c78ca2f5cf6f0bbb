//! Facts for the tests of the rules, and what holds of all that they find.

use super::{Facts, Finding, Left, Reported, Risk, Severity, diagnose};
use crate::contents::Unseen;

/// A Namespace of which nothing is to be said.
pub(super) fn standing() -> Facts {
    Facts {
        name: "payments".to_owned(),
        now: "2026-11-23T08:15:31Z".parse().unwrap(),
        any_condition: true,
        workloads: Some(Vec::new()),
        ..Facts::default()
    }
}

/// The same, terminating since a minute ago.
pub(super) fn going() -> Facts {
    Facts { deleting: Some("2026-11-23T08:14:31Z".parse().unwrap()), ..standing() }
}

pub(super) fn reports(condition: &str, message: &str) -> Facts {
    let reported = Reported { condition: condition.to_owned(), message: message.to_owned() };
    Facts { reported: vec![reported], ..going() }
}

pub(super) fn left(kind: &str, name: &str, finalizers: &[&str]) -> Left {
    Left {
        kind: kind.to_owned(),
        name: name.to_owned(),
        finalizers: finalizers.iter().map(|f| (*f).to_owned()).collect(),
        deleting: true,
        load_balancer: false,
    }
}

/// The one thing that a rule finds. Whatever it is, it keeps to what holds of all findings.
pub(super) fn only(findings: Vec<Finding>) -> Finding {
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let finding = findings.into_iter().next().unwrap();
    holds(&finding);
    finding
}

/// What holds of every finding.
pub(super) fn holds(finding: &Finding) {
    let remedies = finding.remedies();
    assert!(remedies[0].risk <= Risk::Mends, "the first advice is safe: {finding:#?}");
    assert!(remedies.is_sorted_by_key(|remedy| remedy.risk), "{finding:#?}");
    for remedy in remedies {
        let gives_up = remedy.risk >= Risk::GivesUp;
        assert_eq!(gives_up, remedy.costs.is_some(), "what is given up is said: {remedy:#?}");
    }
    assert!(!finding.evidence.is_empty(), "{finding:#?}");
}

#[test]
fn nothing_is_found_where_nothing_holds_it_up() {
    assert_eq!(diagnose(&standing()), []);
    assert_eq!(diagnose(&going()), []);
}

#[test]
fn what_could_not_be_seen_is_no_finding() {
    let unseen = Unseen { kind: "pods".into(), why: "forbidden".into(), temporary: false };
    let facts = Facts {
        unseen: vec![unseen],
        workloads: None,
        left: vec![left("widgets.example.com", "w", &["example.com/hold"])],
        ..standing()
    };
    let found: Vec<_> = diagnose(&facts).into_iter().map(|f| (f.cause, f.severity)).collect();
    assert_eq!(found, [(super::Cause::ObjectsRemain, Severity::Note)]);
}
