//! Pods with their nodes and claims, and what Events say that was refused.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Event, Node, Pod as KubePod};
use kube::Api;
use tenure_core::doctor::{Denial, Facts, Pod};

use super::AT_ONCE;
use crate::contents::short;
use crate::{Cluster, RequestError};

/// Nodes that are looked at.
const MOST_NODES: usize = 100;
/// Denials that are told of.
const MOST_DENIALS: usize = 10;
/// Reasons of Events by which policy engines say that they refused something.
const REASONS: [&str; 4] =
    ["PolicyViolation", "FailedAdmission", "ConstraintViolation", "AdmissionDenied"];

impl Cluster {
    /// The pods of the Namespace, with what is known of their nodes.
    pub(super) async fn read_pods(&self, facts: &Facts) -> Result<Vec<Pod>, RequestError> {
        if !facts.kinds.contains("pods") {
            return Ok(Vec::new());
        }
        let path = format!("/api/v1/namespaces/{}/pods", facts.name);
        let read: Vec<KubePod> = self.list_everything(&path, "pods").await?;
        let mut pods: Vec<_> = read.into_iter().map(reduced).collect();
        let nodes: std::collections::BTreeSet<_> =
            pods.iter().filter(|pod| !pod.ended).filter_map(|pod| pod.node.clone()).collect();
        let reads = nodes.into_iter().take(MOST_NODES).map(|node| async move {
            let away = self.node_away(&node).await;
            (node, away)
        });
        let away: BTreeMap<_, _> =
            futures::stream::iter(reads).buffer_unordered(AT_ONCE).collect().await;
        for pod in &mut pods {
            pod.node_away = pod.node.as_ref().and_then(|node| away.get(node).cloned().flatten());
        }
        Ok(pods)
    }

    /// Why nothing is heard of a node; `None` if it is ready, or nobody can tell.
    async fn node_away(&self, name: &str) -> Option<String> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let node = match self.within(format!("read node {name}"), nodes.get_opt(name)).await {
            Ok(Some(node)) => node,
            Ok(None) => return Some("it does not exist".to_owned()),
            Err(error) => {
                tracing::debug!(%error, "what a node does is unknown");
                return None;
            }
        };
        let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
        match conditions.into_iter().find(|condition| condition.type_ == "Ready") {
            Some(ready) if ready.status == "True" => None,
            Some(ready) => {
                let why = ready.message.or(ready.reason).unwrap_or_default();
                Some(format!("Ready is {}: {why}", ready.status))
            }
            None => Some("nobody says that it is ready".to_owned()),
        }
    }

    /// What Events in the Namespace say that policy engines refused.
    pub(super) async fn read_denials(&self, name: &str) -> Result<Vec<Denial>, RequestError> {
        let path = format!("/api/v1/namespaces/{name}/events");
        let events: Vec<Event> = self.list_everything(&path, "events").await?;
        let denials = events.into_iter().filter(|event| {
            event.reason.as_deref().is_some_and(|reason| REASONS.contains(&reason))
        });
        Ok(denials.take(MOST_DENIALS).map(denial).collect())
    }
}

fn denial(event: Event) -> Denial {
    let about = event.involved_object;
    let source = event.source.and_then(|source| source.component);
    let by = event.reporting_component.filter(|by| !by.is_empty()).or(source);
    Denial {
        about: format!("{}/{}", about.kind.unwrap_or_default(), about.name.unwrap_or_default()),
        by: by.unwrap_or_else(|| "somebody".to_owned()),
        message: short(&event.message.unwrap_or_default()),
    }
}

fn reduced(pod: KubePod) -> Pod {
    let phase = pod.status.and_then(|status| status.phase).unwrap_or_default();
    let spec = pod.spec.unwrap_or_default();
    let volumes = spec.volumes.unwrap_or_default().into_iter();
    Pod {
        name: pod.metadata.name.unwrap_or_default(),
        ended: matches!(phase.as_str(), "Succeeded" | "Failed"),
        // The API server writes down when it has to be gone, grace included.
        gone_by: pod.metadata.deletion_timestamp.map(|time| time.0),
        node: spec.node_name.filter(|node| !node.is_empty()),
        node_away: None,
        claims: volumes
            .filter_map(|volume| volume.persistent_volume_claim)
            .map(|claim| claim.claim_name)
            .collect(),
    }
}
