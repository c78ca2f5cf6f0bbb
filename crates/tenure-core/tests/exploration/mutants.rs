//! Lifecycles that are wrong on purpose: the exploration has to find out each of them, or a rule
//! that always holds would prove nothing.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use stateright::{Checker, HasDiscoveries, Model};
use tenure_core::lifecycle::{Release, Wait};
use tenure_core::plan::{Phase, PlanDigest};
use tenure_core::policy::Terms;
use tenure_core::trail::{self, Event};
use tenure_core::{
    Cancel as Called, Disposition, Keep, Observation, Origin, Settings, Step, next_step,
};

use crate::model::{Config, Next};
use crate::people::Deed::{self, *};

/// Asserts that the exploration finds the rule of that name broken.
pub(crate) fn finds(rule: &'static str, config: Config) {
    let only = HasDiscoveries::AnyOf([rule].into());
    let checker = config.checker().threads(2).finish_when(only).spawn_bfs().join();
    assert!(checker.discovery(rule).is_some(), "{:?}", checker.discoveries().keys());
}

fn alone(next: Next, deeds: &[Deed]) -> Config {
    Config { controllers: 1, next, ..Config::with(deeds) }
}

fn together(next: Next, deeds: &[Deed]) -> Config {
    Config { next, ..Config::with(deeds) }
}

fn begins(step: &Step, event: Event) -> bool {
    let Step::AdvancePlan(status) = step else { return false };
    status.history.last().is_some_and(|entry| entry.event == event)
}

fn delete(seen: &Observation<'_>) -> Option<Step> {
    let namespace = seen.namespace.as_ref()?;
    Some(Step::DeleteNamespace {
        uid: namespace.uid.clone(),
        resource_version: namespace.resource_version.clone(),
    })
}

fn deletes_without_a_beginning(seen: &Observation<'_>, now: Timestamp) -> Step {
    let step = next_step(seen, now);
    if begins(&step, Event::Started) { delete(seen).unwrap_or(step) } else { step }
}

fn deletes_without_a_plan(seen: &Observation<'_>, now: Timestamp) -> Step {
    match next_step(seen, now) {
        Step::RecordPlan(plan) if plan.disposition == Disposition::Delete => {
            delete(seen).unwrap_or(Step::Done)
        }
        step => step,
    }
}

#[test]
fn a_deletion_that_no_record_allows_is_found() {
    let rule = "a namespace is deleted only by a record that stands";
    finds(rule, alone(deletes_without_a_beginning, &[]));
    finds(rule, alone(deletes_without_a_plan, &[]));
}

fn waits_for_nobody_to_arrive(seen: &Observation<'_>, now: Timestamp) -> Step {
    match next_step(seen, now) {
        Step::Wait(_) if seen.project.is_none() && seen.namespace.is_some() => {
            Step::ReleaseNamespace(Release { label: true, finalizer: true, owner_reference: false })
        }
        step => step,
    }
}

#[test]
fn a_home_that_is_taken_back_before_anybody_came_is_found() {
    let config = alone(waits_for_nobody_to_arrive, &[AskForProject, StoreProject]);
    finds("everything comes to rest", Config { unborn: true, ..config });
}

fn takes_what_it_read_for_the_present(seen: &Observation<'_>, now: Timestamp) -> Step {
    next_step(&Observation { as_of: now, ..seen.clone() }, now)
}

#[test]
fn a_project_that_came_after_it_was_looked_for_is_found() {
    let deeds = [AskForProject, StoreProject];
    let config = alone(takes_what_it_read_for_the_present, &deeds);
    finds(
        "only the Project's own namespace is touched",
        Config { unborn: true, ticks: 1, ..config },
    );
}

fn overlooks_the_namespace(seen: &Observation<'_>, now: Timestamp) -> Step {
    let mut seen = seen.clone();
    if let Some(namespace) = &mut seen.namespace {
        namespace.statements = Default::default();
    }
    next_step(&seen, now)
}

fn overlooks_the_project(seen: &Observation<'_>, now: Timestamp) -> Step {
    let mut seen = seen.clone();
    if let Some(project) = &mut seen.project {
        project.statements = Default::default();
    }
    next_step(&seen, now)
}

#[test]
fn what_people_say_and_nobody_hears_is_found() {
    let rule = "a protected namespace is not deleted";
    finds(rule, alone(overlooks_the_namespace, &[KeepNamespace]));
    finds(rule, alone(overlooks_the_namespace, &[LienOnNamespace]));
    finds(rule, alone(overlooks_the_project, &[KeepProject]));
    finds(rule, alone(overlooks_the_project, &[LienOnProject]));
}

#[test]
fn a_deletion_by_what_was_read_before_a_write_is_found() {
    let rule = "nothing is given up on what was read before a write";
    finds(rule, Config { skips_fresh_reads: true, ..alone(next_step, &[]) });
}

fn takes_any_for_its_own(seen: &Observation<'_>, now: Timestamp) -> Step {
    let mut seen = seen.clone();
    if let (Some(namespace), Some(project)) = (&mut seen.namespace, &mut seen.project) {
        namespace.project_uid = Some(project.uid.clone());
        namespace.origin = Some(Ok(Origin::Created));
        project.bound_by_annotation = Some(namespace.uid.clone());
    }
    next_step(&seen, now)
}

fn means_another(seen: &Observation<'_>, now: Timestamp) -> Step {
    match next_step(seen, now) {
        Step::DeleteNamespace { resource_version, .. } => {
            let uid = crate::cluster::namespace_uid(9);
            Step::DeleteNamespace { uid, resource_version }
        }
        step => step,
    }
}

#[test]
fn a_hand_on_what_is_not_its_own_is_found() {
    let deeds = [StripFinalizer, CreateProject, DeleteProject];
    finds("only the Project's own namespace is touched", alone(takes_any_for_its_own, &deeds));
    finds("everything comes to rest", alone(means_another, &[]));
}

fn lets_go_early(seen: &Observation<'_>, now: Timestamp) -> Step {
    let going = seen.namespace.as_ref().is_some_and(|ns| ns.deleting.is_some());
    let held = seen.project.as_ref().is_some_and(|p| p.deleting.is_some() && p.finalizer);
    if going && held { Step::LetGoOfProject } else { next_step(seen, now) }
}

fn never_lets_go(seen: &Observation<'_>, now: Timestamp) -> Step {
    match next_step(seen, now) {
        Step::LetGoOfProject => Step::Wait(Wait::Event),
        step => step,
    }
}

#[test]
fn a_project_that_goes_too_early_or_never_is_found() {
    finds("a Project goes only after its namespace", alone(lets_go_early, &[]));
    finds("everything comes to rest", alone(never_lets_go, &[]));
}

fn takes_every_label(seen: &Observation<'_>, now: Timestamp) -> Step {
    match next_step(seen, now) {
        Step::ReleaseNamespace(what) => Step::ReleaseNamespace(Release { label: true, ..what }),
        step => step,
    }
}

#[test]
fn what_was_taken_from_others_is_found() {
    let config = Config { adopted: true, ..alone(takes_every_label, &[]) };
    finds("what others wrote stays", config);
}

fn takes_one_confirmation_for_all(seen: &Observation<'_>, now: Timestamp) -> Step {
    let mut seen = seen.clone();
    let stored = seen.plan.as_ref().map(|plan| plan.digest.clone());
    if let Some(project) = &mut seen.project {
        let given: Option<PlanDigest> = project.confirm.take();
        project.confirm = given.and(stored);
    }
    next_step(&seen, now)
}

fn never_lets_a_confirmation_expire(seen: &Observation<'_>, now: Timestamp) -> Step {
    static PATIENT: LazyLock<Settings> = LazyLock::new(|| Settings {
        confirmation_holds: Duration::from_hours(1000),
        ..Config::default().settings
    });
    next_step(&Observation { settings: &PATIENT, ..seen.clone() }, now)
}

#[test]
fn a_confirmation_of_something_else_or_of_long_ago_is_found() {
    let rule = "a confirmation counts once, in time, for what was shown";
    let demanding = || Terms { confirmation: true, ..Terms::default() };
    let again =
        alone(takes_one_confirmation_for_all, &[Confirm, CreateProject, DeleteProject, Replay]);
    finds(rule, again.demanding(demanding()));
    let late = alone(never_lets_a_confirmation_expire, &[Confirm, LienOnProject, UnlienProject]);
    finds(rule, Config { ticks: 2, ..late }.demanding(demanding()));
}

fn keeps_no_history(seen: &Observation<'_>, now: Timestamp) -> Step {
    match next_step(seen, now) {
        Step::AdvancePlan(mut status) => {
            status.history = status.history.pop().into_iter().collect();
            Step::AdvancePlan(status)
        }
        step => step,
    }
}

fn releases_without_a_plan(seen: &Observation<'_>, now: Timestamp) -> Step {
    match next_step(seen, now) {
        Step::RecordPlan(plan) if plan.disposition == Disposition::Retain => {
            Step::ReleaseNamespace(Release { label: true, finalizer: true, owner_reference: false })
        }
        step => step,
    }
}

fn says_done_at_once(seen: &Observation<'_>, now: Timestamp) -> Step {
    let step = next_step(seen, now);
    let (Step::DeleteNamespace { .. }, Some(plan)) = (&step, &seen.plan) else { return step };
    let mut status = plan.status.clone();
    let digest = plan.digest.as_str();
    let told = "the namespace is gone";
    let done = trail::append(&status.history, &plan.name, now, Event::Done, digest, None, told);
    status.history.push(done);
    status.phase = Phase::Done;
    Step::AdvancePlan(Box::new(status))
}

fn never_ends_a_plan(seen: &Observation<'_>, now: Timestamp) -> Step {
    let step = next_step(seen, now);
    match (begins(&step, Event::Done), &seen.project) {
        (true, Some(_)) => Step::LetGoOfProject,
        (true, None) => Step::Done,
        (false, _) => step,
    }
}

#[test]
fn a_record_that_is_wrong_or_comes_too_late_is_found() {
    finds("the trail verifies", alone(keeps_no_history, &[]));
    let rule = "an action is recorded before it is taken";
    finds(rule, alone(releases_without_a_plan, &[KeepProject]));
    finds("an outcome is recorded after the fact", alone(says_done_at_once, &[]));
    finds("everything comes to rest", alone(never_ends_a_plan, &[]));
}

fn calls_off_at_once(seen: &Observation<'_>, now: Timestamp) -> Step {
    let mut seen = seen.clone();
    if let (Some(project), Some(namespace)) = (&seen.project, &mut seen.namespace)
        && project.cancel == Called::Yes
    {
        namespace.finalizer = false;
    }
    next_step(&seen, now)
}

fn calls_off_what_happened(seen: &Observation<'_>, now: Timestamp) -> Step {
    let mut seen = seen.clone();
    if let (Some(plan), Some(namespace)) = (&mut seen.plan, &seen.namespace) {
        plan.namespace_uid = namespace.uid.clone();
    }
    next_step(&seen, now)
}

#[test]
fn a_deletion_that_was_called_off_and_happens_is_found() {
    let rule = "a deletion that was called off does not happen";
    finds(rule, together(calls_off_at_once, &[Cancel]));
    let rule = "a deletion that happened is not recorded as called off";
    finds(rule, alone(calls_off_what_happened, &[Cancel, CopyNamespace]));
}

fn records_at_once(seen: &Observation<'_>, now: Timestamp) -> Step {
    let mut seen = seen.clone();
    if let (Some(project), Some(namespace)) = (&seen.project, &mut seen.namespace)
        && project.statements.keep == Keep::Yes
    {
        namespace.finalizer = false;
    }
    next_step(&seen, now)
}

#[test]
fn a_deletion_that_the_record_no_longer_allows_is_found() {
    let config = together(records_at_once, &[KeepProject]);
    let rule = "what a record no longer allows does not happen";
    finds(rule, Config { strict: true, ..config });
}

/// The pure steps alone are not enough: what the executor tests, and what is read in which
/// order, carries the rules as well.
#[test]
fn an_executor_that_tests_or_reads_too_little_is_found() {
    let rule = "a Project goes only after its namespace";
    let adopted = together(next_step, &[ConfirmAlternative]);
    finds(rule, Config { adopted: true, releases_at_version: false, ..adopted });
    let again = together(next_step, &[CreateProject, DeleteProject]);
    finds(rule, Config { looks_again: false, ..again });
    let again = Config { deeds: vec![(Cancel, 2), (Uncancel, 1)], ..together(next_step, &[]) };
    let rule = "a deletion that was called off does not happen";
    finds(rule, Config { looks_again: false, ..again });
}

#[test]
fn an_absence_that_no_answer_was_about_is_found() {
    let believing =
        |deeds| Config { stray_answers: true, believes_any_404: true, ..alone(next_step, deeds) };
    finds("an outcome is recorded after the fact", believing(&[]));
    finds("a Project goes only after its namespace", believing(&[]));
    let live = Config { deleting: false, ticks: 1, ..believing(&[]) };
    finds("only the Project's own namespace is touched", live);
}
