//! What is done for a woken Project.

mod reconcile;
mod release;

pub use reconcile::Reconciler;
pub use release::{ReleaseError, Released, release_all};
