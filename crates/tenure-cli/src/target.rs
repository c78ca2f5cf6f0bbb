//! What a command is about: a Project, or the Namespace of its name.

use std::fmt;
use std::str::FromStr;

/// A Project or a Namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which of the two.
    pub kind: Kind,
    /// Its name, which is the other's too.
    pub name: String,
}

/// Which of the two objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The Project.
    Project,
    /// The Namespace.
    Namespace,
}

impl Kind {
    /// As it is written before a slash.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Namespace => "namespace",
        }
    }
}

impl Target {
    /// The Project of that name.
    pub fn project(name: impl Into<String>) -> Self {
        Self { kind: Kind::Project, name: name.into() }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

impl FromStr for Target {
    type Err = String;

    /// Reads `project/NAME` and `namespace/NAME`, and what kubectl says for these; without a kind
    /// it is a Project.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = match text.split_once('/') {
            None => (Kind::Project, text),
            Some((kind, name)) => (parse_kind(kind)?, name),
        };
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if name.is_empty() {
            return Err("the name is missing; write project/NAME or namespace/NAME".to_owned());
        }
        if name.len() > 253 {
            return Err(format!("the name has {} characters; it has at most 253", name.len()));
        }
        if let Some(c) = name.chars().find(|&c| !legal(c)) {
            return Err(format!("{c:?} is in no name; a name is made of a-z, 0-9, '-' and '.'"));
        }
        Ok(Self { kind, name: name.to_owned() })
    }
}

/// Each of them once.
pub(crate) fn distinct(targets: &[Target]) -> Vec<&Target> {
    let mut distinct: Vec<&Target> = Vec::new();
    for target in targets {
        if !distinct.contains(&target) {
            distinct.push(target);
        }
    }
    distinct
}

fn parse_kind(kind: &str) -> Result<Kind, String> {
    match kind.to_ascii_lowercase().as_str() {
        "project"
        | "projects"
        | "projects.kargo.akuity.io"
        | "project.kargo.akuity.io"
        | "projects.v1alpha1.kargo.akuity.io" => Ok(Kind::Project),
        "namespace" | "namespaces" | "ns" => Ok(Kind::Namespace),
        _ => Err(format!("{kind:?} is neither project nor namespace")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_written_as_for_kubectl() {
        for text in ["a", "project/a", "projects/a", "Project/a", "projects.kargo.akuity.io/a"] {
            assert_eq!(text.parse(), Ok(Target::project("a")), "{text}");
        }
        for text in ["ns/a", "namespace/a", "namespaces/a"] {
            let target = Target { kind: Kind::Namespace, name: "a".to_owned() };
            assert_eq!(text.parse(), Ok(target), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_before_anybody_is_asked() {
        for text in ["", "project/", "pod/a", "a/b/c", "A", "a\u{1b}[2J", "p\u{430}y", "a b"] {
            assert!(text.parse::<Target>().is_err(), "{text:?}");
        }
        assert!("a".repeat(254).parse::<Target>().is_err());
        assert!("a".repeat(253).parse::<Target>().is_ok());
    }
}
