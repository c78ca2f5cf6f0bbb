//! What manages objects.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What may manage an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tool {
    /// Kargo.
    Kargo,
    /// Argo CD.
    ArgoCd,
    /// Helm.
    Helm,
    /// Flux.
    Flux,
    /// kapp, of Carvel.
    Kapp,
    /// Crossplane.
    Crossplane,
    /// The Operator Lifecycle Manager.
    Olm,
    /// cert-manager.
    CertManager,
    /// The External Secrets Operator.
    ExternalSecrets,
    /// Sealed Secrets.
    SealedSecrets,
    /// Terraform, or what speaks its providers' language.
    Terraform,
    /// A person, by kubectl.
    Kubectl,
    /// Kubernetes itself.
    Kubernetes,
}

impl Tool {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kargo => "Kargo",
            Self::ArgoCd => "Argo CD",
            Self::Helm => "Helm",
            Self::Flux => "Flux",
            Self::Kapp => "kapp",
            Self::Crossplane => "Crossplane",
            Self::Olm => "OLM",
            Self::CertManager => "cert-manager",
            Self::ExternalSecrets => "External Secrets",
            Self::SealedSecrets => "Sealed Secrets",
            Self::Terraform => "Terraform",
            Self::Kubectl => "kubectl",
            Self::Kubernetes => "Kubernetes",
        }
    }

    /// Whether it deploys instances of what people wrote elsewhere. Operators and persons do not.
    pub fn deploys(self) -> bool {
        matches!(self, Self::ArgoCd | Self::Helm | Self::Flux | Self::Kapp | Self::Terraform)
    }

    /// Whether it puts back what somebody deletes.
    pub fn recreates(self) -> bool {
        matches!(self, Self::ArgoCd | Self::Flux)
    }

    /// Whether Secrets that it made can be made again from what it keeps elsewhere.
    pub fn makes_secrets(self) -> bool {
        matches!(self, Self::CertManager | Self::ExternalSecrets | Self::SealedSecrets)
    }

    /// Whether what is its is somebody else's than Kargo's. What a person changed by hand is not.
    pub fn is_others(self) -> bool {
        !matches!(self, Self::Kargo | Self::Kubectl)
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One instance of a tool: an Argo CD application, a Helm release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Manager {
    /// The tool.
    pub tool: Tool,
    /// Which of its instances, where the tool has such and the object tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

impl Manager {
    /// The tool, whichever instance.
    pub fn of(tool: Tool) -> Self {
        Self { tool, instance: None }
    }

    /// That instance of the tool.
    pub fn instance(tool: Tool, instance: &str) -> Self {
        Self { tool, instance: Some(instance.to_owned()) }
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.instance {
            None => self.tool.fmt(f),
            Some(instance) => write!(f, "{} {instance}", self.tool),
        }
    }
}
