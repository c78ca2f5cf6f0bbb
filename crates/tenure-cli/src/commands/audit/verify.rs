//! `audit verify`: whether trails are whole, go on from what was kept of them, and say the same in
//! plans and archive.

use schemars::JsonSchema;
use serde::Serialize;
use tenure_core::trail::{Head, verify_against};

use super::read::{Trail, find, of_archive, of_plans};
use crate::arguments::{AuditVerifyArguments, GlobalArguments};
use crate::exit::{Failure, Outcome};
use crate::printer::Printer;
use crate::text::{BAD, CAREFUL, GOOD, Text};
use crate::view::json::{Document, Says};

/// What verifying said.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Verification {
    /// One for each trail in each place.
    trails: Vec<Verdict>,
}

/// What verifying said about one trail in one place.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whose trail it is: the plan's name.
    subject: String,
    /// Where it was read: Plan or Archive; or Both, where the two are compared.
    place: &'static str,
    /// The head, `SUBJECT SEQUENCE sha256:…`, to be kept elsewhere; null if something is wrong.
    head: Option<String>,
    /// What is wrong, with the first entry that it is about; null if nothing is.
    fault: Option<String>,
    /// What is no fault and worth knowing.
    note: Option<String>,
}

impl Says for Verification {
    const KIND: &'static str = "Verification";
}

pub(super) async fn run(
    arguments: &AuditVerifyArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let AuditVerifyArguments { name, anchor, offline, from, output } = arguments;
    printer.for_programs(output.machine());
    let mut plans = if *offline { None } else { Some(of_plans(global).await?.0) };
    let mut archived = match &from.archive {
        Some(url) => Some(of_archive(url).await?),
        None => None,
    };
    if let Some(name) = name {
        select(name, &mut plans, &mut archived)?;
    }
    let verification =
        Verification { trails: judge(plans.as_deref(), archived.as_deref(), anchor) };
    match output.machine() {
        Some(machine) => printer.document(machine, &Document::of(&verification))?,
        None => verification.tell(printer)?,
    }
    verification.outcome()
}

/// Leaves the trail of that name alone, wherever it is.
fn select(
    name: &str,
    plans: &mut Option<Vec<Trail>>,
    archived: &mut Option<Vec<Trail>>,
) -> Outcome {
    let everywhere: Vec<_> =
        plans.iter().chain(archived.iter()).flatten().cloned().collect::<Vec<_>>();
    let mut unique = everywhere;
    unique.sort_by(|a, b| a.subject.cmp(&b.subject));
    unique.dedup_by(|a, b| a.subject == b.subject);
    let subject = find(&unique, name)?.subject.clone();
    for trails in [plans, archived].into_iter().flatten() {
        trails.retain(|trail| trail.subject == subject);
    }
    Ok(())
}

/// Judges every trail in every place, each anchor, and whether the places agree.
fn judge(plans: Option<&[Trail]>, archived: Option<&[Trail]>, anchors: &[Head]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (place, trails) in [("Plan", plans), ("Archive", archived)] {
        for trail in trails.unwrap_or_default() {
            verdicts.push(alone(place, trail, anchors));
        }
    }
    let everywhere = || plans.into_iter().chain(archived).flatten();
    for anchor in anchors {
        if !everywhere().any(|trail| trail.subject == anchor.subject) {
            let fault = "the trail is not there, and its head was kept".to_owned();
            verdicts.push(Verdict::of(&anchor.subject, "Both", Err(fault)));
        }
    }
    if let (Some(plans), Some(archived)) = (plans, archived) {
        for plan in plans {
            let kept = archived.iter().find(|trail| trail.subject == plan.subject);
            verdicts.extend(compared(plan, kept));
        }
    }
    verdicts.sort_by(|a, b| (&a.subject, a.place).cmp(&(&b.subject, b.place)));
    verdicts
}

fn alone(place: &'static str, trail: &Trail, anchors: &[Head]) -> Verdict {
    let mut judged = trail.judge();
    for anchor in anchors.iter().filter(|anchor| anchor.subject == trail.subject) {
        judged = judged.and_then(|_| {
            verify_against(&trail.subject, &trail.entries, anchor)
                .map_err(|fault| fault.to_string())
        });
    }
    Verdict::of(&trail.subject, place, judged)
}

/// What plan and archive say differently, if anything.
fn compared(plan: &Trail, archived: Option<&Trail>) -> Option<Verdict> {
    let nothing = Vec::new();
    let kept = archived.map_or(&nothing, |trail| &trail.entries);
    if plan.illegible.is_some() || archived.is_some_and(|trail| trail.illegible.is_some()) {
        return None;
    }
    let differs = plan.entries.iter().zip(kept).find(|(ours, theirs)| ours != theirs);
    if let Some((ours, _)) = differs {
        let fault =
            format!("entry {} is another one in the archive than in the plan", ours.sequence);
        return Some(Verdict::of(&plan.subject, "Both", Err(fault)));
    }
    let (here, there) = (plan.entries.len(), kept.len());
    if here < there {
        let fault = format!("entry {} is in the archive, and missing in the plan", here + 1);
        return Some(Verdict::of(&plan.subject, "Both", Err(fault)));
    }
    if there == here {
        return None;
    }
    let told = format!("entry {} is in the plan, and missing in the archive", there + 1);
    if plan.has_ended() {
        return Some(Verdict::of(&plan.subject, "Both", Err(told)));
    }
    // It is archived before anything destructive, and at the end.
    Some(Verdict {
        subject: plan.subject.clone(),
        place: "Both",
        head: None,
        fault: None,
        note: Some(format!("{told}; the plan has not ended")),
    })
}

impl Verdict {
    fn of(subject: &str, place: &'static str, judged: Result<Head, String>) -> Self {
        Self {
            subject: subject.to_owned(),
            place,
            head: judged.as_ref().ok().map(ToString::to_string),
            fault: judged.err(),
            note: None,
        }
    }
}

impl Verification {
    fn tell(&self, printer: &Printer) -> Outcome {
        for Verdict { subject, place, head, fault, note } in &self.trails {
            let place = place.to_ascii_lowercase();
            let text = match (head, fault, note) {
                (_, Some(fault), _) => {
                    Text::styled(BAD, "broken").and(format!(" {place}: {subject}: {fault}"))
                }
                (Some(head), ..) => Text::styled(GOOD, "whole").and(format!(" {place}: {head}")),
                (None, None, note) => Text::styled(CAREFUL, "note")
                    .and(format!(" {place}: {subject}: {}", note.as_deref().unwrap_or_default())),
            };
            printer.line(&text)?;
        }
        if self.trails.is_empty() {
            printer.tell(&Text::plain("there are no trails"));
        }
        Ok(())
    }

    fn outcome(&self) -> Outcome {
        let mut broken = self.trails.iter().filter_map(|verdict| {
            let fault = verdict.fault.as_ref()?;
            Some((verdict, fault))
        });
        let Some((first, fault)) = broken.next() else { return Ok(()) };
        let more = match broken.count() {
            0 => String::new(),
            more => format!("; and {more} more are wrong"),
        };
        let place = first.place.to_ascii_lowercase();
        Err(Failure::refused(format!(
            "the trail of {} does not verify ({place}): {fault}{more}",
            first.subject
        )))
    }
}

#[cfg(test)]
mod tests {
    use tenure_core::trail::{Entry, Event, append};

    use super::super::read::testing::trail;
    use super::*;

    fn history(events: &[Event]) -> Vec<Entry> {
        let mut history = Vec::new();
        for (index, event) in events.iter().enumerate() {
            let at = jiff::Timestamp::from_second(1_800_000_000 + index as i64).expect("a time");
            history.push(append(&history, "p.u", at, *event, "sha256:0", None, "it happened"));
        }
        history
    }

    fn faults(plan: Vec<Entry>, phase: &str, archived: Vec<Entry>) -> Vec<String> {
        let plans = [trail("p.u", Some(phase), plan)];
        let archived = [trail("p.u", None, archived)];
        let verdicts = judge(Some(&plans), Some(&archived), &[]);
        verdicts.into_iter().filter_map(|verdict| verdict.fault).collect()
    }

    const LIFE: [Event; 3] = [Event::Decided, Event::Started, Event::Done];

    #[test]
    fn plan_and_archive_have_to_say_the_same() {
        let whole = history(&LIFE);
        assert_eq!(faults(whole.clone(), "Done", whole.clone()), Vec::<String>::new());
        let cut = whole[..2].to_vec();
        assert_eq!(faults(whole.clone(), "Executing", cut.clone()), Vec::<String>::new());
        let missing = "entry 3 is in the plan, and missing in the archive";
        assert_eq!(faults(whole.clone(), "Done", cut.clone()), [missing]);
        let missing = "entry 3 is in the archive, and missing in the plan";
        assert_eq!(faults(cut, "Executing", whole.clone()), [missing]);
        let other = history(&[Event::Decided, Event::Void]);
        let differs = "entry 2 is another one in the archive than in the plan";
        assert!(faults(whole, "Done", other).contains(&differs.to_owned()));
    }

    #[test]
    fn what_was_changed_is_named_and_what_was_kept_has_to_be_there() {
        let mut history = history(&LIFE);
        history[1].message = "it did not".to_owned();
        let plans = [trail("p.u", Some("Done"), history)];
        let verdict = judge(Some(&plans), None, &[]).remove(0);
        assert!(verdict.fault.expect("a fault").starts_with("entry 2 does not match its digest"));
        let kept: Head = format!("gone.u 1 sha256:{}", "0".repeat(64)).parse().expect("a head");
        let verdict = judge(Some(&[]), None, &[kept]).remove(0);
        assert_eq!((verdict.subject.as_str(), verdict.head), ("gone.u", None));
    }
}
