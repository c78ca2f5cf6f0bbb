//! One object, reduced to what matters.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::attribution::{Attribution, HELM_RELEASE, Marks, REPLICATED_FROM, attribute};
use super::{Kind, Tool};
use crate::{Settings, Uid, keys};

/// One object of a Namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its kind.
    pub kind: Arc<Kind>,
    /// Its name.
    pub name: Box<str>,
    /// Its UID.
    pub uid: Uid,
    /// Its ownerReferences.
    pub owners: Box<[Owner]>,
    /// Its finalizers.
    pub finalizers: Box<[Box<str>]>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether its deletion was asked for.
    pub deleting: bool,
    /// Who manages it, by its own marks. Many objects are managed by the same, and share it.
    pub attribution: Arc<Attribution>,
    /// The Project it was provisioned for, by the label `tenure.dev/project-uid`.
    pub provisioned_for: Option<Uid>,
    /// Whether Helm is told to keep it: `helm.sh/resource-policy: keep`.
    pub helm_keeps: bool,
    /// What is particular to its kind.
    pub detail: Detail,
}

/// An ownerReference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// UID of the owner.
    pub uid: Uid,
    /// Whether it is the owner that controls the object.
    pub controller: bool,
    /// Whether its kind is one of Kargo's.
    pub kargo: bool,
}

/// What is particular to some kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    #[default]
    Plain,
    /// A PersistentVolumeClaim, and its volume if it has one.
    Claim(Option<Volume>),
    /// A Service of type LoadBalancer.
    LoadBalancer,
    /// A Secret.
    Secret {
        /// Whether what made it makes it again, by its type, or because it is a copy.
        remade: bool,
    },
    /// A Deployment, StatefulSet or DaemonSet, and the words it goes by.
    Workload(BTreeSet<Box<str>>),
}

/// The volume that a claim is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: Box<str>,
    /// What becomes of it when the claim goes.
    pub reclaim: Reclaim,
}

/// What becomes of a volume when its claim goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reclaim {
    /// It goes too, or what is on it.
    Delete,
    /// It stays.
    Retain,
    /// It could not be read.
    Unknown,
}

impl Reclaim {
    /// Reads `persistentVolumeReclaimPolicy`, of which only one value keeps what is there.
    pub fn parse(policy: &str) -> Self {
        if policy == "Retain" { Self::Retain } else { Self::Delete }
    }
}

/// Kinds whose objects run controllers.
const WORKLOADS: [&str; 3] = ["daemonsets", "deployments", "statefulsets"];
/// Labels by which a workload says what it is.
const NAMING_LABELS: [&str; 3] =
    ["app.kubernetes.io/instance", "app.kubernetes.io/name", "app.kubernetes.io/part-of"];
/// Type of the Secrets that hold a ServiceAccount's token.
const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";

impl Object {
    /// An object of that identity that carries these marks. Owners, finalizers and what its kind
    /// says beyond metadata are the caller's to add.
    pub fn new(kind: &Arc<Kind>, uid: Uid, marks: &Marks<'_>, settings: &Settings) -> Self {
        let detail = if kind.is("secrets", "") {
            let by_type = marks
                .secret_type
                .is_some_and(|of| of == SERVICE_ACCOUNT_TOKEN || of == HELM_RELEASE);
            Detail::Secret { remade: by_type || marks.annotation(REPLICATED_FROM).is_some() }
        } else if &*kind.group == "apps" && WORKLOADS.contains(&&*kind.plural) {
            Detail::Workload(workload_words(marks.name, |key| marks.label(key)))
        } else {
            Detail::Plain
        };
        Self {
            kind: Arc::clone(kind),
            name: marks.name.into(),
            uid,
            owners: Box::default(),
            finalizers: Box::default(),
            created: None,
            deleting: false,
            attribution: Arc::new(attribute(marks, settings)),
            provisioned_for: marks.label(keys::PROJECT_UID).map(Uid::new),
            helm_keeps: marks
                .annotation("helm.sh/resource-policy")
                .is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep")),
            detail,
        }
    }

    /// Has it share what it says of who manages it with those that said the same before.
    #[must_use]
    pub fn share(mut self, known: &mut BTreeSet<Arc<Attribution>>) -> Self {
        match known.get(&self.attribution) {
            Some(same) => self.attribution = Arc::clone(same),
            None => drop(known.insert(Arc::clone(&self.attribution))),
        }
        self
    }

    /// Whether it is there because of what Kubernetes is, and would be there anyway.
    pub fn is_kubernetes(&self) -> bool {
        self.attribution.any(|tool| tool == Tool::Kubernetes)
    }

    /// As kubectl names it: `deployments.apps/web`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }
}

/// The words that a workload of that name and with those labels goes by.
pub fn workload_words<'a>(
    name: &'a str,
    label: impl Fn(&str) -> Option<&'a str>,
) -> BTreeSet<Box<str>> {
    let labels = NAMING_LABELS.iter().filter_map(|key| label(key));
    labels.chain([name]).flat_map(words).map(Box::from).collect()
}

/// The words of a name or domain that say whose it is.
pub(crate) fn words(name: &str) -> impl Iterator<Item = &str> {
    /// What anything may be called.
    const IDLE: [&str; 22] = [
        "app",
        "apps",
        "cloud",
        "cluster",
        "com",
        "controller",
        "dev",
        "finalizer",
        "finalizers",
        "io",
        "k8s",
        "kubernetes",
        "main",
        "manager",
        "net",
        "operator",
        "org",
        "prod",
        "server",
        "service",
        "test",
        "www",
    ];
    name.split(['-', '.', '_']).filter(|word| word.len() > 2 && !IDLE.contains(word))
}
