//! Claims, gates, and where they come from.
//!
//! A claim demands *at least* a disposition; the decision takes the strongest. So a claim
//! can only protect, and the order in which claims are found says nothing.

use std::fmt;

/// What becomes of the Namespace, ordered by how much it protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// The Namespace goes, and everything in it.
    Delete,
    /// The Namespace stays; what is the Project's alone goes.
    Clean,
    /// Every object stays; what the Project's coming added is taken back.
    Retain,
}

impl Disposition {
    /// The word for it, as conditions and columns show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "Delete",
            Self::Clean => "Clean",
            Self::Retain => "Retain",
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which rule a claim, presumption or gate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A namespace of the cluster's own, of Kargo's or of Tenure's.
    SystemNamespace,
    /// The Namespace is not the one this Project created or adopted.
    NotOurs,
    /// `kargo.akuity.io/keep-namespace` on the Project.
    KeepOnProject,
    /// `kargo.akuity.io/keep-namespace` on the Namespace.
    KeepOnNamespace,
    /// `tenure.dev/disposition` on the Project.
    DispositionOnProject,
    /// `tenure.dev/disposition` on the Namespace.
    DispositionOnNamespace,
    /// A key on either object that was all but certainly meant to be keep-namespace.
    NearMiss,
    /// The Namespace was there before the Project.
    Adopted,
    /// Others deploy into the Namespace too.
    Shared,
    /// A DeletionPolicy's floor.
    PolicyFloor,
    /// `hold.tenure.dev/NAME` on the Project.
    LienOnProject,
    /// `hold.tenure.dev/NAME` on the Namespace.
    LienOnNamespace,
    /// The CustomResourceDefinition of Projects is going, or could not be seen.
    ProjectCrd,
    /// Something in the Namespace could not be seen.
    Contents,
    /// Nobody confirmed the plan.
    Confirmation,
    /// Too few people agreed to the plan.
    Approvals,
    /// The time in which the Namespace is left alone is not over.
    Grace,
    /// More namespaces went than usual, and nobody said yet that this is meant.
    Breaker,
    /// The plan's history cannot be trusted, or could not be kept where it has to be.
    Trail,
    /// The annotation that calls a deletion off cannot be read.
    Cancel,
}

impl Source {
    /// Whether a gate of this source needs a person to open it; else time or a retry does.
    pub fn needs_a_person(self) -> bool {
        !matches!(self, Self::Grace | Self::Contents | Self::ProjectCrd)
    }

    /// The source as a CamelCase word, for condition reasons, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SystemNamespace => "SystemNamespace",
            Self::NotOurs => "NotOurs",
            Self::KeepOnProject => "KeepOnProject",
            Self::KeepOnNamespace => "KeepOnNamespace",
            Self::DispositionOnProject => "DispositionOnProject",
            Self::DispositionOnNamespace => "DispositionOnNamespace",
            Self::NearMiss => "NearMiss",
            Self::Adopted => "Adopted",
            Self::Shared => "Shared",
            Self::PolicyFloor => "PolicyFloor",
            Self::LienOnProject => "LienOnProject",
            Self::LienOnNamespace => "LienOnNamespace",
            Self::ProjectCrd => "ProjectCrd",
            Self::Contents => "Contents",
            Self::Confirmation => "Confirmation",
            Self::Approvals => "Approvals",
            Self::Grace => "Grace",
            Self::Breaker => "Breaker",
            Self::Trail => "Trail",
            Self::Cancel => "Cancel",
        }
    }
}

/// One source's demand for at least some disposition, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The rule it comes from.
    pub source: Source,
    /// The least protection it demands.
    pub at_least: Disposition,
    /// Why, as a clause that can follow "retained: ".
    pub reason: String,
}

/// A reason why nothing may happen now, whatever was decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gate {
    /// The rule it comes from.
    pub source: Source,
    /// Why, and how to open it.
    pub reason: String,
}
