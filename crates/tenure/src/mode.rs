//! Looking, again and again, whether how this server runs fits who else looks after Projects.

use std::time::Duration;

use tenure_cluster::{Cluster, Fit};
use tenure_controllers::Metrics;
use tokio::sync::watch;

/// How often.
const LOOK: Duration = Duration::from_mins(1);
/// The same, while it does not fit, or nobody knows.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Looks, and shows it: in the log, as a metric, and on the pod that this is. Nothing depends on it but
/// what people know.
pub(crate) async fn watch(
    cluster: Cluster,
    metrics: Metrics,
    pod: Option<String>,
    leads: watch::Receiver<bool>,
) {
    let mut shown = None;
    loop {
        let leading = *leads.borrow();
        let fit = match cluster.try_mode(leading).await {
            Ok(fit) => fit,
            Err(error) => Fit::Unfit("Unknown", format!("failed to {error}")),
        };
        metrics.mode(fit == Fit::Fits);
        if shown.as_ref() != Some(&fit) {
            match &fit {
                Fit::Fits => tracing::info!("the mode fits who else looks after Projects"),
                Fit::Unfit(reason, why) => {
                    tracing::warn!(reason, "the mode does not fit: {why}");
                }
            }
            let showing = match &pod {
                Some(pod) => cluster.show_mode(pod, &fit).await,
                None => Ok(()),
            };
            match showing {
                Ok(()) => shown = Some(fit.clone()),
                Err(error) => tracing::warn!(%error, "it will be tried again"),
            }
        }
        let rests = fit == Fit::Fits && shown.is_some();
        tokio::time::sleep(if rests { LOOK } else { LOOK_AGAIN }).await;
    }
}
