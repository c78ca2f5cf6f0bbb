//! The Kubernetes objects that Tenure reads and writes.
//!
//! Types of custom resources, the bodies of what is provisioned, Tenure's own least-privilege
//! role, and the conversion of objects to the facts that `tenure-core` decides by. Raw strings
//! stop here.

pub mod access;
mod facts;
pub mod install;
mod marks;
mod project;
mod rbac;

pub use facts::{FactsError, health_of, namespace_facts, owner_reference, project_facts};
pub use marks::marks;
pub use project::{HealthStats, KindStats, Project, ProjectStats, ProjectStatus};
