//! Serving, without a cluster: what is answered, and what no client can do to the others.

mod bounds;
mod directory;
mod support;
mod turns;
