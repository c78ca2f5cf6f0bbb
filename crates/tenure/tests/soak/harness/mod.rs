//! Soaking companion mode: a person, Kargo's stand-in, Kubernetes' own controllers, admission and
//! Tenure's controllers, each of whose requests waits until chance lets it go.
//!
//! What runs is the code that ships, and Kargo's stand-in, on a real API server. Chance is seeded:
//! the same seed and number give the same requests in the same order.

mod bed;
mod gate;
mod oracle;
mod random;
mod record;
mod schedule;
mod turnstile;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;

use futures::StreamExt as _;

pub(crate) use bed::Bed;
pub(crate) use schedule::Outcome;
pub(crate) use turnstile::Broken;

/// How many schedules are carried out at once: what a schedule waits for is the API server.
const AT_ONCE: usize = 12;

/// What came of schedules.
#[derive(Default)]
pub(crate) struct Soaked {
    pub(crate) schedules: usize,
    pub(crate) requests: usize,
    pub(crate) fates: BTreeMap<String, usize>,
    /// Those in which something does not hold.
    pub(crate) wrong: Vec<Outcome>,
}

/// Carries out one schedule.
pub(crate) async fn one(bed: &Bed, seed: u64, number: u64, broken: Broken) -> Outcome {
    schedule::run(bed, seed, number, broken).await
}

/// Carries out schedules, and tells of each that is through.
pub(crate) async fn soak(
    bed: &Bed,
    seed: u64,
    numbers: Range<u64>,
    broken: Broken,
    mut tell: impl FnMut(&Soaked),
) -> Soaked {
    let mut soaked = Soaked::default();
    let mut running = futures::stream::iter(numbers)
        .map(|number| Box::pin(schedule::run(bed, seed, number, broken)))
        .buffer_unordered(AT_ONCE);
    while let Some(outcome) = running.next().await {
        soaked.schedules += 1;
        soaked.requests += outcome.lines.iter().filter(|line| line.contains(": ")).count();
        *soaked.fates.entry(outcome.fate.clone()).or_default() += 1;
        if !outcome.wrong.is_empty() {
            soaked.wrong.push(outcome);
        }
        tell(&soaked);
    }
    soaked
}
