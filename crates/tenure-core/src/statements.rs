//! What the annotations of one object say about the fate of the Namespace.
//!
//! A value is legible or it is not, and only what is legible is obeyed. What is illegible
//! was meant to say something, so it becomes a claim to retain ([`mod@crate::decide`]).

use std::borrow::Borrow;

use crate::Disposition;
use crate::keys;

/// What `kargo.akuity.io/keep-namespace` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// The annotation is absent.
    #[default]
    Absent,
    /// `"false"`, which says the same as absence.
    No,
    /// `"true"`.
    Yes,
    /// Anything else, shortened and quoted.
    Illegible(String),
}

/// What `tenure.dev/disposition` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// The annotation is absent.
    #[default]
    Absent,
    /// `Clean` or `Retain`.
    AtLeast(Disposition),
    /// Anything else, shortened and quoted. `Delete` is among it: a claim can only protect.
    Illegible(String),
}

/// What `tenure.dev/cancel` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cancel {
    /// The annotation is absent, or `"false"`.
    #[default]
    No,
    /// `"true"`: the deletion is called off.
    Yes,
    /// Anything else, shortened and quoted. Nothing happens while it stands.
    Illegible(String),
}

/// A named reason why an object may not be deleted now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lien {
    /// What follows `hold.tenure.dev/`.
    pub name: String,
    /// The annotation's value.
    pub reason: String,
}

/// A key that is not keep-namespace's but was all but certainly meant to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NearMiss {
    /// The key as it stands.
    pub key: String,
    /// Whether it is a label; keep-namespace is an annotation.
    pub label: bool,
}

/// Everything that one object's metadata says about the fate of the Namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statements {
    /// `kargo.akuity.io/keep-namespace`.
    pub keep: Keep,
    /// `tenure.dev/disposition`.
    pub wish: Wish,
    /// `hold.tenure.dev/*`, in the order of their names.
    pub liens: Vec<Lien>,
    /// Misspelt keep-namespace keys.
    pub near_misses: Vec<NearMiss>,
}

impl Statements {
    /// Longest part of a value that is repeated in messages, in characters. Annotations may hold
    /// 256 KiB; conditions, Events and denials may not.
    pub const SHOWN: usize = 40;

    /// Reads the annotations and labels of an object.
    pub fn read<'a, S: Borrow<str> + 'a>(
        annotations: impl IntoIterator<Item = (&'a S, &'a S)>,
        labels: impl IntoIterator<Item = (&'a S, &'a S)>,
    ) -> Self {
        let mut read = Self::default();
        for (key, value) in annotations {
            let (key, value): (&str, &str) = (key.borrow(), value.borrow());
            if key == keys::KEEP_NAMESPACE {
                read.keep = Keep::read(value);
            } else if key == keys::DISPOSITION {
                read.wish = Wish::read(value);
            } else if let Some(name) = key.strip_prefix(keys::LIEN_PREFIX) {
                read.liens.push(Lien { name: name.to_owned(), reason: shorten(value) });
            } else if is_near_miss(key) && value != keys::FALSE {
                read.near_misses.push(NearMiss { key: key.to_owned(), label: false });
            }
        }
        for (key, value) in labels {
            let (key, value): (&str, &str) = (key.borrow(), value.borrow());
            if (key == keys::KEEP_NAMESPACE || is_near_miss(key)) && value != keys::FALSE {
                read.near_misses.push(NearMiss { key: key.to_owned(), label: true });
            }
        }
        read.liens.sort();
        read.near_misses.sort();
        read
    }
}

impl Keep {
    /// The values that are legible.
    pub const LEGAL: [&str; 2] = [keys::TRUE, keys::FALSE];

    /// Reads the value of the annotation. Only `"true"` and `"false"` are legible: what Kargo
    /// reads as "delete" although it was meant to keep must not be read so here.
    pub fn read(value: &str) -> Self {
        match value {
            keys::TRUE => Self::Yes,
            keys::FALSE => Self::No,
            other => Self::Illegible(quote(other)),
        }
    }
}

impl Cancel {
    /// The values that are legible.
    pub const LEGAL: [&str; 2] = [keys::TRUE, keys::FALSE];

    /// Reads the value of the annotation, if it stands there.
    pub fn read(value: Option<&str>) -> Self {
        match value {
            None | Some(keys::FALSE) => Self::No,
            Some(keys::TRUE) => Self::Yes,
            Some(other) => Self::Illegible(quote(other)),
        }
    }
}

impl Wish {
    /// What can be wished for, by its word.
    pub const LEGAL: [Disposition; 2] = [Disposition::Clean, Disposition::Retain];

    /// Reads the value of the annotation.
    pub fn read(value: &str) -> Self {
        match Self::LEGAL.into_iter().find(|legal| legal.as_str() == value) {
            Some(legal) => Self::AtLeast(legal),
            None => Self::Illegible(quote(value)),
        }
    }
}

impl NearMiss {
    /// What the name of such a key is, once everything but letters is dropped and case is folded.
    pub const NAMES: [&str; 4] = ["keepnamespace", "keepnamespaces", "keepns", "namespacekeep"];
    /// What the prefix of such a key, if it has one, speaks of.
    pub const PREFIXES: [&str; 3] = ["kargo", "akuity", "tenure"];
}

/// Whether a key was meant to be keep-namespace: its name is `keepnamespace` once everything
/// but letters is dropped and case is folded, and its prefix, if it has one, speaks of Kargo,
/// Akuity or Tenure. `example.com/keep-namespace` is somebody else's.
fn is_near_miss(key: &str) -> bool {
    if key == keys::KEEP_NAMESPACE || key.len() > 317 {
        return false;
    }
    let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
    let name: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    let name = name.to_ascii_lowercase();
    let prefix = prefix.to_ascii_lowercase();
    NearMiss::NAMES.contains(&name.as_str())
        && (prefix.is_empty() || NearMiss::PREFIXES.iter().any(|p| prefix.contains(p)))
}

/// The value in quotes, control characters escaped, cut to [`Statements::SHOWN`] characters.
fn quote(value: &str) -> String {
    format!("{:?}", shorten(value))
}

fn shorten(value: &str) -> String {
    match value.char_indices().nth(Statements::SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(annotations: &[(&str, &str)], labels: &[(&str, &str)]) -> Statements {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        Statements::read(&map(annotations), &map(labels))
    }

    #[test]
    fn only_true_and_false_are_legible() {
        assert_eq!(Keep::read("true"), Keep::Yes);
        assert_eq!(Keep::read("false"), Keep::No);
        for value in ["True", "TRUE", "yes", "1", "", " true", "true\n", "\"true\"", "False"] {
            assert!(matches!(Keep::read(value), Keep::Illegible(_)), "{value:?}");
        }
    }

    #[test]
    fn what_is_told_to_be_legal_is_legible() {
        for value in Keep::LEGAL {
            assert!(!matches!(Keep::read(value), Keep::Illegible(_)), "{value:?}");
        }
        for value in Cancel::LEGAL {
            assert!(!matches!(Cancel::read(Some(value)), Cancel::Illegible(_)), "{value:?}");
        }
        for legal in Wish::LEGAL {
            assert_eq!(Wish::read(legal.as_str()), Wish::AtLeast(legal));
        }
    }

    #[test]
    fn delete_is_not_something_one_can_wish_for() {
        assert!(matches!(Wish::read("Delete"), Wish::Illegible(_)));
        assert!(matches!(Wish::read("retain"), Wish::Illegible(_)));
        assert_eq!(Wish::read("Clean"), Wish::AtLeast(Disposition::Clean));
    }

    #[test]
    fn a_value_of_256_kib_is_cut_in_messages() {
        let Keep::Illegible(shown) = Keep::read(&"é".repeat(131_072)) else { panic!("legible") };
        assert_eq!(shown.chars().count(), Statements::SHOWN + 3);
    }

    #[test]
    fn near_misses_are_seen_and_others_keys_are_not() {
        let read = read(
            &[
                ("kargo.akuity.io/keepnamespace", "true"),
                ("kargo.akuity.com/keep-namespace", "true"),
                ("keep-namespace", "yes"),
                ("kargo.akuity.io/keep_namespace", "false"),
                ("example.com/keep-namespace", "true"),
                ("kargo.akuity.io/keep-namespace", "false"),
            ],
            &[("kargo.akuity.io/keep-namespace", "true")],
        );
        let seen: Vec<_> = read.near_misses.iter().map(|m| (m.key.as_str(), m.label)).collect();
        assert_eq!(
            seen,
            [
                ("kargo.akuity.com/keep-namespace", false),
                ("kargo.akuity.io/keep-namespace", true),
                ("kargo.akuity.io/keepnamespace", false),
                ("keep-namespace", false),
            ]
        );
        assert_eq!(read.keep, Keep::No);
    }

    #[test]
    fn liens_are_read_in_the_order_of_their_names() {
        let read = read(&[("hold.tenure.dev/b", "audit"), ("hold.tenure.dev/a", "")], &[]);
        let names: Vec<_> = read.liens.iter().map(|l| l.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
