//! What takes finalizers off: whether it runs, where, and whether it may.
//!
//! Which controller it is nobody records. A finalizer has its owner's domain, and a workload goes by
//! its owner's name, so a word that both have connects them: a guess, and told as one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cause, Facts, Finding, Left, Remedy, Severity, Workload, is_kubernetes};
use crate::contents::words;

/// Whether a finalizer waits for somebody who is not Kubernetes itself.
pub fn awaits_others(facts: &Facts) -> bool {
    facts.left.iter().flat_map(|object| &object.finalizers).any(|f| !is_kubernetes(f))
}

/// About which accounts, as `namespace/name`, and kinds it has to be known whether the one may
/// change the other.
pub fn rights_wanted(facts: &Facts) -> BTreeSet<(String, String)> {
    let mut wanted = BTreeSet::new();
    for object in &facts.left {
        for finalizer in object.finalizers.iter().filter(|f| !is_kubernetes(f)) {
            let candidates = facts.workloads.iter().flatten().filter(|workload| {
                workload.namespace != facts.name
                    && workload.ready > 0
                    && goes_by(workload, finalizer)
            });
            // Of several the first is asked about, as the first is judged by.
            wanted.extend(candidates.take(1).map(|workload| {
                (format!("{}/{}", workload.namespace, workload.account), object.kind.clone())
            }));
        }
    }
    wanted
}

/// Whether a workload and a finalizer's domain have a word in common.
fn goes_by(workload: &Workload, finalizer: &str) -> bool {
    let domain = finalizer.split('/').next().unwrap_or_default();
    words(domain).any(|word| workload.words.contains(word))
}

/// Says of each finalizer what is wrong with whoever takes it off.
pub(super) fn finalizers_without_one(facts: &Facts) -> Vec<Finding> {
    let Some(workloads) = &facts.workloads else { return Vec::new() };
    let mut by_finalizer: BTreeMap<&str, Vec<&Left>> = BTreeMap::new();
    for object in &facts.left {
        for finalizer in object.finalizers.iter().filter(|f| !is_kubernetes(f)) {
            by_finalizer.entry(finalizer).or_default().push(object);
        }
    }
    by_finalizer
        .into_iter()
        .filter_map(|(finalizer, objects)| finding(facts, workloads, finalizer, &objects))
        .collect()
}

fn finding(
    facts: &Facts,
    workloads: &[Workload],
    finalizer: &str,
    objects: &[&Left],
) -> Option<Finding> {
    let candidates = workloads.iter().filter(|workload| goes_by(workload, finalizer));
    let (inside, outside): (Vec<_>, Vec<_>) =
        candidates.partition(|workload| workload.namespace == facts.name);
    let running = |workload: &&&Workload| workload.ready > 0;
    let finding = match (outside.iter().find(running), inside.first(), outside.first()) {
        (Some(controller), ..) => without_rights(facts, controller, finalizer, objects)?,
        (None, Some(controller), _) => goes_too(facts, controller, finalizer),
        (None, None, Some(controller)) => stopped(controller, finalizer),
        (None, None, None) => gone(facts, finalizer, objects.first()?),
    };
    let about = |finding: Finding, object: &&Left| {
        finding.seen(format!("{} carries {finalizer}", object.reference()))
    };
    let finding = objects.iter().take(MOST_NAMED).fold(finding, about);
    Some(match objects.len().checked_sub(MOST_NAMED) {
        Some(more @ 1..) => finding.seen(format!("and {more} more objects do")),
        _ => finding,
    })
}

/// So many objects are evidence enough.
const MOST_NAMED: usize = 5;
/// What a finalizer that is taken off by hand costs.
const COSTS: &str =
    "what it would have cleaned up outside the object stays, and nobody knows of it";

fn gone(facts: &Facts, finalizer: &str, one: &Left) -> Finding {
    let what = format!("nothing that seems to take finalizer {finalizer} off runs in this cluster");
    let look = Remedy::look("find out which controller put it there, from who wrote the object")
        .by(format!(
            "kubectl get {} -n {} -o yaml --show-managed-fields",
            one.reference(),
            facts.name
        ));
    Finding::new(Cause::ControllerGone, Severity::Likely, what, look)
        .seen("no Deployment, StatefulSet or DaemonSet has a word of its domain in its name or labels")
        .or(Remedy::mend("install that controller again until the objects are gone"))
        .or(Remedy::give_up("take the finalizer off the objects that are terminating", COSTS))
}

fn stopped(controller: &Workload, finalizer: &str) -> Finding {
    let Workload { namespace, reference, .. } = controller;
    let what = format!(
        "what seems to take finalizer {finalizer} off does not run: {reference} in {namespace}"
    );
    let look = Remedy::look("see why none of its pods is ready")
        .by(format!("kubectl describe {reference} -n {namespace}"));
    Finding::new(Cause::ControllerGone, Severity::Likely, what, look)
        .seen(format!("{reference} in {namespace} has no ready pod"))
        .or(Remedy::mend("bring it up, and wait"))
        .or(Remedy::give_up("take the finalizer off the objects that are terminating", COSTS))
}

fn goes_too(facts: &Facts, controller: &Workload, finalizer: &str) -> Finding {
    let reference = &controller.reference;
    let what = format!(
        "what seems to take finalizer {finalizer} off is in the namespace itself, and goes with it: \
         {reference}"
    );
    let look = if facts.is_going() {
        Remedy::look("see whether it still runs").by(format!("kubectl get pods -n {}", facts.name))
    } else {
        Remedy::look("delete the objects that carry it first, and then the namespace")
    };
    Finding::new(Cause::ControllerGoesToo, Severity::Likely, what, look)
        .seen(format!("{reference} is in {}", facts.name))
        .or(Remedy::mend("run that controller in another namespace until the objects are gone"))
        .or(Remedy::give_up("take the finalizer off the objects that are terminating", COSTS))
}

/// What runs may have lost its rights: in a namespace that goes, its RoleBinding goes too.
fn without_rights(
    facts: &Facts,
    controller: &Workload,
    finalizer: &str,
    objects: &[&Left],
) -> Option<Finding> {
    let Workload { namespace, reference, account, .. } = controller;
    let account = format!("{namespace}/{account}");
    let lacks = |object: &&&Left| {
        facts
            .rights
            .iter()
            .any(|right| right.account == account && right.kind == object.kind && !right.allowed)
    };
    let kind = &objects.iter().find(lacks)?.kind;
    let user = format!("system:serviceaccount:{}", account.replacen('/', ":", 1));
    let what = format!(
        "what seems to take finalizer {finalizer} off may not: {reference} in {namespace} lacks the \
         right to change {kind} here"
    );
    let look = Remedy::look("see what it may")
        .by(format!("kubectl auth can-i --list -n {} --as {user}", facts.name));
    let mend = Remedy::mend(
        "bind its role again; a terminating namespace takes no new RoleBinding, \
                             so by a ClusterRoleBinding, until the objects are gone",
    );
    Some(
        Finding::new(Cause::ControllerLacksRights, Severity::Likely, what, look)
            .seen(format!("ServiceAccount {account} may neither update nor patch {kind}"))
            .or(mend)
            .or(Remedy::give_up("take the finalizer off the objects that are terminating", COSTS)),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Right;
    use super::super::testing::{going, left, only, standing};
    use super::*;

    fn workload(namespace: &str, ready: i32) -> Workload {
        Workload {
            namespace: namespace.to_owned(),
            reference: "deployments.apps/widget-operator".to_owned(),
            words: ["widget".to_owned()].into(),
            ready,
            account: "widget-operator".to_owned(),
        }
    }

    fn with(workloads: Vec<Workload>) -> Facts {
        Facts {
            left: vec![left("widgets.example.com", "w", &["widget.example.com/hold"])],
            workloads: Some(workloads),
            ..going()
        }
    }

    fn cause(facts: &Facts) -> Cause {
        only(finalizers_without_one(facts)).cause
    }

    #[test]
    fn a_finalizer_wants_somebody_who_runs_elsewhere_and_may_take_it_off() {
        assert_eq!(cause(&with(vec![])), Cause::ControllerGone);
        assert_eq!(cause(&with(vec![workload("ops", 0)])), Cause::ControllerGone);
        assert_eq!(cause(&with(vec![workload("payments", 1)])), Cause::ControllerGoesToo);
        let fine = with(vec![workload("payments", 1), workload("ops", 1)]);
        assert_eq!(finalizers_without_one(&fine), []);
        let right = |allowed| Right {
            account: "ops/widget-operator".to_owned(),
            kind: "widgets.example.com".to_owned(),
            allowed,
        };
        let lost = Facts { rights: vec![right(false)], ..fine.clone() };
        assert_eq!(cause(&lost), Cause::ControllerLacksRights);
        let kept = Facts { rights: vec![right(true)], ..fine };
        assert_eq!(finalizers_without_one(&kept), []);
    }

    #[test]
    fn kubernetes_looks_after_its_own() {
        let object = left("persistentvolumeclaims", "data", &["kubernetes.io/pvc-protection"]);
        let facts = Facts { left: vec![object], ..standing() };
        assert_eq!(finalizers_without_one(&facts), []);
        let object = left("pods", "p", &["foregroundDeletion"]);
        assert_eq!(finalizers_without_one(&Facts { left: vec![object], ..standing() }), []);
    }

    #[test]
    fn a_finalizer_is_told_once_however_many_carry_it() {
        let object =
            |i| left("widgets.example.com", &format!("w{i}"), &["widget.example.com/hold"]);
        let facts = Facts { left: (0..8).map(object).collect(), ..with(vec![]) };
        let finding = only(finalizers_without_one(&facts));
        assert!(
            finding.evidence.iter().any(|seen| seen == "and 3 more objects do"),
            "{finding:#?}"
        );
    }
}
