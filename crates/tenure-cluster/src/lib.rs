//! Reading a cluster into observations, and carrying out steps on it.
//!
//! [`Cluster::gather`] reads, uncached; [`Cluster::execute`] carries out one step and brings the
//! [`World`] up to date with what the API server answered. [`Store`] is what the watches leave
//! in memory: enough to tell whether anything needs a look, never enough to act on.
//! [`Cluster::read_contents`] lists what is in a Namespace, and [`Cluster::delete_wave`] deletes
//! of it what is to be cleaned away.

mod access;
mod admission;
mod archive;
mod blockers;
mod breaker;
mod client;
mod clock;
mod contents;
mod doctor;
mod error;
mod events;
mod execute;
mod gather;
mod guard;
mod kargos;
mod mode;
mod not_found;
mod outlook;
mod patch;
mod pod;
mod shared;
mod store;
mod tend;
mod world;

pub use admission::Asker;
pub use archive::Sink;
pub use breaker::record as breaker_record;
pub use client::{Transport, connect, connect_through};
pub use clock::Clock;
pub use contents::{Cleaned, Progress, Refusal};
pub use error::{Category, RequestError};
pub use events::Notice;
pub use gather::Cluster;
pub use guard::Guard;
pub use mode::Fit;
pub use not_found::{NOT_ABOUT_IT, is_served, read_if_served};
pub use outlook::{Outlook, Supposed};
pub use patch::ObjectPatch;
pub use store::{AccessSlot, HealthByNamespace, Store, Watched, project_of_plan};
pub use tend::Tended;
pub use world::World;
