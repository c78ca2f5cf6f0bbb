//! DeletionPolicy: what an organisation demands of deletions.

#![expect(unreachable_pub, reason = "kube's derive makes copies of the types, to validate them")]

use std::collections::{BTreeMap, BTreeSet};

use kube::core::Duration;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenure_core::Uid;
use tenure_core::policy::{self, Pattern, Policy, Required, Selector, Terms};

use crate::{FactsError, words};

/// What is demanded of the deletion of the Projects it selects. Several may match: of each field
/// the most protective value counts, so a policy that is added can only protect more.
#[derive(Clone, Debug, Default, Deserialize, Serialize, CustomResource, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "tenure.dev",
    version = "v1alpha1",
    kind = "DeletionPolicy",
    plural = "deletionpolicies",
    doc = "What is demanded of the deletion of the Projects it selects. Several may match: of each field the most protective value counts.",
    printcolumn = r#"{"name":"Enforcement","type":"string","jsonPath":".spec.enforcement"}"#,
    printcolumn = r#"{"name":"Floor","type":"string","jsonPath":".spec.floor"}"#,
    printcolumn = r#"{"name":"Confirmation","type":"string","jsonPath":".spec.confirmation"}"#,
    printcolumn = r#"{"name":"Approvals","type":"integer","jsonPath":".spec.approvals.count"}"#,
    printcolumn = r#"{"name":"Grace","type":"string","jsonPath":".spec.gracePeriod"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
pub struct DeletionPolicySpec {
    /// Which Projects it is for. Everything it says has to fit; nothing said fits every Project.
    #[serde(default)]
    pub selector: PolicySelector,
    /// `Warn` tells what would be demanded, `Enforce` demands it.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// The least that becomes of the Namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<words::Disposition>,
    /// What a Namespace is presumed to deserve that existed before its Project; in place of what
    /// the profile says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<words::Disposition>,
    /// What a Namespace is presumed to deserve that others deploy into; in place of what the
    /// profile says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<words::Disposition>,
    /// How Namespaces are cleaned.
    #[serde(default)]
    pub clean: CleanTerms,
    /// Whether whatever destroys has to be confirmed.
    #[serde(default)]
    pub confirmation: Confirmation,
    /// How many people have to agree to whatever destroys, besides who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<ApprovalTerms>,
    /// How long the Namespace is left alone after its deletion was asked for, such as `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('0s') && duration(self) <= duration('8760h')").message("must be between 0s and 8760h"))]
    pub grace_period: Option<Duration>,
    /// Whether nothing may be destroyed whose history cannot be kept in the archive.
    #[serde(default)]
    pub archive: Archive,
    /// What is required of the Namespace when a Project comes.
    #[serde(default)]
    pub required: RequiredTerms,
    /// What a Namespace gets when its Project creates it.
    #[serde(default)]
    pub namespace_template: NamespaceTemplate,
}

/// Which Projects a policy is for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicySelector {
    /// Patterns of which one has to fit the name; `*` stands for any characters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 253)))]
    pub names: Vec<String>,
    /// Labels that the Project has to have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub project_labels: BTreeMap<String, String>,
    /// Labels that the Namespace has to have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub namespace_labels: BTreeMap<String, String>,
}

/// Whether a policy's demands count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Enforcement {
    /// They are told as warnings.
    #[default]
    Warn,
    /// They count.
    Enforce,
}

/// Whether whatever destroys has to be confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Confirmation {
    /// As far as the policy is concerned, not.
    #[default]
    Optional,
    /// It has.
    Required,
}

/// Whether the history of a deletion has to be in the archive before anything is destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Archive {
    /// As far as the policy is concerned, not.
    #[default]
    Optional,
    /// It has.
    Required,
}

/// What is required of the Namespace when a Project comes; in a value, `*` stands for any
/// characters.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RequiredTerms {
    /// Labels, and what their values have to be like.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub labels: BTreeMap<String, String>,
    /// Annotations likewise.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,
    /// What its name has to be like.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name_pattern: Option<String>,
    /// Whether a ResourceQuota has to be in it.
    pub resource_quota: bool,
}

/// How Namespaces are cleaned.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CleanTerms {
    /// `Project` takes away what is the Project's alone, `All` every object but Kubernetes' own
    /// and the kinds that are kept; `All` always has to be confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<words::Scope>,
    /// Kinds that scope `All` leaves, as `plural.group`. By default resourcequotas, limitranges,
    /// networkpolicies.networking.k8s.io, and roles and rolebindings.rbac.authorization.k8s.io.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 253)))]
    pub keep_kinds: Option<BTreeSet<String>>,
}

/// How many people have to agree.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalTerms {
    /// How many.
    #[schemars(range(min = 1, max = 16))]
    pub count: u32,
    /// Groups of which each has to be in one; none for anybody.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(length(max = 64))]
    pub groups: BTreeSet<String>,
}

/// What a Namespace gets when its Project creates it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceTemplate {
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = Rule::new("self.all(key, !key.startsWith('kargo.akuity.io/') && !key.startsWith('tenure.dev/') && !key.startsWith('kubernetes.io/'))").message("keys of kargo.akuity.io, tenure.dev and kubernetes.io are not for templates"))]
    pub labels: BTreeMap<String, String>,
    /// Annotations. One that protects, such as keep-namespace, may be among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = Rule::new("self.all(key, !(key in ['tenure.dev/project-uid', 'tenure.dev/origin', 'tenure.dev/ledger']))").message("the record of a Namespace is not for templates"))]
    pub annotations: BTreeMap<String, String>,
}

impl DeletionPolicy {
    /// The policy as decisions see it.
    ///
    /// # Errors
    /// If it lacks what only the API server gives an object.
    pub fn facts(&self) -> Result<Policy, FactsError> {
        let DeletionPolicySpec {
            selector,
            enforcement,
            floor,
            adopted,
            shared,
            clean,
            confirmation,
            approvals,
            grace_period,
            archive,
            required,
            namespace_template,
        } = &self.spec;
        let approvals = approvals.iter().map(|approvals| policy::Approvals {
            count: approvals.count,
            groups: approvals.groups.clone(),
        });
        let meta = &self.metadata;
        Ok(Policy {
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.as_deref().map(Uid::new).ok_or(FactsError("metadata.uid"))?,
            generation: meta.generation.unwrap_or_default(),
            selector: Selector {
                names: selector.names.iter().map(Pattern::new).collect(),
                project_labels: selector.project_labels.clone(),
                namespace_labels: selector.namespace_labels.clone(),
            },
            enforcement: match enforcement {
                Enforcement::Warn => policy::Enforcement::Warn,
                Enforcement::Enforce => policy::Enforcement::Enforce,
            },
            terms: Terms {
                floor: floor.map(Into::into),
                adopted: adopted.map(Into::into),
                shared: shared.map(Into::into),
                scope: clean.scope.map(Into::into),
                keep_kinds: clean.keep_kinds.clone(),
                confirmation: *confirmation == Confirmation::Required,
                approvals: approvals.collect(),
                // A duration below zero does not pass the schema; it would demand nothing.
                grace_period: grace_period.map_or_else(Default::default, |grace| {
                    if grace.is_negative() { Default::default() } else { grace.into() }
                }),
                archive: *archive == Archive::Required,
                required: required.facts(),
                template_labels: namespace_template.labels.clone(),
                template_annotations: namespace_template.annotations.clone(),
            },
        })
    }
}

impl RequiredTerms {
    fn facts(&self) -> Required {
        let patterns = |of: &BTreeMap<String, String>| {
            of.iter().map(|(key, value)| (key.clone(), Pattern::new(value))).collect()
        };
        Required {
            labels: patterns(&self.labels),
            annotations: patterns(&self.annotations),
            name: self.name_pattern.as_ref().map(Pattern::new),
            resource_quota: self.resource_quota,
        }
    }
}
