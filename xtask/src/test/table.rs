//! What everything took, slowest first.

use std::fmt::Write as _;
use std::time::Duration;

/// How many tests are listed.
const SLOWEST: usize = 10;

/// A step, a test program or a test, and how long it took.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Took {
    pub(super) name: String,
    pub(super) time: Duration,
}

impl Took {
    pub(super) fn new(name: impl Into<String>, time: Duration) -> Self {
        Self { name: name.into(), time }
    }
}

/// The tests in what a test program printed with `--report-time`, which ends the line of each with
/// `<1.234s>`.
pub(super) fn times(program: &str, output: &str) -> Vec<Took> {
    let timed = |line: &str| {
        let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let seconds = rest.strip_suffix("s>")?.rsplit_once('<')?.1.parse().ok()?;
        let time = Duration::try_from_secs_f64(seconds).ok()?;
        Some(Took::new(format!("{program}  {name}"), time))
    };
    output.lines().filter_map(timed).collect()
}

/// The closing table.
pub(super) fn closing(steps: &[Took], programs: &[Took], tests: &[Took]) -> String {
    let mut text = String::new();
    for (title, rows, most) in [
        ("steps, slowest first", steps, usize::MAX),
        ("test programs, slowest first; they run side by side", programs, usize::MAX),
        ("the ten slowest tests", tests, SLOWEST),
    ] {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|row| std::cmp::Reverse(row.time));
        let _ = writeln!(text, "\n{title}");
        for row in rows.iter().take(most) {
            let _ = writeln!(text, "{:>9}  {}", seconds(row.time), row.name);
        }
    }
    text
}

/// A time as people read it: `4.2 s`, `61 s`.
pub(super) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Took, closing, times};

    #[test]
    fn times_of_tests_are_read_from_what_libtest_prints() {
        let output = "\nrunning 3 tests\ntest a::b ... ok <0.250s>\n\
            test long - should panic ... ok <61.000s>\ntest c ... FAILED <1.500s>\n\
            test d ... ignored\ntest result: FAILED. 2 passed; 1 failed; finished in 61.00s\n";
        let took = |name: &str, millis| Took::new(name, Duration::from_millis(millis));
        assert_eq!(
            times("p", output),
            [took("p  a::b", 250), took("p  long - should panic", 61_000), took("p  c", 1_500)]
        );
    }

    #[test]
    fn the_slowest_come_first_and_of_tests_no_more_than_ten() {
        let rows: Vec<_> =
            (0..20).map(|n| Took::new(format!("t{n}"), Duration::from_secs(n))).collect();
        let text = closing(&rows[..2], &rows[3..4], &rows);
        let expected = "\nsteps, slowest first\n    1.0 s  t1\n    0.0 s  t0\n\
            \ntest programs, slowest first; they run side by side\n    3.0 s  t3\n\
            \nthe ten slowest tests\n     19 s  t19\n";
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(text.lines().count(), 19);
    }
}
