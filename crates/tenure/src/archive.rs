//! The archive as a place where trails are kept.

use anyhow::Context as _;
use futures::future::{BoxFuture, FutureExt as _};
use tenure_archive::Archive;
use tenure_cluster::Sink;
use tenure_core::trail::Entry;

/// Opens the archive at that URL, with what the environment says of credentials.
pub(crate) fn open(url: &str) -> anyhow::Result<Box<dyn Sink>> {
    let archive = Archive::open(url, std::env::vars()).context("open --archive")?;
    Ok(Box::new(Kept(archive)))
}

struct Kept(Archive);

impl Sink for Kept {
    fn keep<'a>(&'a self, subject: &'a str, entry: &'a Entry) -> BoxFuture<'a, Result<(), String>> {
        let kept = self.0.put(subject, entry);
        async move { kept.await.map(drop).map_err(|error| error.to_string()) }.boxed()
    }
}
