//! Groups that cannot be discovered, and kinds that cannot be read.

use super::{Cause, Facts, Finding, Remedy, Severity};

/// The server behind an APIService does not answer, so the namespace controller does not know
/// what the Namespace holds of its kinds.
pub(super) fn server_down(facts: &Facts) -> Vec<Finding> {
    let reported = facts.reported("NamespaceDeletionDiscoveryFailure");
    let mut found: Vec<_> = facts
        .apis
        .iter()
        .map(|api| {
            let what = format!(
                "nobody knows what the namespace holds of {}, and that {} it: the server behind \
                 APIService {} does not answer",
                group(&api.name),
                facts.verb("keeps", "keep"),
                api.name
            );
            let look = Remedy::look("see why it does not answer")
                .by(format!("kubectl describe apiservice {}", api.name));
            let mend = Remedy::mend(format!("bring back what runs behind Service {}", api.service));
            let give_up = Remedy::give_up(
                "if that API is not needed any more, delete the APIService",
                "nobody can use its kinds until it is registered again",
            )
            .by(format!("kubectl delete apiservice {}", api.name));
            let finding = Finding::new(Cause::ApiServiceDown, Severity::Blocks, what, look)
                .seen(format!("APIService {} is not available: {}", api.name, api.why))
                .or(mend)
                .or(give_up);
            let finding = match reported {
                Some(message) => finding.seen(format!("the namespace controller: {message}")),
                None => finding,
            };
            force_if_going(facts, finding)
        })
        .collect();
    if let (true, Some(message)) = (found.is_empty(), reported) {
        let what = "the namespace controller cannot discover which kinds there are".to_owned();
        let look = Remedy::look("see which APIs are not available, or were until a moment ago")
            .by("kubectl get apiservices");
        found.push(
            Finding::new(Cause::ApiServiceDown, Severity::Blocks, what, look)
                .seen(format!("the namespace controller: {message}")),
        );
    }
    found
}

/// The namespace controller cannot make sense of a group version.
pub(super) fn unreadable_version(facts: &Facts) -> Vec<Finding> {
    let message = facts.reported("NamespaceDeletionGroupVersionParsingFailure");
    let finding = |message: &str| {
        let what = "the namespace controller cannot read a group version".to_owned();
        let look =
            Remedy::look("see which groups and versions are served").by("kubectl api-versions");
        let mend = Remedy::mend(
            "mend what registers it: an APIService, or a CustomResourceDefinition with such a \
             version",
        );
        let finding = Finding::new(Cause::GroupVersionUnreadable, Severity::Blocks, what, look)
            .seen(format!("the namespace controller: {message}"))
            .or(mend);
        force_if_going(facts, finding)
    };
    message.map(finding).into_iter().collect()
}

/// Objects of a kind cannot be read, for what converts them between versions is gone.
pub(super) fn conversion_gone(facts: &Facts) -> Vec<Finding> {
    let gone = facts.conversions.iter().filter(|conversion| conversion.backend.state.is_gone());
    gone.filter_map(|conversion| {
        let crd = &conversion.crd;
        let unseen = facts.unseen.iter().find(|unseen| unseen.kind == *crd);
        let named = facts.reported("NamespaceDeletionContentFailure").filter(|message| {
            message.contains("conversion webhook") && message.contains(short(crd))
        });
        let severity = match (unseen, named) {
            (None, None) if !conversion.needed => return None,
            (None, None) => Severity::Note,
            _ => Severity::Blocks,
        };
        let place = &conversion.backend.place;
        let what = format!(
            "{crd} cannot be read, and so not be deleted: what converts them between versions is \
             gone"
        );
        let look = Remedy::look("see where the conversion webhook is reached")
            .by(format!("kubectl get crd {crd} -o jsonpath='{{.spec.conversion}}'"));
        let give_up = Remedy::give_up(
            "if none of these objects is needed any more, delete the CustomResourceDefinition",
            "every object of that kind goes, in every namespace, and what their finalizers would \
             have cleaned up stays",
        )
        .by(format!("kubectl delete crd {crd}"));
        let mut finding = Finding::new(Cause::ConversionWebhookGone, severity, what, look)
            .seen(format!("Service {place} {}", conversion.backend.state.why()))
            .or(Remedy::mend(format!("bring back what runs behind Service {place}")))
            .or(give_up);
        if let Some(unseen) = unseen {
            finding = finding.seen(format!("{crd} cannot be listed: {}", unseen.why));
        }
        if let Some(message) = named {
            finding = finding.seen(format!("the namespace controller: {message}"));
        }
        Some(if severity == Severity::Blocks { force_if_going(facts, finding) } else { finding })
    })
    .collect()
}

/// What helps a Namespace that hangs is no advice for one that stands.
fn force_if_going(facts: &Facts, finding: Finding) -> Finding {
    if facts.is_going() { finding.or(Remedy::finalize(&facts.name)) } else { finding }
}

fn group(api_service: &str) -> &str {
    api_service.split_once('.').map_or(api_service, |(_, group)| group)
}

/// The group of `plural.group`, by which messages name the kind.
fn short(crd: &str) -> &str {
    crd.split_once('.').map_or(crd, |(_, group)| group)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{going, only, reports, standing};
    use super::super::{ApiService, Backend, BackendState, Conversion, Risk};
    use super::*;
    use crate::contents::Unseen;

    fn down() -> Vec<ApiService> {
        vec![ApiService {
            name: "v1.broken.example.com".to_owned(),
            service: "default/away".to_owned(),
            why: "ServiceNotFound".to_owned(),
        }]
    }

    #[test]
    fn an_api_server_that_does_not_answer_blocks_and_would() {
        let finding = only(server_down(&Facts { apis: down(), ..standing() }));
        assert_eq!(finding.severity, Severity::Blocks);
        assert!(finding.what.contains("would keep"), "{}", finding.what);
        // Nobody is told to force what does not even hang.
        assert!(finding.remedies().iter().all(|remedy| remedy.risk < Risk::Forces));
        let finding = only(server_down(&Facts { apis: down(), ..going() }));
        assert!(finding.what.contains("keeps"), "{}", finding.what);
        assert_eq!(finding.remedies().last().map(|remedy| remedy.risk), Some(Risk::Forces));
    }

    #[test]
    fn a_discovery_that_fails_is_told_even_if_no_api_service_seems_to_be_the_reason() {
        let facts = reports("NamespaceDeletionDiscoveryFailure", "Discovery failed");
        assert_eq!(only(server_down(&facts)).cause, Cause::ApiServiceDown);
    }

    #[test]
    fn a_version_that_cannot_be_read_is_told() {
        let facts = reports("NamespaceDeletionGroupVersionParsingFailure", "unexpected a/b/c");
        let finding = only(unreadable_version(&facts));
        assert_eq!(finding.cause, Cause::GroupVersionUnreadable);
        assert!(finding.evidence[0].contains("a/b/c"));
    }

    #[test]
    fn a_conversion_that_is_gone_blocks_where_objects_cannot_be_read() {
        let conversion = |needed| Conversion {
            crd: "widgets.example.com".to_owned(),
            backend: Backend { place: "ops/away".to_owned(), state: BackendState::Missing },
            needed,
        };
        let facts = Facts { conversions: vec![conversion(false)], ..standing() };
        assert_eq!(conversion_gone(&facts), []);
        let facts = Facts { conversions: vec![conversion(true)], ..standing() };
        assert_eq!(only(conversion_gone(&facts)).severity, Severity::Note);
        let unseen = Unseen {
            kind: "widgets.example.com".to_owned(),
            why: "conversion webhook failed".to_owned(),
            temporary: true,
        };
        let facts = Facts { unseen: vec![unseen], ..facts };
        assert_eq!(only(conversion_gone(&facts)).severity, Severity::Blocks);
    }
}
