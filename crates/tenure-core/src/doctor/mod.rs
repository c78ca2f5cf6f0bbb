//! Why a Namespace hangs in Terminating, or would if it were deleted; and whether Tenure itself is
//! as it should be.
//!
//! Facts go in, [`Finding`]s come out, by a table of rules that know nothing of each other.
//!
//! Invariants:
//! - what could not be seen is told by whoever looked, and no rule takes it for absent;
//! - remedies come safest first, and what gives something up says what;
//! - force is never the first advice.

mod admission;
mod apis;
mod controllers;
mod facts;
mod finding;
mod gitops;
mod installation;
mod machinery;
mod namespace;
mod objects;
mod projects;

pub use controllers::{awaits_others, rights_wanted};
pub use facts::{
    ApiService, Backend, BackendState, Conversion, Denial, Facts, Left, Pod, Reported, Right, Sync,
    Webhook, Workload,
};
pub use finding::{Cause, Finding, Remedy, Risk, Severity};
pub use installation::{InstallationFacts, Presence, Seen, examine_installation};

/// Every rule, by what it explains: what explains the most comes first.
const RULES: [fn(&Facts) -> Vec<Finding>; 14] = [
    namespace::no_controller,
    apis::server_down,
    apis::unreadable_version,
    apis::conversion_gone,
    admission::backend_gone,
    admission::rejected,
    admission::policy_blocks,
    controllers::finalizers_without_one,
    machinery::node_gone,
    machinery::claim_mounted,
    machinery::load_balancer,
    gitops::still_synced,
    objects::left,
    namespace::own_finalizers,
];

/// Everything that keeps the Namespace from going, or would: the worst first.
pub fn diagnose(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<_> = RULES.iter().flat_map(|rule| rule(facts)).collect();
    // By severity alone, so that the order of the rules stays.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Which finalizer a controller of Kubernetes' own takes off.
fn is_kubernetes(finalizer: &str) -> bool {
    let domain = finalizer.split('/').next().unwrap_or_default();
    !finalizer.contains(['.', '/'])
        || domain == "kubernetes.io"
        || domain.ends_with(".kubernetes.io")
}

#[cfg(test)]
mod testing;
