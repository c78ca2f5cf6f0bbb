//! What machines have to give back first: nodes, volumes, load balancers.

use super::{Cause, Facts, Finding, Pod, Remedy, Severity};

/// How many seconds a pod may be late before it is said to be.
const LATE: i64 = 30;

/// A pod is on a node of which nothing is heard: nobody says that it has ended.
pub(super) fn node_gone(facts: &Facts) -> Vec<Finding> {
    let on = |pod: &Pod| {
        let node = pod.node.as_deref()?;
        let away = pod.node_away.as_deref()?;
        let late = pod.gone_by.is_some_and(|by| facts.now.duration_since(by).as_secs() > LATE);
        (!pod.ended && (!facts.is_going() || pod.gone_by.is_some())).then(|| {
            let severity =
                if late || !facts.is_going() { Severity::Blocks } else { Severity::Likely };
            node_finding(facts, pod, node, away, severity)
        })
    };
    facts.pods.iter().filter_map(on).collect()
}

fn node_finding(facts: &Facts, pod: &Pod, node: &str, away: &str, severity: Severity) -> Finding {
    let name = &pod.name;
    let what = format!(
        "pod {name} is on node {node}, of which nothing is heard: nobody {} that the pod has ended",
        facts.verb("says", "say")
    );
    let look =
        Remedy::look("see whether the node comes back").by(format!("kubectl describe node {node}"));
    Finding::new(Cause::NodeGone, severity, what, look)
        .seen(format!("node {node}: {away}"))
        .or(Remedy::mend(
            "bring the node back; or, if it is shut down for certain, say so, and its pods are let \
             go of",
        )
        .by(format!(
            "kubectl taint node {node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
        )))
        .or(Remedy::give_up(
            "delete the pod without waiting for its node",
            "if the node still runs, so does the pod, unseen, and writes to its volumes",
        )
        .by(format!("kubectl delete pod {name} -n {} --grace-period=0 --force", facts.name)))
}

/// A claim stays while a pod mounts it.
pub(super) fn claim_mounted(facts: &Facts) -> Vec<Finding> {
    let claims = facts.left.iter().filter(|object| {
        object.kind == "persistentvolumeclaims"
            && object.deleting
            && object.finalizers.iter().any(|f| f == "kubernetes.io/pvc-protection")
    });
    claims
        .filter_map(|claim| {
            let mounts = |pod: &&Pod| !pod.ended && pod.claims.contains(&claim.name);
            let pods: Vec<_> = facts.pods.iter().filter(mounts).collect();
            let first = pods.first()?;
            let name = &claim.name;
            let what = format!("claim {name} stays while pod {} mounts it", first.name);
            let look = Remedy::look("see why the pod does not end")
                .by(format!("kubectl describe pod {} -n {}", first.name, facts.name));
            let finding = Finding::new(Cause::ClaimMounted, Severity::Blocks, what, look)
                .or(Remedy::mend("have the pod end: scale down, or delete, what makes it"));
            Some(pods.iter().fold(finding, |finding, pod| {
                finding.seen(format!("pod {} mounts persistentvolumeclaims/{name}", pod.name))
            }))
        })
        .collect()
}

/// A load balancer is given back by the cloud's controller, and has not been.
pub(super) fn load_balancer(facts: &Facts) -> Vec<Finding> {
    const CLEANUP: &str = "service.kubernetes.io/load-balancer-cleanup";
    let services = facts.left.iter().filter(|object| {
        object.load_balancer && object.deleting && object.finalizers.iter().any(|f| f == CLEANUP)
    });
    services
        .map(|service| {
            let name = &service.name;
            let what =
                format!("Service {name} waits until its load balancer and address are given back");
            let look = Remedy::look("see what the cloud's controller says about it")
                .by(format!("kubectl describe service {name} -n {}", facts.name));
            Finding::new(Cause::LoadBalancerRemains, Severity::Blocks, what, look)
                .seen(format!("services/{name} carries {CLEANUP}"))
                .or(Remedy::mend(
                    "see that the cloud's controller manager runs, and that its credentials and \
                     quota let it delete load balancers",
                ))
                .or(Remedy::give_up(
                    "take the finalizer off the Service",
                    "the load balancer stays, is paid for, and nobody knows of it",
                ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Left;
    use super::super::testing::{going, left, only, standing};
    use super::*;

    fn pod() -> Pod {
        Pod {
            name: "db-0".to_owned(),
            ended: false,
            gone_by: Some("2026-11-23T08:14:41Z".parse().unwrap()),
            node: Some("n1".to_owned()),
            node_away: Some("Ready is Unknown since 08:00".to_owned()),
            claims: vec!["data".to_owned()],
        }
    }

    #[test]
    fn a_pod_whose_node_is_not_heard_of_is_told() {
        let facts = Facts { pods: vec![pod()], ..going() };
        assert_eq!(only(node_gone(&facts)).severity, Severity::Blocks);
        let soon = Pod { gone_by: Some(facts.now), ..pod() };
        let facts = Facts { pods: vec![soon], ..going() };
        assert_eq!(only(node_gone(&facts)).severity, Severity::Likely);
        let facts = Facts { pods: vec![Pod { gone_by: None, ..pod() }], ..standing() };
        assert!(only(node_gone(&facts)).what.contains("would say"));
        for pod in [Pod { ended: true, ..pod() }, Pod { node_away: None, ..pod() }] {
            assert_eq!(node_gone(&Facts { pods: vec![pod], ..going() }), []);
        }
    }

    #[test]
    fn a_claim_is_told_while_a_pod_that_has_not_ended_mounts_it() {
        let claim = left("persistentvolumeclaims", "data", &["kubernetes.io/pvc-protection"]);
        let facts = Facts { left: vec![claim], pods: vec![pod()], ..going() };
        assert_eq!(only(claim_mounted(&facts)).cause, Cause::ClaimMounted);
        let facts = Facts { pods: vec![Pod { ended: true, ..pod() }], ..facts };
        assert_eq!(claim_mounted(&facts), []);
    }

    #[test]
    fn a_load_balancer_that_was_not_given_back_is_told() {
        let finalizers = ["service.kubernetes.io/load-balancer-cleanup"];
        let service = Left { load_balancer: true, ..left("services", "web", &finalizers) };
        let facts = Facts { left: vec![service.clone()], ..going() };
        assert_eq!(only(load_balancer(&facts)).cause, Cause::LoadBalancerRemains);
        let facts = Facts { left: vec![Left { deleting: false, ..service }], ..standing() };
        assert_eq!(load_balancer(&facts), []);
    }
}
