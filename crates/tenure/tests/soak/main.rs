//! Random schedules of what people, Kargo and Tenure do beside each other; and
//! Tenure broken on purpose, to see that it is noticed. `cargo xtask soak` plays more.

mod harness;

use futures::future::join_all;
use harness::{Bed, Broken, one, soak};
use tenure_testbed::Repetitions;
use tokio::sync::Mutex;

/// What everything is drawn from where it matters what comes of it.
const SEED: u64 = 1;

/// One control plane at a time: each is work for the whole machine.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test]
async fn whatever_happens_in_which_order_nothing_that_is_protected_is_deleted() {
    let _alone = ALONE.lock().await;
    let bed = Bed::start().await.expect("a control plane");
    let _kubernetes = bed.plane.without_controllers().expect("its controllers");
    let (seed, schedules) = match Repetitions::wanted() {
        Repetitions::All => (SEED, 300),
        Repetitions::Chosen(seed) => (seed, 100),
    };
    let soaked = soak(&bed, seed, 0..schedules, Broken::Nothing, |_| {}).await;
    for outcome in &soaked.wrong {
        println!("{}", outcome.report());
    }
    assert_eq!(soaked.wrong.len(), 0, "cargo xtask soak --seed {seed} --schedule NUMBER");
    // Of each fate there are some: chance has left nothing out. The rarest, two or three in a
    // hundred, is sure only among all schedules.
    let rare = (schedules == 300).then_some("deleted by a person");
    for fate in ["deleted by Tenure", "stands"].into_iter().chain(rare) {
        let met = soaked.fates.iter().filter(|(of, _)| of.contains(fate)).map(|(_, count)| count);
        assert!(met.sum::<usize>() > 2, "{fate}: {:?}", soaked.fates);
    }
}

#[tokio::test]
async fn a_schedule_is_the_same_each_time() {
    let _alone = ALONE.lock().await;
    let bed = Bed::start().await.expect("a control plane");
    let _kubernetes = bed.plane.without_controllers().expect("its controllers");
    let play = async || join_all((0..20).map(|n| one(&bed, SEED, n, Broken::Nothing))).await;
    for (first, second) in play().await.iter().zip(play().await) {
        assert_eq!(first.lines, second.lines, "schedule {}", first.number);
    }
}

#[tokio::test]
async fn a_tenure_that_is_broken_is_noticed() {
    let _alone = ALONE.lock().await;
    let bed = Bed::start().await.expect("a control plane");
    let _kubernetes = bed.plane.without_controllers().expect("its controllers");
    // Without the stamp that comes with the deletion, the guard holds Kargo until it gets a late one.
    let unstamped = soak(&bed, SEED, 0..60, Broken::Stamp, |_| {}).await;
    assert_eq!(unstamped.wrong.len(), 0, "the guard holds alone");
    for (broken, expected) in [
        (Broken::Guard, "although it was adopted"),
        (Broken::StampAndGuard, "although the Project says"),
    ] {
        let soaked = soak(&bed, SEED, 0..60, broken, |_| {}).await;
        let noticed = soaked.wrong.iter().flat_map(|outcome| &outcome.wrong);
        let noticed: Vec<_> = noticed.collect();
        assert!(noticed.iter().any(|why| why.contains(expected)), "{broken:?}: {noticed:?}");
    }
}
