//! The gates that a plan has to pass, and how a person opens each.

use jiff::Timestamp;

use super::{Observation, Step};
use crate::contents::Contents;
use crate::listing::first_of;
use crate::plan::{Current, Missing, Plan, PlanDigest, PlanFacts};
use crate::trail::{self, Event};
use crate::{Cancel, Gate, ProjectFacts, Source, keys};

/// How many of the kinds that could not be seen are named.
const NAMED_KINDS: usize = 5;

/// Everything that has to be awaited, but for the breaker.
pub(super) fn gates(
    seen: &Observation<'_>,
    project: &ProjectFacts,
    plan: &Plan,
    digest: &PlanDigest,
    mut gates: Vec<Gate>,
    now: Timestamp,
) -> Vec<Gate> {
    for lien in gates.iter_mut().filter(|gate| gate.source == Source::LienOnProject) {
        // Somebody broke the glass to delete it, and nobody can take anything off it any more.
        if seen.beside_kargo() && project.deleting.is_some() {
            lien.reason.push_str(
                "; what the Project said when it was deleted stands: to have it back and take that \
                 off, annotate the DeletionPlan with tenure.dev/cancel=true",
            );
        }
    }
    if let Cancel::Illegible(value) = seen.cancel(project) {
        gates.push(Gate {
            source: Source::Cancel,
            reason: format!("{} says {value}, which is not \"true\"", keys::CANCEL),
        });
    }
    let on_plan = seen.plan_of(project).is_some_and(|stored| stored.cancel == Cancel::Yes);
    if on_plan && project.deleting.is_none() {
        gates.push(Gate {
            source: Source::Cancel,
            reason: format!("its DeletionPlan says {}=true; take that off first", keys::CANCEL),
        });
    }
    if !plan.destroys() {
        return gates;
    }
    gates.extend(plan.contents.as_deref().and_then(unseen));
    let consent = seen.consent(project);
    let missing = consent.missing(plan, digest);
    let how = match &seen.project {
        // Beside Kargo, one that is being deleted can say nothing more.
        Some(project) if !seen.beside_kargo() || project.deleting.is_none() => {
            format!("annotate the Project with {}={digest}", keys::CONFIRM)
        }
        _ => format!("approve digest {digest} in spec.approvals of the DeletionPlan"),
    };
    gates.extend(missing.iter().map(|missing| ask(missing, plan, digest, &how)));
    if let Some(not_before) = plan.not_before.filter(|time| *time > now) {
        // Beside Kargo the Project does not wait for it.
        let on = if seen.beside_kargo() { "DeletionPlan" } else { "Project" };
        gates.push(Gate {
            source: Source::Grace,
            reason: format!(
                "the namespace is left alone until {not_before:.0}; to call the deletion off, \
                 annotate the {on} with {}=true",
                keys::CANCEL
            ),
        });
    }
    gates
}

/// What is awaited, a reason for each source.
pub fn reasons(gates: &[Gate]) -> Vec<(String, String)> {
    let mut reasons: Vec<(String, String)> = Vec::new();
    for gate in gates {
        let source = gate.source.as_str();
        match reasons.iter_mut().find(|(known, _)| known == source) {
            Some((_, why)) => {
                why.push_str("; ");
                why.push_str(&gate.reason);
            }
            None => reasons.push((source.to_owned(), gate.reason.clone())),
        }
    }
    reasons
}

/// Blindness is no verdict.
fn unseen(contents: &Contents) -> Option<Gate> {
    let unseen = &contents.unseen;
    let named = first_of(unseen.iter().map(|unseen| &unseen.kind), NAMED_KINDS);
    // The words of a network differ each time, and would be a write each time.
    let why = match unseen.first()? {
        first if first.temporary => "the API server did not answer for it",
        first => first.why.as_str(),
    };
    Some(Gate {
        source: Source::Contents,
        reason: format!(
            "could not see {named} ({why}); let Tenure list them, by the role tenure-contents, or \
             name them with --ignored-kind"
        ),
    })
}

/// Asks for what is missing; `how` says how one confirms.
fn ask(missing: &Missing, plan: &Plan, digest: &PlanDigest, how: &str) -> Gate {
    let (source, reason) = match missing {
        Missing::Confirmation => (
            Source::Confirmation,
            format!("it has to be confirmed; to confirm that {}, {how}", plan.explain()),
        ),
        Missing::Other => (
            Source::Confirmation,
            format!(
                "something else was confirmed than that {}; to confirm it as it is now, {how}",
                plan.explain()
            ),
        ),
        Missing::Approvals { more, of, groups, requester_unknown } => {
            let who = if groups.is_empty() {
                String::new()
            } else {
                let groups: Vec<_> = groups.iter().map(String::as_str).collect();
                format!(" by members of {}", groups.join(", "))
            };
            let because = if *requester_unknown {
                ", one of them because nobody knows who asked for the deletion"
            } else {
                ""
            };
            (
                Source::Approvals,
                format!(
                    "{more} of {of} approvals{who} are missing{because}; they are given in \
                     spec.approvals of the DeletionPlan, for digest {digest}"
                ),
            )
        }
    };
    Gate { source, reason }
}

/// What is awaited while the breaker is open.
pub(super) fn interrupted(why: &str) -> Gate {
    Gate {
        source: Source::Breaker,
        reason: format!(
            "the breaker is open: {why}; to close it, annotate the ConfigMap tenure-breaker in \
             Tenure's namespace with {}=YOUR-USER-NAME",
            keys::CLOSED_BY
        ),
    }
}

/// Whether the breaker lets a deletion be carried out: the gate if it does not, or what has to be
/// written first.
pub(super) fn breaker(
    seen: &Observation<'_>,
    has_begun: bool,
    now: Timestamp,
) -> Result<Option<Gate>, Step> {
    match seen.breaker.current(now) {
        Current::MustOpen(why) if !has_begun => Err(Step::OpenBreaker(why)),
        Current::Flows | Current::MustOpen(_) => Ok(None),
        Current::Interrupted(why) => Ok(Some(interrupted(&why))),
        Current::MustClose(by) => Err(Step::CloseBreaker(by)),
    }
}

/// A history that does not verify was tampered with, and says nothing.
pub(super) fn distrust(stored: &PlanFacts) -> Option<Gate> {
    let history = &stored.status.history;
    let why = match trail::verify(&stored.name, history) {
        _ if history.is_empty() => return None,
        Ok(_) if trail::has_room(history, Event::Started) => return None,
        Ok(_) => "it is full".to_owned(),
        Err(fault) => fault.to_string(),
    };
    Some(Gate {
        source: Source::Trail,
        reason: format!(
            "the history of the DeletionPlan {} cannot be continued: {why}",
            stored.name
        ),
    })
}
