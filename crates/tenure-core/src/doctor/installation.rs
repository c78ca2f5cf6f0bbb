//! Whether Tenure itself is as it should be.

use jiff::Timestamp;

use super::{Cause, Finding, Remedy, Severity, projects};
use crate::keys;

/// Whether something is there, as far as anybody could see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    There,
    /// It is not, or not as it has to be.
    Missing,
    /// Nobody could see.
    Unseen,
}

/// Something that has to be on the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What, as kubectl names it.
    pub object: String,
    /// Whether it is there.
    pub presence: Presence,
    /// What is missing without it, as a clause; nothing that deletions depend on if empty.
    pub without: String,
}

/// What was seen of Tenure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallationFacts {
    /// When it was looked at.
    pub now: Timestamp,
    /// The namespace that its server runs in.
    pub namespace: String,
    /// What has to be there.
    pub objects: Vec<Seen>,
    /// Whether the server published what it decides by, and so is installed at all.
    pub published: Presence,
    /// Who holds the Lease, when it was renewed, and for how many seconds that holds; `None` if
    /// there is none, or it could not be read.
    pub lease: Option<(String, Timestamp, i64)>,
    /// Whether the Lease could be looked at.
    pub lease_seen: bool,
    /// Why the API server does not ask Tenure; `Ok` if it does, or if nobody could try.
    pub asked: Result<(), String>,
    /// Why the breaker is open, if it is.
    pub breaker: Option<String>,
    /// Whether Tenure runs beside Kargo's management controller.
    pub beside_kargo: bool,
    /// Projects whose deletion was asked for and that somebody still holds, and since when.
    pub held: Vec<(String, Timestamp)>,
    /// Projects that are not being deleted and carry a stamp, and since when.
    pub stamped: Vec<(String, Timestamp)>,
    /// What whoever asks may not do, as `patch projects.kargo.akuity.io`, with the commands that
    /// need it.
    pub lacking: Vec<(String, String)>,
}

/// What is wrong with Tenure: the worst first.
pub fn examine_installation(facts: &InstallationFacts) -> Vec<Finding> {
    if let Some(finding) = absent(facts) {
        return vec![finding];
    }
    let rules = [missing, away, not_asked, breaker_open, projects::held, projects::stamped, rights];
    let mut findings: Vec<_> = rules.iter().flat_map(|rule| rule(facts)).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Nothing of Tenure is there, so nothing of it is wrong.
fn absent(facts: &InstallationFacts) -> Option<Finding> {
    // The definition of Projects may be Kargo's.
    let mut ours = facts.objects.iter().filter(|seen| !seen.object.ends_with(keys::KARGO_GROUP));
    let there = ours.any(|seen| seen.presence != Presence::Missing);
    if there || facts.published != Presence::Missing || facts.lease.is_some() {
        return None;
    }
    let what = "Tenure is not installed on this cluster: what its commands plan is advice";
    let look = Remedy::look("see what becomes of a namespace all the same")
        .by("kubectl tenure plan project/NAME");
    let finding = Finding::new(Cause::NotInstalled, Severity::Note, what.to_owned(), look)
        .seen(format!("there are neither its definitions nor settings in {}", facts.namespace));
    Some(finding.or(Remedy::mend("install Tenure's chart")))
}

fn missing(facts: &InstallationFacts) -> Vec<Finding> {
    let missing = facts.objects.iter().filter(|seen| seen.presence == Presence::Missing);
    missing
        .map(|seen| {
            let (severity, what) = if seen.without.is_empty() {
                (Severity::Note, format!("{} is not there", seen.object))
            } else {
                (Severity::Blocks, format!("{} is not there: {}", seen.object, seen.without))
            };
            let look = Remedy::look("see what of Tenure is installed").by(format!(
                "helm get manifest tenure -n {} | kubectl get -f - --ignore-not-found",
                facts.namespace
            ));
            Finding::new(Cause::NotInstalled, severity, what, look)
                .seen(format!("{} was not found, or is not in use", seen.object))
                .or(Remedy::mend("install Tenure's chart again, or apply deploy/ of its version"))
        })
        .collect()
}

fn away(facts: &InstallationFacts) -> Vec<Finding> {
    let namespace = &facts.namespace;
    let (what, evidence) = match (&facts.lease, facts.published) {
        (Some((holder, renewed, holds)), _) => {
            let age = facts.now.duration_since(*renewed).as_secs();
            if age <= *holds {
                return Vec::new();
            }
            let evidence =
                format!("Lease {namespace}/tenure of {holder:?} was renewed {age} s ago");
            ("Tenure's server does not act: nobody renews its Lease", evidence)
        }
        (None, Presence::Missing) if facts.lease_seen => {
            let evidence = format!("no Lease tenure, and no published settings, in {namespace}");
            ("there is no server of Tenure", evidence)
        }
        (None, _) => return Vec::new(),
    };
    let look = Remedy::look("see whether it runs, and what it says")
        .by(format!("kubectl logs -n {namespace} deployment/tenure"));
    let finding = Finding::new(Cause::ServerAway, Severity::Blocks, what.to_owned(), look)
        .seen(evidence)
        .or(Remedy::mend(
            "bring it up; if it runs in another namespace, say so with --tenure-namespace",
        ));
    vec![finding]
}

fn not_asked(facts: &InstallationFacts) -> Vec<Finding> {
    let Err(why) = &facts.asked else { return Vec::new() };
    let what = "the API server does not ask Tenure before Projects and their namespaces go";
    let look = Remedy::look("see whom it asks, and how it is reached")
        .by("kubectl get validatingwebhookconfiguration tenure -o yaml");
    let finding = Finding::new(Cause::NotAsked, Severity::Likely, what.to_owned(), look)
        .seen(why.as_str())
        .or(Remedy::mend("install Tenure's webhook; without it what was deleted directly is gone"));
    vec![finding]
}

fn breaker_open(facts: &InstallationFacts) -> Vec<Finding> {
    let Some(why) = &facts.breaker else { return Vec::new() };
    let what = "the breaker is open: no namespace is deleted until a person closes it".to_owned();
    let look = Remedy::look("see which deletions there were").by("kubectl tenure plans");
    let finding = Finding::new(Cause::BreakerOpen, Severity::Blocks, what, look)
        .seen(why.as_str())
        .or(Remedy::mend("if they were meant, close it")
            .by("kubectl tenure breaker close --reason REASON"));
    vec![finding]
}

fn rights(facts: &InstallationFacts) -> Vec<Finding> {
    if facts.lacking.is_empty() {
        return Vec::new();
    }
    let what = "you lack rights that commands need".to_owned();
    let look = Remedy::look("see which of Tenure's roles are for what")
        .by("kubectl get clusterroles tenure-viewer tenure-operator tenure-approver");
    let finding = Finding::new(Cause::RightsLacking, Severity::Note, what, look)
        .or(Remedy::mend("have an administrator bind the role that you need"));
    let seen = |finding: Finding, (right, needs): &(String, String)| {
        finding.seen(format!("you may not {right}: {needs}"))
    };
    vec![facts.lacking.iter().fold(finding, seen)]
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::testing::{holds, only};
    use super::*;

    pub(in super::super) fn well() -> InstallationFacts {
        let now: Timestamp = "2026-11-23T08:15:31Z".parse().unwrap();
        InstallationFacts {
            now,
            namespace: "tenure-system".to_owned(),
            objects: vec![Seen {
                object: "crd/deletionplans.tenure.dev".to_owned(),
                presence: Presence::There,
                without: "nothing is deleted".to_owned(),
            }],
            published: Presence::There,
            lease: Some(("tenure-1".to_owned(), now, 30)),
            lease_seen: true,
            asked: Ok(()),
            breaker: None,
            beside_kargo: true,
            held: Vec::new(),
            stamped: Vec::new(),
            lacking: Vec::new(),
        }
    }

    #[test]
    fn a_tenure_that_is_well_is_left_alone() {
        assert_eq!(examine_installation(&well()), []);
    }

    #[test]
    fn a_lease_that_nobody_renews_and_a_server_that_never_was_are_told() {
        let old = "2026-11-23T08:14:31Z".parse().unwrap();
        let facts = InstallationFacts { lease: Some(("t".to_owned(), old, 30)), ..well() };
        assert!(only(away(&facts)).evidence[0].ends_with("60 s ago"));
        let none = InstallationFacts { lease: None, published: Presence::Missing, ..well() };
        assert_eq!(only(away(&none)).cause, Cause::ServerAway);
        let blind = InstallationFacts { lease_seen: false, ..none };
        assert_eq!(away(&blind), []);
    }

    #[test]
    fn where_tenure_is_not_installed_that_is_all_there_is_to_say() {
        let object = |object: &str, presence| Seen {
            object: object.to_owned(),
            presence,
            without: "nothing is deleted".to_owned(),
        };
        let facts = InstallationFacts {
            objects: vec![
                object("crd/projects.kargo.akuity.io", Presence::There),
                object("crd/deletionplans.tenure.dev", Presence::Missing),
            ],
            published: Presence::Missing,
            lease: None,
            lacking: vec![("list deletionplans".to_owned(), "plans".to_owned())],
            ..well()
        };
        assert_eq!(only(examine_installation(&facts)).severity, Severity::Note);
    }

    #[test]
    fn everything_that_is_wrong_is_told_and_what_could_not_be_seen_is_not() {
        let object = |presence| Seen { presence, ..well().objects[0].clone() };
        let facts = InstallationFacts {
            objects: vec![object(Presence::Missing), object(Presence::Unseen)],
            asked: Err("a deletion that has to be refused would pass".to_owned()),
            breaker: Some("20 namespaces were deleted".to_owned()),
            lacking: vec![("patch projects".to_owned(), "keep, hold".to_owned())],
            ..well()
        };
        let found = examine_installation(&facts);
        found.iter().for_each(holds);
        let causes: Vec<_> = found.iter().map(|finding| finding.cause).collect();
        use Cause::{BreakerOpen, NotAsked, NotInstalled, RightsLacking};
        assert_eq!(causes, [NotInstalled, BreakerOpen, NotAsked, RightsLacking]);
    }
}
