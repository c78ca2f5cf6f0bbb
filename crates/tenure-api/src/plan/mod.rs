//! DeletionPlan: what was decided about one Project and its Namespace, how far it was carried
//! out, and what happened on the way. It outlives the Project.

mod facts;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tenure_core::Claim;
use tenure_core::contents::Manager;
use tenure_core::plan::{Plan, PlanDigest, PlanStatus};
use tenure_core::trail::{Entry, Event};

use crate::words;

/// Most entries of each list of the contents that a plan keeps. What is decided by is in the
/// digest whole.
const MOST_KEPT: usize = 300;
/// Most claims, warnings and others that a plan names. The strongest come first.
const MOST_TOLD: usize = 50;

/// What was decided about one Project and its Namespace.
#[derive(Clone, Debug, Deserialize, Serialize, CustomResource, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "tenure.dev",
    version = "v1alpha1",
    kind = "DeletionPlan",
    plural = "deletionplans",
    status = "DeletionPlanStatus",
    doc = "What was decided about one Project and its Namespace, how far it was carried out, and what happened on the way. Its name follows from the Project's UID, and it outlives the Project.",
    printcolumn = r#"{"name":"Project","type":"string","jsonPath":".spec.project.name"}"#,
    printcolumn = r#"{"name":"Namespace","type":"string","jsonPath":".spec.decision.disposition"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Waiting","type":"string","jsonPath":".status.waitingFor"}"#,
    printcolumn = r#"{"name":"Why","type":"string","jsonPath":".spec.decision.explanation","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
pub struct DeletionPlanSpec {
    /// The Project, as it was when its deletion was first seen.
    pub project: PlannedProject,
    /// The Namespace.
    pub namespace: PlannedNamespace,
    /// What is decided.
    pub decision: PlannedDecision,
    /// Who asked for the deletion, where admission saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Requester>,
    /// Who agreed, and to what. The only field that people write; it is there from the start, so that
    /// a JSON patch can add to it.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub approvals: Vec<Approval>,
}

/// A Project, as far as it takes to make it anew.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct PlannedProject {
    /// Its name, which is the Namespace's too.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The version of it that says the following.
    #[serde(default, rename = "resourceVersion")]
    pub resource_version: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its annotations, as they were before it was stamped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// When it was created.
    #[serde(default, rename = "createdAt", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// When its deletion was let in, or was asked for; absent while it was refused.
    #[serde(default, rename = "deletedAt", skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Time>,
    /// Who manages it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(schema_with = "objects")]
    pub managers: BTreeSet<Manager>,
}

/// A Namespace.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct PlannedNamespace {
    /// Its UID.
    pub uid: String,
    /// How the Project came by it; absent if it is not the Project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<words::Origin>,
}

/// What is decided.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedDecision {
    /// What becomes of the Namespace.
    pub disposition: words::Disposition,
    /// Why, as one sentence.
    pub explanation: String,
    /// What a person confirms.
    pub digest: String,
    /// What is taken away, if it is cleaned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<words::Scope>,
    /// Kinds that stay, if it is cleaned with scope `All`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keep_kinds: BTreeSet<String>,
    /// What people, records and policies demand, strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<PlannedClaim>,
    /// What is presumed, strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub presumptions: Vec<PlannedClaim>,
    /// Whether a person confirmed against what is presumed.
    #[serde(default)]
    pub discharged: bool,
    /// What could be confirmed against what is presumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative: Option<Alternative>,
    /// What is probably not as its author meant it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The policies that counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyReference>,
    /// Whether it has to be confirmed.
    #[serde(default)]
    pub confirmation: bool,
    /// Who else deploys into the Namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<String>,
    /// Before when the Namespace is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// How many confirmations have expired.
    #[serde(default)]
    pub attempt: u32,
    /// When it was decided, or decided anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Time>,
    /// What is in the Namespace: all counts, the objects that matter most, and what is lost for
    /// good. Never what is in a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "object")]
    pub contents: Option<Value>,
}

/// One source's demand for at least some disposition.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedClaim {
    /// The rule it comes from.
    pub source: String,
    /// The least it demands.
    pub at_least: words::Disposition,
    /// Why.
    pub reason: String,
}

/// What could be confirmed instead.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct Alternative {
    /// What becomes of the Namespace then.
    pub disposition: words::Disposition,
    /// The digest to confirm.
    pub digest: String,
}

/// A policy at the generation that counted.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct PolicyReference {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
}

/// Who asked for the deletion.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct Requester {
    /// The user, as the API server knew them.
    pub user: String,
    /// The front end's account, if one asked on somebody's behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// One person's agreement.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Approval {
    /// Who agrees: the name the API server knows them by. Nobody can agree for another.
    pub user: String,
    /// Their groups that matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub groups: Vec<String>,
    /// To what.
    pub digest: String,
}

/// How far a plan was carried out.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DeletionPlanStatus {
    /// How far.
    pub phase: words::Phase,
    /// What it waits for, in words without spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// `Complete`, and one for each gate that is closed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// What happened, each entry chained to the one before by its digest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "entries")]
    pub history: Vec<Entry>,
}

/// Condition that is `True` once nothing more comes.
const COMPLETE: &str = "Complete";

/// Written by Tenure alone, so the API server need not know its fields.
fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "nullable": true, "x-kubernetes-preserve-unknown-fields": true})
}

/// The same, in a list.
fn objects(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": object(generator)})
}

/// Entries of a history, far enough that one which nobody could read is refused.
fn entries(_: &mut SchemaGenerator) -> Schema {
    let digest = serde_json::json!({"type": "string", "pattern": PlanDigest::PATTERN});
    let events: Vec<_> = Event::ALL.iter().map(|event| event.as_str()).collect();
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["sequence", "at", "event", "digestOfPlan", "message", "digest"],
            "properties": {
                "sequence": {"type": "integer", "format": "int64", "minimum": 1},
                "at": {"type": "string", "format": "date-time"},
                "event": {"type": "string", "enum": events},
                "digestOfPlan": {"type": "string"},
                "by": {"type": "string"},
                "message": {"type": "string"},
                "previous": digest,
                "digest": digest,
            },
            "x-kubernetes-preserve-unknown-fields": true,
        },
    })
}

impl From<&Plan> for PlannedDecision {
    fn from(plan: &Plan) -> Self {
        let digest = plan.digest();
        let Plan {
            project_uid: _,
            namespace_uid: _,
            origin: _,
            disposition,
            scope,
            keep_kinds,
            claims,
            presumptions,
            discharged,
            warnings,
            policies,
            foreign,
            contents,
            confirmation,
            approvals: _,
            not_before,
            attempt,
            alternative,
        } = plan;
        Self {
            disposition: (*disposition).into(),
            explanation: plan.explain(),
            digest: digest.to_string(),
            scope: scope.map(Into::into),
            keep_kinds: if scope.is_some() { keep_kinds.clone() } else { BTreeSet::new() },
            claims: claims.iter().take(MOST_TOLD).map(Into::into).collect(),
            presumptions: presumptions.iter().take(MOST_TOLD).map(Into::into).collect(),
            discharged: *discharged,
            alternative: alternative.as_ref().map(|alternative| Alternative {
                disposition: alternative.disposition.into(),
                digest: alternative.digest.to_string(),
            }),
            warnings: warnings.iter().take(MOST_TOLD).cloned().collect(),
            policies: policies
                .iter()
                .map(|policy| PolicyReference {
                    name: policy.name.clone(),
                    uid: policy.uid.to_string(),
                    generation: policy.generation,
                })
                .collect(),
            confirmation: *confirmation,
            foreign: foreign.iter().take(MOST_TOLD).map(ToString::to_string).collect(),
            not_before: not_before.map(Time),
            attempt: *attempt,
            decided_at: None,
            contents: contents.as_ref().map(|contents| json!(contents.shortened(MOST_KEPT))),
        }
    }
}

impl PlannedDecision {
    /// The same with that digest: of a plan that is told in parts, the digest of the whole.
    #[must_use]
    pub fn with_digest(self, digest: &PlanDigest) -> Self {
        Self { digest: digest.to_string(), ..self }
    }
}

impl From<&Claim> for PlannedClaim {
    fn from(claim: &Claim) -> Self {
        Self {
            source: claim.source.as_str().to_owned(),
            at_least: claim.at_least.into(),
            reason: claim.reason.clone(),
        }
    }
}

impl DeletionPlanStatus {
    /// The status that says that, each condition keeping the time of its last transition.
    #[must_use]
    pub fn saying(&self, status: &PlanStatus, generation: Option<i64>, now: &Time) -> Self {
        let PlanStatus { phase, waiting, history } = status;
        let condition = |type_: &str, word: &str, reason: &str, message: &str| {
            let old = self.conditions.iter().find(|c| c.type_ == type_ && c.status == word);
            Condition {
                type_: type_.to_owned(),
                status: word.to_owned(),
                reason: reason.to_owned(),
                message: message.to_owned(),
                observed_generation: generation,
                last_transition_time: old
                    .map_or_else(|| now.clone(), |old| old.last_transition_time.clone()),
            }
        };
        let last = history.last().map_or("", |entry| entry.message.as_str());
        let complete = if phase.is_final() { "True" } else { "False" };
        let mut conditions = vec![condition(COMPLETE, complete, phase.as_str(), last)];
        let closed =
            waiting.iter().map(|(source, why)| condition(source, "False", "GateClosed", why));
        conditions.extend(closed);
        let sources: Vec<_> = waiting.iter().map(|(source, _)| source.as_str()).collect();
        Self {
            phase: (*phase).into(),
            waiting_for: (!sources.is_empty()).then(|| sources.join(",")),
            conditions,
            history: history.clone(),
        }
    }
}
