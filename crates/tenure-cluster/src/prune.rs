//! Deleting plans that ended long ago.

use std::time::Duration;

use jiff::SignedDuration;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams, Preconditions};

use crate::RequestError;
use crate::gather::Cluster;

/// Plans per page of the list: each may be as large as etcd lets it be.
const PAGE: u32 = 20;

impl Cluster {
    /// Deletes plans that ended longer ago than that. How many.
    ///
    /// # Errors
    /// If plans could not be listed or deleted; those that were deleted stay so.
    pub async fn prune_plans(&self, retention: Duration) -> Result<usize, RequestError> {
        let retention = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
        let now = self.now();
        let mut pruned = 0;
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = self.within("list deletionplans", self.plans().list(&page)).await?;
            for plan in &list.items {
                let status = plan.status.as_ref();
                let phase = status.map(|status| tenure_core::plan::Phase::from(status.phase));
                let ended = status
                    .filter(|_| phase.is_some_and(tenure_core::plan::Phase::is_final))
                    .and_then(|status| status.history.last());
                if ended.is_none_or(|entry| now.duration_since(entry.at) <= retention) {
                    continue;
                }
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
                    Err(error) if !error.is_not_found() => return Err(error),
                    _ => pruned += 1,
                }
            }
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(pruned),
            }
        }
    }
}
