//! Beside a Kargo that holds the Project itself: what a waiting plan tells, and whose a Namespace is
//! recorded to be.

use tenure_core::lifecycle::{Trouble, TroubleKind, Wait, release_step, still_let};
use tenure_core::plan::Phase;
use tenure_core::{Cancel, Lien, Mode, ProjectFacts, Step, Uid, next_step};

use crate::world::World;
use crate::{four_eyes, steps};

/// A Project that Kargo provided for. Its Namespace is recorded as its own.
fn beside_kargo() -> World {
    let mut world = World::ready();
    world.settings.mode = Mode::Companion;
    steps(&mut world);
    world
}

/// Kargo lets go of the Project, which is deleted, and Tenure does what there is to do.
fn delete(world: &mut World) -> Vec<&'static str> {
    let now = world.now;
    let project = world.project.as_mut().expect("a project");
    project.deleting = Some(now);
    project.finalizer = false;
    steps(world)
}

/// The same, with a plan for its deletion that waits for somebody to agree. Kargo has let go of the
/// Project, which is gone but for what was recorded of it.
fn waiting() -> (World, ProjectFacts) {
    let mut world = beside_kargo();
    world.policies = vec![four_eyes()];
    delete(&mut world);
    let recorded = world.project.clone().expect("a project");
    (world, recorded)
}

fn at(world: &World, recorded: &ProjectFacts, trouble: Option<Trouble>) -> Step {
    let mut seen = world.seen();
    seen.project = None;
    seen.recorded = Some(recorded.clone());
    seen.trouble = trouble;
    next_step(&seen, world.now)
}

fn told(world: &World) -> Vec<&str> {
    let plan = world.plan.as_ref().expect("a plan");
    plan.status.waiting.iter().map(|(word, _)| word.as_str()).collect()
}

#[test]
fn what_fails_while_a_plan_waits_is_told_beside_what_it_waits_for() {
    let (mut world, recorded) = waiting();
    assert_eq!(told(&world), ["Approvals"]);
    let trouble = |what: &str| {
        Some(Trouble { kind: TroubleKind::Deletion, what: format!("list pods: {what}") })
    };
    for what in ["forbidden", "timed out"] {
        let Step::AdvancePlan(status) = at(&world, &recorded, trouble(what)) else {
            panic!("it is told")
        };
        assert_eq!(status.phase, Phase::Waiting);
        world.plan.as_mut().expect("a plan").status = *status;
        // Once, however often it fails.
        assert_eq!(told(&world), ["Approvals", "Retrying"]);
        let (_, why) = &world.plan.as_ref().expect("a plan").status.waiting[1];
        assert_eq!(*why, format!("failed to list pods: {what}"));
        assert_eq!(at(&world, &recorded, trouble(what)), Step::Wait(Wait::Retry));
    }
    // When it works again, nobody is told any more that it fails.
    let Step::AdvancePlan(status) = at(&world, &recorded, None) else { panic!("it is told") };
    world.plan.as_mut().expect("a plan").status = *status;
    assert_eq!(told(&world), ["Approvals"]);
}

/// Nobody can take a lien off a Project that is being deleted: Kargo's sight of it is what counts.
#[test]
fn a_lien_on_a_project_that_is_going_is_told_with_what_can_still_be_done() {
    let mut world = beside_kargo();
    let project = world.project.as_mut().expect("a project");
    project.statements.liens.push(Lien { name: "audit".to_owned(), reason: "open".to_owned() });
    delete(&mut world);
    let plan = world.plan.as_ref().expect("a plan");
    assert_eq!((told(&world), plan.status.phase), (vec!["LienOnProject"], Phase::Waiting));
    let (_, why) = &plan.status.waiting[0];
    assert!(why.contains("annotate the DeletionPlan with tenure.dev/cancel=true"), "{why}");
}

/// What a Tenure that ran alone wrote does not say on which Namespace, and a backup brings it back
/// on another.
#[test]
fn a_record_that_names_no_namespace_is_written_anew_with_it() {
    assert_eq!(World::ready().namespace_mut().recorded_on(), None);
    let mut world = beside_kargo();
    let uid = world.namespace_mut().uid.clone();
    assert_eq!(world.namespace_mut().recorded_on(), Some(&uid));
    assert!(delete(&mut world).contains(&"DeleteNamespace"));
    let mut world = beside_kargo();
    world.namespace_mut().uid = Uid::new("restored");
    let names = delete(&mut world);
    assert!(!names.contains(&"DeleteNamespace"), "{names:?}");
}

#[test]
fn what_failed_is_told_no_longer_than_it_fails() {
    let mut world = beside_kargo();
    let now = world.now;
    let project = world.project.as_mut().expect("a project");
    project.deleting = Some(now);
    project.finalizer = false;
    while world.next().name() != "DeleteNamespace" {
        let step = world.next();
        world.apply(&step);
    }
    let deletes = world.next();
    let failed = Trouble { kind: deletes.trouble_kind(), what: "delete the namespace".to_owned() };
    let mut seen = world.seen();
    seen.trouble = Some(failed);
    let told_so = next_step(&seen, world.now);
    drop(seen);
    world.apply(&told_so);
    assert_eq!(told(&world), ["Retrying"]);
    assert_eq!(world.next(), deletes);
    world.apply(&deletes);
    assert_eq!(steps(&mut world), ["AdvancePlan"]);
    assert_eq!(told(&world), [""; 0]);
}

/// A backup may bring a Namespace before its Project. Its record says nothing about it.
#[test]
fn a_namespace_out_of_a_backup_keeps_what_its_project_will_need() {
    let mut world = beside_kargo();
    world.project = None;
    world.forget();
    let mut restored = world.clone();
    assert_eq!(steps(&mut world), ["ReadAccess", "RemoveAccess", "ReleaseNamespace"]);
    assert!(!world.namespace_mut().labelled);
    restored.namespace_mut().uid = Uid::new("restored");
    assert_eq!(steps(&mut restored), ["ReleaseNamespace"]);
    let namespace = restored.namespace_mut();
    assert!(namespace.labelled && !namespace.recorded());
}

/// A Project whose deletion was called off, and that nobody lets Tenure make anew.
#[test]
fn a_project_that_cannot_be_made_anew_is_told_of_and_holds_nothing_up() {
    let (mut world, recorded) = waiting();
    world.plan.as_mut().expect("a plan").cancel = Cancel::Yes;
    while world.plan.as_ref().is_some_and(|plan| !plan.awaits_restoration()) {
        let step = at(&world, &recorded, None);
        world.apply(&step);
    }
    world.project = None;
    let restores = world.next();
    assert_eq!(restores, Step::RestoreProject);
    let what = "create project payments: forbidden".to_owned();
    let trouble = Trouble { kind: restores.trouble_kind(), what };
    let mut seen = world.seen();
    seen.trouble = Some(trouble);
    let why = still_let(&seen).expect("nothing more to read").expect("it is expected");
    assert!(why.contains("called off"), "{why}");
    assert_eq!(release_step(&seen, world.now).name(), "ReleaseNamespace");
    let Step::AdvancePlan(status) = next_step(&seen, world.now) else { panic!("it is told") };
    let Some((word, why)) = status.waiting.first() else { panic!("it is told") };
    assert_eq!((word.as_str(), status.phase), ("Retrying", Phase::Void));
    assert_eq!(why, "failed to create project payments: forbidden");
    let mut told = world.seen();
    told.trouble = seen.trouble.clone();
    told.plan.as_mut().expect("a plan").status = *status;
    assert_eq!(next_step(&told, world.now), Step::Wait(Wait::Retry));
}
