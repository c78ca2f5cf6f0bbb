//! What `cargo xtask soak` runs: random schedules of what people, Kargo and Tenure do beside each
//! other, as many as one likes.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use harness::{Bed, Broken, Outcome, Soaked, one, soak};

#[path = "../tests/soak/harness/mod.rs"]
mod harness;

#[derive(Parser)]
struct Arguments {
    /// What everything is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many schedules
    #[arg(long, default_value_t = 1000)]
    schedules: u64,
    /// Only the schedule of that number, with all that happens in it
    #[arg(long, conflicts_with = "schedules")]
    schedule: Option<u64>,
    /// What of Tenure does not work, to see that it is noticed
    #[arg(long, default_value = "nothing")]
    broken: Broken,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let Arguments { seed, schedules, schedule, broken } = Arguments::parse();
    let bed = Bed::start().await?;
    let _kubernetes = bed.plane.without_controllers()?;
    if let Some(number) = schedule {
        let outcome = one(&bed, seed, number, broken).await;
        println!("{}\n{}", outcome.report(), outcome.fate);
        return Ok(if outcome.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let (start, mut told, mut wrong) = (Instant::now(), Instant::now(), 0);
    let tell = |soaked: &Soaked| {
        for outcome in &soaked.wrong[wrong..] {
            println!("{}\n{}\n", again(seed, outcome), outcome.report());
        }
        wrong = soaked.wrong.len();
        if told.elapsed() > Duration::from_secs(15) {
            told = Instant::now();
            println!("{} of {schedules}, {wrong} wrong", soaked.schedules);
        }
    };
    let soaked = soak(&bed, seed, 0..schedules, broken, tell).await;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "seed {seed}: {} schedules, {} requests let go, in {seconds:.0} s",
        soaked.schedules, soaked.requests
    );
    for (fate, count) in &soaked.fates {
        println!("{count:7} {fate}");
    }
    for outcome in &soaked.wrong {
        println!("{}", again(seed, outcome));
    }
    println!("{} wrong", soaked.wrong.len());
    Ok(if soaked.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What does not hold, and how to see it again.
fn again(seed: u64, Outcome { number, wrong, .. }: &Outcome) -> String {
    format!("wrong: cargo xtask soak --seed {seed} --schedule {number}: {}", wrong.join("; "))
}
