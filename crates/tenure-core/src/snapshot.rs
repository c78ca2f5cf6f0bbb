//! What a decision is made from.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::contents::Manager;
use crate::plan::BreakerLimit;
use crate::policy::Demands;
use crate::{Accounts, NamespaceFacts, NotOwned, ProjectFacts, Statements, Tenancy, keys, tenancy};

/// What adopted namespaces are presumed to deserve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// An adopted Namespace is retained, and a retained one loses what its Project added.
    #[default]
    Protective,
    /// As Kargo does: adoption presumes nothing, and a retained Namespace keeps its label.
    Kargo,
}

/// Who provides for Projects, and lets go of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Tenure, in the place of Kargo's management controller.
    #[default]
    Standalone,
    /// Kargo's management controller, as ever. Tenure decides beside it what becomes of Namespaces.
    Companion,
}

impl Mode {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Companion => "companion",
        }
    }
}

/// What was seen of the CustomResourceDefinition of Projects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrdState {
    /// It stands.
    Established,
    /// It is being deleted, and its instances die without admission.
    Terminating,
    /// It could not be found, is not served, or may not be read.
    Unusable,
}

/// What does not change while the program runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who provides for Projects.
    pub mode: Mode,
    /// What adopted namespaces are presumed to deserve.
    pub profile: Profile,
    /// The namespace Kargo runs in, where its ServiceAccounts live.
    pub kargo_namespace: String,
    /// The namespace Tenure runs in, where the breaker is kept.
    pub tenure_namespace: String,
    /// Namespaces that no Project may touch, besides `default` and `kube-*`:
    /// Kargo's, Tenure's, and what the operator names.
    pub system_namespaces: BTreeSet<String>,
    /// Which accounts are persons.
    pub accounts: Accounts,
    /// How long a Namespace may take to go before the Project's status says what blocks it.
    pub patience: Duration,
    /// Kinds that are no content and are not missed when they cannot be read, as `plural.group`,
    /// or `*.group` for all of a group.
    pub ignored_kinds: BTreeSet<String>,
    /// The label by which Argo CD tracks what it manages, where it is told to use one of its own:
    /// `application.instanceLabelKey`.
    pub argocd_instance_label: Option<String>,
    /// How long after Tenure let a deletion in the API server may still refuse it: the most that it
    /// gives a request. Beside Kargo alone.
    pub lets_in_within: Duration,
    /// How long a confirmation holds.
    pub confirmation_holds: Duration,
    /// How many deletions are too many.
    pub breaker: BreakerLimit,
    /// Whether the trail has to be kept in the archive before anything is destroyed.
    pub archive_required: bool,
}

impl Settings {
    /// What the names of the cluster's own namespaces begin with.
    pub const SYSTEM_PREFIX: &str = "kube-";

    /// Whether the namespace belongs to the cluster, to Kargo or to Tenure.
    pub fn is_system(&self, name: &str) -> bool {
        name.starts_with(Self::SYSTEM_PREFIX) || self.system_names().any(|system| system == name)
    }

    /// The namespaces that belong to the cluster, to Kargo or to Tenure, but for those that
    /// begin with [`Self::SYSTEM_PREFIX`].
    pub fn system_names(&self) -> impl Iterator<Item = &str> {
        let named = self.system_namespaces.iter().map(String::as_str);
        ["default", keys::CANARY, &self.kargo_namespace].into_iter().chain(named)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            profile: Profile::default(),
            kargo_namespace: "kargo".to_owned(),
            tenure_namespace: "tenure-system".to_owned(),
            system_namespaces: BTreeSet::from(["tenure-system".to_owned()]),
            accounts: Accounts::default(),
            patience: Duration::from_secs(10),
            ignored_kinds: BTreeSet::from(["*.metrics.k8s.io".to_owned()]),
            argocd_instance_label: None,
            lets_in_within: Duration::from_secs(60),
            confirmation_holds: Duration::from_hours(24),
            breaker: BreakerLimit::default(),
            archive_required: false,
        }
    }
}

/// The Namespace as the decision sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceState {
    /// There is none.
    Absent,
    /// It is going already.
    Terminating,
    /// It stands.
    Active {
        /// Whose it is.
        tenancy: Tenancy,
        /// What its annotations say.
        statements: Statements,
    },
}

/// Everything that the static decision depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether the name is a system namespace's.
    pub system: bool,
    /// What the Project's annotations say.
    pub project: Statements,
    /// The Namespace.
    pub namespace: NamespaceState,
    /// What was seen of the Project CRD.
    pub crd: CrdState,
    /// What adopted and shared namespaces are presumed to deserve, where no policy says.
    pub profile: Profile,
    /// What policies demand.
    pub demands: Demands,
    /// Who else deploys into the Namespace, as far as anybody looked.
    pub foreign: BTreeSet<Manager>,
    /// Whether a person has seen the presumptions, and confirmed against them.
    pub discharged: bool,
}

impl Snapshot {
    /// Takes the snapshot of a Project and the Namespace of its name, without what only a look
    /// at the contents can tell.
    pub fn new(
        name: &str,
        project: &ProjectFacts,
        namespace: Option<&NamespaceFacts>,
        crd: CrdState,
        demands: Demands,
        settings: &Settings,
    ) -> Self {
        let namespace = match namespace {
            None => NamespaceState::Absent,
            Some(ns) if ns.deleting.is_some() => NamespaceState::Terminating,
            Some(ns) => NamespaceState::Active {
                tenancy: tenancy(project, ns),
                statements: ns.statements.clone(),
            },
        };
        Self {
            system: settings.is_system(name),
            project: project.statements.clone(),
            namespace,
            crd,
            profile: settings.profile,
            demands,
            foreign: BTreeSet::new(),
            discharged: false,
        }
    }
}

impl NotOwned {
    /// Why, as a clause.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Unlabelled { .. } => format!(
                "it lacks the label {}: \"true\", so it is not the Project's",
                keys::PROJECT_LABEL
            ),
            Self::OtherProject(uid) => {
                format!("its record names another Project, of UID {uid}")
            }
            Self::Replaced { bound } => {
                format!("it is not the namespace the Project is bound to, which had UID {bound}")
            }
            Self::Illegible(what) => format!("its record cannot be read: {what}"),
        }
    }
}
