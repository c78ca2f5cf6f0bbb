//! The API server's audit log: what was asked for, by whom, and how it was answered. It is the
//! oracle of the tests, for it is not our own word.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// Bodies of deletions are logged, for preconditions are in them; of the rest, metadata.
pub(crate) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Request
  verbs: [delete, deletecollection]
- level: Metadata
";

/// One answered request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// The user.
    pub user: User,
    /// The program, as it calls itself.
    #[serde(default)]
    pub user_agent: String,
    /// The object.
    pub object_ref: Option<ObjectRef>,
    /// How it was answered.
    pub response_status: Option<ResponseStatus>,
    /// The body, of deletions.
    pub request_object: Option<Value>,
    /// When the request came.
    pub request_received_timestamp: String,
    /// When it was answered.
    pub stage_timestamp: String,
    /// The path and query.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
}

/// Who asked.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// The user's name.
    pub username: String,
}

/// What was asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    /// Plural name of the kind.
    pub resource: String,
    /// Namespace; of a Namespace, its own name.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Subresource.
    pub subresource: String,
}

/// How it was answered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResponseStatus {
    /// HTTP status.
    pub code: u16,
}

impl Entry {
    /// Whether it asked for a change.
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }

    /// Whether it was answered with success.
    pub fn succeeded(&self) -> bool {
        self.response_status.as_ref().is_some_and(|status| status.code < 300)
    }

    /// Plural name of the kind, or nothing.
    pub fn resource(&self) -> &str {
        self.object_ref.as_ref().map_or("", |object| &object.resource)
    }

    /// Name of the object, or nothing.
    pub fn name(&self) -> &str {
        self.object_ref.as_ref().map_or("", |object| &object.name)
    }

    /// Whether it is about that Project: it, its Namespace, or what is named after it.
    pub fn concerns(&self, project: &str) -> bool {
        self.object_ref.as_ref().is_some_and(|object| {
            object.namespace == project
                || object.name == project
                || object.name == format!("kargo-project-admin-{project}")
                || (matches!(object.resource.as_str(), "events" | "deletionplans")
                    && object.name.starts_with(&format!("{project}.")))
        })
    }

    /// A short form for tables: `delete namespaces`.
    pub fn short(&self) -> String {
        let object = self.object_ref.clone().unwrap_or_default();
        let slash = if object.subresource.is_empty() { "" } else { "/" };
        format!("{} {}{slash}{}", self.verb, object.resource, object.subresource)
    }
}

/// The log from a certain moment on.
#[derive(Clone, Debug)]
pub struct AuditLog {
    path: PathBuf,
    from: u64,
}

impl AuditLog {
    /// The log from here on.
    pub(crate) fn from_now(path: &Path) -> Self {
        let from = std::fs::metadata(path).map_or(0, |meta| meta.len());
        Self { path: path.to_owned(), from }
    }

    /// All entries so far, in the order in which they were answered.
    ///
    /// # Panics
    /// If the log cannot be read.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries_with("")
    }

    /// Entries of a user that concern a Project.
    ///
    /// # Panics
    /// If the log cannot be read.
    pub fn of(&self, user: &str, project: &str) -> Vec<Entry> {
        let entries = self.entries_with(project).into_iter();
        entries.filter(|e| e.user.username == user && e.concerns(project)).collect()
    }

    /// Entries in whose line that text stands. To look for it is much less work than to read the
    /// line, and logs get long.
    #[expect(clippy::expect_used, reason = "without the log no test can tell anything")]
    fn entries_with(&self, text: &str) -> Vec<Entry> {
        let mut file = File::open(&self.path).expect("open the audit log");
        file.seek(SeekFrom::Start(self.from)).expect("seek in the audit log");
        BufReader::new(file)
            .lines()
            .map_while(Result::ok)
            .filter(|line| line.contains(text))
            .filter_map(|line| serde_json::from_str(&line).ok())
            .collect()
    }
}

/// Counts entries by their short form.
pub fn tally<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for entry in entries {
        *tally.entry(entry.short()).or_default() += 1;
    }
    tally
}
