//! What the webhook configurations hold, and what is published in them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::api::{ApiResource, Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::{Value, json};
use tenure_api::install::NAME;

use super::CertificateError;
use super::own::answered;
use super::pair::{authorities_of, bundle};
use super::rotation::{Authority, Published};

/// Who owns the field `caBundle` of the configurations.
const MANAGER: &str = "tenure-certificates";

/// The webhook configurations, and since when each has been as it is.
#[derive(Debug)]
pub(super) struct Configurations {
    apis: [(ApiResource, Api<DynamicObject>); 2],
    /// Of each that there is, its incarnation and version, and when these were first seen. How
    /// long ago that is, is told by a clock that nobody sets.
    seen: BTreeMap<String, (String, Instant)>,
    /// Those whose absence was told.
    missed: BTreeSet<String>,
}

/// One that there is.
#[derive(Debug)]
pub(super) struct Configuration {
    kind: usize,
    version: String,
    webhooks: Vec<String>,
    /// What is decided on.
    pub(super) published: Published,
}

impl Configurations {
    pub(super) fn new(client: &Client) -> Self {
        let resources = [
            ApiResource::erase::<ValidatingWebhookConfiguration>(&()),
            ApiResource::erase::<MutatingWebhookConfiguration>(&()),
        ];
        let apis = resources.map(|resource| {
            let api = Api::all_with(client.clone(), &resource);
            (resource, api)
        });
        Self { apis, seen: BTreeMap::new(), missed: BTreeSet::new() }
    }

    /// Those that there are.
    pub(super) async fn read(&mut self) -> Result<Vec<Configuration>, CertificateError> {
        let mut found = Vec::new();
        for kind in 0..self.apis.len() {
            let (resource, api) = &self.apis[kind];
            let name = resource.kind.clone();
            let object = answered(format!("read {name} {NAME}"), api.get_opt(NAME)).await?;
            let Some(object) = object else {
                self.seen.remove(&name);
                if self.missed.insert(name.clone()) {
                    tracing::info!(kind = name, name = NAME, "waits for a webhook configuration");
                }
                continue;
            };
            self.missed.remove(&name);
            let unchanged_for = self.unchanged(&name, &object);
            let webhooks = object.data["webhooks"].as_array().map_or(&[][..], Vec::as_slice);
            found.push(Configuration {
                kind,
                version: object.metadata.resource_version.clone().unwrap_or_default(),
                webhooks: webhooks.iter().filter_map(name_of).collect(),
                published: published(webhooks, unchanged_for),
            });
        }
        Ok(found)
    }

    /// How long this version of it has been seen. What has nothing to do with webhooks does not
    /// change its generation.
    fn unchanged(&mut self, kind: &str, object: &DynamicObject) -> Duration {
        let generation = object.metadata.generation;
        let version = format!("{:?} {generation:?}", object.metadata.uid);
        match self.seen.get(kind) {
            Some((seen, since)) if *seen == version => since.elapsed(),
            _ => {
                self.seen.insert(kind.to_owned(), (version, Instant::now()));
                Duration::ZERO
            }
        }
    }

    /// Publishes these authorities in all webhooks of a configuration, if nobody changed it since
    /// it was read. The field is Tenure's where the certificate is: whoever else sets it makes
    /// every call fail, so that is overruled.
    pub(super) async fn publish(
        &self,
        configuration: &Configuration,
        trusted: &BTreeSet<Authority>,
    ) -> Result<(), CertificateError> {
        let (resource, api) = &self.apis[configuration.kind];
        let certificates = json!(ByteString(bundle(trusted).into_bytes()));
        let webhooks: Vec<Value> = configuration
            .webhooks
            .iter()
            .map(|name| json!({"name": name, "clientConfig": {"caBundle": certificates}}))
            .collect();
        let patch = Patch::Apply(json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": NAME, "resourceVersion": configuration.version},
            "webhooks": webhooks,
        }));
        let params = PatchParams::apply(MANAGER).force();
        let doing = format!("publish the authority in {} {NAME}", resource.kind);
        answered(doing, api.patch(NAME, &params, &patch)).await?;
        tracing::info!(
            kind = resource.kind,
            name = NAME,
            authorities = trusted.len(),
            "published the webhook's authority"
        );
        Ok(())
    }
}

fn published(webhooks: &[Value], unchanged_for: Duration) -> Published {
    let bundles: Vec<Vec<u8>> = webhooks.iter().map(bundle_of).collect();
    let sets: Vec<_> = bundles.iter().map(|bundle| authorities_of(bundle)).collect();
    let found: BTreeSet<Authority> = sets.iter().flatten().cloned().collect();
    let everywhere = |authority: &&Authority| sets.iter().all(|set| set.contains(*authority));
    let held = found.iter().filter(everywhere).cloned().collect();
    let text = bundle(&found);
    let tidy = bundles.iter().all(|bundle| *bundle == text.as_bytes());
    Published { held, found, tidy, unchanged_for }
}

fn name_of(webhook: &Value) -> Option<String> {
    webhook["name"].as_str().map(str::to_owned)
}

fn bundle_of(webhook: &Value) -> Vec<u8> {
    let field = webhook["clientConfig"]["caBundle"].clone();
    serde_json::from_value(field).map(|ByteString(bytes)| bytes).unwrap_or_default()
}
