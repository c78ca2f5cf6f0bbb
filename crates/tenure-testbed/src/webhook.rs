//! The webhook, as the API server reaches it here: by URL, on loopback.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::DeleteParams;
use kube::{Api, Client};
use serde_json::Value;
use tenure_api::install::{self, CANARY};
use tenure_api::webhooks::{self, CANARY_REFUSAL, Reach};

use crate::{TENURE_NAMESPACE, apply, eventually};

/// Has the API server ask the webhook at that address, such as `https://127.0.0.1:9443`. Who
/// vouches for its certificate is written by Tenure, which gets the right to do so.
///
/// # Errors
/// If something is refused.
pub async fn install_webhook(client: &Client, base: &str) -> anyhow::Result<()> {
    let reach = Reach::Url { base: base.to_owned(), ca_bundle: None };
    let mut objects = install::webhook_manifests(TENURE_NAMESPACE);
    objects.extend(webhooks::manifests(&reach).into_iter().map(patient));
    for object in objects {
        apply(client, &object).await?;
    }
    Ok(())
}

/// Gives the webhooks more time than they have where they are installed: on a machine that other work
/// keeps busy, an answer may take longer, and the API server would refuse what the test asks for.
#[must_use]
pub fn patient(mut configuration: Value) -> Value {
    let webhooks = configuration.get_mut("webhooks").and_then(Value::as_array_mut);
    for webhook in webhooks.into_iter().flatten() {
        webhook["timeoutSeconds"] = 30.into();
    }
    configuration
}

/// Waits until the API server asks the server.
///
/// # Panics
/// If it does not in seven minutes.
pub async fn wait_for_guard(client: &Client) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let dry = DeleteParams { dry_run: true, ..Default::default() };
    eventually("the canary is refused", async || {
        let refused = namespaces.delete(CANARY, &dry).await.err()?;
        refused.to_string().contains(CANARY_REFUSAL).then_some(())
    })
    .await;
}
