//! Text with styles, that says what it says and cannot do anything else to a terminal.
//!
//! Names, annotations and messages come from a cluster, where anybody may have written them: a
//! control character is shown, not obeyed.

use std::borrow::Cow;
use std::fmt;

use anstyle::{AnsiColor, Style};

/// What is decided, said and counted.
const PLAIN: Style = Style::new();
/// What a person looks for first.
pub(crate) const STRONG: Style = Style::new().bold();
/// What is lost.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What holds or warns.
pub(crate) const CAREFUL: Style = AnsiColor::Yellow.on_default();
/// What stays.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What is there for completeness.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Some text, in parts that each have a style.
#[derive(Clone, Debug, Default)]
pub struct Text(Vec<(Style, String)>);

impl Text {
    /// Plain text.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::default().and(text)
    }

    /// Text of that style.
    pub fn styled(style: Style, text: impl AsRef<str>) -> Self {
        Self::default().with(style, text)
    }

    /// Followed by plain text.
    #[must_use]
    pub fn and(self, text: impl AsRef<str>) -> Self {
        self.with(PLAIN, text)
    }

    /// Followed by text of that style.
    #[must_use]
    pub fn with(mut self, style: Style, text: impl AsRef<str>) -> Self {
        self.0.push((style, shown(text.as_ref()).into_owned()));
        self
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (style, text) in &self.0 {
            write!(f, "{style}{text}{style:#}")?;
        }
        Ok(())
    }
}

/// The text with every character that a terminal could obey shown in its place. That of a line feed
/// is shown too: what comes from a cluster does not begin lines of ours.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) { safe.extend(c.escape_unicode()) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

/// Whether a terminal does anything for it but show it: control characters, and those that turn
/// the direction of what follows or cannot be seen.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_shown() {
        assert_eq!(shown("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\u{a}c");
        assert_eq!(shown("\u{9b}31m\r\u{7}\u{202e}"), "\\u{9b}31m\\u{d}\\u{7}\\u{202e}");
        assert!(matches!(shown("plain — ä"), Cow::Borrowed(_)));
    }

    #[test]
    fn styles_are_ours_alone() {
        let text = Text::styled(BAD, "gone").and(" \u{1b}[0m").to_string();
        assert_eq!(text.matches('\u{1b}').count(), 3, "{text:?}");
        assert!(text.ends_with("\\u{1b}[0m"), "{text:?}");
    }
}
