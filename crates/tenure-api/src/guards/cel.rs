//! Pieces of CEL, composed of what `tenure-core` knows.

use serde_json::Value;
use tenure_core::{Statements, keys};

/// How many keys an object may have for all of them to be read for no more than a message. Ten
/// thousand would take the API server seconds.
pub(super) const MOST_KEYS: usize = 1_000;

/// The text as a literal.
pub(super) fn literal(text: &str) -> String {
    // A string of JSON is one of CEL too.
    Value::from(text).to_string()
}

/// A list of literals.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<_> = texts.into_iter().map(literal).collect();
    format!("[{}]", texts.join(", "))
}

/// The annotations of the object, which may be null.
pub(super) fn annotations(of: &str) -> String {
    metadata(of, "annotations")
}

/// The annotations or labels of the object, which may be null.
pub(super) fn metadata(of: &str, field: &str) -> String {
    format!("{of} != null && has({of}.metadata.{field}) ? {of}.metadata.{field} : {{}}")
}

/// Whether no lien stands among the annotations, which must not be absent. No map tells by a
/// prefix, so every key is looked at; where objects are deleted, and nowhere else.
pub(super) fn no_lien(annotations: &str) -> String {
    let prefix = literal(keys::LIEN_PREFIX);
    format!("!{annotations}.exists(key, key.startsWith({prefix}))")
}

/// The keys of the liens among the annotations, for a message; none if there are very many
/// annotations, for to collect them costs more than to look. A message that needs one cannot be
/// composed then, and the API server takes the one beside it that is fixed.
pub(super) fn liens(annotations: &str) -> String {
    let prefix = literal(keys::LIEN_PREFIX);
    format!(
        "size({annotations}) <= {MOST_KEYS} \
         ? {annotations}.filter(key, key.startsWith({prefix})) : []"
    )
}

/// The string in quotes, for a message: cut short, and on one line, for the API server drops a
/// message that is not. What could move a terminal's cursor, or the direction of what follows, is
/// not repeated.
pub(super) fn quoted(value: &str) -> String {
    let shown = Statements::SHOWN;
    format!(
        "strings.quote(size({value}) > {shown} ? {value}.substring(0, {shown}) + '…' : {value})\
         .split('').map(c, c.matches('[\\\\p{{C}}\\\\p{{Zl}}\\\\p{{Zp}}]') ? '\\ufffd' : c).join('')"
    )
}

/// How many more there are than the one that a message names.
pub(super) fn and_more(list: &str) -> String {
    format!("(size({list}) > 1 ? ' (and ' + string(size({list}) - 1) + ' more)' : '')")
}
