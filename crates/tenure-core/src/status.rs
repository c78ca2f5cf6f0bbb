//! The status of a Project: what its conditions should say, given what was observed.
//!
//! Reasons that Kargo uses keep its words, for dashboards and scripts read them.

use crate::access::Purpose;
use crate::{Decision, Gate, Uid, keys};

/// Condition types that Tenure writes. Others on the Project are left alone.
pub mod condition_type {
    /// The Namespace and its access are in place.
    pub const READY: &str = "Ready";
    /// Work is under way, or is tried again.
    pub const RECONCILING: &str = "Reconciling";
    /// Nothing will happen until a person does something.
    pub const STALLED: &str = "Stalled";
    /// What becomes of the Namespace if the Project were deleted now.
    pub const DISPOSITION: &str = "Disposition";
    /// Which incarnation of the Namespace is this Project's: the durable half of the record.
    pub const NAMESPACE_BOUND: &str = "NamespaceBound";

    /// All of them.
    pub const ALL: [&str; 5] = [READY, RECONCILING, STALLED, DISPOSITION, NAMESPACE_BOUND];
}

/// One condition, without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub kind: String,
    /// `True` or `False`.
    pub status: bool,
    /// CamelCase reason.
    pub reason: String,
    /// For people.
    pub message: String,
    /// The generation of the Project it was observed at.
    pub observed_generation: Option<i64>,
}

/// Longest message of a condition, in bytes. The API takes 32,768; nobody reads them.
const LONGEST_MESSAGE: usize = 1024;

/// What `NamespaceBound` says before the UID. The condition is read back, so its form is fixed.
const BOUND_PREFIX: &str = "namespace UID ";

impl Condition {
    /// The UID of the Namespace, if this is a `NamespaceBound` that records one.
    pub fn bound_uid(&self) -> Option<Uid> {
        if self.kind != condition_type::NAMESPACE_BOUND || !self.status {
            return None;
        }
        self.message.strip_prefix(BOUND_PREFIX).map(Uid::new)
    }
}

/// Numbers of Warehouses and Stages in the Namespace, and how many of them are healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Warehouses.
    pub warehouses: Health,
    /// Stages that promote; those that only direct freight have no health.
    pub stages: Health,
}

/// How many there are, and how many are healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// All.
    pub count: i64,
    /// Those whose condition `Healthy` is `True`.
    pub healthy: i64,
}

/// How far the Project is from where it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The Namespace and its access are in place.
    Ready,
    /// Its name cannot be a Namespace's; this says why.
    InvalidName(String),
    /// Its name is a system namespace's.
    SystemNamespace,
    /// The Namespace of its name is not its own.
    NotOwned {
        /// Whether all that is missing is the label.
        unlabelled: bool,
        /// Why it is not.
        why: String,
    },
    /// A Namespace of its name is on its way out, and a new one follows.
    NamespaceTerminating,
    /// Making or recording the Namespace failed.
    NamespaceFailed(String),
    /// Providing access failed.
    AccessFailed(Purpose, String),
    /// It is being deleted, and gates are closed.
    Held(Vec<Gate>),
    /// It is being deleted, and its Namespace takes its time.
    Leaving(String),
}

/// What `status` should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The conditions of [`condition_type::ALL`] that should be there; the others should not.
    pub conditions: Vec<Condition>,
    /// `status.stats`; `None` leaves what is there.
    pub stats: Option<Stats>,
}

impl Report {
    /// Whether the status says all this already.
    pub fn agrees_with(&self, conditions: &[Condition], stats: Option<&Stats>) -> bool {
        let ours = |c: &&Condition| condition_type::ALL.contains(&c.kind.as_str());
        conditions.iter().filter(ours).count() == self.conditions.len()
            && self.conditions.iter().all(|wanted| conditions.contains(wanted))
            && (self.stats.is_none() || self.stats.as_ref() == stats)
    }
}

/// Composes the report of a Project.
///
/// `bound` is the Namespace the Project is bound to, with the word for how it came by it.
pub fn report(
    generation: i64,
    progress: &Progress,
    decision: &Decision,
    bound: Option<(&Uid, &str)>,
    stats: Option<Stats>,
) -> Report {
    let condition = |kind: &str, status, reason: &str, message: String| Condition {
        kind: kind.to_owned(),
        status,
        reason: reason.to_owned(),
        message: cap(message),
        observed_generation: Some(generation),
    };
    let (ready, reason, message) = ready(progress);
    let mut conditions = vec![
        condition(condition_type::READY, ready, reason, message.clone()),
        condition(
            condition_type::DISPOSITION,
            true,
            decision.disposition.as_str(),
            with_warnings(decision),
        ),
    ];
    match blocked_on(progress) {
        Some(Blocked::Person(reason)) => {
            conditions.push(condition(condition_type::STALLED, true, reason, message));
        }
        Some(Blocked::Time(reason)) => {
            conditions.push(condition(condition_type::RECONCILING, true, reason, message));
        }
        None => {}
    }
    if let Some((uid, how)) = bound {
        let message = format!("{BOUND_PREFIX}{uid}");
        conditions.push(condition(condition_type::NAMESPACE_BOUND, true, how, message));
    }
    Report { conditions, stats }
}

/// Cuts a message that would not be read, and at some length not be accepted.
pub(crate) fn cap(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
        message.push('…');
    }
    message
}

fn with_warnings(decision: &Decision) -> String {
    let mut message = decision.explain();
    for gate in &decision.gates {
        message.push_str("; not now: ");
        message.push_str(&gate.reason);
    }
    for warning in &decision.warnings {
        message.push_str("; warning: ");
        message.push_str(warning);
    }
    message
}

fn ready(progress: &Progress) -> (bool, &'static str, String) {
    match progress {
        Progress::Ready => (true, "Synced", "namespace and access are in place".to_owned()),
        Progress::InvalidName(why) => (
            false,
            "EnsuringNamespaceFailed",
            format!("no namespace can have this name: {why}; recreate the Project under another"),
        ),
        Progress::SystemNamespace => (
            false,
            "EnsuringNamespaceFailed",
            "this is the name of a system namespace, which no Project may own; recreate the \
             Project under another"
                .to_owned(),
        ),
        Progress::NotOwned { unlabelled: true, .. } => (
            false,
            "EnsuringNamespaceFailed",
            format!(
                "the namespace already exists and is not the Project's; to let the Project move \
                 in, label it {}=true",
                keys::PROJECT_LABEL
            ),
        ),
        Progress::NotOwned { unlabelled: false, why } => (
            false,
            "EnsuringNamespaceFailed",
            format!(
                "the namespace exists and {why}; to let the Project move in, remove the \
                 namespace's annotations {}, {} and {}, and set {} on the Project to the \
                 namespace's UID",
                keys::PROJECT_UID,
                keys::ORIGIN,
                keys::LEDGER,
                keys::NAMESPACE_UID
            ),
        ),
        Progress::NamespaceTerminating => (
            false,
            "EnsuringNamespaceFailed",
            "a namespace of this name is still being terminated".to_owned(),
        ),
        Progress::NamespaceFailed(why) => {
            (false, "EnsuringNamespaceFailed", format!("failed to {why}"))
        }
        Progress::AccessFailed(purpose, why) => {
            let reason = match purpose {
                Purpose::System => "EnsuringSystemPermissionsFailed",
                Purpose::Controllers => "EnsuringControllerPermissionsFailed",
                Purpose::Users => "EnsuringDefaultUserRoles",
            };
            (false, reason, format!("failed to {why}"))
        }
        Progress::Held(gates) => {
            let reasons: Vec<_> = gates.iter().map(|gate| gate.reason.as_str()).collect();
            (false, "Held", format!("deletion is held: {}", reasons.join("; ")))
        }
        Progress::Leaving(what) => (false, "Terminating", what.clone()),
    }
}

enum Blocked {
    Person(&'static str),
    Time(&'static str),
}

fn blocked_on(progress: &Progress) -> Option<Blocked> {
    match progress {
        Progress::Ready => None,
        Progress::InvalidName(_) => Some(Blocked::Person("InvalidNamespaceName")),
        Progress::SystemNamespace => Some(Blocked::Person("SystemNamespace")),
        Progress::NotOwned { unlabelled: true, .. } => {
            Some(Blocked::Person("ExistingNamespaceMissingLabel"))
        }
        Progress::NotOwned { unlabelled: false, .. } => {
            Some(Blocked::Person("ExistingNamespaceNotOurs"))
        }
        Progress::Held(gates) if gates.iter().any(|gate| gate.source.needs_a_person()) => {
            Some(Blocked::Person("Held"))
        }
        Progress::Held(_) => Some(Blocked::Time("Waiting")),
        Progress::NamespaceTerminating => Some(Blocked::Time("NamespaceTerminating")),
        Progress::NamespaceFailed(_) | Progress::AccessFailed(..) => {
            Some(Blocked::Time("Retrying"))
        }
        Progress::Leaving(_) => Some(Blocked::Time("NamespaceTerminating")),
    }
}
