//! The Kubernetes objects that Tenure reads and writes.
//!
//! Types of custom resources, the bodies of what is provisioned, Tenure's own least-privilege
//! role, and the conversion of objects to the facts that `tenure-core` decides by. Raw strings
//! stop here.

pub mod access;
mod facts;
mod guards;
pub mod install;
mod marks;
mod people;
pub mod plan;
pub mod policy;
mod project;
mod published;
mod rbac;
mod uninstall;
mod words;

pub mod webhooks;

pub use facts::{
    FactsError, health_of, namespace_facts, owner_reference, project_facts, unstamped, written,
};
pub use marks::marks;
pub use plan::DeletionPlan;
pub use policy::DeletionPolicy;
pub use project::{HealthStats, KindStats, Project, ProjectStats, ProjectStatus};
pub use published::{Published, PublishedBreaker, PublishedMode, PublishedProfile};
