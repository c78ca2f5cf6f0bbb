//! One annotation, or what belongs to it, on one object: whether it comes in time and is heard, and
//! what it changes. It is written once, and only if it does not stand there.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ObjectMeta, Patch};
use tenure_api::Project;
use tenure_cluster::{Category, ObjectPatch, RequestError, Supposed};
use tenure_core::{Keep, Mode};

use super::Decided;
use crate::arguments::{DryRun, MarkArguments};
use crate::commands::say::sending;
use crate::exit::{Failure, Kind, Outcome};
use crate::look::{Extent, Look};
use crate::printer::Printer;
use crate::session::{Known, Session, Who};
use crate::target::{self, Target};

/// What is to be written or taken off.
pub(super) struct Change<'a> {
    pub(super) target: &'a Target,
    pub(super) how: &'a MarkArguments,
    pub(super) set: Vec<(String, String)>,
    pub(super) remove: Vec<String>,
    /// What is told once it is done.
    pub(super) told: String,
    /// The name of the lien, if it is about one.
    pub(super) lien: Option<&'a str>,
}

/// How it changed what would be decided.
pub(super) struct Made {
    pub(super) before: Option<Decided>,
    pub(super) after: Option<Decided>,
    /// Whether it said so already.
    pub(super) stood: bool,
    /// What was done, in words.
    pub(super) message: String,
}

/// What came of the write.
enum Written {
    /// It said so already.
    Nothing,
    /// The annotations are these now, or would be if it were no dry run.
    Annotations(BTreeMap<String, String>),
}

impl<'a> Change<'a> {
    pub(super) fn of(target: &'a Target, how: &'a MarkArguments) -> Self {
        Self { target, how, set: Vec::new(), remove: Vec::new(), told: String::new(), lien: None }
    }

    /// Writes it, and looks before and after.
    pub(super) async fn make(
        &self,
        (session, known, who): &(Session, Known, Who),
        printer: &Printer,
    ) -> Outcome<Made> {
        let look =
            async || Look::at(&self.target.name, session, known, who, Extent::Most, printer).await;
        let stood = look().await?;
        self.is_in_time(&stood)?;
        if self.target.kind == target::Kind::Project {
            self.is_heard(&stood, session).await?;
        }
        let before = Decided::of(&stood);
        let Written::Annotations(annotations) = self.write(session, &stood).await? else {
            let message = "it says so already; nothing was written".to_owned();
            return Ok(Made { after: before.clone(), before, stood: true, message });
        };
        let after = if self.how.write.dry_run == DryRun::None {
            look().await?
        } else {
            Box::pin(stood.supposing(self.supposed(annotations), session)).await?
        };
        Ok(Made {
            before,
            after: Decided::of(&after),
            stood: false,
            message: self.how.write.dry_run.told(&self.told),
        })
    }

    /// Whether what protects comes in time. What a Project says that stays is for the namespace that
    /// is made anew.
    fn is_in_time(&self, look: &Look) -> Outcome {
        let stays = look.world.project().is_some_and(|project| project.deleting.is_none());
        let of_project = self.target.kind == target::Kind::Project;
        match look.too_late() {
            Some(failure) if !(self.how.remove || of_project && stays) => Err(failure),
            _ => Ok(()),
        }
    }

    /// Whether anybody heeds what is written on the Project. Beside Kargo, what it said when it went
    /// stands, and what the namespace says is heard to the end.
    async fn is_heard(&self, look: &Look, session: &Session) -> Outcome {
        let name = &self.target.name;
        let Some(project) = look.world.project() else {
            let failure = look.no_project(session).await;
            let instead = look.outlived().map(|_| self.on_namespace());
            return Err(instead.into_iter().fold(failure, Failure::next));
        };
        if look.known.settings.mode == Mode::Standalone {
            return Ok(());
        }
        if project.deleting.is_some() {
            let why =
                format!("project {name} is being deleted, and what it says now is heard by nobody");
            return Err(Failure::refused(why).next(self.on_namespace()));
        }
        if project.stamp.is_some() && self.lien.is_none() {
            // The annotation is there, and says nothing: it goes with the stamp.
            let why = format!(
                "project {name} carries the stamp of a deletion that was let in, which it goes with \
                 or loses within a minute; nothing was written; try again"
            );
            return Err(Failure::error(why));
        }
        Ok(())
    }

    /// The command that says the same on the namespace, and how to have the Project back.
    fn on_namespace(&self) -> String {
        let name = &self.target.name;
        match self.lien {
            _ if self.how.remove => format!("kubectl tenure cancel project/{name}"),
            Some(lien) => {
                format!("kubectl tenure hold namespace/{name} --name {lien} --reason REASON")
            }
            None => format!("kubectl tenure keep namespace/{name}"),
        }
    }

    fn supposed(&self, annotations: BTreeMap<String, String>) -> Supposed {
        match self.target.kind {
            target::Kind::Project => Supposed::OnProject(annotations),
            target::Kind::Namespace => Supposed::OnNamespace(annotations),
        }
    }

    /// Writes it, unless it stands there already.
    async fn write(&self, session: &Session, look: &Look) -> Outcome<Written> {
        let name = self.target.name.as_str();
        let client = session.client();
        let other = |failure: Failure| self.stands_on_the_other(failure, look);
        let reading =
            |error: kube::Error| Failure::of_request(&format!("read {}", self.target), &error);
        let (meta, sent) = match self.target.kind {
            target::Kind::Project => {
                let projects: Api<Project> = Api::all(client.clone());
                let Some(project) = session.project(name).await? else {
                    return Err(session.absent::<Project>(self.target).await);
                };
                let sent = match self.to_send(&project.metadata).map_err(other)? {
                    Some(patch) => projects
                        .patch(name, &sending(self.how.write.dry_run), &patch)
                        .await
                        .map(drop),
                    None => Ok(()),
                };
                (project.metadata, sent)
            }
            target::Kind::Namespace => {
                let namespaces: Api<Namespace> = Api::all(client.clone());
                let Some(namespace) = namespaces.get_metadata_opt(name).await.map_err(reading)?
                else {
                    return Err(session.absent::<Namespace>(self.target).await);
                };
                let sent = match self.to_send(&namespace.metadata).map_err(other)? {
                    Some(patch) => namespaces
                        .patch(name, &sending(self.how.write.dry_run), &patch)
                        .await
                        .map(drop),
                    None => Ok(()),
                };
                (namespace.metadata, sent)
            }
        };
        sent.map_err(|error| self.refused(error))?;
        Ok(if self.changes(&meta) {
            let mut annotations = meta.annotations.unwrap_or_default();
            annotations.retain(|key, _| !self.remove.contains(key));
            annotations.extend(self.set.iter().cloned());
            Written::Annotations(annotations)
        } else {
            Written::Nothing
        })
    }

    /// What of it does not stand there yet.
    fn missing(&self, meta: &ObjectMeta) -> Vec<(&str, &str)> {
        let stands = |key: &str| meta.annotations.as_ref().and_then(|map| map.get(key));
        let set = self.set.iter().filter(|(key, value)| stands(key) != Some(value));
        set.map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    fn changes(&self, meta: &ObjectMeta) -> bool {
        !self.remove.is_empty() || !self.missing(meta).is_empty()
    }

    /// The patch, if it changes anything and is to be sent.
    fn to_send(&self, meta: &ObjectMeta) -> Outcome<Option<Patch<()>>> {
        let stands =
            |key: &String| meta.annotations.as_ref().is_some_and(|map| map.contains_key(key));
        if let Some(key) = self.remove.first().filter(|key| !stands(key)) {
            return Err(Failure::error(format!("{} has no annotation {key}", self.target)));
        }
        if !self.changes(meta) || self.how.write.dry_run == DryRun::Client {
            return Ok(None);
        }
        let patch = ObjectPatch::of(meta).annotate(&self.missing(meta));
        let patch = self.remove.iter().fold(patch, |patch, key| patch.remove_annotation(key));
        Ok(Some(patch.build()))
    }

    /// Says so if what is not there to be taken off stands on the other of the two objects.
    fn stands_on_the_other(&self, failure: Failure, look: &Look) -> Failure {
        let project = look.world.project().map(|project| &project.statements);
        let namespace = look.world.namespace().map(|namespace| &namespace.statements);
        let (kind, statements) = match self.target.kind {
            target::Kind::Project => (target::Kind::Namespace, namespace),
            target::Kind::Namespace => (target::Kind::Project, project),
        };
        let stands = statements.is_some_and(|said| match self.lien {
            Some(lien) => said.liens.iter().any(|stands| stands.name == lien),
            None => said.keep != Keep::Absent,
        });
        if !(stands && self.how.remove) {
            return failure;
        }
        let other = Target { kind, name: self.target.name.clone() };
        let message = format!("{}; {other} has", failure.message);
        Failure { message, ..failure }.next(match self.lien {
            Some(lien) => format!("kubectl tenure hold {other} --name {lien} --remove"),
            None => format!("kubectl tenure keep {other} --remove"),
        })
    }

    fn refused(&self, error: kube::Error) -> Failure {
        let error = RequestError::new(format!("annotate {}", self.target), error);
        if error.category() == Category::Conflict {
            let why = format!("{} changed meanwhile; nothing was written", self.target);
            return Failure::new(Kind::PlanChanged, why);
        }
        error.into()
    }
}
