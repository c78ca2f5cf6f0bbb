//! What must hold, judged by what the API server answered.
//!
//! A Namespace is *protected* at the version at which its deletion was accepted if
//! - it says so itself: keep-namespace other than `"false"`, a disposition, or a lien; or
//! - it is the Project's (recorded as its own, or labelled and without a record), and the Project
//!   says so from before the deletion was sent until it was accepted, by the same words or by a
//!   label that a policy selects; of one that is gone, if it said so when its deletion was let in,
//!   and to the end; or
//! - it is the Project's, and was adopted; or
//! - it is not the Project's, for whoever is not a person.
//!
//! Kargo deletes nothing, whether or not Tenure was asked about the Project's deletion.
//!
//! What a Project says is what it said before it was stamped. Once its deletion was let in, only who
//! goes around admission's rules can make it say more, and that may be heard by nobody. A word that
//! comes to the Project after the deletion of the Namespace was sent comes too late: no request can
//! hold for two objects.

use serde_json::Value;
use tenure_api::DeletionPlan;
use tenure_core::{keys, trail};

use super::bed::FLOOR;
use super::record::{Deleted, Record};
use super::turnstile::Actor;

/// What became of the two.
pub(crate) struct Left<'a> {
    pub(crate) project: Option<&'a Value>,
    pub(crate) namespace: Option<&'a Value>,
}

/// What does not hold.
pub(crate) fn judge(record: &Record, left: &Left<'_>) -> Vec<String> {
    let mut wrong = record.meddled.clone();
    for deleted in &record.deleted {
        wrong.extend(unprotected(record, deleted).err());
        wrong.extend(unplanned(record, deleted));
    }
    wrong.extend(unended(left));
    for (name, plan) in &record.plans {
        wrong.extend(unfinished(name, plan, left));
    }
    wrong
}

fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

/// What the object says that protects the Namespace.
fn says(object: &Value) -> Option<String> {
    let annotations = object["metadata"]["annotations"].as_object()?;
    let stamped = annotations.contains_key(keys::STAMP)
        && annotations.get(keys::KEEP_NAMESPACE).is_some_and(|keep| keep == keys::TRUE);
    let keep = if stamped { keys::STAMPED_OVER } else { keys::KEEP_NAMESPACE };
    annotations.iter().find_map(|(key, value)| {
        let protects = (key == keep && value != keys::FALSE)
            || key == keys::DISPOSITION
            || key.starts_with(keys::LIEN_PREFIX);
        protects.then(|| format!("{key}={value}"))
    })
}

/// Whether the Namespace is that Project's.
fn is_its(project: &Value, namespace: &Value) -> bool {
    let labelled = namespace["metadata"]["labels"][keys::PROJECT_LABEL] == keys::TRUE;
    match annotation(namespace, keys::PROJECT_UID) {
        Some(uid) => project["metadata"]["uid"] == uid,
        None => labelled,
    }
}

/// The versions of the Project whose the Namespace is recorded to be, from when its deletion was let
/// in; or where nobody held it, the last. Another of its name may have come and gone since.
fn let_in<'a>(
    versions: impl Iterator<Item = &'a Option<Value>>,
    namespace: &Value,
) -> Vec<&'a Value> {
    let recorded = annotation(namespace, keys::PROJECT_UID);
    let own = |project: &&Value| project["metadata"]["uid"].as_str() == recorded;
    let own: Vec<_> = versions.flatten().filter(own).collect();
    let going = |project: &&Value| project["metadata"]["deletionTimestamp"].is_string();
    let from = own.iter().position(going).unwrap_or(own.len().saturating_sub(1));
    own[from..].to_vec()
}

/// Whether nothing protected what was deleted: at no moment, while it could be asked.
fn unprotected(record: &Record, deleted: &Deleted) -> Result<(), String> {
    let Deleted { by, sent, accepted, namespace, .. } = deleted;
    let refuse = |why: String| Err(format!("{by:?} deleted the Namespace although {why}"));
    if let Some(word) = says(namespace) {
        return refuse(format!("it says {word}"));
    }
    // Whose it is not, is for people to delete.
    let free = matches!(by, Actor::User(_));
    let not_its = |why: &str| (!free).then(|| why.to_owned());
    let protects = |project: &Value| {
        let adopted = annotation(namespace, keys::ORIGIN) == Some("Adopted");
        let floor = project["metadata"]["labels"][FLOOR] == "retain";
        match is_its(project, namespace) {
            false => not_its("it is not the Project's"),
            true if adopted => Some("it was adopted".to_owned()),
            true if floor => Some("a policy keeps it".to_owned()),
            true => says(project).map(|word| format!("the Project says {word}")),
        }
    };
    let mut words = Vec::new();
    for version in *sent..=*accepted {
        match record.projects.get(version).and_then(Option::as_ref) {
            Some(stands) => words.push(protects(stands)),
            None => {
                let gone = let_in(record.projects.iter().take(version), namespace);
                words.extend(gone.is_empty().then(|| not_its("it is nobody's")));
                words.extend(gone.into_iter().map(protects));
            }
        }
    }
    match words.into_iter().collect::<Option<Vec<_>>>() {
        Some(words) => refuse(words.join(", then ")),
        None => Ok(()),
    }
}

/// Who deleted without a plan.
fn unplanned(record: &Record, deleted: &Deleted) -> Option<String> {
    let uid = &deleted.namespace["metadata"]["uid"];
    let by = deleted.by;
    match by {
        Actor::KargoProjects | Actor::KargoNamespaces => {
            Some(format!("{by:?} deleted the Namespace, which is for Tenure alone"))
        }
        Actor::Tenure(_) => {
            let planned = record.plans.values().any(|plan| {
                plan["spec"]["namespace"]["uid"] == *uid
                    && plan["spec"]["decision"]["disposition"] == "Delete"
            });
            if !planned {
                return Some(format!("{by:?} deleted a Namespace that no plan deletes"));
            }
            let off = deleted.called_off.iter().find(|name| {
                let plan = record.plans.get(*name);
                plan.is_some_and(|plan| plan["spec"]["namespace"]["uid"] == *uid)
            });
            off.map(|name| format!("{by:?} deleted what was called off by {name}"))
        }
        _ => None,
    }
}

/// What is left although everybody has come to rest.
fn unended(left: &Left<'_>) -> Vec<String> {
    let going = |object: &Value| object["metadata"]["deletionTimestamp"].is_string();
    let mut wrong = Vec::new();
    if let Some(project) = left.project {
        if going(project) {
            wrong.push("the Project hangs".to_owned());
        }
        let stamps = [keys::STAMP, keys::STAMPED_OVER];
        let stamp = stamps.into_iter().find(|key| annotation(project, key).is_some());
        wrong.extend(stamp.map(|key| format!("{key} is left on a Project that lives")));
    }
    if let Some(namespace) = left.namespace {
        if going(namespace) {
            wrong.push("the Namespace hangs".to_owned());
        }
        let records = [keys::PROJECT_UID, keys::ORIGIN, keys::LEDGER];
        let nobodys = left.project.is_none();
        let ours = records.into_iter().filter(|_| nobodys).chain([keys::LEAVE]);
        let key = ours.into_iter().find(|key| annotation(namespace, key).is_some());
        wrong.extend(key.map(|key| format!("{key} is left on the Namespace")));
    }
    wrong
}

/// What is wrong with a plan.
fn unfinished(name: &str, plan: &Value, left: &Left<'_>) -> Option<String> {
    let parsed: DeletionPlan = match serde_json::from_value(plan.clone()) {
        Ok(parsed) => parsed,
        Err(error) => return Some(format!("plan {name} cannot be read: {error}")),
    };
    let facts = match parsed.facts() {
        Ok(facts) => facts,
        Err(error) => return Some(format!("plan {name} cannot be read: {error}")),
    };
    if let Err(fault) = trail::verify(&facts.name, &facts.status.history) {
        return Some(format!("the history of plan {name} does not hold: {fault}"));
    }
    let phase = facts.status.phase;
    if !phase.is_final() {
        return Some(format!("plan {name} is left {}: {:?}", phase.as_str(), facts.status.waiting));
    }
    let stands = left
        .namespace
        .is_some_and(|namespace| namespace["metadata"]["uid"] == facts.namespace_uid.as_str());
    let deleted = phase.as_str() == "Done" && facts.disposition == tenure_core::Disposition::Delete;
    (deleted && stands).then(|| format!("plan {name} says that it deleted what stands"))
}
