//! `audit export`: entries and heads as JSON lines.
//!
//! Each line is `{"entry":…,"subject":…}` with the entry as it is archived, or, at the end of each
//! trail, `{"head":"SUBJECT SEQUENCE sha256:…"}`; or `{"fault":…,"subject":…}` where it does not
//! verify.

use std::fs;

use serde_json::json;

use super::read::{Trail, find};
use super::trails;
use crate::arguments::{AuditExportArguments, GlobalArguments};
use crate::exit::{Failure, Outcome};
use crate::printer::Printer;
use crate::text::{Text, steers};

pub(super) async fn run(
    arguments: &AuditExportArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let AuditExportArguments { name, out, from } = arguments;
    let (trails, _) = trails(from.archive.as_deref(), global).await?;
    let chosen = match name {
        Some(name) => vec![find(&trails, name)?],
        None => trails.iter().collect(),
    };
    let text: String = chosen.iter().map(|trail| lines(trail)).collect();
    match out {
        None => printer.raw(&text)?,
        Some(path) => {
            let written = fs::write(path, &text);
            written
                .map_err(|e| Failure::error(format!("failed to write {}: {e}", path.display())))?;
            let entries: usize = chosen.iter().map(|trail| trail.entries.len()).sum();
            printer.tell(&Text::plain(format!(
                "wrote {entries} entries of {} trails to {}",
                chosen.len(),
                path.display()
            )));
        }
    }
    let broken = chosen.iter().find_map(|trail| Some((trail, trail.judge().err()?)));
    match broken {
        None => Ok(()),
        Some((trail, fault)) => Err(Failure::refused(format!(
            "the trail of {} does not verify: {fault}",
            trail.subject
        ))),
    }
}

fn lines(trail: &Trail) -> String {
    let subject = &trail.subject;
    let mut text = String::new();
    let mut line = |value: &str| {
        text.push_str(value);
        text.push('\n');
    };
    for entry in &trail.entries {
        let entry = safe(&entry.to_canonical_json());
        line(&format!("{{\"entry\":{entry},\"subject\":{}}}", json!(subject)));
    }
    match trail.judge() {
        Ok(head) => line(&json!({"head": head.to_string()}).to_string()),
        Err(fault) => line(&safe(&json!({"fault": fault, "subject": subject}).to_string())),
    }
    text
}

/// JSON that says the same, in which whatever a terminal would obey is escaped.
fn safe(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if steers(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_escaped_and_says_the_same() {
        let said = json!({"message": "a\u{9b}31m \u{202e} \u{e0001} ä"});
        let text = safe(&said.to_string());
        assert!(!text.chars().any(steers), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), said);
    }
}
