//! The rules that the API server evaluates, on a real one, and without a server of Tenure's: what
//! holds here holds while Tenure is down.
//!
//! Anna may do everything with Projects and Namespaces, and nothing else. Whoever acts around the
//! rules belongs to the break-glass group.

mod installation;
mod kept_namespaces;
mod liens;
mod names;
mod near_misses;
mod strangers;
mod support;
mod values;
