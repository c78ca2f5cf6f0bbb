//! The steps: each is one API request, or one set of requests that do not depend on each other.

use std::time::Duration;

use crate::access::AccessKey;
use crate::contents::clean::{Cleaning, Wave};
use crate::plan::{Plan, PlanStatus};
use crate::status::Report;
use crate::{Ledger, Origin, ResourceVersion, Uid};

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: everything is as it should be, and stays so until something changes.
    Done,
    /// Nothing now.
    Wait(Wait),

    /// Read the provisioned access.
    ReadAccess,
    /// Read what keeps a terminating Namespace from going.
    ReadBlockers,

    /// Look at what is in the Namespace.
    ReadContents,
    /// Look at what `Clean` has yet to take away.
    ReadRemaining(Cleaning),

    /// Write what was decided, the first time or anew.
    RecordPlan(Box<Plan>),
    /// Write what the Project says now into its plan, so that it can be made anew.
    RecordProject,
    /// Write how far the plan was carried out.
    AdvancePlan(Box<PlanStatus>),
    /// Put what the plan's history has gained into the archive.
    Archive,
    /// Open the breaker, for that reason.
    OpenBreaker(String),
    /// Close the breaker, as that person asks.
    CloseBreaker(String),

    /// Put our finalizer on the Project.
    HoldProject,
    /// Write the UID of its Namespace on the Project.
    BindProject(Uid),
    /// Forget the Namespace the Project was bound to, because it is gone.
    UnbindProject,
    /// Take our finalizer off the Project.
    LetGoOfProject,
    /// Delete the Project, because its Namespace was deleted.
    DeleteProject(Uid),
    /// Make the Project anew from its plan, because its deletion was called off.
    RestoreProject,
    /// Write the Project's status.
    ReportStatus(Report),
    /// Stamp the Project with the name of its plan, so that Kargo lets go of the Namespace.
    StampProject(String),
    /// Take the stamp off the Project, because it is not being deleted after all.
    WithdrawStamp,

    /// Create the Namespace, with its record.
    CreateNamespace {
        /// Whether our finalizer belongs on it.
        finalizer: bool,
    },
    /// Write the record on a Namespace that stands already.
    RecordNamespace {
        /// How the Project came by it.
        origin: Origin,
        /// What comes with the Project.
        ledger: Ledger,
        /// Whether our finalizer belongs on it; `None` where that is Kargo's to say.
        finalizer: Option<bool>,
    },
    /// Let the record name the Project that was made anew in place of the one it names.
    RebindNamespace,
    /// Put our finalizer on the Namespace.
    AddNamespaceFinalizer,
    /// Take our finalizer off the Namespace.
    RemoveNamespaceFinalizer,
    /// Write on the Namespace that it may be deleted by the plan of that name.
    GiveLeave(String),
    /// Take that off.
    TakeLeave,
    /// Take the ownerReference of an old Kargo off the Namespace.
    StripOwnerReference,
    /// Delete the Namespace as it was read, and no other.
    DeleteNamespace {
        /// Its UID.
        uid: Uid,
        /// The version the decision was made on.
        resource_version: ResourceVersion,
    },
    /// Delete, each by its UID, the objects of that wave that `Clean` has yet to take away.
    CleanWave(Cleaning, Wave),
    /// Take back from the Namespace what the Project's coming added to it.
    ReleaseNamespace(Release),

    /// Create provisioned objects.
    Provision(Vec<AccessKey>),
    /// Bring provisioned objects back to what they should be.
    Repair(Vec<AccessKey>),
    /// Delete provisioned objects.
    RemoveAccess(Vec<AccessKey>),
}

/// What release takes off the Namespace, besides the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// The label `kargo.akuity.io/project`.
    pub label: bool,
    /// The finalizer, which is Kargo's too while Kargo looks after a Project.
    pub finalizer: bool,
    /// An ownerReference to a Project, by which the Namespace would be garbage-collected.
    pub owner_reference: bool,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Another event on either object, or the next resync.
    Event,
    /// Another event, but not longer than this.
    AtMost(Duration),
    /// The last attempt failed; it is tried again with growing delay.
    Retry,
}

impl Step {
    /// Whether the step destroys or gives up something, so that it may be taken only on what
    /// was read, uncached, since the last write.
    pub fn wants_fresh_reads(&self) -> bool {
        matches!(
            self,
            Self::DeleteNamespace { .. }
                | Self::DeleteProject(_)
                | Self::ReleaseNamespace(_)
                | Self::LetGoOfProject
                | Self::WithdrawStamp
                | Self::RemoveAccess(_)
                | Self::CleanWave(..)
        )
    }

    /// Whether the step changes nothing in the cluster.
    pub fn only_reads(&self) -> bool {
        let takes_long =
            matches!(self, Self::ReadContents | Self::ReadRemaining(_) | Self::Archive);
        takes_long || self.keeps_reads_fresh()
    }

    /// Whether what was read before the step is as good after it: it changes nothing, and does not
    /// take long.
    pub fn keeps_reads_fresh(&self) -> bool {
        matches!(self, Self::ReadAccess | Self::ReadBlockers)
    }

    /// Whether the step asks for nothing of the cluster.
    pub fn is_rest(&self) -> bool {
        matches!(self, Self::Done | Self::Wait(_))
    }

    /// The step's name, for metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Wait(_) => "Wait",
            Self::ReadAccess => "ReadAccess",
            Self::ReadBlockers => "ReadBlockers",
            Self::ReadContents => "ReadContents",
            Self::ReadRemaining(_) => "ReadRemaining",
            Self::RecordPlan(_) => "RecordPlan",
            Self::RecordProject => "RecordProject",
            Self::AdvancePlan(_) => "AdvancePlan",
            Self::Archive => "Archive",
            Self::OpenBreaker(_) => "OpenBreaker",
            Self::CloseBreaker(_) => "CloseBreaker",
            Self::RestoreProject => "RestoreProject",
            Self::RebindNamespace => "RebindNamespace",
            Self::CleanWave(..) => "CleanWave",
            Self::HoldProject => "HoldProject",
            Self::BindProject(_) => "BindProject",
            Self::UnbindProject => "UnbindProject",
            Self::LetGoOfProject => "LetGoOfProject",
            Self::DeleteProject(_) => "DeleteProject",
            Self::ReportStatus(_) => "ReportStatus",
            Self::StampProject(_) => "StampProject",
            Self::WithdrawStamp => "WithdrawStamp",
            Self::GiveLeave(_) => "GiveLeave",
            Self::TakeLeave => "TakeLeave",
            Self::CreateNamespace { .. } => "CreateNamespace",
            Self::RecordNamespace { .. } => "RecordNamespace",
            Self::AddNamespaceFinalizer => "AddNamespaceFinalizer",
            Self::RemoveNamespaceFinalizer => "RemoveNamespaceFinalizer",
            Self::StripOwnerReference => "StripOwnerReference",
            Self::DeleteNamespace { .. } => "DeleteNamespace",
            Self::ReleaseNamespace(_) => "ReleaseNamespace",
            Self::Provision(_) => "Provision",
            Self::Repair(_) => "Repair",
            Self::RemoveAccess(_) => "RemoveAccess",
        }
    }
}
