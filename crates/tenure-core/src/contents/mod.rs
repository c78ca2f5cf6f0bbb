//! What is in a Namespace, whose each object is, and what its deletion destroys for good.
//!
//! Objects are reduced to [`Object`] as they are read, page by page, and fed to a [`Collector`],
//! which groups them under the roots of their ownerReferences and says what matters as
//! [`Contents`]. Whose an object is follows from its marks by a table of rules:
//! [`attribute`]. What a Namespace that stays is cleaned of is selected by [`clean`].
//!
//! Invariants:
//! - every object is counted once and belongs to one root, whatever its ownerReferences say;
//! - what comes out does not depend on the order in which objects came in;
//! - only metadata is looked at, and of a Secret its type: never what is in it.

mod attribution;
pub mod clean;
mod collector;
mod kind;
mod losses;
mod object;
mod roots;
mod summary;
mod tool;

pub use attribution::{Attribution, Marks, attribute};
pub use collector::Collector;
pub use kind::Kind;
pub(crate) use object::words;
pub use object::{Detail, Object, Owner, Reclaim, Volume, workload_words};
pub use summary::{Contents, KindCount, Loss, LossKind, ManagerCount, Managers, Root, Unseen};
pub use tool::{Manager, Tool};

/// Most roots, and most notes, that are told of.
pub const MOST_TOLD: usize = 300;

#[cfg(test)]
mod testing;
