//! The Project, as Kargo defines it: cluster-scoped, without a spec.
//!
//! The schema is compatible with Kargo's, so that either CRD serves either controller. Ours
//! adds a printer column for what becomes of the namespace.

use std::borrow::Cow;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::Resource;
use kube::core::schema::StructuralSchemaRewriter;
use kube::core::{ClusterResourceScope, ObjectMeta};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tenure_core::keys;
use tenure_core::status::{self, Report, Stats, condition_type};

const VERSION: &str = "v1alpha1";
const KIND: &str = "Project";
const PLURAL: &str = "projects";

/// A Project owns the namespace of its name.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct Project {
    /// Standard metadata.
    pub metadata: ObjectMeta,
    /// What was last observed.
    pub status: Option<ProjectStatus>,
}

/// A Project as it travels. The derive macro for custom resources demands a spec, which a
/// Project has not.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<ProjectStatus>,
}

impl From<Wire> for Project {
    fn from(wire: Wire) -> Self {
        Self { metadata: wire.metadata, status: wire.status }
    }
}

impl From<Project> for Wire {
    fn from(project: Project) -> Self {
        Self {
            api_version: Project::api_version(&()).into_owned(),
            kind: KIND.to_owned(),
            metadata: project.metadata,
            status: project.status,
        }
    }
}

impl Project {
    /// A Project of that name, as one would create it.
    pub fn named(name: &str) -> Self {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..Default::default() };
        Self { metadata, status: None }
    }

    /// The CustomResourceDefinition.
    ///
    /// # Panics
    /// Never: what is put together here is a definition.
    #[expect(clippy::expect_used, reason = "the definition is a constant, and tested")]
    pub fn crd() -> CustomResourceDefinition {
        let settings = SchemaSettings::openapi3().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let status = settings
            .with_transform(StructuralSchemaRewriter)
            .into_generator()
            .into_root_schema_for::<ProjectStatus>();
        let column = |name: &str, kind: &str, path: &str| json!({"name": name, "type": kind, "jsonPath": path});
        let of =
            |kind: &str, field: &str| format!(r#".status.conditions[?(@.type=="{kind}")].{field}"#);
        let disposition = of(condition_type::DISPOSITION, "reason");
        let mut why = column("Why", "string", &of(condition_type::DISPOSITION, "message"));
        why["priority"] = json!(1);
        let crd = json!({
            "metadata": {"name": keys::PROJECT_CRD},
            "spec": {
                "group": keys::KARGO_GROUP,
                "names": {"kind": KIND, "listKind": "ProjectList", "plural": PLURAL, "singular": "project"},
                "scope": "Cluster",
                "versions": [{
                    "name": VERSION,
                    "served": true,
                    "storage": true,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        column("Ready", "string", &of(condition_type::READY, "status")),
                        column("Namespace", "string", &disposition),
                        column("Status", "string", &of(condition_type::READY, "reason")),
                        why,
                        column("Age", "date", ".metadata.creationTimestamp"),
                    ],
                    "schema": {"openAPIV3Schema": {
                        "description": "A Project owns the namespace of its name.",
                        "type": "object",
                        "properties": {
                            "apiVersion": {"type": "string"},
                            "kind": {"type": "string"},
                            "metadata": {"type": "object"},
                            "status": status,
                        },
                    }},
                }],
            },
        });
        serde_json::from_value(crd).expect("a definition")
    }
}

impl Resource for Project {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        KIND.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        keys::KARGO_GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        PLURAL.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// What was last observed of a Project.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
pub struct ProjectStatus {
    /// The last observations, one of each type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Numbers of the Project's Warehouses and Stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<ProjectStats>,
}

/// Numbers of the Project's Warehouses and Stages.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(default)]
pub struct ProjectStats {
    /// Warehouses.
    pub warehouses: KindStats,
    /// Stages that promote.
    pub stages: KindStats,
}

/// Numbers of one kind.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(default)]
pub struct KindStats {
    /// How many there are.
    pub count: i64,
    /// Their health.
    pub health: HealthStats,
}

/// How healthy the objects of a kind are.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(default)]
pub struct HealthStats {
    /// How many are explicitly healthy.
    pub healthy: i64,
}

impl ProjectStatus {
    /// The status after a report: our conditions as reported, each keeping the time of its last
    /// transition where its status is unchanged; everybody else's untouched.
    #[must_use]
    pub fn with(&self, report: &Report, now: &Time) -> Self {
        let foreign = self
            .conditions
            .iter()
            .filter(|c| !condition_type::ALL.contains(&c.type_.as_str()))
            .cloned();
        let ours = report.conditions.iter().map(|c| self.next_condition(c, now));
        Self {
            conditions: ours.chain(foreign).collect(),
            stats: report.stats.as_ref().map(ProjectStats::from).or_else(|| self.stats.clone()),
        }
    }

    fn next_condition(&self, wanted: &status::Condition, now: &Time) -> Condition {
        let word = if wanted.status { "True" } else { "False" };
        let since = self
            .conditions
            .iter()
            .find(|old| old.type_ == wanted.kind && old.status == word)
            .map_or_else(|| now.clone(), |old| old.last_transition_time.clone());
        Condition {
            type_: wanted.kind.clone(),
            status: word.to_owned(),
            reason: wanted.reason.clone(),
            message: wanted.message.clone(),
            observed_generation: wanted.observed_generation,
            last_transition_time: since,
        }
    }
}

impl From<&Stats> for ProjectStats {
    fn from(stats: &Stats) -> Self {
        let kind = |health: status::Health| KindStats {
            count: health.count,
            health: HealthStats { healthy: health.healthy },
        };
        Self { warehouses: kind(stats.warehouses), stages: kind(stats.stages) }
    }
}

impl From<&ProjectStats> for Stats {
    fn from(stats: &ProjectStats) -> Self {
        let kind =
            |kind: &KindStats| status::Health { count: kind.count, healthy: kind.health.healthy };
        Self { warehouses: kind(&stats.warehouses), stages: kind(&stats.stages) }
    }
}
