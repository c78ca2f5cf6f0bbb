//! Which Projects a policy is for.

use std::collections::BTreeMap;

/// Labels that have to be there, with these values.
type Labels = BTreeMap<String, String>;

/// Which Projects a policy is for: those that everything it says fits. One that says nothing
/// fits every Project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Patterns of which one has to fit the name; none for any name.
    pub names: Vec<Pattern>,
    /// Labels of the Project.
    pub project_labels: Labels,
    /// Labels of the Namespace.
    pub namespace_labels: Labels,
}

/// What a selector is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'a> {
    /// The name of the Project and its Namespace.
    pub name: &'a str,
    /// The Project's labels.
    pub project_labels: &'a Labels,
    /// The Namespace's labels; `None` where there is no Namespace yet.
    pub namespace_labels: Option<&'a Labels>,
}

impl Selector {
    /// Whether the policy is for that Project.
    pub fn matches(&self, what: &Matched<'_>) -> bool {
        let within = |wanted: &Labels, found: Option<&Labels>| {
            wanted.iter().all(|(key, value)| found.is_some_and(|f| f.get(key) == Some(value)))
        };
        (self.names.is_empty() || self.names.iter().any(|pattern| pattern.fits(what.name)))
            && within(&self.project_labels, Some(what.project_labels))
            && within(&self.namespace_labels, what.namespace_labels)
    }
}

/// A text in which `*` stands for any characters, and for none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// Takes the pattern as it stands in the policy.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// The pattern as it stands in the policy.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it fits the text as a whole.
    pub fn fits(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let mut parts: Vec<_> = parts.collect();
        let Some(last) = parts.pop() else { return rest.is_empty() };
        for part in parts {
            // The leftmost place leaves the most for the parts that follow.
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_and_for_none() {
        for (pattern, fits, not) in [
            ("payments", &["payments"][..], &["payments-eu", "my-payments", ""][..]),
            ("pay*", &["pay", "payments"], &["spay"]),
            ("*-prod", &["a-prod", "-prod"], &["a-prod-b", "prod"]),
            ("a*b*c", &["abc", "a-b-b-c"], &["ab", "acb", "ac"]),
            ("*", &["", "anything"], &[]),
            ("a*a", &["aa", "aba"], &["a"]),
        ] {
            let pattern = Pattern::new(pattern);
            for name in fits {
                assert!(pattern.fits(name), "{pattern:?} {name}");
            }
            for name in not {
                assert!(!pattern.fits(name), "{pattern:?} {name}");
            }
        }
    }

    #[test]
    fn a_selector_fits_what_all_of_it_fits() {
        let labels: Labels = [("tier".to_owned(), "prod".to_owned())].into();
        let none = Labels::new();
        let selector = Selector {
            namespace_labels: labels.clone(),
            names: vec![Pattern::new("p*")],
            ..Selector::default()
        };
        let ask =
            |name, namespace_labels| Matched { name, project_labels: &none, namespace_labels };
        assert!(selector.matches(&ask("payments", Some(&labels))));
        assert!(!selector.matches(&ask("payments", Some(&none))));
        assert!(!selector.matches(&ask("payments", None)));
        assert!(!selector.matches(&ask("shop", Some(&labels))));
        assert!(Selector::default().matches(&ask("shop", None)));
    }
}
