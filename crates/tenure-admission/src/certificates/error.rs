//! Why there is no certificate, or none that can be used.

use tenure_cluster::RequestError;

/// What went wrong with a certificate; a fragment that fits "failed to …" where it is about
/// something that was tried.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The API server did not do what was asked.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The API server did not answer in time.
    #[error("{doing}: no answer in {seconds} s")]
    Silence {
        /// What was asked for.
        doing: String,
        /// How long the answer was waited for.
        seconds: u64,
    },
    /// A certificate could not be made.
    #[error("make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// A file could not be read.
    #[error("read {path}: {error}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        error: std::io::Error,
    },
    /// A certificate, or its key, is not one, or one does not belong to the other.
    #[error("{0}")]
    Illegible(String),
}
