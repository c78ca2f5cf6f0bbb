//! The admission webhook.

mod webhook;

pub use webhook::{Admission, MUTATE, Options, VALIDATE};
