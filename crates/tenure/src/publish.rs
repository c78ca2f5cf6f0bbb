//! Publishing what decisions depend on, for those who plan on a client: once for each time this
//! server begins to lead, and only where something else stands there.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use tenure_api::Published;
use tenure_api::install::SETTINGS;
use tenure_core::{Settings, keys};
use tokio::sync::watch;

use crate::arguments::ServerArguments;

/// How soon to try again.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// What this server decides by.
pub(crate) fn published(arguments: &ServerArguments, settings: &Settings) -> Published {
    let ServerArguments { webhook, archive, plan_retention, .. } = arguments;
    Published {
        plan_retention_seconds: plan_retention.as_secs(),
        archive: archive.is_some(),
        admission: webhook.webhook_listen.is_some(),
        check_requester: webhook.check_requester,
        ..Published::of(settings, env!("CARGO_PKG_VERSION"))
    }
}

/// Publishes it whenever this server begins to lead. Nothing depends on it but what clients say, so
/// a failure is told, and tried again.
pub(crate) async fn while_leading(
    client: Client,
    published: Published,
    namespace: String,
    mut leads: watch::Receiver<bool>,
) {
    let maps: Api<ConfigMap> = Api::namespaced(client, &namespace);
    let wanted = published.config_map(&namespace);
    loop {
        if leads.wait_for(|leads| *leads).await.is_err() {
            return;
        }
        while let Err(error) = write(&maps, &wanted).await {
            tracing::warn!(%error, "the settings could not be published; clients will say so");
            tokio::time::sleep(TRY_AGAIN).await;
        }
        if leads.wait_for(|leads| !*leads).await.is_err() {
            return;
        }
    }
}

async fn write(maps: &Api<ConfigMap>, wanted: &ConfigMap) -> Result<(), kube::Error> {
    let stands = maps.get_opt(SETTINGS).await?;
    if stands.is_some_and(|map| map.data == wanted.data) {
        return Ok(());
    }
    // Nobody else has anything to say in it.
    let params = PatchParams::apply(keys::FIELD_MANAGER).force();
    maps.patch(SETTINGS, &params, &Patch::Apply(wanted)).await.map(drop)
}
