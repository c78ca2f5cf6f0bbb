//! Tools that go on writing into a Namespace that is going.

use std::collections::BTreeMap;

use super::{Cause, Facts, Finding, Remedy, Severity, Sync};

/// A tool wrote to what is in the Namespace after its deletion was asked for.
pub(super) fn still_synced(facts: &Facts) -> Vec<Finding> {
    let Some(since) = facts.deleting else { return Vec::new() };
    let mut by_tool: BTreeMap<&str, Vec<&Sync>> = BTreeMap::new();
    for sync in facts.syncs.iter().filter(|sync| sync.at > since) {
        by_tool.entry(&sync.by).or_default().push(sync);
    }
    by_tool
        .into_iter()
        .map(|(by, mut syncs)| {
            syncs.sort_by_key(|sync| std::cmp::Reverse(sync.at));
            let what = format!(
                "{by} still writes into the namespace, and puts back what is taken off objects"
            );
            let look = Remedy::look("see what it syncs, and from where");
            let mend = Remedy::mend(
                "take what is in the namespace out of what it syncs, or pause it, until the \
                 namespace is gone",
            );
            let finding = Finding::new(Cause::StillSynced, Severity::Likely, what, look).or(mend);
            syncs.iter().take(5).fold(finding, |finding, sync| {
                finding.seen(format!("it wrote {} at {}", sync.object, sync.at))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{going, only};
    use super::*;

    #[test]
    fn only_what_was_written_since_the_deletion_counts() {
        let sync = |at: &str| Sync {
            by: "Argo CD shop".to_owned(),
            object: "configmaps/c".to_owned(),
            at: at.parse().unwrap(),
        };
        let facts = Facts { syncs: vec![sync("2026-11-23T08:14:00Z")], ..going() };
        assert_eq!(still_synced(&facts), []);
        let later = ["2026-11-23T08:15:00Z", "2026-11-23T08:15:30Z"].map(sync);
        let finding = only(still_synced(&Facts { syncs: later.into(), ..going() }));
        assert!(finding.evidence[0].ends_with("08:15:30Z"), "{finding:#?}");
    }
}
