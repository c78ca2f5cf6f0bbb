//! What becomes of a Kubernetes namespace when the Kargo Project that lives in it goes.
//!
//! Everything here is a pure function of what was observed: no client, no clock, no
//! randomness, no environment. [`decide`] says what becomes of the Namespace and why;
//! [`next_step`] says which single request leads there. The rest of the workspace
//! gathers the observations and carries out the steps.
//!
//! Invariants this crate keeps by construction:
//! - a [`Claim`] can only protect: the disposition is a maximum, so order does not matter;
//! - what cannot be read is a claim to retain, never a licence to delete;
//! - a destructive [`Step`] names the UID and resourceVersion it was decided on.

pub mod access;
mod accounts;
mod claim;
pub mod contents;
mod decide;
pub mod doctor;
mod facts;
mod identity;
pub mod keys;
mod ledger;
pub mod lifecycle;
mod listing;
mod names;
pub mod plan;
pub mod policy;
mod snapshot;
mod statements;
pub mod status;
pub mod trail;

pub use accounts::Accounts;
pub use claim::{Claim, Disposition, Gate, Source};
pub use decide::{Decision, decide};
pub use facts::{Blocker, NamespaceFacts, ProjectFacts, Stamp};
pub use identity::{NotOwned, Origin, Tenancy, infer_origin, tenancy};
pub use ledger::{Ledger, LedgerError};
pub use lifecycle::{Observation, Step, next_step};
pub use names::{NameError, NamespaceName, ResourceVersion, Uid};
pub use snapshot::{CrdState, Mode, NamespaceState, Profile, Settings, Snapshot};
pub use statements::{Cancel, Keep, Lien, NearMiss, Statements, Wish};
