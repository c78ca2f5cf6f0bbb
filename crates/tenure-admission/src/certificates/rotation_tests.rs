//! What the rotation does, step by step; [`rotation_model`](super::rotation_model) explores it.

use super::rotation::*;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn start() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().expect("a time")
}

fn generation(name: &str, made: Timestamp) -> Generation {
    let not_after = made + 90 * DAY;
    let authority = Authority { certificate: name.to_owned(), not_after };
    Generation { authority, not_after, fits: true }
}

fn published(generations: &[&Generation], unchanged_for: Duration) -> Published {
    let held: BTreeSet<_> = generations.iter().map(|g| g.authority.clone()).collect();
    Published { found: held.clone(), held, tidy: true, unchanged_for }
}

fn settled(current: &Generation) -> View {
    View {
        stored: Stored {
            current: Some(current.clone()),
            next: None,
            trusted: [current.authority.clone()].into(),
        },
        published: vec![published(&[current], Duration::MAX)],
        in_use: Some(current.clone()),
    }
}

fn action(view: &View, now: Timestamp) -> Action {
    next_action(view, &Terms::default(), now)
}

fn takes(view: &View, now: Timestamp) -> bool {
    takes_current(view, &Terms::default(), now)
}

#[test]
fn nothing_is_written_while_nothing_is_due() {
    let view = settled(&generation("a", start()));
    assert_eq!(action(&view, start()), Action::Rest);
    assert_eq!(action(&view, start() + 59 * DAY), Action::Rest);
    assert!(!takes(&view, start()));
}

#[test]
fn the_first_certificate_is_served_as_soon_as_it_is_published() {
    let first = generation("a", start());
    assert_eq!(action(&View::default(), start()), Action::Introduce { trusted: BTreeSet::new() });
    let trusted = BTreeSet::from([first.authority.clone()]);
    let stored = Stored { next: Some(first.clone()), current: None, trusted: trusted.clone() };
    let empty = Published { tidy: true, ..Default::default() };
    let mut view = View { stored, published: vec![empty], in_use: None };
    assert_eq!(
        action(&view, start()),
        Action::Publish { configuration: 0, trusted: trusted.clone() }
    );
    view.published = vec![published(&[&first], Duration::ZERO)];
    assert_eq!(action(&view, start()), Action::Promote { trusted: trusted.clone() });
    let promoted = Stored { current: Some(first), next: None, trusted };
    assert!(takes(&View { stored: promoted, ..view }, start()));
}

#[test]
fn without_configurations_there_is_nothing_to_wait_for() {
    let first = generation("a", start());
    let trusted = BTreeSet::from([first.authority.clone()]);
    let stored = Stored { next: Some(first), current: None, trusted: trusted.clone() };
    let view = View { stored, ..Default::default() };
    assert_eq!(action(&view, start()), Action::Promote { trusted });
}

#[test]
fn the_next_certificate_waits_until_its_authority_is_known_everywhere() {
    let (old, new) = (generation("a", start()), generation("b", start() + 60 * DAY));
    let now = start() + 60 * DAY;
    let mut view = settled(&old);
    let trusted = BTreeSet::from([old.authority.clone()]);
    assert_eq!(action(&view, now), Action::Introduce { trusted });

    let both = BTreeSet::from([old.authority.clone(), new.authority.clone()]);
    view.stored.next = Some(new.clone());
    view.stored.trusted.clone_from(&both);
    assert_eq!(action(&view, now), Action::Publish { configuration: 0, trusted: both.clone() });

    view.published = vec![published(&[&old, &new], Duration::from_secs(59))];
    assert_eq!(action(&view, now), Action::Rest);
    view.published = vec![published(&[&old, &new], Duration::from_secs(60))];
    assert_eq!(action(&view, now), Action::Promote { trusted: both.clone() });

    view.stored = Stored { current: Some(new.clone()), next: None, trusted: both };
    assert!(takes(&view, now));
    assert_eq!(action(&view, now), Action::Rest, "the old authority stays published");
}

#[test]
fn a_replica_does_not_take_what_it_has_not_seen_published_for_long_enough() {
    let (old, new) = (generation("a", start()), generation("b", start()));
    let mut view = settled(&old);
    view.stored.current = Some(new.clone());
    assert!(!takes(&view, start()));
    view.published = vec![published(&[&old, &new], Duration::from_secs(59))];
    assert!(!takes(&view, start()));
    view.published.push(published(&[&old], Duration::MAX));
    view.published[0].unchanged_for = Duration::MAX;
    assert!(!takes(&view, start()), "one configuration lacks it");
    view.in_use = None;
    view.published.pop();
    view.published[0].unchanged_for = Duration::ZERO;
    assert!(takes(&view, start()), "one that serves nothing need not wait");
}

#[test]
fn an_old_authority_is_forgotten_once_every_clock_says_that_it_expired() {
    let (old, new) = (generation("a", start()), generation("b", start() + 60 * DAY));
    let mut view = settled(&new);
    view.stored.trusted.insert(old.authority.clone());
    view.published = vec![published(&[&old, &new], Duration::MAX)];
    let expired = old.not_after;
    assert_eq!(action(&view, expired + SignedDuration::from_hours(6)), Action::Rest);
    let trusted = BTreeSet::from([new.authority.clone()]);
    let late = expired + SignedDuration::from_hours(7);
    assert_eq!(action(&view, late), Action::Publish { configuration: 0, trusted });
    view.published = vec![published(&[&new], Duration::ZERO)];
    assert_eq!(action(&view, late), Action::Rest);
}

#[test]
fn clocks_that_differ_do_not_make_replicas_undo_each_other() {
    let (old, new) = (generation("a", start()), generation("b", start() + 60 * DAY));
    let mut view = settled(&new);
    view.stored.trusted.insert(old.authority.clone());
    let hour = SignedDuration::from_hours(1);
    for hours in -24..24 {
        let now = old.not_after + hours * hour;
        let publishes = |held: &[&Generation], now| {
            let published = vec![published(held, Duration::MAX)];
            let view = View { published, ..view.clone() };
            matches!(action(&view, now), Action::Publish { .. })
        };
        let drops_it = publishes(&[&old, &new], now + hour);
        let adds_it = publishes(&[&new], now - hour);
        assert!(!(drops_it && adds_it), "{hours} hours after it expired");
    }
}

#[test]
fn a_certificate_that_lacks_a_name_is_replaced() {
    let mut old = generation("a", start());
    old.fits = false;
    let trusted = BTreeSet::from([old.authority.clone()]);
    assert_eq!(action(&settled(&old), start()), Action::Introduce { trusted });
}

#[test]
fn what_was_in_use_stays_trusted_when_the_secret_is_lost() {
    let old = generation("a", start());
    let mut view = settled(&old);
    view.stored = Stored::default();
    let trusted = BTreeSet::from([old.authority.clone()]);
    assert_eq!(action(&view, start()), Action::Introduce { trusted: trusted.clone() });
    assert!(!takes(&view, start()));
    view.published = vec![Published { tidy: true, ..Default::default() }];
    assert_eq!(action(&view, start()), Action::Introduce { trusted });
}

#[test]
fn a_next_certificate_that_was_left_lying_is_made_anew() {
    let (old, next) = (generation("a", start()), generation("b", start()));
    let mut view = settled(&old);
    view.stored.next = Some(next.clone());
    view.published = vec![published(&[&old, &next], Duration::MAX)];
    assert!(matches!(action(&view, start() + 61 * DAY), Action::Introduce { .. }));
}

#[test]
fn what_others_wrote_into_a_bundle_is_overruled() {
    let current = generation("a", start());
    let mut view = settled(&current);
    view.published[0].tidy = false;
    let trusted = BTreeSet::from([current.authority]);
    assert_eq!(action(&view, start()), Action::Publish { configuration: 0, trusted });
}

#[test]
fn nothing_is_published_for_good_after_everything_expired() {
    let view = settled(&generation("a", start()));
    let now = start() + 365 * DAY;
    assert!(matches!(action(&view, now), Action::Publish { .. }));
    let mut view = view;
    view.published = vec![Published { tidy: true, ..Default::default() }];
    assert_eq!(action(&view, now), Action::Introduce { trusted: BTreeSet::new() });
}
