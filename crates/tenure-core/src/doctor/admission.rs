//! Webhooks and policies that do not let objects go.

use super::{Cause, Facts, Finding, Remedy, Severity, Webhook, is_kubernetes};

/// Nothing is admitted without a webhook, and nobody answers there.
pub(super) fn backend_gone(facts: &Facts) -> Vec<Finding> {
    let gone = facts.webhooks.iter().filter(|webhook| webhook.fails);
    gone.filter(|webhook| webhook.backend.state.is_gone())
        .filter_map(|webhook| {
            let named = rejection(facts).filter(|message| is_about(message, webhook));
            let finalizing = finalizing(facts, webhook);
            let severity = if named.is_some() {
                Severity::Blocks
            } else if webhook.deletes.is_empty() && finalizing.is_empty() {
                return None;
            } else if webhook.narrowed {
                Severity::Likely
            } else {
                Severity::Blocks
            };
            Some(gone_finding(facts, webhook, severity, named, &finalizing))
        })
        .collect()
}

fn gone_finding(
    facts: &Facts,
    webhook: &Webhook,
    severity: Severity,
    named: Option<&str>,
    finalizing: &[&str],
) -> Finding {
    let Webhook { kind, configuration, name, backend, .. } = webhook;
    let what = format!(
        "nothing is admitted without webhook {name}, and nobody answers there; that {} the \
         namespace",
        facts.verb("keeps", "keep")
    );
    let look = Remedy::look("see what it is for, and who runs it")
        .by(format!("kubectl get {kind} {configuration} -o yaml"));
    let give_up = Remedy::give_up(
        "if nobody runs it any more, delete its configuration",
        "nothing is checked or changed by its webhooks any more, in any namespace",
    )
    .by(format!("kubectl delete {kind} {configuration}"));
    let mut finding = Finding::new(Cause::WebhookGone, severity, what, look)
        .seen(format!("{kind}/{configuration}: Service {} {}", backend.place, backend.state.why()))
        .or(Remedy::mend(format!("bring back what runs behind Service {}", backend.place)))
        .or(give_up);
    if !webhook.deletes.is_empty() {
        let kinds: Vec<_> = webhook.deletes.iter().map(String::as_str).collect();
        finding = finding.seen(format!("it is asked before these go: {}", kinds.join(", ")));
    }
    if !finalizing.is_empty() {
        finding = finding
            .seen(format!("it is asked before finalizers come off: {}", finalizing.join(", ")));
    }
    match named {
        Some(message) => finding.seen(format!("the namespace controller: {message}")),
        None => finding,
    }
}

/// Deletions are rejected, and not only because somebody does not answer who was found above.
pub(super) fn rejected(facts: &Facts) -> Vec<Finding> {
    let Some(message) = rejection(facts) else { return Vec::new() };
    let gone = facts.webhooks.iter().filter(|webhook| webhook.backend.state.is_gone());
    let by_webhooks: usize = gone.map(|webhook| message.matches(&named(webhook)).count()).sum();
    let explained = by_webhooks + message.matches("conversion webhook for").count();
    if explained > 0 && failures(message).is_none_or(|failures| failures <= explained) {
        return Vec::new();
    }
    let what = "the API server rejects the deletion of what is in the namespace".to_owned();
    let look = Remedy::look("try one of the objects that are left, to see who rejects it and why")
        .by(format!("kubectl delete --dry-run=server -n {} KIND NAME", facts.name));
    let webhook = facts.webhooks.iter().find(|webhook| is_about(message, webhook));
    let mut finding = Finding::new(Cause::DeletionRejected, Severity::Blocks, what, look)
        .seen(format!("the namespace controller: {message}"));
    finding = match webhook {
        Some(webhook) => finding.or(Remedy::mend(format!(
            "meet what it demands, or have whoever runs webhook {} of {}/{} let the deletion pass",
            webhook.name, webhook.kind, webhook.configuration
        ))),
        None => finding.or(Remedy::mend(
            "meet what the message demands, or have whoever is named in it let the deletion pass",
        )),
    };
    vec![finding]
}

/// A policy engine refuses changes to what is left, by what Events say; or is asked before
/// finalizers come off, and may.
pub(super) fn policy_blocks(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let engines = || facts.webhooks.iter().filter(|webhook| engine(webhook).is_some());
    let about_left = |about: &str| {
        let name = about.rsplit('/').next().unwrap_or_default();
        facts.left.iter().any(|object| object.name == name)
    };
    let denials: Vec<_> = facts.denials.iter().filter(|denial| about_left(&denial.about)).collect();
    let asked: Vec<_> =
        engines().filter(|webhook| !finalizing(facts, webhook).is_empty()).collect();
    if denials.is_empty() && (asked.is_empty() || !facts.is_going()) {
        return found;
    }
    let severity = if denials.is_empty() { Severity::Note } else { Severity::Likely };
    let what = match severity {
        Severity::Note => "a policy engine is asked before finalizers come off, and may refuse it",
        _ => "a policy engine refuses changes to what is left in the namespace",
    };
    let look = Remedy::look("see which of its policies select what is left")
        .by(format!("kubectl get events -n {}", facts.name));
    let mut finding = Finding::new(Cause::PolicyBlocks, severity, what.to_owned(), look)
        .or(Remedy::mend("exempt the namespace, or what is terminating, in that policy"));
    for denial in denials {
        finding = finding.seen(format!("{} about {}: {}", denial.by, denial.about, denial.message));
    }
    for webhook in asked {
        let name = engine(webhook).unwrap_or_default();
        finding = finding.seen(format!(
            "{name}: webhook {} of {}/{} is asked",
            webhook.name, webhook.kind, webhook.configuration
        ));
    }
    found.push(finding);
    found
}

/// Which policy engine a webhook belongs to, by its names.
fn engine(webhook: &Webhook) -> Option<&'static str> {
    const ENGINES: [&str; 6] =
        ["kyverno", "gatekeeper", "kubewarden", "polaris", "datree", "validation.opa"];
    let names = [&webhook.configuration, &webhook.name, &webhook.backend.place];
    ENGINES.into_iter().find(|engine| names.iter().any(|name| name.contains(engine)))
}

/// Kinds of what is left with finalizers, about whose changes the webhook is asked; and
/// `namespaces`, for the namespace's own finalizer.
fn finalizing<'a>(facts: &Facts, webhook: &'a Webhook) -> Vec<&'a str> {
    let foreign = |finalizer: &String| !is_kubernetes(finalizer);
    let awaits = |kind: &str| {
        kind == "namespaces"
            || facts.left.iter().any(|o| o.kind == kind && o.finalizers.iter().any(foreign))
    };
    webhook.updates.iter().map(String::as_str).filter(|kind| awaits(kind)).collect()
}

fn rejection(facts: &Facts) -> Option<&str> {
    facts.reported("NamespaceDeletionContentFailure")
}

/// Whether a message names the webhook.
fn is_about(message: &str, webhook: &Webhook) -> bool {
    message.contains(&named(webhook))
}

/// How the API server names a webhook.
fn named(webhook: &Webhook) -> String {
    format!("webhook \"{}\"", webhook.name)
}

/// How many failures the message lists: `Failed to delete all resource types, 2 remaining: …`.
fn failures(message: &str) -> Option<usize> {
    message.split_once(" remaining: ")?.0.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{going, left, only, reports, standing};
    use super::super::{Backend, BackendState, Denial};
    use super::*;

    fn webhook(deletes: &[&str], updates: &[&str]) -> Webhook {
        let set = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect();
        Webhook {
            kind: "validatingwebhookconfiguration".to_owned(),
            configuration: "checks".to_owned(),
            name: "check.example.com".to_owned(),
            backend: Backend { place: "ops/away".to_owned(), state: BackendState::Missing },
            fails: true,
            narrowed: false,
            deletes: set(deletes),
            updates: set(updates),
        }
    }

    #[test]
    fn a_webhook_that_is_gone_blocks_if_it_is_asked_about_anything_that_is_there() {
        let with = |webhook| Facts { webhooks: vec![webhook], ..standing() };
        assert_eq!(backend_gone(&with(webhook(&[], &["configmaps"]))), []);
        let found = only(backend_gone(&with(webhook(&["configmaps"], &[]))));
        assert_eq!(found.severity, Severity::Blocks);
        let narrowed = Webhook { narrowed: true, ..webhook(&["configmaps"], &[]) };
        assert_eq!(only(backend_gone(&with(narrowed))).severity, Severity::Likely);
        let ignored = Webhook { fails: false, ..webhook(&["configmaps"], &[]) };
        assert_eq!(backend_gone(&with(ignored)), []);
        let ready = Backend { place: "ops/here".to_owned(), state: BackendState::Ready };
        assert_eq!(
            backend_gone(&with(Webhook { backend: ready, ..webhook(&["configmaps"], &[]) })),
            []
        );
    }

    #[test]
    fn it_blocks_as_well_if_it_is_asked_before_finalizers_come_off() {
        let facts = Facts { webhooks: vec![webhook(&[], &["namespaces"])], ..going() };
        assert_eq!(only(backend_gone(&facts)).severity, Severity::Blocks);
        let facts = Facts {
            webhooks: vec![webhook(&[], &["widgets.example.com"])],
            left: vec![left("widgets.example.com", "w", &["example.com/hold"])],
            ..going()
        };
        assert_eq!(only(backend_gone(&facts)).severity, Severity::Blocks);
    }

    #[test]
    fn a_rejection_is_told_once_with_who_rejects() {
        let message = "admission webhook \"check.example.com\" denied the request: no";
        let facts = reports("NamespaceDeletionContentFailure", message);
        assert_eq!(only(rejected(&facts)).cause, Cause::DeletionRejected);
        let facts = Facts { webhooks: vec![webhook(&["configmaps"], &[])], ..facts };
        assert_eq!(rejected(&facts), [], "{:#?}", backend_gone(&facts));
        assert_eq!(only(backend_gone(&facts)).severity, Severity::Blocks);
        let two = format!("Failed to delete all resource types, 2 remaining: {message}, forbidden");
        let facts = Facts { webhooks: facts.webhooks, ..reports(FAILURE, &two) };
        assert_eq!(only(rejected(&facts)).cause, Cause::DeletionRejected);
    }

    const FAILURE: &str = "NamespaceDeletionContentFailure";

    #[test]
    fn a_policy_engine_is_told_by_what_it_says_about_what_is_left() {
        let kyverno = Webhook {
            configuration: "kyverno-resource-validating-webhook-cfg".to_owned(),
            backend: Backend { place: "kyverno/svc".to_owned(), state: BackendState::Ready },
            ..webhook(&[], &["widgets.example.com"])
        };
        let facts = Facts {
            left: vec![left("widgets.example.com", "w", &["example.com/hold"])],
            webhooks: vec![kyverno],
            ..going()
        };
        assert_eq!(only(policy_blocks(&facts)).severity, Severity::Note);
        let denial = |about: &str| Denial {
            about: about.to_owned(),
            by: "kyverno".to_owned(),
            message: "policy p: label is missing".to_owned(),
        };
        let denied = Facts { denials: vec![denial("Widget/w")], ..facts.clone() };
        assert_eq!(only(policy_blocks(&denied)).severity, Severity::Likely);
        let elsewhere = Facts { denials: vec![denial("Pod/other")], ..facts };
        assert_eq!(only(policy_blocks(&elsewhere)).severity, Severity::Note);
    }
}
