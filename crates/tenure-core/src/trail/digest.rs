//! Digests, and the text that they are of.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The digest of an entry: `sha256:` and 64 hexadecimal digits in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryDigest(Box<str>);

/// Why a text is not the digest of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// It begins otherwise.
    #[error("a digest begins with sha256:")]
    Algorithm,
    /// Too short or too long.
    #[error("a digest has 64 hexadecimal digits, not {0}")]
    Length(usize),
    /// A character that is none of `0-9` and `a-f`.
    #[error("{0:?} is not a hexadecimal digit in lower case")]
    Character(char),
}

impl EntryDigest {
    /// What every digest begins with.
    pub const PREFIX: &str = "sha256:";

    /// The digest of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut text = Self::PREFIX.to_owned();
        for byte in Sha256::digest(bytes) {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }

    /// Parses the digest. One digest has one spelling.
    ///
    /// # Errors
    /// Says what about the text a digest's may not have.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let digits = text.strip_prefix(Self::PREFIX).ok_or(DigestError::Algorithm)?;
        if let Some(c) = digits.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
            return Err(DigestError::Character(c));
        }
        if digits.len() != 64 {
            return Err(DigestError::Length(digits.len()));
        }
        Ok(Self(text.into()))
    }

    /// The digest as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for EntryDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for EntryDigest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        Self::parse(&text)
    }
}

impl From<EntryDigest> for String {
    fn from(digest: EntryDigest) -> Self {
        digest.0.into()
    }
}

/// The value as RFC 8785 writes it, for values whose numbers are integers. Written out here
/// because the order of an object's keys in `serde_json` is a feature that any crate of a build
/// may switch.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    let comma = |text: &mut String, index| {
        if index > 0 {
            text.push(',');
        }
    };
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                comma(text, index);
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for (index, (key, field)) in fields.into_iter().enumerate() {
                comma(text, index);
                write_canonical(&Value::from(key.as_str()), text);
                text.push(':');
                write_canonical(field, text);
            }
            text.push('}');
        }
        // Writing to a String does not fail.
        scalar => drop(write!(text, "{scalar}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_digest_has_one_spelling() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(EntryDigest::of(b"").as_str(), empty);
        assert_eq!(EntryDigest::parse(empty), Ok(EntryDigest::of(b"")));
        assert_eq!(EntryDigest::parse(&empty[7..]), Err(DigestError::Algorithm));
        assert_eq!(EntryDigest::parse(&empty[..70]), Err(DigestError::Length(63)));
        assert_eq!(EntryDigest::parse(&format!("{empty}0")), Err(DigestError::Length(65)));
        let upper = empty.replace('e', "E");
        assert_eq!(EntryDigest::parse(&upper), Err(DigestError::Character('E')));
        assert_eq!(EntryDigest::parse("sha256:é"), Err(DigestError::Character('é')));
    }

    #[test]
    fn keys_are_sorted_at_every_depth_and_strings_escaped_once() {
        // The keys of RFC 8785, section 3.2.3, and escapes of its section 3.2.2.
        let value = json!({
            "\u{20ac}": [{"b": null, "a": true}, 7],
            "\r": "\u{f}\n'\"\\/\u{20ac}\u{80}",
            "\u{fb33}": {}, "1": [], "\u{1f600}": -1, "\u{80}": "", "ö": "",
        });
        assert_eq!(
            canonical(&value),
            "{\"\\r\":\"\\u000f\\n'\\\"\\\\/\u{20ac}\u{80}\",\"1\":[],\"\u{80}\":\"\",\"ö\":\"\",\
             \"\u{20ac}\":[{\"a\":true,\"b\":null},7],\"\u{1f600}\":-1,\"\u{fb33}\":{}}"
        );
    }
}
