//! Who has to agree to a plan, and who has.

use std::collections::BTreeSet;

use super::{Plan, PlanDigest, PlanFacts, Requester};
use crate::Accounts;
use crate::policy::Approvals;

/// What people said about the plans of one Project.
#[derive(Clone, Copy, Debug)]
pub struct Consent<'a> {
    /// The annotation `tenure.dev/confirm` on the Project.
    pub confirm: Option<&'a PlanDigest>,
    /// The stored plan, with its approvals.
    pub stored: Option<&'a PlanFacts>,
    /// Who asks for the deletion, if that is known.
    pub requester: Option<&'a Requester>,
    /// Which accounts are persons.
    pub accounts: &'a Accounts,
}

/// What is missing to a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nobody confirmed it, although it has to be.
    Confirmation,
    /// Something else was confirmed than this.
    Other,
    /// Too few people agreed.
    Approvals {
        /// How many more.
        more: usize,
        /// How many in all.
        of: usize,
        /// Groups of which they must be in one.
        groups: BTreeSet<String>,
        /// Whether one of them is asked for because nobody knows who asked for the deletion.
        requester_unknown: bool,
    },
}

impl Consent<'_> {
    /// Whether a person confirmed that very digest: by the annotation, or by an approval.
    pub fn confirms(&self, digest: &PlanDigest) -> bool {
        self.confirm == Some(digest)
            || self.stored.is_some_and(|plan| plan.approvals.iter().any(|a| a.digest == *digest))
    }

    /// Who agreed to that very digest by an approval.
    pub fn who(&self, digest: &PlanDigest) -> Vec<&str> {
        let approvals = self.stored.iter().flat_map(|plan| &plan.approvals);
        let people: BTreeSet<_> =
            approvals.filter(|a| a.digest == *digest).map(|a| a.user.as_str()).collect();
        people.into_iter().collect()
    }

    /// What is missing to the plan, of which that digest was recorded.
    pub fn missing(&self, plan: &Plan, digest: &PlanDigest) -> Vec<Missing> {
        if !plan.destroys() {
            return Vec::new();
        }
        let mut missing = Vec::new();
        if !self.confirms(digest) {
            // Whoever says what is to happen means that nothing else does.
            match self.confirm {
                Some(_) => missing.push(Missing::Other),
                None if plan.confirmation => missing.push(Missing::Confirmation),
                None => {}
            }
        }
        missing.extend(plan.approvals.iter().filter_map(|wanted| self.more(wanted, digest)));
        missing
    }

    pub(super) fn more(&self, wanted: &Approvals, digest: &PlanDigest) -> Option<Missing> {
        // Behind an account that acts for people may be one of those who agree. A plan that an older
        // Tenure wrote does not say so.
        let known = self.requester.filter(|requester| {
            requester.via.is_none() && self.accounts.is_person(&requester.user)
        });
        let of = wanted.count as usize + usize::from(known.is_none() && wanted.count > 0);
        let people: BTreeSet<_> = self
            .stored
            .iter()
            .flat_map(|plan| &plan.approvals)
            .filter(|approval| approval.digest == *digest)
            .filter(|approval| self.accounts.is_person(&approval.user))
            .filter(|approval| known.is_none_or(|requester| requester.user != approval.user))
            .filter(|approval| {
                wanted.groups.is_empty()
                    || approval.groups.iter().any(|group| wanted.groups.contains(group))
            })
            .map(|approval| &approval.user)
            .collect();
        let more = of.saturating_sub(people.len());
        (more > 0).then(|| Missing::Approvals {
            more,
            of,
            groups: wanted.groups.clone(),
            requester_unknown: known.is_none(),
        })
    }
}
