//! The status of a Project, and how it is written: a merge patch of what changed in it, with the
//! conditions as one list.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::Patch;
use serde_json::{Map, Value, json};
use tenure_api::{Project, ProjectStatus};

use super::{Kargo, patching};

pub(super) const READY: &str = "Ready";
pub(super) const RECONCILING: &str = "Reconciling";
pub(super) const STALLED: &str = "Stalled";

/// Sets a condition. One that was there keeps its place and the time of its last transition,
/// even if its status changes.
pub(super) fn set(project: &mut Project, kind: &str, status: bool, reason: &str, message: String) {
    let generation = project.metadata.generation;
    let conditions = &mut project.status.get_or_insert_default().conditions;
    let known = conditions.iter_mut().find(|condition| condition.type_ == kind);
    let since = known.as_ref().map(|condition| condition.last_transition_time.clone());
    let condition = Condition {
        type_: kind.to_owned(),
        status: if status { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: generation,
        last_transition_time: since.unwrap_or_else(this_second),
    };
    match known {
        Some(known) => *known = condition,
        None => conditions.push(condition),
    }
}

/// Takes a condition away.
pub(super) fn remove(project: &mut Project, kind: &str) {
    let conditions = &mut project.status.get_or_insert_default().conditions;
    conditions.retain(|condition| condition.type_ != kind);
}

/// Whether the condition is true.
pub(super) fn is_true(project: &Project, kind: &str) -> bool {
    let conditions = project.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|condition| condition.type_ == kind && condition.status == "True")
}

/// A time as it comes back from the API server.
fn this_second() -> Time {
    let now = Timestamp::now();
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

impl Kargo {
    /// Writes that status, if it differs from the one that is known of the Project.
    pub(super) async fn patch_status(
        &self,
        project: &mut Project,
        status: Option<&ProjectStatus>,
    ) -> kube::Result<()> {
        let known = json!(project.status.clone().unwrap_or_default());
        let changes = changes(&known, &json!(status.cloned().unwrap_or_default()));
        if changes.is_empty() {
            return Ok(());
        }
        let patch = Patch::Merge(json!({ "status": changes }));
        let name = project.name_any();
        *project = self.cluster::<Project>().patch_status(&name, &patching(), &patch).await?;
        Ok(())
    }
}

/// The merge patch from one object to another.
fn changes(old: &Value, new: &Value) -> Map<String, Value> {
    let (empty_old, empty_new) = (Map::new(), Map::new());
    let old = old.as_object().unwrap_or(&empty_old);
    let new = new.as_object().unwrap_or(&empty_new);
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key, Value::Null));
    let changed = new.iter().filter_map(|(key, value)| match old.get(key) {
        Some(before) if before == value => None,
        Some(before) if before.is_object() && value.is_object() => {
            Some((key, Value::Object(changes(before, value))))
        }
        _ => Some((key, value.clone())),
    });
    gone.chain(changed).map(|(key, value)| (key.clone(), value)).collect()
}
