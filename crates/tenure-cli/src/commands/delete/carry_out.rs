//! The writes: what is confirmed and chosen on the Project, and its deletion, at the very version
//! that was read. What was written for a deletion that is then refused is taken back.

use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, Preconditions};
use tenure_api::Project;
use tenure_cluster::{Category, ObjectPatch, RequestError};
use tenure_core::keys;

use super::ATTEMPTS;
use super::prepare::Prepared;
use crate::commands::say::writing;
use crate::exit::{Failure, Outcome};
use crate::session::Session;

/// What is sent.
pub(super) enum Sent {
    /// The API server took it.
    Accepted,
    /// The Project changed since it was read; nothing was deleted.
    Changed,
}

/// What was written on a Project for the sake of its deletion, and what stood there before.
#[derive(Debug, Default)]
pub(super) struct Written {
    uid: Option<String>,
    annotations: Vec<Replaced>,
}

#[derive(Debug)]
struct Replaced {
    key: &'static str,
    was: Option<String>,
    is: String,
}

/// Writes what is to be written and asks for the deletion. What was written is added to `written`.
pub(super) async fn carry_out(
    prepared: &Prepared,
    session: &Session,
    dry: bool,
    written: &mut Written,
) -> Outcome<Sent> {
    let projects: Api<Project> = Api::all(session.client().clone());
    let (name, world) = (&prepared.look.name, &prepared.look.world);
    let Some(read) = world.project() else {
        return Err(Failure::error(format!("project/{name} is not there")));
    };
    let project = session.project(name).await?;
    let same = |project: &Project| {
        let meta = &project.metadata;
        meta.uid.as_deref() == Some(read.uid.as_str())
            && meta.resource_version.as_deref() == Some(read.resource_version.as_str())
    };
    let Some(mut project) = project.filter(same) else { return Ok(Sent::Changed) };
    let wanted = wanted(prepared, &project.metadata);
    if !wanted.is_empty() {
        let set: Vec<_> =
            wanted.iter().map(|Replaced { key, is, .. }| (*key, is.as_str())).collect();
        let patch: Patch<()> =
            ObjectPatch::of(&project.metadata).at_this_version().annotate(&set).build();
        let params = PatchParams { dry_run: dry, ..writing() };
        match projects.patch(name, &params, &patch).await {
            Ok(_) if dry => {}
            Ok(patched) => {
                written.uid.clone_from(&patched.metadata.uid);
                written.annotations.extend(wanted);
                project = patched;
            }
            Err(error) => return changed(format!("confirm project {name}"), error),
        }
    }
    let params = DeleteParams {
        dry_run: dry,
        preconditions: Some(Preconditions {
            uid: project.metadata.uid.clone(),
            resource_version: project.metadata.resource_version.clone(),
        }),
        ..Default::default()
    };
    match projects.delete(name, &params).await {
        Ok(_) => Ok(Sent::Accepted),
        Err(error) => changed(format!("delete project {name}"), error),
    }
}

/// What does not stand on the Project yet.
fn wanted(prepared: &Prepared, meta: &ObjectMeta) -> Vec<Replaced> {
    let disposition = prepared.writes.disposition.map(|d| d.to_string());
    let confirm = prepared.writes.confirm.as_ref().map(ToString::to_string);
    let stands = |key: &str| meta.annotations.as_ref()?.get(key).cloned();
    [(keys::DISPOSITION, disposition), (keys::CONFIRM, confirm)]
        .into_iter()
        .filter_map(|(key, is)| Some(Replaced { key, was: stands(key), is: is? }))
        .filter(|replaced| replaced.was.as_ref() != Some(&replaced.is))
        .collect()
}

impl Written {
    /// Puts back what stood there, where nobody has written anything else since, and nobody deletes
    /// the Project all the same.
    pub(super) async fn take_back(&self, name: &str, session: &Session) -> Outcome {
        for _ in 0..ATTEMPTS {
            // Others write to it, too: Tenure its status, for one.
            if let Sent::Accepted = self.try_to_take_back(name, session).await? {
                return Ok(());
            }
        }
        Err(Failure::error(format!("Project {name} keeps changing; what was confirmed stands")))
    }

    async fn try_to_take_back(&self, name: &str, session: &Session) -> Outcome<Sent> {
        let Some(project) = session.project(name).await? else { return Ok(Sent::Accepted) };
        let meta = &project.metadata;
        let stands = |key: &str| meta.annotations.as_ref().and_then(|map| map.get(key));
        let ours: Vec<_> =
            self.annotations.iter().filter(|r| stands(r.key) == Some(&r.is)).collect();
        if ours.is_empty() || meta.uid != self.uid || meta.deletion_timestamp.is_some() {
            return Ok(Sent::Accepted);
        }
        let patch = ours.into_iter().fold(
            ObjectPatch::of(meta).at_this_version(),
            |patch, Replaced { key, was, .. }| match was {
                Some(was) => patch.annotate(&[(key, was)]),
                None => patch.remove_annotation(key),
            },
        );
        let projects: Api<Project> = Api::all(session.client().clone());
        match projects.patch(name, &writing(), &patch.build()).await {
            Ok(_) => Ok(Sent::Accepted),
            Err(error) => changed(format!("take back what was confirmed on project {name}"), error),
        }
    }
}

/// A version or UID that is not there any more is no failure; it has to be looked at again.
fn changed(doing: String, error: kube::Error) -> Outcome<Sent> {
    let error = RequestError::new(doing, error);
    if error.category() == Category::Conflict { Ok(Sent::Changed) } else { Err(error.into()) }
}
