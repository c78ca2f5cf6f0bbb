//! The Namespace object itself: its finalizers, and who looks after it.

use super::{Cause, Facts, Finding, Remedy, Severity};
use crate::keys;

/// The namespace controller's own finalizer.
const KUBERNETES: &str = "kubernetes";
/// After how many seconds without a word of the namespace controller it is said to be missing. It
/// lets five pass before it looks.
const SILENCE: i64 = 15;

/// Nobody looks after Namespaces: it was to go, and nobody ever said a word about it.
pub(super) fn no_controller(facts: &Facts) -> Vec<Finding> {
    let awaited = facts.spec_finalizers.iter().any(|finalizer| finalizer == KUBERNETES);
    if facts.any_condition || !awaited || facts.going_for() <= SILENCE {
        return Vec::new();
    }
    let what = "the namespace controller does not seem to run: it never said a word about this \
                namespace"
        .to_owned();
    let look = Remedy::look("see whether other namespaces go, and whether its Lease is renewed")
        .by("kubectl get lease -n kube-system kube-controller-manager -o yaml");
    let finding = Finding::new(Cause::NoNamespaceController, Severity::Blocks, what, look)
        .seen(format!("terminating for {} s, without any condition", facts.going_for()))
        .or(Remedy::mend("bring kube-controller-manager up, with its namespace controller"));
    vec![finding]
}

/// The Namespace carries finalizers of its own. Those in `metadata` are anybody's; those in `spec`
/// are taken off by a request of its own kind.
pub(super) fn own_finalizers(facts: &Facts) -> Vec<Finding> {
    let metadata = facts.finalizers.iter().map(|f| (f, "metadata.finalizers"));
    let spec = facts.spec_finalizers.iter().filter(|f| *f != KUBERNETES);
    metadata
        .chain(spec.map(|f| (f, "spec.finalizers")))
        .map(|(finalizer, place)| own(facts, finalizer, place))
        .collect()
}

fn own(facts: &Facts, finalizer: &str, place: &str) -> Finding {
    let name = &facts.name;
    let ours = finalizer == keys::FINALIZER;
    let severity = match (facts.is_going(), ours) {
        (true, _) => Severity::Blocks,
        (false, true) => Severity::Note,
        (false, false) => Severity::Likely,
    };
    let abandoned = ours && facts.is_going() && facts.project == Some(false);
    let what = format!(
        "the Namespace itself carries {finalizer}, and {} until it is taken off{}",
        facts.verb("stays", "stay"),
        if abandoned { "; its Project is gone" } else { "" }
    );
    let (look, mend) = if ours {
        (
            Remedy::look("see how far Tenure, or Kargo, is with its Project")
                .by(format!("kubectl tenure plan namespace/{name}")),
            if facts.beside_kargo {
                "see that Kargo's management controller runs, which takes it off"
            } else {
                "see that Tenure's server runs, which takes it off once the Project is done with"
            },
        )
    } else {
        (
            Remedy::look("find out who put it there")
                .by(format!("kubectl get namespace {name} -o yaml --show-managed-fields")),
            "have whoever put it there take it off: the controller of its domain",
        )
    };
    let finding = Finding::new(Cause::NamespaceFinalizers, severity, what, look)
        .seen(format!("{place}: {finalizer}"))
        .or(Remedy::mend(mend));
    if place == "metadata.finalizers" {
        let patch = match facts.finalizers.iter().position(|known| known == finalizer) {
            Some(at) => serde_json::json!([
                {"op": "test", "path": format!("/metadata/finalizers/{at}"), "value": finalizer},
                {"op": "remove", "path": format!("/metadata/finalizers/{at}")},
            ]),
            None => return finding,
        };
        let costs = "what it is for is not done: nobody cleans up what belongs to the namespace \
                     elsewhere";
        return finding.or(Remedy::give_up("take that finalizer off, and no other", costs)
            .by(format!("kubectl patch namespace {name} --type=json -p '{patch}'")));
    }
    finding.or(Remedy::finalize(name))
}

#[cfg(test)]
mod tests {
    use super::super::Risk;
    use super::super::testing::{going, only, standing};
    use super::*;

    #[test]
    fn silence_is_told_once_it_lasts() {
        let kubernetes = vec![KUBERNETES.to_owned()];
        let facts = Facts { any_condition: false, spec_finalizers: kubernetes, ..going() };
        assert_eq!(only(no_controller(&facts)).cause, Cause::NoNamespaceController);
        let done = Facts { spec_finalizers: vec![], ..facts.clone() };
        assert_eq!(no_controller(&done), [], "it has done its part");
        let soon = Facts { deleting: Some(facts.now), ..facts.clone() };
        assert_eq!(no_controller(&soon), []);
        assert_eq!(no_controller(&Facts { any_condition: true, ..facts }), []);
    }

    #[test]
    fn where_a_finalizer_stands_decides_how_it_is_taken_off() {
        let own = |finalizer: &str| vec![finalizer.to_owned()];
        let facts = Facts { finalizers: own("example.com/hold"), ..going() };
        let finding = only(own_finalizers(&facts));
        let command = finding.remedies().last().and_then(|remedy| remedy.command.clone()).unwrap();
        assert!(command.contains("--type=json") && command.contains("\"test\""), "{command}");
        let facts = Facts { spec_finalizers: own("example.com/hold"), ..going() };
        let finding = only(own_finalizers(&facts));
        assert_eq!(finding.remedies().last().map(|remedy| remedy.risk), Some(Risk::Forces));
        let facts = Facts { spec_finalizers: own(KUBERNETES), ..going() };
        assert_eq!(own_finalizers(&facts), []);
    }

    #[test]
    fn kargos_finalizer_without_a_project_is_told_and_who_takes_it_off() {
        let facts = Facts {
            finalizers: vec![keys::FINALIZER.to_owned()],
            project: Some(false),
            beside_kargo: true,
            ..going()
        };
        let finding = only(own_finalizers(&facts));
        assert!(finding.what.ends_with("; its Project is gone"), "{finding:?}");
        assert!(finding.remedies()[1].advice.contains("Kargo's management controller"));
        let alone = only(own_finalizers(&Facts { beside_kargo: false, ..facts.clone() }));
        assert!(alone.remedies()[1].advice.contains("Tenure's server"), "{alone:?}");
        let unseen = only(own_finalizers(&Facts { project: None, ..facts }));
        assert!(!unseen.what.contains("is gone"), "what was not seen is not taken for absent");
    }

    #[test]
    fn tenures_own_finalizer_on_a_namespace_that_stands_is_as_it_should_be() {
        let facts = Facts { finalizers: vec![keys::FINALIZER.to_owned()], ..standing() };
        assert_eq!(only(own_finalizers(&facts)).severity, Severity::Note);
    }
}
