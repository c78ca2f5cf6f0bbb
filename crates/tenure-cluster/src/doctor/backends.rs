//! What the API server asks on the way, and whether anybody answers there: APIServices, webhooks,
//! conversions.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhookConfiguration, RuleWithOperations,
    ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::Api;
use kube::api::ListParams;
use kube::core::{Selector, SelectorExt as _};
use serde::Deserialize;
use tenure_core::doctor::{ApiService, Backend, BackendState, Conversion, Webhook};

use super::{AT_ONCE, list::Meta};
use crate::{Cluster, RequestError};

const REGISTRATION: &str = "/apis/admissionregistration.k8s.io/v1";

/// A webhook before anybody looked whether it is answered.
struct Asked {
    kind: &'static str,
    configuration: String,
    name: String,
    client: WebhookClientConfig,
    fails: bool,
    narrowed: bool,
    rules: Vec<RuleWithOperations>,
    namespaces: Option<LabelSelector>,
}

/// What matters of a CustomResourceDefinition.
#[derive(Deserialize)]
struct Crd {
    #[serde(flatten)]
    object: Meta,
    spec: CrdSpec,
    #[serde(default)]
    status: CrdStatus,
}

#[derive(Deserialize)]
struct CrdSpec {
    scope: String,
    versions: Vec<CrdVersion>,
    #[serde(default)]
    conversion: Option<CrdConversion>,
}

#[derive(Deserialize)]
struct CrdVersion {
    served: bool,
}

#[derive(Deserialize)]
struct CrdConversion {
    #[serde(default)]
    webhook: Option<CrdWebhook>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CrdWebhook {
    client_config: Option<WebhookClientConfig>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct CrdStatus {
    stored_versions: Vec<String>,
}

impl Cluster {
    /// The APIServices whose server does not answer.
    pub(super) async fn read_api_services(&self) -> Result<Vec<ApiService>, RequestError> {
        let path = "/apis/apiregistration.k8s.io/v1/apiservices";
        let all: Vec<APIService> = self.list_everything(path, "apiservices").await?;
        Ok(all.into_iter().filter_map(unavailable).collect())
    }

    /// The conversion webhooks of namespaced kinds.
    pub(super) async fn read_conversions(&self) -> Result<Vec<Conversion>, RequestError> {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let all: Vec<Crd> = self.list_everything(path, "customresourcedefinitions").await?;
        let converted = all.into_iter().filter(|crd| crd.spec.scope == "Namespaced");
        let reads =
            converted.filter_map(|crd| {
                let client = crd.spec.conversion?.webhook?.client_config?;
                let served = crd.spec.versions.iter().filter(|version| version.served).count();
                let needed = served > 1 || crd.status.stored_versions.len() > 1;
                let name = crd.object.metadata.name?;
                Some(async move {
                    Conversion { crd: name, backend: self.backend(&client).await, needed }
                })
            });
        Ok(futures::stream::iter(reads).buffered(AT_ONCE).collect().await)
    }

    /// The webhooks that apply to a Namespace with those labels and objects of those kinds.
    pub(super) async fn read_webhooks(
        &self,
        labels: &BTreeMap<String, String>,
        kinds: &BTreeSet<String>,
    ) -> Result<Vec<Webhook>, RequestError> {
        let [validating, mutating] = ["validating", "mutating"]
            .map(|kind| (format!("{REGISTRATION}/{kind}webhookconfigurations"), kind));
        let (validating, mutating) = futures::try_join!(
            self.list_everything::<ValidatingWebhookConfiguration>(&validating.0, validating.1),
            self.list_everything::<MutatingWebhookConfiguration>(&mutating.0, mutating.1),
        )?;
        let asked = validating
            .into_iter()
            .flat_map(validators)
            .chain(mutating.into_iter().flat_map(mutators));
        let reads = asked.filter(|webhook| webhook.applies_to(labels)).filter_map(|webhook| {
            let about = |operation| webhook.kinds(kinds, operation);
            let (deletes, mut updates) = (about("DELETE"), about("UPDATE"));
            if webhook.rules.iter().any(finalizes) {
                updates.insert("namespaces".to_owned());
            }
            let any = !deletes.is_empty() || !updates.is_empty();
            any.then_some(async move {
                Webhook {
                    kind: webhook.kind.to_owned(),
                    backend: self.backend(&webhook.client).await,
                    configuration: webhook.configuration,
                    name: webhook.name,
                    fails: webhook.fails,
                    narrowed: webhook.narrowed,
                    deletes,
                    updates,
                }
            })
        });
        Ok(futures::stream::iter(reads).buffered(AT_ONCE).collect().await)
    }

    /// What is behind a webhook.
    async fn backend(&self, client: &WebhookClientConfig) -> Backend {
        let Some(service) = &client.service else {
            let place = client.url.clone().unwrap_or_default();
            return Backend { place, state: BackendState::Unknown };
        };
        let place = format!("{}/{}", service.namespace, service.name);
        let state = self.service(&service.namespace, &service.name).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "what is behind a webhook is unknown");
            BackendState::Unknown
        });
        Backend { place, state }
    }

    async fn service(&self, namespace: &str, name: &str) -> Result<BackendState, RequestError> {
        let services: Api<Service> = Api::namespaced(self.client.clone(), namespace);
        let doing = format!("read service {namespace}/{name}");
        let Some(service) = self.within(doing, services.get_opt(name)).await? else {
            return Ok(BackendState::Missing);
        };
        if service.spec.is_some_and(|spec| spec.type_.as_deref() == Some("ExternalName")) {
            return Ok(BackendState::Unknown);
        }
        let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), namespace);
        let of_service =
            ListParams::default().labels(&format!("kubernetes.io/service-name={name}")).limit(20);
        let doing = format!("list endpointslices in {namespace}");
        let slices = self.within(doing, slices.list(&of_service)).await?;
        let mut endpoints = slices.items.iter().flat_map(|slice| slice.endpoints.iter().flatten());
        let ready = endpoints.any(|endpoint| {
            // Unknown means ready, by the API's own word.
            endpoint.conditions.as_ref().and_then(|c| c.ready).unwrap_or(true)
        });
        Ok(if ready { BackendState::Ready } else { BackendState::Empty })
    }
}

fn unavailable(api: APIService) -> Option<ApiService> {
    let service = api.spec?.service?;
    let conditions = api.status.and_then(|status| status.conditions).unwrap_or_default();
    let available = conditions.into_iter().find(|condition| condition.type_ == "Available");
    let why = match available {
        Some(condition) if condition.status == "True" => return None,
        Some(condition) => condition.message.or(condition.reason).unwrap_or_default(),
        None => "nobody says that it is available".to_owned(),
    };
    let part = |part: Option<String>| part.unwrap_or_default();
    Some(ApiService {
        name: api.metadata.name?,
        service: format!("{}/{}", part(service.namespace), part(service.name)),
        why,
    })
}

fn validators(configuration: ValidatingWebhookConfiguration) -> Vec<Asked> {
    let name = configuration.metadata.name.unwrap_or_default();
    let webhooks = configuration.webhooks.unwrap_or_default().into_iter();
    webhooks
        .map(|webhook| Asked {
            kind: "validatingwebhookconfiguration",
            configuration: name.clone(),
            name: webhook.name,
            client: webhook.client_config,
            fails: fails(webhook.failure_policy.as_deref()),
            narrowed: narrowed(&webhook.object_selector, &webhook.match_conditions),
            rules: webhook.rules.unwrap_or_default(),
            namespaces: webhook.namespace_selector,
        })
        .collect()
}

fn mutators(configuration: MutatingWebhookConfiguration) -> Vec<Asked> {
    let name = configuration.metadata.name.unwrap_or_default();
    let webhooks = configuration.webhooks.unwrap_or_default().into_iter();
    webhooks
        .map(|webhook| Asked {
            kind: "mutatingwebhookconfiguration",
            configuration: name.clone(),
            name: webhook.name,
            client: webhook.client_config,
            fails: fails(webhook.failure_policy.as_deref()),
            narrowed: narrowed(&webhook.object_selector, &webhook.match_conditions),
            rules: webhook.rules.unwrap_or_default(),
            namespaces: webhook.namespace_selector,
        })
        .collect()
}

/// `Fail` is what the API server assumes.
fn fails(policy: Option<&str>) -> bool {
    policy != Some("Ignore")
}

fn narrowed(objects: &Option<LabelSelector>, conditions: &Option<Vec<MatchCondition>>) -> bool {
    let everything = LabelSelector::default();
    objects.as_ref().is_some_and(|selector| *selector != everything)
        || conditions.as_ref().is_some_and(|conditions| !conditions.is_empty())
}

impl Asked {
    /// Whether it is asked about a Namespace with those labels. One whose selector cannot be read
    /// may be.
    fn applies_to(&self, labels: &BTreeMap<String, String>) -> bool {
        let Some(selector) = &self.namespaces else { return true };
        Selector::try_from(selector.clone()).map_or(true, |selector| selector.matches(labels))
    }

    /// Of which of the kinds it is asked about that operation.
    fn kinds(&self, kinds: &BTreeSet<String>, operation: &str) -> BTreeSet<String> {
        let asked = |kind: &&String| {
            let (plural, group) = kind.split_once('.').unwrap_or((kind, ""));
            self.rules.iter().any(|rule| {
                has(&rule.operations, operation)
                    && has(&rule.api_groups, group)
                    && rule.scope.as_deref() != Some("Cluster")
                    && rule.resources.iter().flatten().any(|resource| {
                        matches!(resource.as_str(), "*" | "*/*")
                            || resource.split('/').next() == Some(plural)
                                && resource.split('/').nth(1).is_none_or(|sub| sub == "*")
                    })
            })
        };
        kinds.iter().filter(asked).cloned().collect()
    }
}

/// Whether it is asked when a Namespace is finalized.
fn finalizes(rule: &RuleWithOperations) -> bool {
    const FINALIZE: [&str; 4] = ["*/*", "*/finalize", "namespaces/*", "namespaces/finalize"];
    has(&rule.operations, "UPDATE")
        && has(&rule.api_groups, "")
        && rule.scope.as_deref() != Some("Namespaced")
        && rule.resources.iter().flatten().any(|resource| FINALIZE.contains(&resource.as_str()))
}

fn has(list: &Option<Vec<String>>, word: &str) -> bool {
    list.iter().flatten().any(|item| item == word || item == "*")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(rule: serde_json::Value) -> Asked {
        let configuration = json!({"metadata": {"name": "c"}, "webhooks": [{
            "name": "w.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"url": "https://127.0.0.1"}, "rules": [rule],
            "namespaceSelector": {"matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["exempt"]},
            ]},
        }]});
        validators(serde_json::from_value(configuration).unwrap()).remove(0)
    }

    fn about(resources: &[&str], operation: &str) -> Vec<String> {
        let kinds = ["configmaps", "deployments.apps"].map(str::to_owned).into();
        let rule = json!({
            "apiGroups": ["*"], "apiVersions": ["*"], "resources": resources,
            "operations": [operation],
        });
        asked(rule).kinds(&kinds, "DELETE").into_iter().collect()
    }

    #[test]
    fn a_webhook_is_asked_about_what_its_rules_say() {
        assert_eq!(about(&["configmaps"], "DELETE"), ["configmaps"]);
        assert_eq!(about(&["*"], "*"), ["configmaps", "deployments.apps"]);
        assert_eq!(about(&["deployments/*"], "DELETE"), ["deployments.apps"]);
        assert!(about(&["deployments/scale"], "DELETE").is_empty());
        assert!(about(&["*"], "UPDATE").is_empty());
    }

    #[test]
    fn a_webhook_is_asked_where_its_selector_says() {
        let webhook = asked(json!({"operations": ["*"]}));
        let named = |name: &str| {
            BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), name.to_owned())])
        };
        assert!(webhook.applies_to(&named("payments")));
        assert!(!webhook.applies_to(&named("exempt")));
    }

    #[test]
    fn who_is_asked_when_a_namespace_is_finalized_says_so_by_the_subresource() {
        let rule = |resource: &str| -> RuleWithOperations {
            serde_json::from_value(json!({
                "apiGroups": [""], "resources": [resource], "operations": ["UPDATE"],
            }))
            .unwrap()
        };
        assert!(finalizes(&rule("*/*")) && finalizes(&rule("namespaces/finalize")));
        assert!(!finalizes(&rule("namespaces")) && !finalizes(&rule("*")));
    }
}
