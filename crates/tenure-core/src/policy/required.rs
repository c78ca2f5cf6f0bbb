//! What policies require of the Namespaces that Projects live in. It is asked for when a Project
//! comes: one that is there already is not put out.

use std::collections::{BTreeMap, BTreeSet};

use super::{Enforcement, Matched, Pattern, Policy};

/// Patterns that the value of each key has to fit.
pub type Patterns = BTreeMap<String, Pattern>;

/// What is required of a Namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Required {
    /// Labels.
    pub labels: Patterns,
    /// Annotations.
    pub annotations: Patterns,
    /// Pattern that its name has to fit.
    pub name: Option<Pattern>,
    /// Whether a ResourceQuota has to be in it.
    pub resource_quota: bool,
}

/// A Namespace that a Project would live in.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: &'a BTreeMap<String, String>,
    /// Whether there is a ResourceQuota in it; `None` if nobody looked.
    pub has_quota: Option<bool>,
}

/// Something that a policy requires and that is not so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmet {
    /// Whether it counts.
    pub enforcement: Enforcement,
    /// What is required, by which policy, and how to do it.
    pub reason: String,
}

impl Required {
    /// Whether anything is required of what is in the Namespace.
    pub fn looks_inside(&self) -> bool {
        self.resource_quota
    }

    fn unmet(&self, home: &Home<'_>) -> Vec<String> {
        let mut unmet = Vec::new();
        if let Some(pattern) = self.name.as_ref().filter(|pattern| !pattern.fits(home.name)) {
            unmet.push(format!("a name like {}", pattern.as_str()));
        }
        for (what, required, found) in [
            ("label", &self.labels, home.labels),
            ("annotation", &self.annotations, home.annotations),
        ] {
            for (key, pattern) in required {
                let how = match found.get(key) {
                    Some(value) if pattern.fits(value) => continue,
                    Some(value) => format!("and not {value:.80}"),
                    None => format!("create the namespace with that {what} first"),
                };
                unmet.push(format!("the {what} {key}={} ({how})", pattern.as_str()));
            }
        }
        if self.resource_quota && home.has_quota != Some(true) {
            unmet.push("a ResourceQuota (create it in the namespace first)".to_owned());
        }
        unmet
    }
}

/// Everything that policies require of the Namespace and that is not so.
pub fn unmet(policies: &[Policy], what: &Matched<'_>, home: &Home<'_>) -> Vec<Unmet> {
    let mut all = BTreeSet::new();
    for policy in policies.iter().filter(|policy| policy.selector.matches(what)) {
        all.extend(policy.terms.required.unmet(home).into_iter().map(|required| Unmet {
            enforcement: policy.enforcement,
            reason: format!("the DeletionPolicy {} requires {required}", policy.name),
        }));
    }
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Uid;
    use crate::policy::{Selector, Terms};

    fn policy(enforcement: Enforcement, required: Required) -> Policy {
        Policy {
            name: "house".to_owned(),
            uid: Uid::new("u"),
            generation: 1,
            selector: Selector::default(),
            enforcement,
            terms: Terms { required, ..Terms::default() },
        }
    }

    #[test]
    fn what_is_required_is_named_with_its_remedy() {
        let labels = BTreeMap::from([("cost".to_owned(), "x1".to_owned())]);
        let home = Home {
            name: "payments",
            labels: &labels,
            annotations: &BTreeMap::new(),
            has_quota: Some(false),
        };
        let what =
            Matched { name: "payments", project_labels: &BTreeMap::new(), namespace_labels: None };
        let required = Required {
            labels: [("team", "*"), ("cost", "c*")]
                .map(|(key, value)| (key.to_owned(), Pattern::new(value)))
                .into(),
            annotations: Patterns::new(),
            name: Some(Pattern::new("team-*")),
            resource_quota: true,
        };
        let told = unmet(&[policy(Enforcement::Enforce, required)], &what, &home);
        let told: Vec<_> = told.iter().map(|unmet| unmet.reason.as_str()).collect();
        assert_eq!(
            told,
            [
                "the DeletionPolicy house requires a ResourceQuota (create it in the namespace first)",
                "the DeletionPolicy house requires a name like team-*",
                "the DeletionPolicy house requires the label cost=c* (and not x1)",
                "the DeletionPolicy house requires the label team=* (create the namespace with that label first)",
            ]
        );
    }

    #[test]
    fn what_is_there_is_not_asked_for() {
        let labels = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        let home = Home {
            name: "payments",
            labels: &labels,
            annotations: &BTreeMap::new(),
            has_quota: None,
        };
        let what =
            Matched { name: "payments", project_labels: &BTreeMap::new(), namespace_labels: None };
        let labels = [("team".to_owned(), Pattern::new("*"))].into();
        let required = Required { labels, ..Required::default() };
        assert_eq!(unmet(&[policy(Enforcement::Warn, required)], &what, &home), []);
    }
}
