//! A plan: what is decided about one Project and one Namespace, with everything a person needs
//! to decide whether that is what they want.
//!
//! Its digest covers what a person decides by, and nothing that changes while that does not: a
//! confirmation lives through churn and dies when what was decided by changes.

mod awaited;
mod breaker;
mod consent;
mod facts;
mod losses;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};

pub use awaited::awaited;
pub use breaker::{Breaker, BreakerLimit, BreakerRecord, Current};
pub use consent::{Consent, Missing};
pub use facts::{Approval, Phase, PlanFacts, PlanStatus, Requester};

use crate::contents::clean::Scope;
use crate::contents::{Contents, Manager};
use crate::policy::{Approvals, PolicyRef};
use crate::{Claim, Decision, Disposition, Origin, Uid};

/// What is decided about one Project and one Namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// UID of the Project.
    pub project_uid: Uid,
    /// UID of the Namespace.
    pub namespace_uid: Uid,
    /// How the Project came by it, where that is recorded.
    pub origin: Option<Origin>,
    /// What becomes of the Namespace.
    pub disposition: Disposition,
    /// What `Clean` takes away, where that is the disposition.
    pub scope: Option<Scope>,
    /// Kinds that it leaves, as `plural.group`.
    pub keep_kinds: BTreeSet<String>,
    /// What people, records and policies demand, strongest first.
    pub claims: Vec<Claim>,
    /// What is presumed, strongest first.
    pub presumptions: Vec<Claim>,
    /// Whether the presumptions are discharged: shown, and confirmed against.
    pub discharged: bool,
    /// What is probably not as its author meant it.
    pub warnings: Vec<String>,
    /// The policies that counted.
    pub policies: BTreeSet<PolicyRef>,
    /// Who else deploys into the Namespace.
    pub foreign: BTreeSet<Manager>,
    /// What is in the Namespace; `None` where that changes nothing and was not looked at.
    pub contents: Option<Arc<Contents>>,
    /// Whether it has to be confirmed.
    pub confirmation: bool,
    /// Who has to agree.
    pub approvals: BTreeSet<Approvals>,
    /// Before when the Namespace is left alone.
    pub not_before: Option<Timestamp>,
    /// How many confirmations have expired. It is part of the digest, so that none comes back.
    pub attempt: u32,
    /// What could be confirmed instead.
    pub alternative: Option<Alternative>,
}

/// What becomes of the Namespace if a person confirms against what is presumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// What becomes of it then.
    pub disposition: Disposition,
    /// The digest to confirm.
    pub digest: PlanDigest,
}

/// The digest of a plan: `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanDigest(Box<str>);

impl PlanDigest {
    /// What every digest begins with.
    pub const PREFIX: &str = "sha256:";
    /// How every digest is written, as a regular expression.
    pub const PATTERN: &str = "^sha256:[0-9a-f]{64}$";
    /// How long every digest is.
    pub const LENGTH: usize = Self::PREFIX.len() + 64;

    /// Takes a digest as it was stored or given. Whether it is one shows when it is compared.
    pub fn new(digest: impl Into<Box<str>>) -> Self {
        Self(digest.into())
    }

    /// The digest as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Plan {
    /// The digest of what a person decides by: both UIDs, the disposition, the claims and
    /// presumptions that decide, the policies, who else is there, and what is lost for good.
    pub fn digest(&self) -> PlanDigest {
        let deciding = |claims: &[Claim]| -> BTreeSet<_> {
            let decides = |claim: &&Claim| self.discharged || claim.at_least >= self.disposition;
            let words = |claim: &Claim| [claim.source.as_str(), claim.at_least.as_str()];
            claims.iter().filter(decides).map(words).collect()
        };
        let policies: Vec<_> =
            self.policies.iter().map(|p| json!([p.uid.as_str(), p.generation])).collect();
        let foreign: Vec<_> = self.foreign.iter().map(ToString::to_string).collect();
        let lost: BTreeSet<_> = self
            .contents
            .iter()
            .flat_map(|contents| contents.lost_for_good())
            .map(Uid::as_str)
            .collect();
        // Keys come out sorted, and there are no floating-point numbers: one plan, one text.
        let text = json!({
            "project": self.project_uid.as_str(),
            "namespace": self.namespace_uid.as_str(),
            "disposition": self.disposition.as_str(),
            "scope": self.scope.map(Scope::as_str),
            "keepKinds": self.scope.map(|_| &self.keep_kinds),
            "claims": deciding(&self.claims),
            "presumptions": deciding(&self.presumptions),
            "discharged": self.discharged,
            "policies": policies,
            "foreign": foreign,
            "lost": lost,
            "attempt": self.attempt,
        });
        let hash = Sha256::digest(text.to_string());
        PlanDigest(format!("{}{hash:x}", PlanDigest::PREFIX).into())
    }

    /// Whether anything is destroyed, so that people have a say.
    pub fn destroys(&self) -> bool {
        self.disposition < Disposition::Retain
    }

    /// What is decided, as one sentence.
    pub fn explain(&self) -> String {
        self.decision().explain()
    }

    /// The decision that the plan records.
    pub fn decision(&self) -> Decision {
        let presumptions = if self.discharged { Vec::new() } else { self.presumptions.clone() };
        Decision {
            disposition: self.disposition,
            claims: self.claims.clone(),
            presumptions,
            gates: Vec::new(),
            warnings: self.warnings.clone(),
        }
    }
}

/// The name of the plan of a Project. It follows from the Project's UID, so that two controllers
/// cannot write two.
pub fn name(project: &str, uid: &Uid) -> String {
    format!("{project}.{uid}")
}
