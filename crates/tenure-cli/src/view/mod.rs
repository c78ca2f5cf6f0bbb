//! How results look: as a tree, as a table, and for programs.

pub mod contents;
pub mod doctor;
pub mod json;
pub mod plan;
pub(crate) mod table;
pub(crate) mod tree;
mod under_way;

pub use json::schema;
