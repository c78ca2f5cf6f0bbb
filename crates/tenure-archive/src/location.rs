//! Where an archive is, and what may be said of it.

use std::error::Error as _;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, parse_url_opts};
use url::Url;

use crate::{ArchiveError, Category};

/// The longest part of a store's own words that is repeated, in characters. Some answer with
/// whole documents.
const SAID: usize = 300;
/// What stands in the place of a credential.
const HIDDEN: &str = "***";
/// Words in the names of options whose values nobody must read.
const SECRET: [&str; 6] = ["secret", "key", "token", "password", "sas", "credential"];

/// Where an archive is: its URL as it may be shown, and what must not be.
#[derive(Debug)]
pub(crate) struct Location {
    shown: String,
    hidden: Hidden,
}

/// Values that must not appear in any message.
struct Hidden(Vec<String>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} values", self.0.len())
    }
}

/// Opens the store that a URL names.
pub(crate) fn open(
    url: &str,
    options: Vec<(String, String)>,
) -> Result<(Box<dyn ObjectStore>, Path, Location), ArchiveError> {
    let Ok(parsed) = Url::parse(url) else {
        let why = "it is not a URL; a directory is file:///PATH".to_owned();
        // Of a path nothing is a credential; of what may have been meant for a URL, something may be.
        let is_path = url.starts_with(['/', '.']) && !url.starts_with("//");
        let shown = if is_path { url } else { HIDDEN };
        return Err(ArchiveError::Open { url: shown.to_owned(), why });
    };
    let location = Location::new(&parsed, url, &options);
    let failed = |why: String| ArchiveError::Open { url: location.shown.clone(), why };
    let said = |error: Error| failed(location.said(&error));
    let (store, root): (Box<dyn ObjectStore>, Path) = match parsed.scheme() {
        "file" => {
            let path = parsed.to_file_path().map_err(|()| failed("it names a host".to_owned()))?;
            let store = LocalFileSystem::new_with_prefix(&path).map_err(said)?;
            if !path.is_dir() {
                return Err(failed("it is not a directory".to_owned()));
            }
            // An entry is on the disk before anybody acts on it.
            (Box::new(store.with_fsync(true)), Path::default())
        }
        "memory" => parse_url_opts(&parsed, options).map_err(said)?,
        "s3" | "s3a" | "gs" | "az" | "adl" | "azure" | "abfs" | "abfss" | "https" => {
            // reqwest builds no client without one, and the choice is the process's: what was
            // chosen before stands.
            let _ = rustls::crypto::ring::default_provider().install_default();
            parse_url_opts(&parsed, options).map_err(said)?
        }
        other => {
            return Err(failed(format!("{other} is none of file, s3, gs, az, abfs and memory")));
        }
    };
    Ok((store, root, location))
}

impl Location {
    fn new(url: &Url, given: &str, options: &[(String, String)]) -> Self {
        let mut shown = url.clone();
        // A URL that cannot have them has none to hide.
        let _ = shown.set_password(None);
        // Azure writes CONTAINER@ACCOUNT, and there it is no credential.
        if !matches!(url.scheme(), "abfs" | "abfss") {
            let _ = shown.set_username("");
        }
        shown.set_query(None);
        shown.set_fragment(None);
        let shown = shown.to_string();
        let mut hidden: Vec<String> = options
            .iter()
            .filter(|(key, value)| is_secret(key) && value.len() >= 8)
            .map(|(_, value)| value.clone())
            .collect();
        hidden.extend(url.query().map(str::to_owned));
        hidden.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        hidden.extend(url.password().map(str::to_owned));
        if given != shown {
            hidden.push(given.to_owned());
            hidden.push(url.to_string());
        }
        hidden.retain(|value| value.len() >= 4 && *value != shown);
        // A value may be a part of another one, which must go first.
        hidden.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { shown, hidden: Hidden(hidden) }
    }

    /// The URL without credentials.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The error of a request to the store.
    pub(crate) fn failed(&self, doing: String, error: &Error) -> ArchiveError {
        let category = match error {
            Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. }
            | Error::InvalidPath { .. }
            | Error::UnknownConfigurationKey { .. } => Category::Refused,
            _ => Category::Transient,
        };
        let (url, why) = (self.shown.clone(), self.said(error));
        ArchiveError::Store { doing, url, why, category }
    }

    /// What the store said, on one line, without credentials, and not all of it if it is long.
    fn said(&self, error: &Error) -> String {
        // The outermost names the store, which the URL does already.
        let mut text = match error {
            Error::Generic { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        let mut cause = error.source().and_then(std::error::Error::source);
        while let Some(deeper) = cause {
            let more = deeper.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = deeper.source();
        }
        for value in &self.hidden.0 {
            text = text.replace(value, HIDDEN);
        }
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(SAID) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET.iter().any(|word| key.contains(word))
}
