//! Whose an object is: a table of rules, and how they are read.
//!
//! A new tool is one row here and one in the test below.

use std::collections::BTreeSet;
use std::collections::btree_map::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Kind, Manager, Tool};
use crate::{Settings, keys};

/// Longest instance that is read: an Argo CD application with its namespace. What is longer
/// names no instance of any tool, and would only fill reports.
const LONGEST_INSTANCE: usize = 330;

/// What of an object tells whose it is.
#[derive(Clone, Debug)]
pub struct Marks<'a> {
    /// Its kind.
    pub kind: &'a Kind,
    /// Its namespace, if its kind has such.
    pub namespace: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
    /// Its labels.
    pub labels: Option<&'a BTreeMap<String, String>>,
    /// Its annotations.
    pub annotations: Option<&'a BTreeMap<String, String>>,
    /// `managedFields[].manager`.
    pub field_managers: Vec<&'a str>,
    /// API groups of its ownerReferences.
    pub owner_groups: Vec<&'a str>,
    /// Its type, if it is a Secret and that is known.
    pub secret_type: Option<&'a str>,
}

impl<'a> Marks<'a> {
    /// An object that carries nothing.
    pub fn new(kind: &'a Kind, name: &'a str) -> Self {
        Self {
            kind,
            namespace: None,
            name,
            labels: None,
            annotations: None,
            field_managers: Vec::new(),
            owner_groups: Vec::new(),
            secret_type: None,
        }
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&'a str> {
        self.labels?.get(key).map(String::as_str)
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&'a str> {
        self.annotations?.get(key).map(String::as_str)
    }
}

/// Who manages an object: a set, for a credential that Argo CD made for Kargo is both's.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attribution {
    /// By what they wrote onto it on purpose.
    pub strong: BTreeSet<Manager>,
    /// By the traces of their client, which count only while no deploying tool is among the
    /// strong: whoever edits an object once does not own it.
    pub weak: BTreeSet<Manager>,
}

impl Attribution {
    /// Everybody who counts.
    pub fn managers(&self) -> BTreeSet<Manager> {
        self.strong.union(&self.weak).cloned().collect()
    }

    /// Whether a manager that counts is such a tool.
    pub fn any(&self, is: impl Fn(Tool) -> bool) -> bool {
        self.strong.iter().chain(&self.weak).any(|manager| is(manager.tool))
    }
}

/// What gives a tool away.
enum Evidence {
    /// The API group of the object or of an owner.
    Group(&'static str),
    /// The end of that API group.
    GroupUnder(&'static str),
    /// A label.
    Label(&'static str),
    /// The label that the settings say Argo CD tracks by.
    ArgoCdLabel,
    /// An annotation.
    Annotation(&'static str),
    /// The type of a Secret.
    SecretType(&'static str),
    /// How the name of a field manager begins.
    FieldManager(&'static str),
    /// Objects that are there because of what Kubernetes is: kind, group, and the name if only
    /// the one of that name is meant.
    WellKnown(&'static str, &'static str, Option<&'static str>),
}

/// How the instance is read from the value that was found.
enum Instance {
    /// The tool has no instances, or the value does not name one.
    None,
    /// It is the value.
    Whole,
    /// What stands before the first colon.
    BeforeColon,
    /// The value is its name; what the other key of the same map says is its namespace.
    In(&'static str),
    /// A Helm release's record: the label `name` in the record's own namespace.
    Release,
}

/// Whether evidence counts beside that of a deploying tool.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    Strong,
    Weak,
}

struct Rule(Tool, Strength, Evidence, Instance);

/// The annotation on what Kargo copied from another namespace.
pub(super) const REPLICATED_FROM: &str = "kargo.akuity.io/replicated-from";
/// The type of the Secrets in which Helm keeps its releases.
pub(super) const HELM_RELEASE: &str = "helm.sh/release.v1";

#[rustfmt::skip]
const RULES: &[Rule] = {
    use Evidence::{
        Annotation, ArgoCdLabel, FieldManager, Group, GroupUnder, Label, SecretType, WellKnown,
    };
    use Instance::{BeforeColon, In, None as Nobody, Release, Whole};
    use Strength::{Strong, Weak};
    &[
        Rule(Tool::Kargo, Strong, Group(keys::KARGO_GROUP), Nobody),
        Rule(Tool::Kargo, Strong, Label("kargo.akuity.io/cred-type"), Nobody),
        Rule(Tool::Kargo, Strong, Annotation(keys::RBAC_MANAGED), Nobody),
        Rule(Tool::Kargo, Strong, Annotation(REPLICATED_FROM), Nobody),
        Rule(Tool::ArgoCd, Strong, Annotation("argocd.argoproj.io/tracking-id"), BeforeColon),
        Rule(Tool::ArgoCd, Strong, Label("argocd.argoproj.io/instance"), Whole),
        Rule(Tool::ArgoCd, Strong, ArgoCdLabel, Whole),
        Rule(Tool::Helm, Strong, Annotation("meta.helm.sh/release-name"), In("meta.helm.sh/release-namespace")),
        Rule(Tool::Helm, Strong, SecretType(HELM_RELEASE), Release),
        Rule(Tool::Flux, Strong, Label("kustomize.toolkit.fluxcd.io/name"), In("kustomize.toolkit.fluxcd.io/namespace")),
        Rule(Tool::Flux, Strong, Label("helm.toolkit.fluxcd.io/name"), In("helm.toolkit.fluxcd.io/namespace")),
        Rule(Tool::Kapp, Strong, Label("kapp.k14s.io/app"), Whole),
        Rule(Tool::Crossplane, Strong, GroupUnder("crossplane.io"), Nobody),
        Rule(Tool::Crossplane, Strong, GroupUnder("upbound.io"), Nobody),
        Rule(Tool::Crossplane, Strong, Label("crossplane.io/composite"), Nobody),
        Rule(Tool::Crossplane, Strong, Label("crossplane.io/claim-name"), Nobody),
        Rule(Tool::Olm, Strong, Group("operators.coreos.com"), Nobody),
        Rule(Tool::Olm, Strong, Label("olm.owner"), Nobody),
        Rule(Tool::Olm, Strong, Label("olm.managed"), Nobody),
        Rule(Tool::CertManager, Strong, GroupUnder("cert-manager.io"), Nobody),
        Rule(Tool::CertManager, Strong, Annotation("cert-manager.io/certificate-name"), Nobody),
        Rule(Tool::CertManager, Strong, Label("controller.cert-manager.io/fao"), Nobody),
        Rule(Tool::ExternalSecrets, Strong, GroupUnder("external-secrets.io"), Nobody),
        Rule(Tool::ExternalSecrets, Strong, Label("reconcile.external-secrets.io/created-by"), Nobody),
        Rule(Tool::ExternalSecrets, Strong, Label("reconcile.external-secrets.io/managed"), Nobody),
        Rule(Tool::ExternalSecrets, Strong, Annotation("reconcile.external-secrets.io/data-hash"), Nobody),
        Rule(Tool::SealedSecrets, Strong, Group("bitnami.com"), Nobody),
        Rule(Tool::SealedSecrets, Strong, Annotation("sealedsecrets.bitnami.com/managed"), Nobody),
        Rule(Tool::Terraform, Weak, FieldManager("Terraform"), Nobody),
        Rule(Tool::Terraform, Weak, FieldManager("HashiCorp"), Nobody),
        Rule(Tool::Kubectl, Weak, FieldManager("kubectl"), Nobody),
        Rule(Tool::Kubectl, Weak, Annotation(keys::LAST_APPLIED), Nobody),
        Rule(Tool::Kubernetes, Strong, WellKnown("configmaps", "", Some("kube-root-ca.crt")), Nobody),
        Rule(Tool::Kubernetes, Strong, WellKnown("serviceaccounts", "", Some("default")), Nobody),
        Rule(Tool::Kubernetes, Strong, WellKnown("events", "", None), Nobody),
        Rule(Tool::Kubernetes, Strong, WellKnown("events", "events.k8s.io", None), Nobody),
        Rule(Tool::Kubernetes, Strong, WellKnown("endpoints", "", None), Nobody),
        Rule(Tool::Kubernetes, Strong, WellKnown("endpointslices", "discovery.k8s.io", None), Nobody),
        Rule(Tool::Kubernetes, Strong, WellKnown("leases", "coordination.k8s.io", None), Nobody),
    ]
};

/// Says who manages an object that carries these marks, be it in a Namespace, the Namespace
/// itself, or a Project.
pub fn attribute(marks: &Marks<'_>, settings: &Settings) -> Attribution {
    let mut found = Attribution::default();
    for Rule(tool, strength, evidence, instance) in RULES {
        let Some(value) = evidence.find(marks, settings) else { continue };
        let manager = Manager { tool: *tool, instance: instance.read(value, evidence, marks) };
        match strength {
            Strength::Strong => found.strong.insert(manager),
            Strength::Weak => found.weak.insert(manager),
        };
    }
    if found.strong.iter().any(|manager| manager.tool.deploys()) {
        found.weak.clear();
    }
    found
}

impl Evidence {
    /// The value that was found, if the evidence is there.
    fn find<'a>(&self, marks: &Marks<'a>, settings: &Settings) -> Option<&'a str> {
        let groups = || marks.owner_groups.iter().copied().chain([&*marks.kind.group]);
        match self {
            Self::Group(group) => groups().find(|found| found == group),
            Self::GroupUnder(parent) => groups().find(|found| {
                let below = found.strip_suffix(parent);
                below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }),
            Self::Label(key) => marks.label(key),
            Self::ArgoCdLabel => marks.label(settings.argocd_instance_label.as_deref()?),
            Self::Annotation(key) => marks.annotation(key),
            Self::SecretType(wanted) => marks.secret_type.filter(|found| found == wanted),
            Self::FieldManager(start) => {
                marks.field_managers.iter().copied().find(|found| found.starts_with(start))
            }
            Self::WellKnown(plural, group, name) => {
                let meant = marks.kind.is(plural, group);
                (meant && name.is_none_or(|name| name == marks.name)).then_some(marks.name)
            }
        }
    }
}

impl Instance {
    fn read(&self, value: &str, evidence: &Evidence, marks: &Marks<'_>) -> Option<String> {
        let within = |namespace: Option<&str>, name: &str| match namespace {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        };
        let instance = match self {
            Self::None => return None,
            Self::Whole => value.to_owned(),
            Self::BeforeColon => value.split(':').next().unwrap_or_default().to_owned(),
            Self::In(key) => {
                let by_annotation = matches!(evidence, Evidence::Annotation(_));
                let namespace =
                    if by_annotation { marks.annotation(key) } else { marks.label(key) };
                within(namespace, value)
            }
            Self::Release => within(marks.namespace, marks.label("name")?),
        };
        let legible = |c: &char| !c.is_control();
        let instance: String =
            instance.chars().take_while(legible).take(LONGEST_INSTANCE).collect();
        (!instance.is_empty()).then_some(instance)
    }
}

#[cfg(test)]
#[path = "attribution_tests.rs"]
mod tests;
