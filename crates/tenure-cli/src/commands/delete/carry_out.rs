//! The writes: what is confirmed and chosen on the Project, and its deletion, at the very version
//! that was read.

use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use tenure_api::Project;
use tenure_cluster::{Category, ObjectPatch, RequestError};
use tenure_core::keys;

use super::prepare::Prepared;
use crate::exit::{Failure, Outcome};
use crate::session::{FIELD_MANAGER, Session};

/// What is sent.
pub(super) enum Sent {
    /// The API server took it.
    Accepted,
    /// The Project changed since it was read; nothing was deleted.
    Changed,
}

/// Writes what is to be written and asks for the deletion.
pub(super) async fn carry_out(prepared: &Prepared, session: &Session, dry: bool) -> Outcome<Sent> {
    let projects: Api<Project> = Api::all(session.client().clone());
    let (name, world) = (&prepared.look.name, &prepared.look.world);
    let Some(read) = world.project() else {
        return Err(Failure::error(format!("project/{name} is not there")));
    };
    let project = projects.get_opt(name).await;
    let project = project.map_err(|e| Failure::of_request(&format!("read project {name}"), &e))?;
    let same = |project: &Project| {
        let meta = &project.metadata;
        meta.uid.as_deref() == Some(read.uid.as_str())
            && meta.resource_version.as_deref() == Some(read.resource_version.as_str())
    };
    let Some(mut project) = project.filter(same) else { return Ok(Sent::Changed) };
    let disposition = prepared.writes.disposition.map(|d| d.to_string());
    let confirm = prepared.writes.confirm.as_ref().map(ToString::to_string);
    let stands = |key: &str| project.metadata.annotations.as_ref()?.get(key).cloned();
    let wanted: Vec<(&str, &str)> = [(keys::DISPOSITION, &disposition), (keys::CONFIRM, &confirm)]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.as_deref()?)))
        .filter(|(key, value)| stands(key).as_deref() != Some(value))
        .collect();
    if !wanted.is_empty() {
        let patch: Patch<()> =
            ObjectPatch::of(&project.metadata).at_this_version().annotate(&wanted).build();
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            dry_run: dry,
            ..Default::default()
        };
        match projects.patch(name, &params, &patch).await {
            Ok(_) if dry => {}
            Ok(patched) => project = patched,
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

/// A version or UID that is not there any more is no failure; it has to be looked at again.
fn changed(doing: String, error: kube::Error) -> Outcome<Sent> {
    let error = RequestError::new(doing, error);
    if error.category() == Category::Conflict { Ok(Sent::Changed) } else { Err(error.into()) }
}
