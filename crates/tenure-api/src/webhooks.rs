//! Which questions the API server asks the webhook, and how it is reached.
//!
//! Few are asked: whatever is not about a Project, or the namespace of one, does not depend on
//! Tenure.

use serde_json::{Value, json};
use tenure_core::keys;

use crate::install::{CANARY, NAME, WEBHOOK, named};

/// How long the API server waits for an answer, in seconds. Kargo's own webhook has ten, and a look
/// at the contents two.
const TIMEOUT: u8 = 5;

/// What the webhook answers to the dry run that it has to refuse.
pub const CANARY_REFUSAL: &str = "Tenure is asked about deletions";

/// How the API server reaches the webhook.
#[derive(Clone, Debug)]
pub enum Reach {
    /// Through the Service in that namespace. Who vouches for its certificate is written by
    /// Tenure.
    Service {
        /// Tenure's namespace.
        namespace: String,
    },
    /// At that address, such as `https://127.0.0.1:9443`, with a certificate of that CA.
    Url {
        /// The address, without a path.
        base: String,
        /// The CA's certificate in PEM, in base64; `None` if Tenure writes it.
        ca_bundle: Option<String>,
    },
}

impl Reach {
    fn client(&self, path: &str) -> Value {
        match self {
            Self::Service { namespace } => json!({
                "service": {"namespace": namespace, "name": WEBHOOK, "path": path, "port": 443},
            }),
            Self::Url { base, ca_bundle } => {
                let mut client = json!({"url": format!("{base}{path}")});
                if let Some(bundle) = ca_bundle {
                    client["caBundle"] = json!(bundle);
                }
                client
            }
        }
    }
}

/// The canary, and the configurations of the webhook.
pub fn manifests(reach: &Reach) -> Vec<Value> {
    vec![
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {
                "name": CANARY,
                "labels": {keys::PROJECT_LABEL: keys::TRUE},
                "annotations": {
                    "tenure.dev/canary": "its deletion is tried, in dry runs, to see whether \
                        Tenure is asked",
                },
            },
        }),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": named(NAME, None),
            "webhooks": [
                webhook("projects", &["CREATE", "DELETE"], projects(), &[], reach.client("/validate")),
                webhook(
                    "namespaces",
                    &["DELETE"],
                    json!({"apiGroups": [""], "apiVersions": ["v1"], "resources": ["namespaces"]}),
                    &[
                        ("is-a-projects", &is_a_projects()),
                        ("not-kubernetes-own", "!oldObject.metadata.name.startsWith('kube-')"),
                        // Whoever takes Tenure off deletes it for good, and may find nobody to ask.
                        (
                            "not-the-canary-for-good",
                            &format!("oldObject.metadata.name != '{CANARY}' || request.dryRun"),
                        ),
                    ],
                    reach.client("/validate"),
                ),
                webhook(
                    "definitions",
                    &["DELETE"],
                    json!({
                        "apiGroups": ["apiextensions.k8s.io"], "apiVersions": ["v1"],
                        "resources": ["customresourcedefinitions"],
                    }),
                    &[("of-projects", &format!("oldObject.metadata.name == '{}'", keys::PROJECT_CRD))],
                    reach.client("/validate"),
                ),
            ],
        }),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": named(NAME, None),
            "webhooks": [
                webhook("projects", &["CREATE"], projects(), &[], reach.client("/mutate")),
            ],
        }),
    ]
}

fn projects() -> Value {
    json!({"apiGroups": [keys::KARGO_GROUP], "apiVersions": ["*"], "resources": ["projects"]})
}

fn webhook(
    name: &str,
    operations: &[&str],
    mut rule: Value,
    conditions: &[(&str, &str)],
    client: Value,
) -> Value {
    rule["operations"] = json!(operations);
    let conditions: Vec<_> = conditions
        .iter()
        .map(|(name, expression)| json!({"name": name, "expression": expression}))
        .collect();
    json!({
        "name": format!("{name}.tenure.dev"),
        "clientConfig": client,
        "rules": [rule],
        "matchConditions": conditions,
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": TIMEOUT,
        "admissionReviewVersions": ["v1"],
    })
}

/// That a Namespace is marked for a Project, or recorded as one's.
fn is_a_projects() -> String {
    let (label, yes, uid) = (keys::PROJECT_LABEL, keys::TRUE, keys::PROJECT_UID);
    format!(
        "(has(oldObject.metadata.labels) && '{label}' in oldObject.metadata.labels \
         && oldObject.metadata.labels['{label}'] == '{yes}') \
         || (has(oldObject.metadata.annotations) && '{uid}' in oldObject.metadata.annotations)"
    )
}
