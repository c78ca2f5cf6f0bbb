//! Admission: what the API server asks before a Project or its Namespace comes or goes, and the
//! transport by which it asks.
//!
//! [`Admission`] answers. [`serve()`] carries the answers, within bounds that nobody can push it
//! over; its certificate is taken from a [`ServingCertificate`] at each handshake, which [`Source`]
//! keeps up to date.

mod certificates;
mod serve;
mod webhook;

pub use certificates::{CertificateError, Own, ServingCertificate, Source, Terms};
pub use serve::{Limits, serve};
pub use webhook::{Admission, MUTATE, Options, VALIDATE};
