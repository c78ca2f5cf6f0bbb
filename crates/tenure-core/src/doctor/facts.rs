//! What was seen of a Namespace, and of what may hold it up.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::contents::Unseen;

/// What was seen of a Namespace, and of what may hold it up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// When it was looked at.
    pub now: Timestamp,
    /// Since when it is terminating; `None` if it is not.
    pub deleting: Option<Timestamp>,
    /// Whether Tenure runs beside Kargo's management controller.
    pub beside_kargo: bool,
    /// Whether there is a Project of its name; `None` if that could not be seen.
    pub project: Option<bool>,
    /// Its `metadata.finalizers`.
    pub finalizers: Vec<String>,
    /// Its `spec.finalizers`, of which the namespace controller takes off its own.
    pub spec_finalizers: Vec<String>,
    /// Whether the namespace controller ever wrote a condition.
    pub any_condition: bool,
    /// What the namespace controller reports: conditions that are `True`.
    pub reported: Vec<Reported>,
    /// How many objects there are.
    pub objects: u64,
    /// Of which kinds, as `deployments.apps`.
    pub kinds: BTreeSet<String>,
    /// Objects that are left, or that carry finalizers.
    pub left: Vec<Left>,
    /// How many of these are not told of.
    pub left_out: u64,
    /// APIServices whose server does not answer.
    pub apis: Vec<ApiService>,
    /// Conversion webhooks of namespaced kinds whose backend is not there.
    pub conversions: Vec<Conversion>,
    /// Webhooks that apply to the Namespace.
    pub webhooks: Vec<Webhook>,
    /// Deployments, StatefulSets and DaemonSets everywhere; `None` if they could not be seen.
    pub workloads: Option<Vec<Workload>>,
    /// What the accounts of controllers may do with objects that carry their finalizers.
    pub rights: Vec<Right>,
    /// Pods of the Namespace.
    pub pods: Vec<Pod>,
    /// Who wrote lately to what is in the Namespace, of tools that make things anew.
    pub syncs: Vec<Sync>,
    /// What Events say that policy engines refused.
    pub denials: Vec<Denial>,
    /// What could not be looked at.
    pub unseen: Vec<Unseen>,
}

/// Something that the namespace controller reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The condition's type.
    pub condition: String,
    /// Its message.
    pub message: String,
}

/// An object that is left, or that carries finalizers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// Its kind, as `deployments.apps`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Whether its deletion was asked for.
    pub deleting: bool,
    /// Whether it is a Service of type LoadBalancer.
    pub load_balancer: bool,
}

impl Left {
    /// As kubectl names it.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }
}

/// An APIService whose server does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiService {
    /// Its name, `VERSION.GROUP`.
    pub name: String,
    /// The Service it is reached by, as `namespace/name`.
    pub service: String,
    /// Why it is not available.
    pub why: String,
}

/// Where a webhook is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// The Service, as `namespace/name`, or the URL.
    pub place: String,
    /// What is there.
    pub state: BackendState,
}

/// What is behind a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendState {
    /// Something that is ready.
    Ready,
    /// A Service that nothing is behind.
    Empty,
    /// No Service.
    Missing,
    /// Nobody can tell: it is reached by URL, or could not be read.
    Unknown,
}

impl BackendState {
    /// Whether nobody answers there.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Empty | Self::Missing)
    }

    /// Why nobody answers there, in words that follow the place.
    pub fn why(self) -> &'static str {
        match self {
            Self::Ready => "is ready",
            Self::Empty => "has no ready endpoint",
            Self::Missing => "does not exist",
            Self::Unknown => "cannot be looked at",
        }
    }
}

/// A conversion webhook of a namespaced kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// The CustomResourceDefinition.
    pub crd: String,
    /// Where it is reached.
    pub backend: Backend,
    /// Whether more than one version is served or stored, so that it is needed.
    pub needed: bool,
}

/// A webhook that applies to the Namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The configuration's kind, as kubectl names it.
    pub kind: String,
    /// The configuration's name.
    pub configuration: String,
    /// The webhook's name.
    pub name: String,
    /// Where it is reached.
    pub backend: Backend,
    /// Whether nothing is admitted while it does not answer.
    pub fails: bool,
    /// Whether conditions or selectors narrow down which objects it is asked about.
    pub narrowed: bool,
    /// Kinds in the Namespace whose deletions it is asked about.
    pub deletes: BTreeSet<String>,
    /// Kinds in the Namespace whose changes it is asked about, and `namespaces`.
    pub updates: BTreeSet<String>,
}

/// Something that runs a controller, maybe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its namespace.
    pub namespace: String,
    /// As kubectl names it: `deployments.apps/web`.
    pub reference: String,
    /// Words that it goes by.
    pub words: BTreeSet<String>,
    /// How many of its pods are ready.
    pub ready: i32,
    /// Its ServiceAccount.
    pub account: String,
}

/// Whether an account may take a finalizer off objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// The ServiceAccount, as `namespace/name`.
    pub account: String,
    /// The kind, as `widgets.example.com`.
    pub kind: String,
    /// Whether it may update or patch them in the Namespace.
    pub allowed: bool,
}

/// A pod of the Namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Whether it has ended: it holds nothing any more.
    pub ended: bool,
    /// When it had to be gone, if its deletion was asked for.
    pub gone_by: Option<Timestamp>,
    /// The node it is on.
    pub node: Option<String>,
    /// Why nothing is heard of that node; `None` if it is ready, or could not be looked at.
    pub node_away: Option<String>,
    /// The claims it mounts.
    pub claims: Vec<String>,
}

/// A write of a tool that makes things anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// The tool's instance, in words.
    pub by: String,
    /// The object, as kubectl names it.
    pub object: String,
    /// When it last wrote there.
    pub at: Timestamp,
}

/// What an Event says that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What it is about, as `Kind/name`.
    pub about: String,
    /// Who says so.
    pub by: String,
    /// What it says.
    pub message: String,
}

impl Facts {
    /// The message of a condition that is `True`.
    pub(super) fn reported(&self, condition: &str) -> Option<&str> {
        let found = self.reported.iter().find(|reported| reported.condition == condition)?;
        Some(&found.message)
    }

    /// Whether it is terminating.
    pub(super) fn is_going(&self) -> bool {
        self.deleting.is_some()
    }

    /// For how many seconds it has been terminating.
    pub(super) fn going_for(&self) -> i64 {
        self.deleting.map_or(0, |since| self.now.duration_since(since).as_secs())
    }

    /// `keeps` while it is terminating, `would keep` before.
    pub(super) fn verb(&self, now: &str, later: &str) -> String {
        if self.is_going() { now.to_owned() } else { format!("would {later}") }
    }
}
