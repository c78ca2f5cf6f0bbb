//! Kubernetes Events about the deletion of a Project: what was decided, that it began, how it
//! ended.
//!
//! They live in `default`, for a terminating namespace refuses new ones. Their names follow from
//! the Project's UID, so that a second controller, or the same one after a crash, says nothing
//! twice. They are a courtesy: that one could not be written is logged and changes nothing.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use kube::{Api, Resource};
use tenure_api::Project;
use tenure_core::{ProjectFacts, keys};

use crate::gather::Cluster;

/// Longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Something to tell people about the deletion of a Project.
#[derive(Clone, Debug)]
pub struct Notice {
    /// CamelCase reason; of each, one Event is published of one Project.
    pub reason: &'static str,
    /// The note.
    pub note: String,
    /// Whether something is probably not as somebody meant it.
    pub warning: bool,
}

impl Cluster {
    /// Publishes an Event about a Project.
    pub async fn publish(&self, name: &str, project: &ProjectFacts, notice: &Notice) {
        let api: Api<Event> = Api::namespaced(self.client.clone(), "default");
        let event = event(name, project, notice);
        let doing = format!("publish event {}", notice.reason);
        match self.within(doing, api.create(&PostParams::default(), &event)).await {
            Ok(_) => {}
            Err(error) if error.category() == crate::Category::Conflict => {}
            Err(error) => tracing::warn!(project = name, %error, "an event was not published"),
        }
    }
}

fn event(name: &str, project: &ProjectFacts, notice: &Notice) -> Event {
    // A decision that is taken anew, because something changed, is news.
    let what = notice.reason.to_ascii_lowercase();
    let mut note = notice.note.clone();
    if note.len() > LONGEST_NOTE {
        note.truncate(note.floor_char_boundary(LONGEST_NOTE - '…'.len_utf8()));
        note.push('…');
    }
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{name}.{}.{what}", project.uid)),
            namespace: Some("default".to_owned()),
            ..Default::default()
        },
        action: Some("Delete".to_owned()),
        event_time: Some(MicroTime(jiff::Timestamp::now())),
        note: Some(note),
        reason: Some(notice.reason.to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(Project::api_version(&()).into_owned()),
            kind: Some("Project".to_owned()),
            name: Some(name.to_owned()),
            uid: Some(project.uid.to_string()),
            ..Default::default()
        }),
        reporting_controller: Some(format!("tenure.dev/{}", keys::FIELD_MANAGER)),
        reporting_instance: Some(keys::FIELD_MANAGER.to_owned()),
        type_: Some(if notice.warning { "Warning" } else { "Normal" }.to_owned()),
        ..Default::default()
    }
}
