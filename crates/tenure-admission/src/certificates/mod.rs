//! Where the serving certificate comes from: Tenure's own authority, or a directory.

mod configurations;
mod directory;
mod error;
mod own;
mod pair;
#[cfg(test)]
mod pair_tests;
mod rotation;
#[cfg(test)]
mod rotation_model;
#[cfg(test)]
mod rotation_tests;
mod secret;
mod serving;

use std::path::PathBuf;
use std::time::Duration;

pub use error::CertificateError;
pub use own::Own;
pub use rotation::Terms;
pub use serving::ServingCertificate;

/// How often a directory is looked at, unless something else is said.
const POLL: Duration = Duration::from_secs(10);

/// Where the serving certificate comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Tenure makes it, keeps it in a Secret, publishes its authority in the webhook
    /// configurations, and replaces it in time.
    Own(Own),
    /// Somebody else makes it, and publishes its authority: `tls.crt` and `tls.key` in a
    /// directory, as a mounted Secret has them. If `ca.crt` is there and did not sign it, that is
    /// said.
    Directory {
        /// The directory.
        path: PathBuf,
        /// How often it is looked at.
        poll: Duration,
    },
}

impl Source {
    /// A directory that is looked at every ten seconds.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self::Directory { path: path.into(), poll: POLL }
    }

    /// Keeps the certificate up to date for as long as it is polled. What fails is logged and
    /// tried again; what is in use stays in use meanwhile.
    pub async fn keep(self, certificate: ServingCertificate) {
        match self {
            Self::Own(own) => Box::pin(own.keep(certificate)).await,
            Self::Directory { path, poll } => directory::keep(path, poll, certificate).await,
        }
    }
}
