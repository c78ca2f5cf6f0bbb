//! Kinds of objects, and patterns that name them.

use std::fmt;

/// A kind as the API server serves it. Objects share it, so that many of them stay small.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// Its name in paths, such as `deployments`.
    pub plural: Box<str>,
    /// Its API group; empty for the core group.
    pub group: Box<str>,
    /// The version it is read in.
    pub version: Box<str>,
    /// Its name in objects, such as `Deployment`.
    pub kind: Box<str>,
}

impl Kind {
    /// A kind of that group, version, name in objects and name in paths.
    pub fn new(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        Self {
            plural: plural.into(),
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
        }
    }

    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Whether it is that kind of that group.
    pub fn is(&self, plural: &str, group: &str) -> bool {
        &*self.plural == plural && &*self.group == group
    }

    /// Whether a pattern names it: `plural.group`, `plural` of the core group, or `*.group`.
    pub fn matches(&self, pattern: &str) -> bool {
        let (plural, group) = pattern.split_once('.').unwrap_or((pattern, ""));
        (plural == "*" || plural == &*self.plural) && group == &*self.group
    }
}

/// As kubectl names it: `deployments.apps`, `configmaps`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_a_kind_or_a_whole_group_and_nothing_beside_it() {
        let pods = Kind::new("metrics.k8s.io", "v1beta1", "PodMetrics", "pods");
        assert_eq!(pods.to_string(), "pods.metrics.k8s.io");
        for pattern in ["*.metrics.k8s.io", "pods.metrics.k8s.io"] {
            assert!(pods.matches(pattern), "{pattern}");
        }
        for pattern in ["pods", "*", "*.k8s.io", "nodes.metrics.k8s.io", "*.custom.metrics.k8s.io"]
        {
            assert!(!pods.matches(pattern), "{pattern}");
        }
        assert!(Kind::new("", "v1", "Pod", "pods").matches("pods"));
    }
}
