//! Tables as kubectl prints them: columns apart by spaces, and no spaces inside values.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;

use crate::text::shown;

/// What stands where nothing is to be said.
pub(crate) const NOTHING_TO_SAY: &str = "-";

/// A table with those columns.
pub(crate) struct Rows(Table);

impl Rows {
    /// A table with those columns.
    pub(crate) fn of(columns: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(columns);
        Self(table)
    }

    /// One more row.
    pub(crate) fn push(&mut self, cells: &[String]) {
        let cells = cells.iter().map(|cell| {
            let cell = shown(cell);
            if cell.is_empty() { NOTHING_TO_SAY.to_owned() } else { cell.into_owned() }
        });
        self.0.add_row(cells);
    }

    /// The lines, as they are printed.
    pub(crate) fn render(&mut self) -> String {
        let last = self.0.column_count().saturating_sub(1);
        for (index, column) in self.0.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { 3 }));
        }
        let mut text = String::new();
        for line in self.0.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// How long ago that was, as kubectl says it.
pub(crate) fn age(since: Option<Timestamp>, now: Timestamp) -> String {
    let Some(since) = since else { return "<unknown>".to_owned() };
    let seconds = now.duration_since(since).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (seconds, hours, days) {
        (0..120, ..) => format!("{seconds}s"),
        (120..600, ..) => format!("{minutes}m{}s", seconds % 60),
        (600..10_800, ..) => format!("{minutes}m"),
        (_, 0..8, _) => format!("{hours}h{}m", minutes % 60),
        (_, 0..48, _) => format!("{hours}h"),
        (_, _, 0..730) => format!("{days}d"),
        _ => format!("{}y{}d", days / 365, days % 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_apart_and_nothing_stands_at_the_end_of_a_line() {
        let mut rows = Rows::of(&["NAME", "WHY", "AGE"]);
        rows.push(&["a".into(), String::new(), "1s".into()]);
        rows.push(&["longer".into(), "x\u{1b}".into(), "12d".into()]);
        let text = rows.render();
        assert_eq!(
            text,
            "NAME     WHY       AGE\na        -         1s\nlonger   x\\u{1b}   12d\n"
        );
    }

    #[test]
    fn an_age_is_as_kubectl_says_it() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let ago = |seconds: i64| age(Some(now - jiff::SignedDuration::from_secs(seconds)), now);
        let said: Vec<_> = [0, 119, 121, 599, 3600, 10_800, 36_000, 200_000, 86_400 * 800]
            .into_iter()
            .map(ago)
            .collect();
        let expected = ["0s", "119s", "2m1s", "9m59s", "60m", "3h0m", "10h", "2d", "2y70d"];
        assert_eq!(said, expected);
    }
}
