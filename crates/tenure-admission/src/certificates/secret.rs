//! The Secret that holds the generations.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::core::ObjectMeta;
use tenure_api::install::{NAME, WEBHOOK_TLS};

use super::pair::{Pair, authorities_of, bundle};
use super::rotation::{Authority, Generation, Stored};

/// Where the current generation is kept, certificate and key, under the names that other tools
/// know.
const CURRENT: [&str; 2] = ["tls.crt", "tls.key"];
/// Where the next generation is kept.
const NEXT: [&str; 2] = ["next.crt", "next.key"];
/// Where the authorities are kept of certificates that may be in use.
const AUTHORITIES: &str = "ca.crt";

/// What the Secret holds, with the certificates themselves.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    object: Option<Secret>,
    /// What is decided on.
    pub(super) stored: Stored,
    /// What replicas serve.
    pub(super) current: Option<Pair>,
    next: Option<Pair>,
}

impl Kept {
    /// Reads it, as far as it can be read.
    pub(super) fn read(object: Option<Secret>, names: &[String]) -> Self {
        let data = object.as_ref().and_then(|object| object.data.as_ref());
        let field = |name: &str| data.and_then(|data| data.get(name)).map(|bytes| &bytes.0[..]);
        let trusted = authorities_of(field(AUTHORITIES).unwrap_or_default());
        let generation = |[certificate, key]: [&str; 2]| {
            let pair = Pair::read(field(certificate)?, field(key)?).ok()?;
            let generation = pair.generation(&trusted, names)?;
            Some((pair, generation))
        };
        let (current, current_generation) = generation(CURRENT).unzip();
        let (next, next_generation) = generation(NEXT).unzip();
        let stored = Stored { current: current_generation, next: next_generation, trusted };
        Self { object, stored, current, next }
    }

    /// Whether there is a Secret that holds nothing that can be used.
    pub(super) fn is_illegible(&self) -> bool {
        self.object.is_some() && self.stored.current.is_none() && self.stored.next.is_none()
    }

    /// Whether it has to be created.
    pub(super) fn is_absent(&self) -> bool {
        self.object.is_none()
    }

    /// The Secret with a next generation beside the current one. It can be written only in place
    /// of what was read.
    pub(super) fn introduce(&self, next: &Pair, trusted: &BTreeSet<Authority>) -> Secret {
        self.written(self.current.as_ref(), Some(next), trusted)
    }

    /// The Secret with the next generation in place of the current one. It can be written only in
    /// place of what was read.
    pub(super) fn promote(&self, trusted: &BTreeSet<Authority>) -> Secret {
        self.written(self.next.as_ref(), None, trusted)
    }

    fn written(
        &self,
        current: Option<&Pair>,
        next: Option<&Pair>,
        trusted: &BTreeSet<Authority>,
    ) -> Secret {
        let mut data = BTreeMap::from([(AUTHORITIES.to_owned(), bytes(&bundle(trusted)))]);
        for (pair, [certificate, key]) in [(current, CURRENT), (next, NEXT)] {
            let Some(pair) = pair else { continue };
            data.insert(certificate.to_owned(), bytes(&pair.certificate));
            data.insert(key.to_owned(), bytes(&pair.key.0));
        }
        let object = self.object.clone().unwrap_or_else(|| Secret {
            metadata: ObjectMeta {
                name: Some(WEBHOOK_TLS.to_owned()),
                labels: Some(BTreeMap::from([(
                    "app.kubernetes.io/part-of".to_owned(),
                    NAME.to_owned(),
                )])),
                ..Default::default()
            },
            ..Default::default()
        });
        Secret { data: Some(data), ..object }
    }
}

impl Pair {
    /// What the rotation needs to know, if one of these authorities signed it.
    pub(super) fn generation(
        &self,
        trusted: &BTreeSet<Authority>,
        names: &[String],
    ) -> Option<Generation> {
        let authority = self.signed_by(trusted)?.clone();
        Some(Generation { authority, not_after: self.not_after, fits: self.fits(names) })
    }
}

fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}
