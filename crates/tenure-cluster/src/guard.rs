//! Whether the API server asks Tenure before it deletes: tried, not believed.

use k8s_openapi::api::core::v1::{Namespace, ObjectReference};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{DeleteParams, PostParams, PropagationPolicy};
use kube::core::ObjectMeta;
use tenure_api::install::{CANARY, NAME};
use tenure_api::webhooks::CANARY_REFUSAL;
use tenure_core::keys;

use crate::RequestError;
use crate::error::Failure;
use crate::gather::Cluster;

/// The condition of a pod that says whether deletions are guarded.
const GUARD_EFFECTIVE: &str = "tenure.dev/GuardEffective";

/// Whether deletions are guarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// What has to be refused is refused, and what has to pass passes.
    Effective,
    /// It is not so; why.
    Ineffective(String),
}

impl Cluster {
    /// Tries, in dry runs, a deletion that Tenure has to refuse, and one that it has to let pass.
    ///
    /// # Errors
    /// If nobody knows, for the API server does not answer.
    pub async fn try_guard(&self) -> Result<Guard, RequestError> {
        let refused = match self.try_canary(PropagationPolicy::Background).await {
            Ok(()) => Some("a deletion that has to be refused would pass".to_owned()),
            Err(Failure::Refused(status)) if status.message.contains(CANARY_REFUSAL) => None,
            Err(Failure::Refused(status)) => Some(status.message.clone()),
            Err(failure) => return Err(doing(failure)),
        };
        if let Some(why) = refused {
            return Ok(Guard::Ineffective(why));
        }
        match self.try_canary(PropagationPolicy::Orphan).await {
            Ok(()) => Ok(Guard::Effective),
            Err(Failure::Refused(status)) => Ok(Guard::Ineffective(format!(
                "a deletion that has to pass would be refused: {}",
                status.message
            ))),
            Err(failure) => Err(doing(failure)),
        }
    }

    async fn try_canary(&self, policy: PropagationPolicy) -> Result<(), Failure> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let dry =
            DeleteParams { dry_run: true, propagation_policy: Some(policy), ..Default::default() };
        let tried = self.within("try the guard", namespaces.delete(CANARY, &dry)).await;
        tried.map(drop).map_err(|error| error.failure)
    }

    /// Shows on the pod that this is whether deletions are guarded; if not, why.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn show_guard(&self, pod: &str, why_not: Option<&str>) -> Result<(), RequestError> {
        let reason = match why_not {
            None => "CanaryRefused",
            Some(_) => "CanaryNotRefused",
        };
        let why = why_not.unwrap_or_default();
        self.show(pod, GUARD_EFFECTIVE, why_not.is_none(), reason, why).await
    }

    /// Tells people, by an Event about the canary, that deletions are not guarded.
    pub async fn tell_of_guard(&self, why: &str) {
        let mut note = format!("deletions are not guarded by admission: {why}");
        note.truncate(note.floor_char_boundary(1000));
        let event = Event {
            metadata: ObjectMeta {
                generate_name: Some(format!("{CANARY}.")),
                namespace: Some("default".to_owned()),
                ..Default::default()
            },
            action: Some("Guard".to_owned()),
            event_time: Some(MicroTime(jiff::Timestamp::now())),
            note: Some(note),
            reason: Some("GuardIneffective".to_owned()),
            regarding: Some(ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Namespace".to_owned()),
                name: Some(CANARY.to_owned()),
                ..Default::default()
            }),
            reporting_controller: Some(format!("tenure.dev/{}", keys::FIELD_MANAGER)),
            reporting_instance: Some(NAME.to_owned()),
            type_: Some("Warning".to_owned()),
            ..Default::default()
        };
        let api: Api<Event> = Api::namespaced(self.client.clone(), "default");
        let params = PostParams::default();
        let telling = self.within("tell of the guard", api.create(&params, &event));
        if let Err(error) = telling.await {
            tracing::warn!(%error, "an event was not published");
        }
    }
}

fn doing(failure: Failure) -> RequestError {
    RequestError { doing: "try the guard".to_owned(), failure }
}
