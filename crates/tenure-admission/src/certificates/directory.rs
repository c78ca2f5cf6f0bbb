//! A certificate that somebody else keeps in a directory, as a mounted Secret.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pair::{Pair, any_authorities_of};
use super::{CertificateError, ServingCertificate};

/// What the files hold.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authorities: Option<Vec<u8>>,
}

/// Keeps what is served as it is in the directory. What cannot be used is told once, and what
/// was in use stays in use.
pub(super) async fn keep(path: PathBuf, poll: Duration, certificate: ServingCertificate) {
    let (mut last, mut told) = (None, String::new());
    loop {
        match look(&path, &mut last, &certificate).await {
            Ok(()) => told.clear(),
            Err(error) => {
                let error = error.to_string();
                if error != told {
                    tracing::warn!(
                        error,
                        directory = %path.display(),
                        "cannot use the webhook's certificate; what was in use stays"
                    );
                    told = error;
                }
            }
        }
        tokio::time::sleep(poll).await;
    }
}

/// Takes into use what is there, if it is not what was there last.
async fn look(
    path: &Path,
    last: &mut Option<Files>,
    certificate: &ServingCertificate,
) -> Result<(), CertificateError> {
    let files = read(path).await?;
    if last.as_ref() == Some(&files) {
        return Ok(());
    }
    // The files are replaced together, but not read together.
    let (files, pair) = match Pair::read(&files.certificate, &files.key) {
        Ok(pair) => (files, pair),
        Err(_) => {
            let again = read(path).await?;
            let pair = Pair::read(&again.certificate, &again.key)?;
            (again, pair)
        }
    };
    let authorities = files.authorities.as_deref().map(any_authorities_of).unwrap_or_default();
    if !authorities.is_empty() && pair.signed_by(&authorities).is_none() {
        // The API server judges by what its configuration holds, not by this file.
        tracing::warn!(directory = %path.display(), "ca.crt did not sign tls.crt");
    }
    certificate.replace(&pair);
    tracing::info!(not_after = %pair.not_after, "serves a new certificate");
    *last = Some(files);
    Ok(())
}

async fn read(path: &Path) -> Result<Files, CertificateError> {
    let path = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        Ok(Files {
            certificate: file(&path, "tls.crt")?,
            key: file(&path, "tls.key")?,
            authorities: file(&path, "ca.crt").ok(),
        })
    });
    reading.await.unwrap_or_else(|error| Err(CertificateError::Illegible(error.to_string())))
}

fn file(directory: &Path, name: &str) -> Result<Vec<u8>, CertificateError> {
    let path = directory.join(name);
    std::fs::read(&path)
        .map_err(|error| CertificateError::File { path: path.display().to_string(), error })
}
