//! The trail: what verifies, and that whatever is wrong is named where it is.

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use tenure_core::trail::{
    Entry, Event, Fault, Head, HeadError, MAX_BY, MAX_ENTRIES, MAX_MESSAGE, RESERVED, append,
    has_room, verify, verify_against,
};

const SUBJECT: &str = "payments.1f0c";
const PLAN: &str = "sha256:aa";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

/// A trail with these messages, a second apart.
fn trail(messages: &[&str]) -> Vec<Entry> {
    let mut trail = Vec::new();
    for (second, message) in (0..).zip(messages) {
        trail.push(append(&trail, SUBJECT, at(second), Event::Waiting, PLAN, None, message));
    }
    trail
}

/// The entry with its digest made to match, as whoever can write it would.
fn sealed(mut entry: Entry) -> Entry {
    entry.digest = entry.digest_in(SUBJECT);
    entry
}

#[test]
fn digests_are_those_that_other_tools_compute() {
    // jq -cjS '{entry: del(.digest), subject: "payments.1f0c"}' entry.json | sha256sum
    let when = |text: &str| text.parse::<Timestamp>().expect("a time");
    let first = append(
        &[],
        SUBJECT,
        when("2026-11-23T08:15:30.25Z"),
        Event::Decided,
        PLAN,
        None,
        "the namespace is retained: \"keep\"\n\tétait là 🚀",
    );
    assert_eq!(
        first.digest.as_str(),
        "sha256:a5f9de4bc9de4b08ec041a89a13a6c7934eef009f61690e44c30fcabedcaff4d"
    );
    let history = [first];
    let second = append(
        &history,
        SUBJECT,
        when("2026-11-23T08:15:31Z"),
        Event::Confirmed,
        PLAN,
        Some("alice@example.com"),
        "",
    );
    assert_eq!(
        second.digest.as_str(),
        "sha256:d13715399056174dd2c5a8a305b9a12489c2d2629c3e519ca193796918fdd5af"
    );
}

#[test]
fn an_entry_reads_back_as_it_was_stored() {
    let stored = trail(&["a", "b"]).remove(1).to_canonical_json();
    let names: Vec<String> = serde_json::from_str::<serde_json::Map<String, Value>>(&stored)
        .expect("an object")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["at", "digest", "digestOfPlan", "event", "message", "previous", "sequence"]);
    let read: Entry = serde_json::from_str(&stored).expect("an entry");
    assert_eq!(read.to_canonical_json(), stored);
}

#[test]
fn events_are_stored_under_the_words_that_are_shown() {
    for event in Event::ALL {
        assert_eq!(json!(event), json!(event.as_str()));
        assert_eq!(serde_json::from_value::<Event>(json!(event.as_str())).expect("known"), event);
    }
}

#[test]
fn times_do_not_run_backwards_when_the_clock_does() {
    let history = [append(&[], SUBJECT, at(10), Event::Decided, PLAN, None, "")];
    let next = append(&history, SUBJECT, at(5), Event::Started, PLAN, None, "");
    assert_eq!(next.at, at(10));
    let [first] = history;
    assert!(verify(SUBJECT, &[first, next]).is_ok());
}

#[test]
fn the_worst_trail_fits_into_one_object() {
    let mut history = Vec::new();
    while has_room(&history, Event::Done) {
        let (by, message) = ("\u{1}".repeat(1_000), "\u{1}".repeat(1_000));
        history.push(append(&history, SUBJECT, at(0), Event::Done, PLAN, Some(&by), &message));
    }
    assert_eq!(history.len(), MAX_ENTRIES);
    let last = history.last().expect("full");
    assert_eq!(last.message.chars().count(), MAX_MESSAGE);
    assert_eq!(last.by.as_ref().map(|by| by.chars().count()), Some(MAX_BY));
    assert!(json!(history).to_string().len() < 700 * 1024);
    assert_eq!(verify(SUBJECT, &history).map(|head| head.sequence), Ok(MAX_ENTRIES as u64));
}

#[test]
fn what_may_come_again_and_again_leaves_room_for_the_outcome() {
    let mut history = Vec::new();
    while has_room(&history, Event::Waiting) {
        history.push(append(&history, SUBJECT, at(0), Event::Waiting, PLAN, None, ""));
    }
    assert_eq!(history.len(), MAX_ENTRIES - RESERVED);
    assert!(!has_room(&history, Event::Waiting) && has_room(&history, Event::Started));
}

#[test]
fn what_comes_of_calling_off_can_be_said_wherever_that_was() {
    let mut history = Vec::new();
    while has_room(&history, Event::Cancelled) {
        history.push(append(&history, SUBJECT, at(0), Event::Cancelled, PLAN, None, ""));
    }
    assert!(has_room(&history, Event::Restored) && has_room(&history, Event::Void));
}

#[test]
fn every_changed_field_is_named() {
    let whole = trail(&["a", "b", "c"]);
    let other = append(&[], "another", at(9), Event::Void, "p", None, "z");
    let changes: [fn(&mut Entry, &Entry); 8] = [
        |entry, _| entry.at = at(1) + jiff::SignedDuration::from_nanos(1),
        |entry, _| entry.event = Event::Confirmed,
        |entry, _| entry.digest_of_plan.push('b'),
        |entry, _| entry.by = Some(String::new()),
        |entry, _| entry.message.clear(),
        |entry, other| entry.previous = Some(other.digest.clone()),
        |entry, other| entry.digest = other.digest.clone(),
        |entry, _| drop(entry.unknown.insert("note".to_owned(), Value::Null)),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut entries = whole.clone();
        change(&mut entries[1], &other);
        assert_eq!(verify(SUBJECT, &entries), Err(Fault::Broken { sequence: 2 }), "{index}");
    }
}

#[test]
fn a_field_that_nobody_knows_is_not_overlooked() {
    let mut stored = json!(trail(&["a"]));
    stored[0]["approvedBy"] = json!("mallory");
    let read: Vec<Entry> = serde_json::from_value(stored).expect("entries");
    assert_eq!(verify(SUBJECT, &read), Err(Fault::Broken { sequence: 1 }));
    // Whoever wrote it and hashed it, a later version say, is believed.
    assert!(verify(SUBJECT, &[sealed(read[0].clone())]).is_ok());
}

#[test]
fn an_entry_of_another_plan_does_not_verify() {
    let entries = trail(&["a"]);
    assert_eq!(verify("payments.2e1d", &entries), Err(Fault::Broken { sequence: 1 }));
}

#[test]
fn a_replaced_entry_is_named_by_the_one_after_it() {
    let mut entries = trail(&["a", "b", "c"]);
    entries[1].message = "never happened".to_owned();
    entries[1] = sealed(entries[1].clone());
    assert_eq!(verify(SUBJECT, &entries), Err(Fault::Misplaced { sequence: 3 }));
}

#[test]
fn entries_that_change_places_are_named() {
    let mut entries = trail(&["a", "b", "c"]);
    (entries[1].sequence, entries[2].sequence) = (3, 2);
    assert_eq!(verify(SUBJECT, &entries), Err(Fault::Broken { sequence: 2 }));
    let resealed: Vec<_> = entries.into_iter().map(sealed).collect();
    assert_eq!(verify(SUBJECT, &resealed), Err(Fault::Misplaced { sequence: 2 }));
}

#[test]
fn a_trail_begins_with_entry_1_and_nothing_before_it() {
    assert_eq!(verify(SUBJECT, &[]), Err(Fault::Missing { sequence: 1 }));
    let mut entries = trail(&["a", "b"]);
    entries[0].sequence = 0;
    let zero = sealed(entries[0].clone());
    assert_eq!(verify(SUBJECT, &[zero]), Err(Fault::Misplaced { sequence: 0 }));
    let mut second = entries.remove(1);
    second.sequence = 1;
    assert_eq!(verify(SUBJECT, &[sealed(second)]), Err(Fault::Misplaced { sequence: 1 }));
}

#[test]
fn an_entry_older_than_the_one_before_it_is_named() {
    let mut entries = trail(&["a", "b"]);
    entries[1].at = at(-1);
    entries[1] = sealed(entries[1].clone());
    assert_eq!(verify(SUBJECT, &entries), Err(Fault::OutOfOrder { sequence: 2 }));
}

#[test]
fn an_anchor_shows_that_the_end_was_cut_off() {
    let mut entries = trail(&["a", "b", "c"]);
    let anchor = verify(SUBJECT, &entries).expect("whole");
    entries.pop();
    assert!(verify(SUBJECT, &entries).is_ok());
    let truncated = |sequence| Err(Fault::Truncated { sequence });
    assert_eq!(verify_against(SUBJECT, &entries, &anchor), truncated(3));
    assert_eq!(verify_against(SUBJECT, &[], &anchor), truncated(1));
}

#[test]
fn an_anchor_shows_that_everything_was_written_anew() {
    let anchor = verify(SUBJECT, &trail(&["a", "b"])).expect("whole");
    let anew = trail(&["A", "b", "c"]);
    assert!(verify(SUBJECT, &anew).is_ok());
    assert_eq!(verify_against(SUBJECT, &anew, &anchor), Err(Fault::Rewritten { sequence: 2 }));
}

#[test]
fn an_anchor_of_another_trail_is_refused() {
    let entries = trail(&["a"]);
    let mut anchor = verify(SUBJECT, &entries).expect("whole");
    anchor.subject = "payments.2e1d".to_owned();
    let fault = verify_against(SUBJECT, &entries, &anchor).expect_err("another's");
    assert_eq!(
        fault.to_string(),
        "the head that was kept is of the trail of payments.2e1d, not of this one"
    );
}

#[test]
fn a_head_is_one_line() {
    let head = verify(SUBJECT, &trail(&["a", "b"])).expect("whole");
    let line = head.to_string();
    assert!(line.starts_with("payments.1f0c 2 sha256:"), "{line}");
    assert_eq!(line.parse(), Ok(head.clone()));
    assert_eq!(format!("{line}\n").parse(), Ok(head));
    for (spoilt, error) in [
        (line.replace(' ', "  "), HeadError::Words),
        (format!("{line} {line}"), HeadError::Words),
        (String::new(), HeadError::Words),
        (line.replace(" 2 ", " 02 "), HeadError::Sequence("02".to_owned())),
        (line.replace(" 2 ", " 0 "), HeadError::Sequence("0".to_owned())),
        (line.replace(" 2 ", " -2 "), HeadError::Sequence("-2".to_owned())),
    ] {
        assert_eq!(spoilt.parse::<Head>(), Err(error), "{spoilt}");
    }
    assert!(matches!(line[..60].parse::<Head>(), Err(HeadError::Digest(_))));
}

prop_compose! {
    fn any_trail()(
        entries in prop::collection::vec(
            (any::<i32>(), 0..Event::ALL.len(), ".{0,8}", prop::option::of(".{0,8}"), ".{0,40}"),
            1..9,
        )
    ) -> Vec<Entry> {
        let mut trail = Vec::new();
        for (second, event, plan, by, message) in entries {
            let second = i64::from(second % 100);
            let event = Event::ALL[event];
            let by = by.as_deref();
            trail.push(append(&trail, SUBJECT, at(second), event, &plan, by, &message));
        }
        trail
    }
}

/// What is to be named when an entry's number becomes another one.
fn renumbered(from: u64, to: u64) -> Fault {
    match to {
        0 => Fault::Broken { sequence: 0 },
        _ if to < from => Fault::Forked { sequence: to },
        _ => Fault::Missing { sequence: from },
    }
}

proptest! {
    #[test]
    fn what_was_appended_verifies_in_any_order_and_number(
        trail in any_trail(),
        picks in prop::collection::vec(any::<Index>(), 0..5),
        order in any::<u64>(),
    ) {
        let last = trail.last().expect("not empty");
        let mut copies = trail.clone();
        copies.extend(picks.iter().map(|pick| trail[pick.index(trail.len())].clone()));
        copies.sort_by_key(|entry| entry.sequence.wrapping_add(1).wrapping_mul(order | 1));
        let head = verify(SUBJECT, &copies).expect("whole");
        prop_assert_eq!((head.sequence, &head.digest), (trail.len() as u64, &last.digest));
        prop_assert_eq!(head.to_string().parse::<Head>(), Ok(head));
    }

    #[test]
    fn a_changed_byte_is_named(
        trail in any_trail(), which in any::<Index>(), place in any::<Index>(), byte in any::<u8>(),
    ) {
        let which = which.index(trail.len());
        let mut stored = trail[which].to_canonical_json().into_bytes();
        let place = place.index(stored.len());
        stored[place] = byte;
        // What is no entry any more is named by whoever reads it.
        let Ok(read) = serde_json::from_slice::<Entry>(&stored) else { return Ok(()) };
        let mut entries = trail.clone();
        let fault = match (&read, &trail[which]) {
            // Another spelling of the same, such as `t` for `T` in a time.
            (now, was) if now == was => None,
            (now, was) if now.sequence == was.sequence => {
                Some(Fault::Broken { sequence: was.sequence })
            }
            (now, was) => Some(renumbered(was.sequence, now.sequence)),
        };
        entries[which] = read;
        prop_assert_eq!(verify(SUBJECT, &entries).err(), fault);
    }

    #[test]
    fn a_removed_entry_is_named(trail in any_trail(), which in any::<Index>()) {
        let anchor = verify(SUBJECT, &trail).expect("whole");
        let mut entries = trail;
        let sequence = entries.remove(which.index(entries.len())).sequence;
        let fault = verify_against(SUBJECT, &entries, &anchor).expect_err("incomplete");
        prop_assert_eq!(fault.sequence(), sequence);
        let at_the_end = sequence == anchor.sequence;
        prop_assert_eq!(fault.as_str(), if at_the_end { "Truncated" } else { "Missing" });
    }

    #[test]
    fn entries_that_change_numbers_are_named(
        trail in any_trail(), one in any::<Index>(), other in any::<Index>(), seal in any::<bool>(),
    ) {
        let (one, other) = (one.index(trail.len()), other.index(trail.len()));
        prop_assume!(one != other);
        let mut entries = trail;
        let kept = entries[one].sequence;
        entries[one].sequence = entries[other].sequence;
        entries[other].sequence = kept;
        let sequence = one.min(other) as u64 + 1;
        if seal {
            entries = entries.into_iter().map(sealed).collect();
        }
        let fault = verify(SUBJECT, &entries).expect_err("changed");
        prop_assert_eq!(fault.sequence(), sequence);
        prop_assert_eq!(fault.as_str(), if seal { "Misplaced" } else { "Broken" });
    }

    #[test]
    fn a_second_version_of_an_entry_is_named(
        trail in any_trail(), which in any::<Index>(), seal in any::<bool>(),
    ) {
        let mut version = trail[which.index(trail.len())].clone();
        version.message.push('!');
        let sequence = version.sequence;
        let mut entries = trail;
        entries.insert(0, if seal { sealed(version) } else { version });
        prop_assert_eq!(verify(SUBJECT, &entries), Err(Fault::Forked { sequence }));
    }

    #[test]
    fn an_anchor_names_what_was_written_anew_up_to_it_and_nothing_after(
        trail in any_trail(), from in any::<Index>(), kept in any::<Index>(),
    ) {
        let (from, kept) = (from.index(trail.len()), kept.index(trail.len()));
        let anchor = verify(SUBJECT, &trail[..=kept]).expect("whole");
        let mut anew = trail[..from].to_vec();
        for old in &trail[from..] {
            let message = format!("not {}", old.message);
            let by = old.by.as_deref();
            let plan = &old.digest_of_plan;
            anew.push(append(&anew, SUBJECT, old.at, old.event, plan, by, &message));
        }
        prop_assert!(verify(SUBJECT, &anew).is_ok());
        let fault = verify_against(SUBJECT, &anew, &anchor).err();
        let rewritten = Fault::Rewritten { sequence: anchor.sequence };
        prop_assert_eq!(fault, (from <= kept).then_some(rewritten));
    }
}
