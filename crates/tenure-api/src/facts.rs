//! From Kubernetes objects to the facts that decisions are made by.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::Resource as _;
use serde_json::Value;
use tenure_core::contents::{Kind, Manager, attribute};
use tenure_core::plan::PlanDigest;
use tenure_core::status::Condition;
use tenure_core::{
    Cancel, Ledger, Mode, NamespaceFacts, Origin, ProjectFacts, ResourceVersion, Settings, Stamp,
    Statements, Uid, keys,
};

use crate::{Project, marks};

/// An object lacks what every object that was read from an API server has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API server returned an object without {0}")]
pub struct FactsError(pub(crate) &'static str);

/// Managers whose writing of the project label means that the Namespace came with its Project.
const CONTROLLERS: [&str; 2] = ["kargo", keys::FIELD_MANAGER];

/// Reduces a Project to its facts.
///
/// # Errors
/// If it lacks what only the API server gives an object.
pub fn project_facts(project: &Project, settings: &Settings) -> Result<ProjectFacts, FactsError> {
    let meta = &project.metadata;
    let status = project.status.as_ref();
    Ok(ProjectFacts {
        uid: uid(meta)?,
        resource_version: version(meta)?,
        generation: meta.generation.unwrap_or_default(),
        created: created(meta)?,
        deleting: meta.deletion_timestamp.as_ref().map(|time| time.0),
        finalizer: has_finalizer(meta),
        statements: project_statements(meta),
        bound_by_annotation: annotation(meta, keys::NAMESPACE_UID).map(Uid::new),
        labels: map(meta.labels.as_ref()).clone(),
        managers: managers(meta, settings),
        confirm: annotation(meta, keys::CONFIRM).map(PlanDigest::new),
        cancel: Cancel::read(annotation(meta, keys::CANCEL)),
        restored_from: annotation(meta, keys::RESTORED_FROM).map(Uid::new),
        stamp: stamp(meta),
        keeps: keeps(meta),
        conditions: status
            // Where Kargo writes the status, what Tenure once wrote there has grown old.
            .filter(|_| settings.mode == Mode::Standalone)
            .map(|status| status.conditions.iter().map(condition).collect())
            .unwrap_or_default(),
        stats: status.and_then(|status| status.stats.as_ref()).map(Into::into),
    })
}

/// Reduces a Namespace's metadata to its facts.
///
/// # Errors
/// If it lacks what only the API server gives an object.
pub fn namespace_facts(meta: &ObjectMeta) -> Result<NamespaceFacts, FactsError> {
    Ok(NamespaceFacts {
        uid: uid(meta)?,
        resource_version: version(meta)?,
        created: created(meta)?,
        deleting: meta.deletion_timestamp.as_ref().map(|time| time.0),
        labelled: map(meta.labels.as_ref())
            .get(keys::PROJECT_LABEL)
            .is_some_and(|value| value == keys::TRUE),
        labelled_by_controller: labelled_by_controller(meta),
        finalizer: has_finalizer(meta),
        leave: annotation(meta, keys::LEAVE).is_some(),
        owner_reference: owner_reference(meta).is_some(),
        statements: statements(meta),
        labels: map(meta.labels.as_ref()).clone(),
        project_uid: annotation(meta, keys::PROJECT_UID).map(Uid::new),
        origin: annotation(meta, keys::ORIGIN).map(Origin::parse),
        ledger: annotation(meta, keys::LEDGER).map(Ledger::parse),
    })
}

/// Whether a Warehouse or Stage is healthy; `None` for a Stage that only directs freight, which
/// has no health and is not counted.
pub fn health_of(kind: &str, object: &Value) -> Option<bool> {
    if kind == "Stage" {
        let steps = object.pointer("/spec/promotionTemplate/spec/steps");
        steps.and_then(Value::as_array).filter(|steps| !steps.is_empty())?;
    }
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let healthy = |c: &Value| c["type"] == "Healthy" && c["status"] == "True";
    Some(conditions.is_some_and(|conditions| conditions.iter().any(healthy)))
}

/// Where among the ownerReferences one of the Project of that name stands.
pub fn owner_reference(meta: &ObjectMeta) -> Option<usize> {
    let prefix = format!("{}/", keys::KARGO_GROUP);
    meta.owner_references.iter().flatten().position(|owner| {
        owner.kind == "Project"
            && owner.api_version.starts_with(&prefix)
            && Some(&owner.name) == meta.name.as_ref()
    })
}

fn has_finalizer(meta: &ObjectMeta) -> bool {
    meta.finalizers.iter().flatten().any(|finalizer| finalizer == keys::FINALIZER)
}

fn uid(meta: &ObjectMeta) -> Result<Uid, FactsError> {
    meta.uid.as_deref().map(Uid::new).ok_or(FactsError("metadata.uid"))
}

fn version(meta: &ObjectMeta) -> Result<ResourceVersion, FactsError> {
    let version = meta.resource_version.as_deref();
    version.map(ResourceVersion::new).ok_or(FactsError("metadata.resourceVersion"))
}

fn created(meta: &ObjectMeta) -> Result<jiff::Timestamp, FactsError> {
    let created = meta.creation_timestamp.as_ref();
    created.map(|time| time.0).ok_or(FactsError("metadata.creationTimestamp"))
}

fn map(entries: Option<&BTreeMap<String, String>>) -> &BTreeMap<String, String> {
    static EMPTY: BTreeMap<String, String> = BTreeMap::new();
    entries.unwrap_or(&EMPTY)
}

fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    map(meta.annotations.as_ref()).get(key).map(String::as_str)
}

fn statements(meta: &ObjectMeta) -> Statements {
    Statements::read(map(meta.annotations.as_ref()), map(meta.labels.as_ref()))
}

/// What the Project's annotations say, but for what Tenure's stamp says in their place.
fn project_statements(meta: &ObjectMeta) -> Statements {
    Statements::read(&unstamped(meta), map(meta.labels.as_ref()))
}

/// The annotations of a Project as they were before it was stamped. What somebody has written over the
/// stamp since, or applied as their own, they meant.
pub fn unstamped(meta: &ObjectMeta) -> BTreeMap<String, String> {
    let mut annotations = map(meta.annotations.as_ref()).clone();
    let before = annotations.remove(keys::STAMPED_OVER);
    let stamped = annotations.remove(keys::STAMP).is_some();
    let others = |entry: &ManagedFieldsEntry| entry.manager.as_deref() != Some(keys::FIELD_MANAGER);
    let meant = || written(meta, "annotations", keys::KEEP_NAMESPACE).any(others);
    if stamped && keeps(meta) && !meant() {
        annotations.remove(keys::KEEP_NAMESPACE);
        annotations.extend(before.map(|value| (keys::KEEP_NAMESPACE.to_owned(), value)));
    }
    annotations
}

/// Who wrote that label or annotation as it is, and when, by `managedFields`; `among` is `labels` or
/// `annotations`.
pub fn written<'a>(
    meta: &'a ObjectMeta,
    among: &str,
    key: &str,
) -> impl Iterator<Item = &'a ManagedFieldsEntry> {
    let field = format!("/f:metadata/f:{among}/f:{}", key.replace('/', "~1"));
    meta.managed_fields.iter().flatten().filter(move |entry| {
        entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer(&field).is_some())
    })
}

fn keeps(meta: &ObjectMeta) -> bool {
    annotation(meta, keys::KEEP_NAMESPACE) == Some(keys::TRUE)
}

/// The stamp, and when it was written, as far as `managedFields` tell; else it is as old as the
/// Project.
fn stamp(meta: &ObjectMeta) -> Option<Stamp> {
    let plan = annotation(meta, keys::STAMP)?.to_owned();
    let written = written(meta, "annotations", keys::STAMP);
    let at = written.filter_map(|entry| Some(entry.time.as_ref()?.0)).max();
    let at = at.or_else(|| Some(meta.creation_timestamp.as_ref()?.0)).unwrap_or_default();
    Some(Stamp { plan, at })
}

/// Who manages the Project.
pub(crate) fn managers(meta: &ObjectMeta, settings: &Settings) -> BTreeSet<Manager> {
    let kind = Kind::new(
        &Project::group(&()),
        &Project::version(&()),
        &Project::kind(&()),
        &Project::plural(&()),
    );
    attribute(&marks(&kind, meta), settings).managers()
}

fn labelled_by_controller(meta: &ObjectMeta) -> bool {
    let controllers = |entry: &ManagedFieldsEntry| {
        entry.manager.as_deref().is_some_and(|manager| CONTROLLERS.contains(&manager))
    };
    written(meta, "labels", keys::PROJECT_LABEL).any(controllers)
}

fn condition(condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition) -> Condition {
    Condition {
        kind: condition.type_.clone(),
        status: condition.status == "True",
        reason: condition.reason.clone(),
        message: condition.message.clone(),
        observed_generation: condition.observed_generation,
    }
}
