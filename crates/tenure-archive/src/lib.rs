//! Where trails are kept outside the cluster: a directory, or a bucket of S3, GCS or Azure.
//!
//! Every entry of a [`trail`](tenure_core::trail) becomes one object, `SUBJECT/00000001.json`,
//! created if it is absent and never written again. So two writers cannot overwrite each other,
//! a writer that crashed can say the same again, and one that says something else is told that
//! the trail is [forked](ArchiveError::Forked). An object is the canonical JSON of its entry,
//! byte for byte; anything else in its place is [illegible](ArchiveError::Illegible).
//!
//! Nothing here reads the environment: credentials and settings come as options.

mod error;
mod location;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectMeta, ObjectStore, PutMode};
use tenure_core::trail::{Entry, Fault, Head, verify, verify_against};

pub use error::{ArchiveError, Category};
use location::Location;

/// How long one request may take, its retries included.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many objects of a trail, or how many trails, are read at once.
const AT_ONCE: usize = 8;
/// No entry is longer than this, in bytes; what is was put there by somebody else.
const LONGEST: u64 = 64 * 1024;

/// Trails outside the cluster.
#[derive(Clone, Debug)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    root: Path,
    location: Arc<Location>,
    patience: Duration,
}

/// What became of an entry that was to be archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was written.
    Written,
    /// It was there already, the same byte for byte.
    AlreadyThere,
}

/// An object of a trail: the number in its name, and what it holds.
type Read = (u64, Result<Entry, ArchiveError>);

impl Archive {
    /// Opens the archive at a URL, without asking whether it answers.
    ///
    /// - `file:///var/lib/tenure/trail`: a directory, which must exist: one that is not mounted
    ///   must not be mistaken for an empty archive;
    /// - `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`, and the `https` URLs
    ///   by which AWS, R2 and Azure name the same;
    /// - `memory:///`: gone with the process, for tests.
    ///
    /// The options are those of the `object_store` crate under the names of its environment
    /// variables, in any case, such as `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`,
    /// `GOOGLE_SERVICE_ACCOUNT` or `AZURE_STORAGE_ACCOUNT_KEY`. Names it does not know are passed
    /// over, so the whole environment may be given.
    ///
    /// # Errors
    /// When the URL names no archive, the directory is not there, or an option is wrong.
    pub fn open<K: AsRef<str>, V: Into<String>>(
        url: &str,
        options: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ArchiveError> {
        let options: Vec<(String, String)> = options
            .into_iter()
            .map(|(key, value)| (key.as_ref().to_owned(), value.into()))
            .collect();
        let (store, root, location) = location::open(url, options)?;
        Ok(Self { store: store.into(), root, location: Arc::new(location), patience: PATIENCE })
    }

    /// The archive, with another limit than 10 seconds on every request.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The URL of the archive, without credentials.
    pub fn url(&self) -> &str {
        self.location.shown()
    }

    /// Archives an entry of the trail of `subject`. Saying the same again is harmless, and what
    /// to do after any error that is [temporary](Category::Transient): it may have been carried
    /// out.
    ///
    /// # Errors
    /// When the entry does not match its digest, another entry of that number is there, or the
    /// store did not confirm.
    pub async fn put(&self, subject: &str, entry: &Entry) -> Result<Put, ArchiveError> {
        let folder = self.folder(subject)?;
        if entry.digest_in(subject) != entry.digest {
            return Err(self.fault(subject, Fault::Broken { sequence: entry.sequence }));
        }
        let path = folder.join(object_name(entry.sequence));
        let content = Bytes::from(entry.to_canonical_json());
        let doing = || format!("archive entry {} of {subject}", entry.sequence);
        let put = self.store.put_opts(&path, content.clone().into(), PutMode::Create.into());
        match self.bounded(doing, put).await? {
            Ok(_) => Ok(Put::Written),
            Err(Error::AlreadyExists { .. }) => match self.get(&path).await? {
                Some(there) if there == content => Ok(Put::AlreadyThere),
                _ => Err(ArchiveError::Forked {
                    subject: subject.to_owned(),
                    sequence: entry.sequence,
                    url: self.url().to_owned(),
                }),
            },
            Err(error) => Err(self.location.failed(doing(), &error)),
        }
    }

    /// The entries of a trail in the order of their numbers, as they are there: whether they are
    /// a trail is for [`Self::verify`] to say. None, if there is no such trail.
    ///
    /// # Errors
    /// When the store cannot be read, or something that should be an entry is illegible.
    pub async fn read(&self, subject: &str) -> Result<Vec<Entry>, ArchiveError> {
        self.objects(subject).await?.into_iter().map(|(_, read)| read).collect()
    }

    /// The subjects of all trails, in the order of their names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn subjects(&self) -> Result<Vec<String>, ArchiveError> {
        let doing = || "list the trails".to_owned();
        let listing = self.store.list_with_delimiter(Some(&self.root));
        let listed = self.bounded(doing, listing).await?;
        let listed = listed.map_err(|error| self.location.failed(doing(), &error))?;
        let mut subjects: Vec<String> = listed
            .common_prefixes
            .iter()
            .filter_map(Path::filename)
            .filter(|name| is_subject(name))
            .map(str::to_owned)
            .collect();
        subjects.sort();
        Ok(subjects)
    }

    /// Whether the trail of `subject` is whole, and where it ends.
    ///
    /// # Errors
    /// When the store cannot be read; otherwise names the first entry that is illegible, or at
    /// [fault](ArchiveError::Fault).
    pub async fn verify(&self, subject: &str) -> Result<Head, ArchiveError> {
        self.judge(subject, self.objects(subject).await?, |entries| verify(subject, entries))
    }

    /// Whether the trail of an anchor is whole and continues what was there when its head was
    /// kept, and where it ends now.
    ///
    /// # Errors
    /// As [`Self::verify`]; or that the trail was cut off or written anew before the anchor.
    pub async fn verify_against(&self, anchor: &Head) -> Result<Head, ArchiveError> {
        let subject = &anchor.subject;
        let objects = self.objects(subject).await?;
        self.judge(subject, objects, |entries| verify_against(subject, entries, anchor))
    }

    /// [`Self::verify`] of every trail, by subject. A trail that is gone as a whole can only be
    /// missed by who kept its head.
    ///
    /// # Errors
    /// When the trails cannot be listed.
    pub async fn verify_all(
        &self,
    ) -> Result<BTreeMap<String, Result<Head, ArchiveError>>, ArchiveError> {
        let verdicts = stream::iter(self.subjects().await?).map(|subject| async move {
            let verdict = self.verify(&subject).await;
            (subject, verdict)
        });
        Ok(verdicts.buffer_unordered(AT_ONCE).collect().await)
    }

    /// The verdict on what was read. An illegible entry is named unless something is wrong before
    /// it.
    fn judge(
        &self,
        subject: &str,
        objects: Vec<Read>,
        verify_whole: impl FnOnce(&[Entry]) -> Result<Head, Fault>,
    ) -> Result<Head, ArchiveError> {
        let mut entries = Vec::with_capacity(objects.len());
        for (sequence, read) in objects {
            match read {
                Ok(entry) => entries.push(entry),
                Err(illegible) => return Err(self.first(subject, &entries, sequence, illegible)),
            }
        }
        verify_whole(&entries).map_err(|fault| self.fault(subject, fault))
    }

    /// The first thing that is wrong, if entry `sequence` is illegible and these come before it.
    fn first(
        &self,
        subject: &str,
        before: &[Entry],
        sequence: u64,
        illegible: ArchiveError,
    ) -> ArchiveError {
        let next = match verify(subject, before) {
            Ok(head) => head.sequence.saturating_add(1),
            Err(_) if before.is_empty() => 1,
            Err(fault) => return self.fault(subject, fault),
        };
        if sequence > next {
            return self.fault(subject, Fault::Missing { sequence: next });
        }
        illegible
    }

    /// Everything in the trail's folder that is named as an entry is, by number.
    async fn objects(&self, subject: &str) -> Result<Vec<Read>, ArchiveError> {
        let folder = self.folder(subject)?;
        let doing = || format!("list the trail of {subject}");
        let mut listing = self.store.list(Some(&folder));
        let mut metas = Vec::new();
        while let Some(listed) = self.bounded(doing, listing.next()).await? {
            let meta = listed.map_err(|error| self.location.failed(doing(), &error))?;
            // What lies deeper is not the trail's.
            let name = meta.location.prefix_match(&folder).and_then(only);
            if let Some(sequence) = name.as_deref().and_then(sequence_of) {
                metas.push((sequence, meta));
            }
        }
        metas.sort_by(|(a, x), (b, y)| (a, &x.location).cmp(&(b, &y.location)));
        let reads = metas.into_iter().map(|(sequence, meta)| self.object(sequence, meta));
        stream::iter(reads).buffered(AT_ONCE).try_collect().await
    }

    /// One object of a trail. Fails if the store cannot be read; that it can, but is no entry, is
    /// a part of the answer.
    async fn object(&self, sequence: u64, meta: ObjectMeta) -> Result<Read, ArchiveError> {
        let content = if meta.size > LONGEST { None } else { self.get(&meta.location).await? };
        let entry = legible(sequence, &meta, content.as_ref());
        let entry = entry.map_err(|why| ArchiveError::Illegible {
            object: meta.location.to_string(),
            url: self.url().to_owned(),
            why,
        });
        Ok((sequence, entry))
    }

    /// The content of an object, unless it is longer than an entry can be.
    async fn get(&self, path: &Path) -> Result<Option<Bytes>, ArchiveError> {
        let doing = || format!("read {path}");
        let get = async {
            let found = self.store.get_opts(path, GetOptions::default()).await?;
            if found.meta.size > LONGEST {
                return Ok(None);
            }
            found.bytes().await.map(Some)
        };
        self.bounded(doing, get).await?.map_err(|error| self.location.failed(doing(), &error))
    }

    async fn bounded<F: Future>(
        &self,
        doing: impl FnOnce() -> String,
        request: F,
    ) -> Result<F::Output, ArchiveError> {
        tokio::time::timeout(self.patience, request).await.map_err(|_| ArchiveError::NoAnswer {
            doing: doing(),
            url: self.url().to_owned(),
            after: self.patience,
        })
    }

    fn folder(&self, subject: &str) -> Result<Path, ArchiveError> {
        if is_subject(subject) {
            Ok(self.root.clone().join(subject))
        } else {
            Err(ArchiveError::Subject(subject.to_owned()))
        }
    }

    fn fault(&self, subject: &str, fault: Fault) -> ArchiveError {
        ArchiveError::Fault { subject: subject.to_owned(), url: self.url().to_owned(), fault }
    }
}

/// Whether a trail of this subject can be archived: a name of a Kubernetes object, which is a
/// file's name everywhere.
fn is_subject(subject: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = subject.as_bytes();
    bytes.len() <= 253
        && bytes.iter().all(|&b| legal(b))
        && ends(bytes.first())
        && ends(bytes.last())
}

fn object_name(sequence: u64) -> String {
    format!("{sequence:08}.json")
}

/// The number in the name of an object, if it is named as entries are.
fn sequence_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// The name below the folder, if there is nothing between.
fn only<'a>(mut parts: impl Iterator<Item = object_store::path::PathPart<'a>>) -> Option<String> {
    let name = parts.next()?.as_ref().to_owned();
    parts.next().is_none().then_some(name)
}

/// The entry that an object holds, or why it is none.
fn legible(sequence: u64, meta: &ObjectMeta, content: Option<&Bytes>) -> Result<Entry, String> {
    let name = object_name(sequence);
    if meta.location.filename() != Some(&name) {
        return Err(format!("entry {sequence} belongs into {name}"));
    }
    let content = content.ok_or("it is longer than an entry can be")?;
    let entry: Entry =
        serde_json::from_slice(content).map_err(|error| format!("it is no entry: {error}"))?;
    if entry.sequence != sequence {
        return Err(format!("it holds entry {}", entry.sequence));
    }
    if entry.to_canonical_json().as_bytes() != content {
        return Err("it is not spelt as entries are, so it was changed".to_owned());
    }
    Ok(entry)
}

#[cfg(test)]
mod tests;
