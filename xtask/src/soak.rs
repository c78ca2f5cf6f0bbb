//! `cargo xtask soak`: random schedules of what people, Kargo and Tenure do beside each other, on a
//! real control plane. They are drawn from a seed, and each can be played again alone.

use std::process::Command;

use crate::cargo::{example, run};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What everything is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many schedules
    #[arg(long, default_value_t = 10_000)]
    schedules: u64,
    /// Only the schedule of that number, with all that happens in it
    #[arg(long, value_name = "NUMBER", conflicts_with = "schedules")]
    schedule: Option<u64>,
}

pub(crate) fn soak(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { seed, schedules, schedule } = arguments;
    let mut soak = Command::new(example("tenure", "soak")?);
    soak.args(["--seed", &seed.to_string()]);
    match schedule {
        Some(number) => soak.args(["--schedule", &number.to_string()]),
        None => soak.args(["--schedules", &schedules.to_string()]),
    };
    run(soak)
}
