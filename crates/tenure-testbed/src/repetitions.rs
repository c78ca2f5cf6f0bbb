//! Which repetitions a test makes of what it could repeat for ever: all, or some that a seed chooses.
//!
//! A test that meets every fault at every request adds certainty by its number, not by any one case.
//! `cargo xtask test` gives each run another seed, so that runs together meet every case, and prints
//! it, so that each can be made again.

use std::env;

/// Environment variable that has tests make every repetition.
pub const ALL_VARIABLE: &str = "TENURE_TEST_ALL";
/// Environment variable that has the number by which repetitions are chosen.
pub const SEED_VARIABLE: &str = "TENURE_TEST_SEED";

/// Which repetitions to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetitions {
    /// Every one.
    All,
    /// Those that this number chooses.
    Chosen(u64),
}

impl Repetitions {
    /// What the environment says; the ones that 0 chooses, if it says nothing.
    ///
    /// # Panics
    /// If the seed is not a number.
    #[expect(clippy::expect_used, reason = "a seed that is ignored would be worse")]
    pub fn wanted() -> Self {
        if env::var_os(ALL_VARIABLE).is_some() {
            return Self::All;
        }
        let seed = env::var(SEED_VARIABLE).ok();
        Self::Chosen(seed.map_or(0, |seed| seed.parse().expect("the seed is a number")))
    }

    /// One of every `step`, or all. Whatever is left out is chosen by one of the next `step - 1` seeds.
    pub fn one_in<T>(self, step: u64, all: Vec<T>) -> Vec<T> {
        let Self::Chosen(seed) = self else { return all };
        let chosen = all.into_iter().zip(0_u64..).filter(|(_, n)| n % step == seed % step);
        chosen.map(|(item, _)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Repetitions;

    #[test]
    fn seeds_in_a_row_choose_everything_once() {
        let all: Vec<_> = (0..100).collect();
        let seeds = 40..47;
        let mut chosen: Vec<_> =
            seeds.flat_map(|seed| Repetitions::Chosen(seed).one_in(7, all.clone())).collect();
        chosen.sort_unstable();
        assert_eq!(chosen, all);
        assert_eq!(Repetitions::All.one_in(7, all.clone()), all);
    }
}
