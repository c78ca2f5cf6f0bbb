//! Beside a Kargo that holds the Project itself: what a waiting plan tells, and whose a Namespace is
//! recorded to be.

use tenure_core::lifecycle::{Trouble, TroubleKind, Wait};
use tenure_core::plan::Phase;
use tenure_core::policy::{Approvals, Enforcement, Policy, Selector, Terms};
use tenure_core::{Lien, Mode, ProjectFacts, Step, Uid, next_step};

use crate::steps;
use crate::world::World;

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
    world.policies = vec![Policy {
        name: "four-eyes".to_owned(),
        uid: Uid::new("policy"),
        generation: 1,
        selector: Selector::default(),
        enforcement: Enforcement::Enforce,
        terms: Terms {
            approvals: [Approvals { count: 1, groups: Default::default() }].into(),
            ..Terms::default()
        },
    }];
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
