//! The steps: each is one API request, or one set of requests that do not depend on each other.

use std::time::Duration;

use crate::access::AccessKey;
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
    /// Write the Project's status.
    ReportStatus(Report),

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
        /// Whether our finalizer belongs on it.
        finalizer: bool,
    },
    /// Put our finalizer on the Namespace.
    AddNamespaceFinalizer,
    /// Take our finalizer off the Namespace.
    RemoveNamespaceFinalizer,
    /// Take the ownerReference of an old Kargo off the Namespace.
    StripOwnerReference,
    /// Delete the Namespace as it was read, and no other.
    DeleteNamespace {
        /// Its UID.
        uid: Uid,
        /// The version the decision was made on.
        resource_version: ResourceVersion,
    },
    /// Take back from the Namespace what the Project's coming added to it.
    ReleaseNamespace(Release),

    /// Create provisioned objects.
    Provision(Vec<AccessKey>),
    /// Bring provisioned objects back to what they should be.
    Repair(Vec<AccessKey>),
    /// Delete provisioned objects.
    RemoveAccess(Vec<AccessKey>),
}

/// What release takes off the Namespace, besides the record and our finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// The label `kargo.akuity.io/project`.
    pub label: bool,
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
        )
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
            Self::HoldProject => "HoldProject",
            Self::BindProject(_) => "BindProject",
            Self::UnbindProject => "UnbindProject",
            Self::LetGoOfProject => "LetGoOfProject",
            Self::DeleteProject(_) => "DeleteProject",
            Self::ReportStatus(_) => "ReportStatus",
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
