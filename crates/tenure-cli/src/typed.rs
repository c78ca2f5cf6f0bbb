//! What of a command line is heeded before it is read, and although it may not be legible: how its
//! output is to look.

use std::ffi::OsString;

use crate::printer::Machine;
use crate::text;

/// Whether there is to be no colour. A word that only looks like that costs no more than colour.
pub(crate) fn no_color(words: &[OsString]) -> bool {
    words.iter().any(|word| word == "--no-color")
}

/// For which programs results are, in the forms in which that is said.
pub(crate) fn machine(words: &[OsString]) -> Option<Machine> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    words.iter().enumerate().find_map(|(index, word)| {
        let rest = word.strip_prefix("--output").or_else(|| word.strip_prefix("-o"))?;
        let value = if rest.is_empty() { words.get(index + 1)?.as_ref() } else { rest };
        match value.strip_prefix('=').unwrap_or(value) {
            "json" => Some(Machine::Json),
            "yaml" => Some(Machine::Yaml),
            _ => None,
        }
    })
}

/// The words, with what a terminal would obey shown in its place.
pub(crate) fn shown(words: &[OsString]) -> Vec<OsString> {
    words.iter().map(|word| text::shown(&word.to_string_lossy()).into_owned().into()).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn what_was_pasted_does_not_steer_the_terminal_when_it_is_repeated() {
        let words = ["kubectl-tenure", "delete", "a\u{1b}[2J"].map(OsString::from);
        let told = crate::arguments::Arguments::try_parse_from(shown(&words)).unwrap_err();
        let told = told.render().to_string();
        assert!(told.contains("a\\u{1b}[2J") && !told.contains('\u{1b}'), "{told:?}");
    }

    #[test]
    fn a_form_for_programs_is_found_as_it_is_typed() {
        let found = |line: &str| machine(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for line in ["plan -o json", "lst -ojson", "-o=json", "--output json", "x --output=json"] {
            assert_eq!(found(line), Some(Machine::Json), "{line}");
        }
        assert_eq!(found("plan -o yaml"), Some(Machine::Yaml));
        for line in ["plan", "plan json", "plan -o", "plan -o wide", "audit --out json"] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
