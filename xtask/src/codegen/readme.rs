//! The chart's README: what the comments in its values say, as a table.

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// Where it is.
pub(super) const PATH: &str = "charts/tenure/README.md";
/// What it says besides.
const TEXT: &str = include_str!("readme.md");
/// Where in it the table belongs.
const PLACE: &str = "<!-- values -->\n";

/// A value, and what its comment says.
struct Row {
    path: String,
    words: String,
}

/// The README for those values.
pub(super) fn text(values: &str) -> anyhow::Result<String> {
    let parsed: Value = serde_saphyr::from_str(values).context("read the values")?;
    let rows = rows(values)?;
    let mut table = "| value | default | |\n| --- | --- | --- |\n".to_owned();
    for row in &rows {
        let default = default(&parsed, &row.path, &rows)?;
        table.push_str(&format!("| `{}` | {default} | {} |\n", row.path, row.words));
    }
    ensure!(TEXT.contains(PLACE), "the README has no place for the values");
    Ok(TEXT.replace(PLACE, &table))
}

/// The default, unless what is in it has rows of its own.
fn default(values: &Value, path: &str, rows: &[Row]) -> anyhow::Result<String> {
    let inside = format!("{path}.");
    if rows.iter().any(|row| row.path.starts_with(&inside)) {
        return Ok(String::new());
    }
    let pointer = format!("/{}", path.replace('.', "/"));
    let value = values.pointer(&pointer).with_context(|| format!("{path} is not there"))?;
    Ok(format!("`{value}`").replace('|', "\\|"))
}

/// Every value that has a comment. One without has to be in one that has.
fn rows(values: &str) -> anyhow::Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut above: Vec<(usize, &str)> = Vec::new();
    for line in values.lines() {
        let depth = line.len() - line.trim_start().len();
        let line = line.trim_start();
        if let Some(words) = line.strip_prefix("# ") {
            comment.push(words);
            continue;
        }
        let Some((key, value)) = line.split_once(':').filter(|(key, _)| is_key(key)) else {
            comment.clear();
            continue;
        };
        above.retain(|(above, _)| *above < depth);
        above.push((depth, key));
        let path = above.iter().map(|(_, key)| *key).collect::<Vec<_>>().join(".");
        let covered = rows.iter().any(|row| path.starts_with(&format!("{}.", row.path)));
        if comment.is_empty() {
            ensure!(value.is_empty() || covered, "nothing says what {path} is");
        } else {
            rows.push(Row { path, words: comment.join(" ").replace('|', "\\|") });
        }
        comment.clear();
    }
    Ok(rows)
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_rows() {
        let values = "a:\n  # One | two.\n  b: 1\n# Some.\nc:\n  d: [2]\n";
        let text = text(values).expect("a README");
        assert!(text.contains("| `a.b` | `1` | One \\| two. |\n| `c` | `{\"d\":[2]}` | Some. |\n"));
    }

    #[test]
    fn a_value_without_a_comment_is_refused() {
        let error = text("# One.\na: 1\nb:\n  c: 2\n").expect_err("nothing says what it is");
        assert_eq!(error.to_string(), "nothing says what b.c is");
    }
}
