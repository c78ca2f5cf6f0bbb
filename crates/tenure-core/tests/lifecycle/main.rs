//! The lifecycle, driven without a cluster: the steps of whole lives, and that every life ends
//! wherever it is interrupted.
//!
//! The world here is a stand-in: it does what the API server would with each step, and nothing
//! that the steps do not say.

mod beside_kargo;
mod world;

use jiff::SignedDuration;
use tenure_core::lifecycle::{Archived, Wait, home as home_of, preview, reopened, still_let};
use tenure_core::plan::{Approval, Phase, PlanDigest, Requester};
use tenure_core::policy::{Approvals, Enforcement, Policy, Selector, Terms};
use tenure_core::trail::{self, Event};
use tenure_core::{
    Cancel, Disposition, Keep, Ledger, Mode, NamespaceFacts, Origin, ProjectFacts, Source, Stamp,
    Step, Uid, Wish, next_step,
};
use world::World;

/// The names of the steps until rest.
fn steps(world: &mut World) -> Vec<&'static str> {
    let mut names = Vec::new();
    loop {
        let step = world.next();
        if step.is_rest() {
            return names;
        }
        names.push(step.name());
        assert!(names.len() < 40, "it does not come to rest: {names:?}");
        world.apply(&step);
    }
}

#[test]
fn a_project_is_held_before_anything_is_made_for_it() {
    let mut world = World::with_project();
    assert_eq!(
        steps(&mut world),
        ["HoldProject", "CreateNamespace", "Provision", "Provision", "ReportStatus"]
    );
    assert_eq!(world.next(), Step::Done);
}

#[test]
fn a_namespace_is_deleted_before_its_project_is_let_go_of() {
    let mut world = World::ready();
    world.delete_project();
    assert_eq!(
        steps(&mut world),
        [
            "ReadContents",
            "RecordPlan",
            "AdvancePlan",
            "DeleteNamespace",
            "ReadAccess",
            "RemoveAccess",
            "RemoveNamespaceFinalizer"
        ]
    );
    assert!(matches!(world.next(), Step::Wait(Wait::AtMost(_))));
    world.namespace_goes();
    assert_eq!(steps(&mut world), ["ReadAccess", "AdvancePlan", "LetGoOfProject"]);
    assert!(world.project.is_none());
}

#[test]
fn a_kept_namespace_loses_what_was_added_and_nothing_else() {
    let mut world = World::ready();
    world.namespace_mut().statements.keep = Keep::Yes;
    assert_eq!(steps(&mut world), ["RemoveNamespaceFinalizer", "ReadAccess", "ReportStatus"]);
    world.delete_project();
    assert_eq!(
        steps(&mut world),
        [
            "RecordPlan",
            "AdvancePlan",
            "RemoveAccess",
            "ReleaseNamespace",
            "AdvancePlan",
            "LetGoOfProject"
        ]
    );
    let namespace = world.namespace.as_ref().expect("kept");
    assert!(!namespace.labelled && !namespace.recorded() && !namespace.finalizer);
    assert_eq!(namespace.statements.keep, Keep::Yes);
}

/// A Project, and a Namespace that stood before it with that ledger and no other record.
fn moving_in(ledger: Option<Ledger>) -> World {
    let mut world = World::with_project();
    let namespace = World::ready().namespace.expect("a namespace");
    world.namespace = Some(NamespaceFacts {
        created: world.now - SignedDuration::from_hours(1),
        labelled_by_controller: false,
        finalizer: false,
        project_uid: None,
        origin: None,
        ledger: ledger.map(Ok),
        ..namespace
    });
    steps(&mut world);
    world
}

#[test]
fn a_label_that_adoption_wrote_for_a_project_to_come_goes_with_the_project() {
    let mut world = moving_in(Some(Ledger::for_whoever_comes()));
    let namespace = world.namespace.as_ref().expect("adopted");
    assert_eq!(namespace.origin, Some(Ok(Origin::Adopted)));
    assert_eq!(namespace.ledger, Some(Ok(Ledger::for_whoever_comes())));
    world.delete_project();
    steps(&mut world);
    let namespace = world.namespace.as_ref().expect("retained");
    assert!(!namespace.labelled && !namespace.recorded());
}

#[test]
fn a_label_that_a_person_set_stays_when_the_project_goes() {
    let mut world = moving_in(None);
    world.delete_project();
    steps(&mut world);
    let namespace = world.namespace.as_ref().expect("retained");
    assert!(namespace.labelled && !namespace.recorded());
}

#[test]
fn a_deleted_project_that_was_never_held_gets_nothing() {
    let mut world = World::with_project();
    world.delete_project();
    assert_eq!(steps(&mut world), ["ReadAccess"]);
    assert!(world.namespace.is_none());
}

/// A Project that is being deleted, and the DELETE of its Namespace that is about to be sent.
fn about_to_delete() -> (World, Step) {
    let mut world = World::ready();
    world.delete_project();
    loop {
        let step = world.next();
        if matches!(step, Step::DeleteNamespace { .. }) {
            return (world, step);
        }
        world.apply(&step);
    }
}

#[test]
fn a_deletion_is_called_off_once_no_delete_can_be_on_its_way() {
    let (mut world, delete) = about_to_delete();
    world.project.as_mut().expect("a project").cancel = Cancel::Yes;
    let step = world.next();
    assert_eq!(step.name(), "RemoveNamespaceFinalizer");
    world.apply(&step);
    let Step::DeleteNamespace { resource_version, .. } = delete else { unreachable!() };
    assert_ne!(world.namespace_mut().resource_version, resource_version);
    let step = world.next();
    assert!(matches!(&step, Step::AdvancePlan(status) if status.phase == Phase::Void));
}

#[test]
fn a_deletion_begins_anew_once_its_calling_off_is_withdrawn() {
    let (mut world, _) = about_to_delete();
    world.namespace_mut().finalizer = false;
    let names: Vec<_> = (0..4)
        .map(|_| {
            let step = world.next();
            world.apply(&step);
            step.name()
        })
        .collect();
    assert_eq!(names, ["AdvancePlan", "AddNamespaceFinalizer", "AdvancePlan", "DeleteNamespace"]);
    let history = &world.plan.as_ref().expect("a plan").status.history;
    assert_eq!(history.iter().filter(|entry| entry.event == Event::Started).count(), 2);
}

#[test]
fn what_is_decided_anew_is_recorded_once_no_delete_can_be_on_its_way() {
    let (mut world, _) = about_to_delete();
    world.project.as_mut().expect("a project").statements.keep = Keep::Yes;
    assert_eq!(steps(&mut world)[..2], ["RemoveNamespaceFinalizer", "RecordPlan"]);
}

#[test]
fn a_begun_deletion_that_becomes_a_cleaning_is_recorded_anew() {
    let (mut world, _) = about_to_delete();
    world.project.as_mut().expect("a project").statements.wish = Wish::AtLeast(Disposition::Clean);
    for expected in ["RemoveNamespaceFinalizer", "RecordPlan"] {
        let step = world.next();
        assert_eq!(step.name(), expected);
        world.apply(&step);
    }
}

#[test]
fn what_a_policy_wants_archived_waits_where_there_is_no_archive() {
    let mut world = World::ready();
    world.policies = vec![Policy {
        name: "archived".to_owned(),
        uid: Uid::new("policy"),
        generation: 1,
        selector: Selector::default(),
        enforcement: Enforcement::Enforce,
        terms: Terms { archive: true, ..Terms::default() },
    }];
    world.delete_project();
    let names = steps(&mut world);
    assert!(!names.contains(&"DeleteNamespace"), "{names:?}");
    let conditions = &world.project.as_ref().expect("a project").conditions;
    assert!(conditions.iter().any(|c| c.message.contains("--archive")), "{conditions:?}");
    world.archived = Archived::Kept;
    assert!(steps(&mut world).contains(&"DeleteNamespace"));
}

/// Somebody else than whoever asks has to agree.
fn four_eyes() -> Policy {
    Policy {
        name: "four-eyes".to_owned(),
        uid: Uid::new("policy"),
        generation: 1,
        selector: Selector::default(),
        enforcement: Enforcement::Enforce,
        terms: Terms {
            approvals: [Approvals { count: 1, groups: Default::default() }].into(),
            ..Terms::default()
        },
    }
}

/// A Project whose deletion was asked for by somebody, and refused for want of agreement: the plan
/// stands, and the Project lives.
fn refused() -> World {
    let mut world = World::ready();
    world.policies = vec![four_eyes()];
    world.apply(&Step::ReadContents);
    let asked = preview(&world.seen(), world.now).expect("all is read").expect("a plan");
    assert_eq!(asked.gates[0].source, Source::Approvals);
    world.apply(&Step::RecordPlan(Box::new(asked.plan)));
    world.contents = None;
    world
}

fn approve(world: &mut World, user: &str) {
    let plan = world.plan.as_mut().expect("a plan");
    let digest = plan.digest.clone();
    plan.approvals.push(Approval { user: user.to_owned(), groups: Vec::new(), digest });
}

#[test]
fn what_is_agreed_to_before_the_deletion_counts_in_it() {
    let mut world = refused();
    assert_eq!(steps(&mut world), ["ReadAccess"]);
    world.plan.as_mut().expect("a plan").requester =
        Some(Requester { user: "anna".to_owned(), via: None });
    approve(&mut world, "anna");
    let gates = |world: &mut World| {
        world.apply(&Step::ReadContents);
        preview(&world.seen(), world.now).expect("all is read").expect("a plan").gates
    };
    assert_eq!(gates(&mut world).len(), 1, "nobody agrees to what they ask for themselves");
    approve(&mut world, "bert");
    assert_eq!(gates(&mut world), []);
    world.contents = None;
    world.delete_project();
    let names = steps(&mut world);
    assert!(names.contains(&"DeleteNamespace"), "{names:?}");
    assert!(!names.contains(&"RecordPlan"), "{names:?}");
}

#[test]
fn an_account_that_acts_for_people_and_the_person_behind_it_are_not_two_persons() {
    let robot = "system:serviceaccount:argocd:argocd-server";
    let mut world = refused();
    assert_eq!(steps(&mut world), ["ReadAccess"]);
    // An older Tenure recorded the account as if it were a person.
    world.plan.as_mut().expect("a plan").requester =
        Some(Requester { user: robot.to_owned(), via: None });
    let gates = |world: &mut World| {
        world.apply(&Step::ReadContents);
        preview(&world.seen(), world.now).expect("all is read").expect("a plan").gates
    };
    approve(&mut world, "anna");
    assert_eq!(gates(&mut world).len(), 1, "anna may be the person behind the account");
    approve(&mut world, "system:serviceaccount:ci:robot");
    assert_eq!(gates(&mut world).len(), 1, "a ServiceAccount is not a second person");
    approve(&mut world, "bert");
    assert_eq!(gates(&mut world), []);
}

#[test]
fn what_something_else_was_confirmed_than_is_held_until_it_is_confirmed_itself() {
    let mut world = World::ready();
    let confirm = |world: &mut World, digest: PlanDigest| {
        world.project.as_mut().expect("a project").confirm = Some(digest);
    };
    confirm(&mut world, PlanDigest::new("sha256:0"));
    world.delete_project();
    assert_eq!(steps(&mut world), ["ReadContents", "RecordPlan", "AdvancePlan", "ReportStatus"]);
    let plan = world.plan.clone().expect("a plan");
    let (source, why) = &plan.status.waiting[0];
    assert_eq!((source.as_str(), plan.status.waiting.len()), ("Confirmation", 1));
    assert!(why.starts_with("something else was confirmed than that the namespace is deleted"));
    confirm(&mut world, plan.digest);
    assert!(steps(&mut world).contains(&"DeleteNamespace"));
}

#[test]
fn what_is_kept_is_kept_whatever_was_confirmed() {
    let mut world = World::ready();
    world.project.as_mut().expect("a project").confirm = Some(PlanDigest::new("sha256:0"));
    world.namespace_mut().statements.keep = Keep::Yes;
    world.delete_project();
    assert!(steps(&mut world).contains(&"ReleaseNamespace"));
}

#[test]
fn what_is_agreed_to_and_not_asked_for_again_expires() {
    let mut world = refused();
    approve(&mut world, "anna");
    approve(&mut world, "bert");
    let holds = SignedDuration::try_from(world.settings.confirmation_holds).expect("a time");
    world.now += holds + SignedDuration::from_secs(1);
    let step = world.next();
    assert_eq!(step.name(), "AdvancePlan");
    world.apply(&step);
    assert_eq!(steps(&mut world), ["ReadAccess"]);
    world.apply(&Step::ReadContents);
    let again = preview(&world.seen(), world.now).expect("all is read").expect("a plan");
    assert_eq!(again.plan.attempt, 1);
    assert_eq!(again.gates[0].source, Source::Approvals);
}

/// Of a plan that has ended nothing more is written, but what was agreed to then is as old.
#[test]
fn what_was_agreed_to_for_a_deletion_that_came_to_nothing_expires_too() {
    let mut world = refused();
    approve(&mut world, "anna");
    approve(&mut world, "bert");
    world.plan.as_mut().expect("a plan").status.phase = Phase::Void;
    let asked = |world: &mut World| {
        world.apply(&Step::ReadContents);
        preview(&world.seen(), world.now).expect("all is read").expect("a plan")
    };
    assert_eq!(asked(&mut world).gates, []);
    let holds = SignedDuration::try_from(world.settings.confirmation_holds).expect("a time");
    world.now += holds + SignedDuration::from_secs(1);
    let again = asked(&mut world);
    assert_eq!((again.plan.attempt, again.gates[0].source), (1, Source::Approvals));
}

/// Whoever is let in has to be able to end: what is refused by others again and again fills no
/// history, and a history that is full for another reason lets nothing in.
#[test]
fn a_history_without_room_lets_nothing_in_and_refusals_leave_room() {
    let mut world = refused();
    world.policies.clear();
    world.settings.mode = Mode::Companion;
    world.apply(&Step::ReadContents);
    let preview = |world: &World| preview(&world.seen(), world.now).expect("all is read");
    let plan = preview(&world).expect("a plan").plan;
    world.apply(&Step::RecordPlan(Box::new(plan)));
    for _ in 0..200 {
        let plan = world.plan.as_mut().expect("a plan");
        plan.status = reopened(plan, world.now);
        world.project.as_mut().expect("a project").stamp =
            Some(Stamp { plan: plan.name.clone(), at: world.now });
        world.now += SignedDuration::from_mins(2);
        let step = world.next();
        assert_eq!(step, Step::WithdrawStamp);
        world.project.as_mut().expect("a project").stamp = None;
        let mut seen = world.seen();
        seen.recorded = seen.project.clone().map(|project| ProjectFacts {
            deleting: Some(world.now - SignedDuration::from_mins(2)),
            ..project
        });
        let Step::AdvancePlan(status) = next_step(&seen, world.now) else { panic!("it ends") };
        drop(seen);
        assert_eq!(status.phase, Phase::Void);
        world.plan.as_mut().expect("a plan").status = *status;
    }
    assert_eq!(preview(&world).expect("a plan").gates, []);
    let plan = world.plan.as_mut().expect("a plan");
    while trail::has_room(&plan.status.history, Event::Started) {
        let (digest, name) = (plan.digest.as_str(), plan.name.as_str());
        let history = &mut plan.status.history;
        history.push(trail::append(history, name, world.now, Event::Void, digest, None, "again"));
    }
    let gates = preview(&world).expect("a plan").gates;
    assert_eq!(gates[0].source, Source::Trail);
    assert!(gates[0].reason.contains("it is full"), "{gates:?}");
}

#[test]
fn a_decision_that_comes_back_begins_anew() {
    let (mut world, _) = about_to_delete();
    let keep = |world: &mut World, keep| {
        world.project.as_mut().expect("a project").statements.keep = keep;
    };
    keep(&mut world, Keep::Yes);
    while world.next().name() != "RemoveAccess" {
        let step = world.next();
        world.apply(&step);
    }
    keep(&mut world, Keep::Absent);
    while world.next().name() != "DeleteNamespace" {
        let step = world.next();
        world.apply(&step);
    }
    let history = &world.plan.as_ref().expect("a plan").status.history;
    assert_eq!(history.iter().filter(|entry| entry.event == Event::Started).count(), 3);
}

#[test]
fn what_the_plan_deletes_is_waited_for_whoever_takes_its_marks_off() {
    let (mut world, delete) = about_to_delete();
    world.apply(&delete);
    let namespace = world.namespace_mut();
    (namespace.labelled, namespace.finalizer) = (false, false);
    (namespace.project_uid, namespace.origin, namespace.ledger) = (None, None, None);
    assert_eq!(steps(&mut world), ["ReadAccess", "RemoveAccess"]);
    assert!(world.project.is_some());
}

#[test]
fn a_deletion_that_happened_is_not_said_to_be_called_off() {
    let (mut world, delete) = about_to_delete();
    world.apply(&delete);
    // The Namespace goes, another is made with its annotations, and then somebody regrets it.
    let namespace = world.namespace_mut();
    (namespace.uid, namespace.deleting) = (Uid::new("another"), None);
    world.project.as_mut().expect("a project").cancel = Cancel::Yes;
    assert_eq!(steps(&mut world)[0], "AdvancePlan");
    let history = &world.plan.as_ref().expect("a plan").status.history;
    assert!(history.iter().all(|entry| entry.event != Event::Cancelled));
}

/// Whatever interrupts a life, between any two steps, and whoever changes what on the way: it
/// comes to rest, the Project goes, and the Namespace is deleted only if, when that was asked
/// for, nothing protected it.
#[test]
fn every_interrupted_life_ends_as_it_must() {
    let mut lives = 0;
    for change_at in 0..14 {
        for change in world::CHANGES {
            for delete_at in 0..14 {
                let mut world = World::with_project();
                for n in 0..40 {
                    if n == change_at {
                        change(&mut world);
                    }
                    if n == delete_at && world.project.is_some() {
                        world.delete_project();
                    }
                    let step = world.next();
                    if step.is_rest() {
                        world.let_time_pass();
                    }
                    world.forget();
                    world.apply(&step);
                }
                lives += 1;
                world.judge(&format!("change at {change_at}, deletion at {delete_at}"));
            }
        }
    }
    assert_eq!(lives, 14 * 14 * world::CHANGES.len());
}

/// Takes everything back, and says in which steps.
fn release(world: &mut World) -> Vec<&'static str> {
    let mut names = Vec::new();
    loop {
        let step = world.next_of_release();
        if step == Step::Done {
            return names;
        }
        assert!(!matches!(step, Step::DeleteNamespace { .. } | Step::DeleteProject(_)), "{step:?}");
        names.push(step.name());
        assert!(names.len() < 10, "it does not end: {names:?}");
        world.apply(&step);
    }
}

#[test]
fn taking_everything_back_ends_a_plan_once_no_delete_can_be_on_its_way() {
    let (mut world, _) = about_to_delete();
    let steps = release(&mut world);
    assert_eq!(steps, ["ReleaseNamespace", "AdvancePlan", "UnbindProject", "LetGoOfProject"]);
    assert!(world.namespace_mut().deleting.is_none());
    let status = &world.plan.as_ref().expect("a plan").status;
    let last = status.history.last().expect("an entry");
    assert_eq!((status.phase, last.event), (Phase::Void, Event::Void));
    assert!(last.message.ends_with("the namespace stays"), "{}", last.message);
}

#[test]
fn taking_everything_back_makes_a_project_anew_whose_deletion_was_called_off() {
    let (mut world, _) = about_to_delete();
    world.project.as_mut().expect("a project").cancel = Cancel::Yes;
    let voided = |world: &World| world.plan.as_ref().is_some_and(|p| p.awaits_restoration());
    while !voided(&world) {
        let step = world.next();
        world.apply(&step);
    }
    assert_eq!(
        release(&mut world),
        [
            "LetGoOfProject",
            "RestoreProject",
            "AdvancePlan",
            "ReleaseNamespace",
            "UnbindProject",
            "LetGoOfProject"
        ]
    );
    let project = world.project.as_ref().expect("made anew");
    assert!(project.deleting.is_none() && !project.finalizer);
    assert!(!world.namespace_mut().finalizer);
}

#[test]
fn taking_everything_back_lets_no_garbage_collection_take_a_namespace() {
    let mut world = World::ready();
    world.delete_project();
    world.namespace_mut().owner_reference = true;
    release(&mut world);
    assert!(world.project.is_none() && !world.namespace_mut().owner_reference);
}

/// At whatever step a life is stopped, and whoever changed what before: nothing of ours is left,
/// nothing is deleted, and no plan waits for somebody to carry it out.
#[test]
fn everything_can_be_taken_back_at_every_step_of_every_life() {
    for change in world::CHANGES {
        for delete_at in 0..10 {
            for stop_at in 0..24 {
                let mut world = World::with_project();
                for n in 0..stop_at {
                    if n == delete_at / 2 {
                        change(&mut world);
                    }
                    if n == delete_at && world.project.is_some() {
                        world.delete_project();
                    }
                    let step = world.next();
                    if step.is_rest() {
                        world.let_time_pass();
                    }
                    world.apply(&step);
                }
                let stood = world.namespace.clone();
                release(&mut world);
                let case = format!("deletion at {delete_at}, stopped at {stop_at}");
                let finalizer = world.project.as_ref().is_some_and(|project| project.finalizer);
                assert!(!finalizer, "{case}: the Project is held");
                let ended = world.plan.as_ref().is_none_or(|plan| plan.status.phase.is_final());
                assert!(ended, "{case}: {:?}", world.plan);
                let Some(stood) = stood else { continue };
                let namespace = world.namespace.as_ref().expect("nothing is deleted");
                assert!(!namespace.finalizer && !namespace.recorded(), "{case}: {namespace:?}");
                assert_eq!(namespace.deleting, stood.deleting, "{case}");
            }
        }
    }
}

/// What admission left of a Project that is being created, or never came to be.
fn home() -> World {
    let mut world = World::with_project();
    let project = world.project.as_mut().expect("a project");
    project.finalizer = true;
    let step = home_of(&world.seen(), world.project.as_ref().expect("a project"));
    world.apply(&step);
    world.project = None;
    world.forget();
    world
}

#[test]
fn a_namespace_that_admission_made_waits_for_its_project_and_not_for_ever() {
    let mut world = home();
    assert_eq!(steps(&mut world), ["ReadAccess"]);
    assert!(matches!(world.next(), Step::Wait(Wait::AtMost(_))));
    let why = still_let(&world.seen()).expect("known").expect("it is expected");
    assert!(why.contains("creation was under way"), "{why}");
    world.now += SignedDuration::from_secs(46);
    let why = still_let(&world.seen()).expect("known").expect("it is not yet released");
    assert!(why.contains("about to be released"), "{why}");
    assert_eq!(steps(&mut world), ["ReleaseNamespace"]);
    let namespace = world.namespace.as_ref().expect("it stays");
    assert!(!namespace.labelled && !namespace.recorded() && !namespace.finalizer);
    assert_eq!(still_let(&world.seen()), Ok(None));
}

#[test]
fn what_a_project_that_was_there_left_behind_is_taken_back_at_once() {
    let mut world = World::ready();
    world.project = None;
    assert_eq!(still_let(&world.seen()), Err(Step::ReadAccess));
    assert_eq!(steps(&mut world), ["ReadAccess", "RemoveAccess"]);
    // Now it looks like one that admission made.
    world.now += SignedDuration::from_secs(46);
    assert_eq!(steps(&mut world), ["ReleaseNamespace"]);
}
