//! What an organisation demands of deletions, beyond what stands on the objects themselves.
//!
//! Any number of policies may match. They never contradict each other: of every field the most
//! protective value counts ([`Terms::join`]), so a policy that is added can only protect more.

pub mod required;
mod selector;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use required::Required;
pub use selector::{Matched, Pattern, Selector};

use crate::contents::clean::Scope;
use crate::{Claim, Disposition, Source, Uid};

/// Whether a policy's demands count, or are only told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Enforcement {
    /// They are told as warnings, so that a policy can be rolled out without fear.
    #[default]
    Warn,
    /// They count.
    Enforce,
}

/// How many people have to agree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Approvals {
    /// How many, besides who asked for the deletion.
    pub count: u32,
    /// Groups of which each of them must be in one; empty for anybody.
    pub groups: BTreeSet<String>,
}

/// What a policy demands. A field that is absent demands nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The least that becomes of the Namespace.
    pub floor: Option<Disposition>,
    /// What an adopted Namespace is presumed to deserve, instead of what the profile says.
    pub adopted: Option<Disposition>,
    /// Likewise of one that others share.
    pub shared: Option<Disposition>,
    /// What `Clean` takes away.
    pub scope: Option<Scope>,
    /// Kinds that `Clean` of scope `All` leaves, as `plural.group`.
    pub keep_kinds: Option<BTreeSet<String>>,
    /// Whether whatever destroys has to be confirmed.
    pub confirmation: bool,
    /// How many people have to agree; every one of these demands has to be met.
    pub approvals: BTreeSet<Approvals>,
    /// How long the Namespace is left alone after its deletion was asked for.
    pub grace_period: Duration,
    /// Whether nothing may be destroyed whose history cannot be kept in the archive.
    pub archive: bool,
    /// What is required of the Namespace when a Project comes. It is not joined: each policy's is
    /// asked for on its own.
    pub required: Required,
    /// Labels that a Namespace gets when its Project creates it.
    pub template_labels: BTreeMap<String, String>,
    /// Annotations likewise.
    pub template_annotations: BTreeMap<String, String>,
}

impl Terms {
    /// Joins two policies' terms: of each field the more protective value, and every demand.
    /// Of two values for one key of the template the lesser one counts, for neither protects.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        let Self {
            floor,
            adopted,
            shared,
            scope,
            keep_kinds,
            confirmation,
            approvals,
            grace_period,
            archive,
            required: _,
            template_labels,
            template_annotations,
        } = other;
        self.floor = self.floor.max(*floor);
        self.adopted = self.adopted.max(*adopted);
        self.shared = self.shared.max(*shared);
        let narrow = [self.scope, *scope].contains(&Some(Scope::Project));
        self.scope = if narrow { Some(Scope::Project) } else { self.scope.or(*scope) };
        if let Some(kinds) = keep_kinds {
            self.keep_kinds.get_or_insert_default().extend(kinds.iter().cloned());
        }
        self.confirmation |= confirmation;
        self.approvals.extend(approvals.iter().cloned());
        self.grace_period = self.grace_period.max(*grace_period);
        self.archive |= archive;
        join_template(&mut self.template_labels, template_labels);
        join_template(&mut self.template_annotations, template_annotations);
        self
    }
}

fn join_template(into: &mut BTreeMap<String, String>, from: &BTreeMap<String, String>) {
    for (key, value) in from {
        into.entry(key.clone())
            .and_modify(|old| {
                if value < old {
                    old.clone_from(value);
                }
            })
            .or_insert_with(|| value.clone());
    }
}

/// A DeletionPolicy as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: Uid,
    /// Its generation, which counts the changes of what it demands.
    pub generation: i64,
    /// Which Projects it is for.
    pub selector: Selector,
    /// Whether its demands count.
    pub enforcement: Enforcement,
    /// What it demands.
    pub terms: Terms,
}

/// A policy that counted, at the generation that did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyRef {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: Uid,
    /// Its generation.
    pub generation: i64,
}

/// What all policies together demand of one Project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// The joined terms of the policies that are enforced.
    pub terms: Terms,
    /// The policies that are enforced.
    pub policies: BTreeSet<PolicyRef>,
    /// Those of which one names the floor that counts, for the claim's reason.
    floor_of: Option<String>,
    /// What those that only warn would have demanded.
    pub warnings: Vec<String>,
}

impl Demands {
    /// Joins the policies that match.
    pub fn of(policies: &[Policy], what: &Matched<'_>) -> Self {
        let mut demands = Self::default();
        for policy in policies.iter().filter(|policy| policy.selector.matches(what)) {
            if policy.enforcement == Enforcement::Warn {
                demands.warnings.extend(policy.would_demand());
                continue;
            }
            if policy.terms.floor > demands.terms.floor {
                demands.floor_of = Some(policy.name.clone());
            }
            demands.terms = demands.terms.join(&policy.terms);
            demands.policies.insert(PolicyRef {
                name: policy.name.clone(),
                uid: policy.uid.clone(),
                generation: policy.generation,
            });
        }
        demands
    }

    /// The claim that the floor is, if there is one that demands anything.
    pub(crate) fn floor(&self) -> Option<Claim> {
        let at_least = self.terms.floor.filter(|floor| *floor > Disposition::Delete)?;
        let policy = self.floor_of.as_deref().unwrap_or_default();
        Some(Claim {
            source: Source::PolicyFloor,
            at_least,
            reason: format!("the DeletionPolicy {policy} demands at least {at_least}"),
        })
    }

    /// What `Clean` takes away, as far as policies say.
    pub fn scope(&self) -> Scope {
        self.terms.scope.unwrap_or_default()
    }
}

impl Policy {
    /// What it would demand if it were enforced.
    fn would_demand(&self) -> Vec<String> {
        let Terms {
            floor, adopted, shared, confirmation, approvals, grace_period, archive, ..
        } = &self.terms;
        let mut demands = Vec::new();
        for (what, value) in [("floor", floor), ("adopted", adopted), ("shared", shared)] {
            if let Some(value) = value {
                demands.push(format!("{what} {value}"));
            }
        }
        if *confirmation {
            demands.push("a confirmation".to_owned());
        }
        if let Some(most) = approvals.iter().map(|approvals| approvals.count).max() {
            demands.push(format!("{most} approvals"));
        }
        if !grace_period.is_zero() {
            demands.push(format!("{} s of grace", grace_period.as_secs()));
        }
        if *archive {
            demands.push("an archive".to_owned());
        }
        let told = |what: String| format!("the DeletionPolicy {} would demand {what}", self.name);
        demands.into_iter().map(told).collect()
    }
}
