//! Identities, parsed once at the edge.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The UID of one incarnation of an object. Two objects of one name have two UIDs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(Box<str>);

/// A version of one object, opaque but for equality.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceVersion(Box<str>);

macro_rules! opaque {
    ($name:ident) => {
        impl $name {
            /// Takes the value as the API server gave it.
            pub fn new(value: impl Into<Box<str>>) -> Self {
                Self(value.into())
            }

            /// The value as the API server gave it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque!(Uid);
opaque!(ResourceVersion);

/// The name of a Namespace, which is an RFC 1123 label: at most 63 of `a-z`, `0-9` and `-`,
/// neither first nor last a `-`.
///
/// A Project's name may be longer and hold dots, so not every Project can have a Namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceName(Box<str>);

/// Why a name cannot be a Namespace's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Longer than an RFC 1123 label may be.
    #[error("it has {0} characters; a namespace name has at most 63")]
    TooLong(usize),
    /// Empty.
    #[error("it is empty")]
    Empty,
    /// A character that an RFC 1123 label does not have, or not there.
    #[error("{0:?} may not stand there; a namespace name is made of a-z, 0-9 and inner hyphens")]
    Character(char),
}

impl NamespaceName {
    /// Longest name that a Namespace may have (RFC 1123 label).
    pub const MAX: usize = 63;

    /// Parses the name.
    ///
    /// # Errors
    /// Says what about the name a Namespace's may not have.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if let Some(c) = name.chars().find(|&c| !legal(c) && c != '-') {
            return Err(NameError::Character(c));
        }
        if name.len() > Self::MAX {
            return Err(NameError::TooLong(name.len()));
        }
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.starts_with('-') || name.ends_with('-') {
            return Err(NameError::Character('-'));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NamespaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_63_characters_is_a_namespace_name_and_one_of_64_is_not() {
        assert!(NamespaceName::parse(&"a".repeat(63)).is_ok());
        for length in [64, 253, 254] {
            assert_eq!(NamespaceName::parse(&"a".repeat(length)), Err(NameError::TooLong(length)));
        }
    }

    #[test]
    fn dots_uppercase_and_confusable_letters_are_named() {
        for (name, c) in [
            ("pay.ments", '.'),
            ("Payments", 'P'),
            ("p\u{0430}yments", '\u{0430}'),
            ("-a", '-'),
            ("a-", '-'),
        ] {
            assert_eq!(NamespaceName::parse(name), Err(NameError::Character(c)));
        }
        assert_eq!(NamespaceName::parse(""), Err(NameError::Empty));
    }
}
