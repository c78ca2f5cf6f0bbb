//! What is wrong on purpose beside Kargo: each has to be found out.

use std::sync::Arc;

use jiff::Timestamp;
use tenure_core::lifecycle::Wait;
use tenure_core::plan::Plan;
use tenure_core::{Cancel as Called, Observation, ProjectFacts, Step, next_step};

use crate::admission::{By, guard};
use crate::cluster::Cluster;
use crate::companion_lives::{beside, beside_two};
use crate::confirmation;
use crate::model::{Config, Next};
use crate::mutants::finds;
use crate::people::Deed::{self, *};

const STAYS: &str = "nobody else deletes what has to stay";
const RESTS: &str = "everything comes to rest";

fn alone(next: Next, deeds: &[Deed]) -> Config {
    Config { next, ..beside(deeds) }
}

fn hour(config: Config) -> Config {
    Config { ticks: 1, ..config }
}

fn never_stamps(seen: &Observation<'_>, now: Timestamp) -> Step {
    match next_step(seen, now) {
        Step::StampProject(_) => Step::Wait(Wait::Event),
        step => step,
    }
}

fn never_withdraws(seen: &Observation<'_>, now: Timestamp) -> Step {
    match next_step(seen, now) {
        Step::WithdrawStamp => Step::Done,
        step => step,
    }
}

#[test]
fn a_kargo_that_was_not_told_or_is_told_for_ever_is_found() {
    let deeds = [DeleteProject, KeepNamespace, UnkeepNamespace];
    // The guard holds what stays, and Kargo comes back for it as long as nobody tells it.
    finds(
        RESTS,
        Config { stamps: false, ..alone(never_stamps, &[DeleteProject, LienOnNamespace]) },
    );
    let unguarded = Config { guard: |_, _, _| true, ..beside(&deeds) };
    finds(STAYS, Config { stamps: false, adopted: true, ..unguarded });
    finds(RESTS, hour(alone(never_withdraws, &[DeleteProject, RefuseDeletion])));
}

fn does_not_wait_for_kargo(seen: &Observation<'_>, now: Timestamp) -> Step {
    let mut seen = seen.clone();
    if let Some(project) = &mut seen.project {
        project.finalizer = false;
    }
    next_step(&seen, now)
}

fn takes_itself_for_kargo(seen: &Observation<'_>, now: Timestamp) -> Step {
    match next_step(seen, now) {
        Step::Done if seen.project.as_ref().is_some_and(|p| p.deleting.is_none()) => {
            Step::HoldProject
        }
        step => step,
    }
}

#[test]
fn a_hand_on_what_is_kargos_is_found() {
    let rule = "what is Kargo's is left to Kargo";
    finds(rule, alone(does_not_wait_for_kargo, &[DeleteProject, KeepNamespace]));
    finds(rule, alone(takes_itself_for_kargo, &[StripFinalizer]));
}

fn calls_off_at_once(seen: &Observation<'_>, now: Timestamp) -> Step {
    let mut seen = seen.clone();
    if let (Some(plan), Some(namespace)) = (&seen.plan, &mut seen.namespace)
        && plan.cancel == Called::Yes
    {
        namespace.leave = false;
    }
    next_step(&seen, now)
}

/// The Namespace that was read before leave was given says nothing about it.
#[test]
fn a_deletion_that_was_called_off_and_happens_is_found() {
    let rule = "a deletion that was called off does not happen";
    finds(rule, Config { next: calls_off_at_once, ..beside_two(&[DeleteProject, CancelPlan]) });
    let deeds = [DeleteProject, CancelPlan];
    finds(rule, Config { looks_again: false, ..beside_two(&deeds) });
}

fn forgets_what_the_project_said(seen: &Observation<'_>, now: Timestamp) -> Step {
    let mut seen = seen.clone();
    if let Some(recorded) = &mut seen.recorded {
        recorded.statements = Default::default();
    }
    next_step(&seen, now)
}

#[test]
fn what_a_project_said_that_is_gone_and_nobody_heard_is_found() {
    let config = alone(forgets_what_the_project_said, &[DeleteProject, KeepProject]);
    // The guard still hears it, and refuses Tenure, too.
    finds(RESTS, config.clone());
    finds("a protected namespace is not deleted", Config { guard: |_, _, _| true, ..config });
}

/// The plan of a deletion that was refused is no plan for one that nobody asked about; and one that
/// does not say that it was let in is carried out by nobody.
#[test]
fn a_plan_that_says_the_wrong_thing_about_being_let_in_is_found() {
    let deeds = [DeleteProject, DeleteProjectUnasked, StripFinalizer, Approve];
    let always = Config { records_let_in: |_| true, ..beside(&deeds) };
    let rule = "a namespace is deleted only by a record that stands";
    finds(rule, always.demanding(confirmation()));
    finds(RESTS, Config { records_let_in: |_| false, ..beside(&[DeleteProject]) });
}

fn is_recorded_once(seen: &Observation<'_>, plan: &Plan, lets_in: bool) -> bool {
    let ended = seen.plan.as_ref().is_some_and(|stored| stored.status.phase.is_final());
    seen.is_recorded(plan, false) && (!lets_in || (seen.recorded.is_some() && !ended))
}

/// What is known of a deletion that was refused is about to be ended when the next one is let in.
#[test]
fn a_plan_that_is_ended_while_its_deletion_is_let_in_anew_is_found() {
    let deeds = vec![(DeleteProject, 2), (RefuseDeletion, 1)];
    let config = Config { deeds, is_recorded: is_recorded_once, ..beside_two(&[]) };
    finds(RESTS, hour(config));
}

fn records_what_the_digest_says_alone(seen: &Observation<'_>, plan: &Plan, lets_in: bool) -> bool {
    let mut seen = seen.clone();
    if let (Some(recorded), Some(project)) = (&mut seen.recorded, &seen.project) {
        *recorded = ProjectFacts { deleting: recorded.deleting, ..project.clone() };
    }
    seen.is_recorded(plan, lets_in)
}

/// That its deletion is called off is in no digest.
#[test]
fn a_project_that_says_more_than_is_recorded_when_it_goes_is_found() {
    let deeds = &[DeleteProject, CancelAhead];
    finds(
        "a deletion that was called off does not happen",
        Config { is_recorded: records_what_the_digest_says_alone, ..beside(deeds) },
    );
}

fn overlooks_what_was_called_off(cluster: &Cluster, config: &Config, by: By) -> bool {
    let mut cluster = cluster.clone();
    if let Some(project) = &mut cluster.project {
        Arc::make_mut(project).cancel = false;
    }
    guard(&cluster, config, by)
}

/// As for a person: what is decided of a Project that Kargo remembers.
fn lets_kargo_go_by_a_preview(cluster: &Cluster, config: &Config, _: By) -> bool {
    guard(cluster, config, By::Person)
}

#[test]
fn a_guard_that_lets_pass_too_much_is_found() {
    let everything = Config { guard: |_, _, _| true, ..beside(&[DeleteNamespace, LienOnProject]) };
    finds(STAYS, everything);
    let deeds = [DeleteProjectUnasked, Cancel, DeleteNamespace];
    finds(STAYS, Config { guard: overlooks_what_was_called_off, ..beside(&deeds) });
    let unasked = beside(&[DeleteProjectUnasked]);
    finds(STAYS, Config { guard: lets_kargo_go_by_a_preview, ..unasked });
}

/// Where neither the deletion of the Project nor that of the Namespace reaches Tenure, only Kargo is
/// left, and what Kargo does not read protects nothing.
#[test]
fn what_nobody_is_asked_about_cannot_be_held() {
    let nobody = |deeds: &[Deed]| Config { guarded: false, ..beside(deeds) };
    finds(STAYS, nobody(&[DeleteProjectUnasked, LienOnProject]));
    finds(STAYS, nobody(&[DeleteProjectUnasked, LienOnNamespace]));
    finds(STAYS, Config { adopted: true, ..nobody(&[DeleteProjectUnasked]) });
    finds(STAYS, Config { stranger: true, ..nobody(&[DeleteProjectUnasked]) });
    // What Kargo reads it reads from its cache, which may be older than what is said.
    finds(STAYS, nobody(&[DeleteProjectUnasked, KeepProject]));
}

#[test]
fn an_absence_that_no_answer_was_about_is_found_beside_kargo() {
    let believing = Config {
        stray_answers: true,
        believes_any_404: true,
        ..alone(next_step, &[DeleteProject])
    };
    finds("only the Project's own namespace is touched", believing);
}
