//! Who wrote what decides, by the managed fields of the two objects.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ObjectMeta;
use schemars::JsonSchema;
use serde::Serialize;
use tenure_api::written;
use tenure_core::{Source, Statements, keys};

use crate::exit::{Failure, Outcome};
use crate::look::Look;
use crate::session::Session;
use crate::text::{FAINT, Text};
use crate::view::tree::Branch;

/// Who wrote an annotation or label, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Author {
    /// The object, as kind/name.
    object: String,
    /// The annotation or label.
    key: String,
    /// The field manager, which is the client they used; null if the API server does not record it.
    manager: Option<String>,
    /// When.
    at: Option<String>,
    /// The reason that was given beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

/// The two objects as they are, with who wrote what.
pub(super) struct Objects {
    name: String,
    project: Option<ObjectMeta>,
    namespace: Option<ObjectMeta>,
}

impl Objects {
    pub(super) async fn read(name: &str, session: &Session) -> Outcome<Self> {
        let namespaces: Api<Namespace> = Api::all(session.client().clone());
        let (project, namespace) =
            futures::join!(session.project(name), namespaces.get_metadata_opt(name));
        let namespace = namespace.map_err(|e| Failure::of_request("read the namespace", &e))?;
        Ok(Self {
            name: name.to_owned(),
            project: project?.map(|project| project.metadata),
            namespace: namespace.map(|namespace| namespace.metadata),
        })
    }

    /// Who wrote what is confirmed.
    pub(super) fn of_confirmation(&self) -> Vec<Author> {
        wrote("project", &self.name, self.project.as_ref(), &[Key::annotation(keys::CONFIRM)])
    }

    /// Who wrote what a rule reads.
    pub(super) fn authors(&self, source: Source, look: &Look) -> Vec<Author> {
        let world = &look.world;
        let project = world.project().map(|project| &project.statements);
        let namespace = world.namespace().map(|namespace| &namespace.statements);
        let of_project =
            |keys: Vec<Key>| wrote("project", &self.name, self.project.as_ref(), &keys);
        let of_namespace =
            |keys: Vec<Key>| wrote("namespace", &self.name, self.namespace.as_ref(), &keys);
        match source {
            Source::KeepOnProject => of_project(vec![Key::annotation(keys::KEEP_NAMESPACE)]),
            Source::KeepOnNamespace => of_namespace(vec![Key::annotation(keys::KEEP_NAMESPACE)]),
            Source::DispositionOnProject => of_project(vec![Key::annotation(keys::DISPOSITION)]),
            Source::DispositionOnNamespace => {
                of_namespace(vec![Key::annotation(keys::DISPOSITION)])
            }
            Source::LienOnProject => of_project(liens(project)),
            Source::LienOnNamespace => of_namespace(liens(namespace)),
            Source::Adopted => of_namespace(vec![Key::annotation(keys::ORIGIN)]),
            Source::Cancel => of_project(vec![Key::annotation(keys::CANCEL)]),
            Source::NearMiss => {
                let mut authors = of_project(near_misses(project));
                authors.extend(of_namespace(near_misses(namespace)));
                authors
            }
            _ => Vec::new(),
        }
    }
}

/// Where something stands.
struct Key {
    key: String,
    label: bool,
}

impl Key {
    fn annotation(key: &str) -> Self {
        Self { key: key.to_owned(), label: false }
    }
}

fn liens(statements: Option<&Statements>) -> Vec<Key> {
    let liens = statements.into_iter().flat_map(|statements| &statements.liens);
    liens.map(|lien| Key::annotation(&format!("{}{}", keys::LIEN_PREFIX, lien.name))).collect()
}

fn near_misses(statements: Option<&Statements>) -> Vec<Key> {
    let misses = statements.into_iter().flat_map(|statements| &statements.near_misses);
    misses.map(|miss| Key { key: miss.key.clone(), label: miss.label }).collect()
}

/// Who wrote those keys, by the object's managed fields.
fn wrote(kind: &str, name: &str, meta: Option<&ObjectMeta>, keys: &[Key]) -> Vec<Author> {
    let Some(meta) = meta else { return Vec::new() };
    let because = |key: &str| {
        let reason = meta.annotations.as_ref()?.get(keys::KEEP_REASON)?;
        (key == keys::KEEP_NAMESPACE).then(|| reason.clone())
    };
    let mut authors = Vec::new();
    for Key { key, label } in keys {
        let among = if *label { "labels" } else { "annotations" };
        let author = |manager: Option<String>, at: Option<String>| Author {
            object: format!("{kind}/{name}"),
            key: key.clone(),
            manager,
            at,
            because: because(key),
        };
        let known = authors.len();
        authors.extend(written(meta, among, key).map(|entry| {
            let at = entry.time.as_ref().map(|time| time.0.to_string());
            author(entry.manager.clone(), at)
        }));
        if authors.len() == known {
            // It records nothing of an object that said nothing when it was made.
            authors.push(author(None, None));
        }
    }
    authors
}

/// Tells of each.
pub(super) fn push_authors(authors: &[Author], leaf: &mut Branch) {
    for author in authors {
        let at = author.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        let because =
            author.because.as_ref().map(|why| format!(", because {why}")).unwrap_or_default();
        let by = match &author.manager {
            Some(manager) => format!("written by {manager}"),
            None => "of which the API server does not record who wrote it".to_owned(),
        };
        let told = format!("{} on {}, {by}{at}{because}", author.key, author.object);
        leaf.push(Text::styled(FAINT, told));
    }
}
