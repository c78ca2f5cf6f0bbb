//! The certificate in use, as every handshake takes it.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use super::pair::Pair;

/// The certificate in use, which can be replaced at any time: a handshake takes what there is
/// when it begins. Clones share it.
#[derive(Clone, Debug)]
pub struct ServingCertificate(Arc<watch::Sender<Option<InUse>>>);

#[derive(Clone, Debug)]
struct InUse {
    certified: Arc<CertifiedKey>,
    not_after: Timestamp,
}

impl ServingCertificate {
    /// None yet: handshakes fail until there is one.
    pub fn none() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// When the certificate in use expires, or nothing as long as there is none. Whoever answers
    /// that it is ready should not before there is one.
    pub fn not_after(&self) -> Option<Timestamp> {
        self.0.borrow().as_ref().map(|in_use| in_use.not_after)
    }

    /// Waits until there is one.
    pub async fn present(&self) {
        // The sender is held here, so this cannot end for want of one.
        drop(self.0.subscribe().wait_for(Option::is_some).await);
    }

    pub(super) fn replace(&self, pair: &Pair) {
        let in_use = InUse { certified: pair.certified.clone(), not_after: pair.not_after };
        self.0.send_replace(Some(in_use));
    }
}

impl Default for ServingCertificate {
    fn default() -> Self {
        Self::none()
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.borrow().as_ref().map(|in_use| in_use.certified.clone())
    }
}
