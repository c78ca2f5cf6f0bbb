//! Looking after plans that have ended: nobody works on them any more.
//!
//! Invariant: where there is an archive, a plan is deleted only once its trail is known to be there.

use std::time::Duration;

use jiff::SignedDuration;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams, Preconditions};
use tenure_api::DeletionPlan;
use tenure_core::lifecycle::Archived;
use tenure_core::plan::PlanFacts;

use crate::RequestError;
use crate::gather::Cluster;

/// Plans per page of the list: each may be as large as etcd lets it be.
const PAGE: u32 = 20;

/// After how many plans in a row whose trail could not be kept no other is tried: the archive is not
/// to be reached. A trail that is forked fails by itself.
const MOST_FAILURES: usize = 5;

/// What was done about plans that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tended {
    /// How many were deleted.
    pub pruned: usize,
    /// How many have a trail that is not in the archive.
    pub unkept: usize,
}

impl Cluster {
    /// Brings into the archive what of ended plans is not known to be there, for whoever ended them
    /// may have crashed before that, or not reached it; and deletes those that ended longer ago than
    /// `retention`.
    ///
    /// # Errors
    /// If plans could not be listed or deleted; what was done stays so.
    pub async fn tend_plans(&self, retention: Duration) -> Result<Tended, RequestError> {
        let retention = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
        let now = self.now();
        let mut tended = Tended::default();
        let mut failures = 0;
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = self.within("list deletionplans", self.plans().list(&page)).await?;
            for plan in &list.items {
                let facts = match plan.facts() {
                    Ok(facts) => facts,
                    Err(error) => {
                        tracing::error!(plan = plan.name_any(), %error, "a plan cannot be read");
                        continue;
                    }
                };
                if !facts.status.phase.is_final() || facts.awaits_restoration() {
                    continue;
                }
                if !self.is_kept(&facts, &mut failures).await {
                    tended.unkept += 1;
                    continue;
                }
                let last = facts.status.history.last();
                if last.is_some_and(|entry| now.duration_since(entry.at) > retention) {
                    self.prune(plan).await?;
                    tended.pruned += 1;
                }
            }
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(tended),
            }
        }
    }

    /// Whether the plan's trail is in the archive, if there is one; it is brought there if need be.
    async fn is_kept(&self, plan: &PlanFacts, failures: &mut usize) -> bool {
        match self.archive.state_of(Some(plan)) {
            Archived::Pending if *failures < MOST_FAILURES => {}
            Archived::Pending => return false,
            _ => {
                *failures = 0;
                return true;
            }
        }
        let kept = !matches!(self.archive.keep(plan).await, Archived::Failed(_));
        *failures = if kept { 0 } else { *failures + 1 };
        kept
    }

    async fn prune(&self, plan: &DeletionPlan) -> Result<(), RequestError> {
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: plan.metadata.uid.clone(),
                resource_version: plan.metadata.resource_version.clone(),
            }),
            ..Default::default()
        };
        let name = plan.name_any();
        let doing = format!("delete deletionplan {name}");
        match self.within(doing, self.plans().delete(&name, &params)).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}
