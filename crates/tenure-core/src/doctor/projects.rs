//! Projects that hang in their deletion, and stamps that nobody took off.

use jiff::Timestamp;

use super::{Cause, Finding, InstallationFacts, Remedy, Severity};
use crate::keys;
use crate::listing::first_of;

/// After how many seconds a Project is said to hang: whoever lets go of one does so in a few.
const PATIENCE: i64 = 60;
/// After how many seconds a stamp is said to be left: it is taken off after one minute.
const STAMPED: i64 = 180;
/// How many Projects are named.
const NAMED: usize = 5;

/// Projects that nobody lets go of. Alone, a Project waits for its plan, and that is no finding.
pub(super) fn held(facts: &InstallationFacts) -> Vec<Finding> {
    let Some(seen) = lasting(facts, &facts.held, PATIENCE).filter(|_| facts.beside_kargo) else {
        return Vec::new();
    };
    let what = "Projects that were deleted are still there: Kargo's management controller, which \
                lets go of them, does not seem to run"
        .to_owned();
    let look = Remedy::look("see whether it runs, and what it says")
        .by("kubectl get deployments -A -l app.kubernetes.io/component=management-controller");
    let finding = Finding::new(Cause::ProjectsHeld, Severity::Blocks, what, look).seen(seen).or(
        Remedy::mend(
            "bring it up: their plans are carried out once they are gone; where Kargo is to run \
             without it, install Tenure with mode standalone",
        ),
    );
    vec![finding]
}

/// Stamps on Projects that live: with one, Kargo would keep their namespaces.
pub(super) fn stamped(facts: &InstallationFacts) -> Vec<Finding> {
    let Some(seen) = lasting(facts, &facts.stamped, STAMPED) else { return Vec::new() };
    let what = format!(
        "Projects that are not being deleted carry {}, which Tenure takes off within a minute",
        keys::STAMP
    );
    let namespace = &facts.namespace;
    let look = Remedy::look("see whether Tenure's server runs, and what it says of them")
        .by(format!("kubectl logs -n {namespace} deployment/tenure"));
    let finding = Finding::new(Cause::StampLeft, Severity::Likely, what, look)
        .seen(seen)
        .or(Remedy::mend("bring it up in mode companion, which takes stamps off that are left"));
    vec![finding]
}

/// Those that have been so for long, in words; nothing if there are none.
fn lasting(
    facts: &InstallationFacts,
    projects: &[(String, Timestamp)],
    longer: i64,
) -> Option<String> {
    let age = |since: &Timestamp| facts.now.duration_since(*since).as_secs();
    let long = projects.iter().filter(|(_, since)| age(since) > longer);
    let told: Vec<_> = long.map(|(name, since)| format!("{name} ({} s)", age(since))).collect();
    (!told.is_empty()).then(|| format!("Projects {}", first_of(told.iter(), NAMED)))
}

#[cfg(test)]
mod tests {
    use super::super::installation::tests::well;
    use super::super::testing::only;
    use super::*;

    fn since(seconds: i64) -> Vec<(String, Timestamp)> {
        vec![("payments".to_owned(), well().now - jiff::SignedDuration::from_secs(seconds))]
    }

    #[test]
    fn a_project_that_nobody_lets_go_of_is_told_beside_kargo_alone() {
        let facts = InstallationFacts { held: since(PATIENCE + 1), ..well() };
        let finding = only(held(&facts));
        assert_eq!(finding.evidence, ["Projects payments (61 s)"]);
        assert_eq!(held(&InstallationFacts { beside_kargo: false, ..facts }), []);
        assert_eq!(held(&InstallationFacts { held: since(PATIENCE), ..well() }), []);
    }

    #[test]
    fn a_stamp_is_left_once_it_should_have_been_taken_off() {
        let facts = InstallationFacts { stamped: since(STAMPED + 1), ..well() };
        assert_eq!(only(stamped(&facts)).cause, Cause::StampLeft);
        let alone = InstallationFacts { beside_kargo: false, ..facts };
        assert_eq!(only(stamped(&alone)).cause, Cause::StampLeft, "from before the mode changed");
        assert_eq!(stamped(&InstallationFacts { stamped: since(STAMPED), ..well() }), []);
    }
}
