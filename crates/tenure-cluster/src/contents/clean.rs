//! Deleting what a Namespace is to be cleaned of, a wave at a time.

use futures::StreamExt as _;
use http::HeaderValue;
use http::header::ACCEPT;
use kube::api::{DeleteParams, Preconditions};
use kube::core::Request;
use serde::{Deserialize, Serialize};
use tenure_core::contents::clean::{Cleaning, Remaining, Selection, Target, Wave};

use super::list::path;
use super::{AT_ONCE, Selected, short};
use crate::{Category, Cluster, RequestError};

/// Metadata only, unless a server behind the API server cannot leave the rest out.
const METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/// Most refusals that are named.
const MOST_NAMED: usize = 50;

/// What came of asking a wave to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// How many objects were asked to go, and accepted, or were gone or replaced already.
    pub asked: u64,
    /// How many may not be deleted, or gave no certain answer.
    pub refused: u64,
    /// Some of them.
    pub refusals: Vec<Refusal>,
    /// What is still there, of all waves.
    pub remaining: Remaining,
}

/// Why an object was not deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The object, as `stages.kargo.akuity.io/prod`.
    pub object: String,
    /// Why not.
    pub why: String,
    /// Whether it may be different next time.
    pub temporary: bool,
}

impl Cluster {
    /// Reads what is left of what a Namespace is to be cleaned of.
    ///
    /// # Errors
    /// If it cannot even be read which kinds are served. Kinds that cannot be listed are
    /// [`Remaining::unseen`].
    pub async fn read_remaining(
        &self,
        namespace: &str,
        cleaning: &Cleaning,
    ) -> Result<Remaining, RequestError> {
        Ok(self.select(namespace, cleaning).await?.remaining())
    }

    /// Asks what belongs to a wave to go, as it is found now: each object by its UID, and what it
    /// owns after it. Whoever calls it again until nothing remains need not remember anything.
    ///
    /// # Errors
    /// If it cannot even be read which kinds are served.
    pub async fn delete_wave(
        &self,
        namespace: &str,
        cleaning: &Cleaning,
        wave: Wave,
    ) -> Result<Cleaned, RequestError> {
        let selection = self.select(namespace, cleaning).await?;
        let targets: Vec<Target> = selection.to_ask(wave).cloned().collect();
        if targets.is_empty() {
            return Ok(Cleaned { remaining: selection.remaining(), ..Cleaned::default() });
        }
        let mut cleaned = Cleaned::default();
        let mut answers = futures::stream::iter(targets)
            .map(|target| async move {
                let answer = self.delete(namespace, &target).await;
                (target, answer)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((target, answer)) = answers.next().await {
            let Err(error) = answer else {
                cleaned.asked += 1;
                continue;
            };
            tracing::warn!(%error, "what is to be cleaned away stays");
            cleaned.refused += 1;
            if cleaned.refusals.len() < MOST_NAMED {
                cleaned.refusals.push(Refusal {
                    object: format!("{}/{}", target.kind, target.name),
                    why: short(&error.failure.to_string()),
                    temporary: error.category() != Category::Refused,
                });
            }
        }
        drop(answers);
        cleaned.remaining = self.read_remaining(namespace, cleaning).await?;
        Ok(cleaned)
    }

    async fn select(
        &self,
        namespace: &str,
        cleaning: &Cleaning,
    ) -> Result<Selection, RequestError> {
        let selected = Selected {
            kind: &|kind| cleaning.concerns(kind),
            group: &|group| cleaning.concerns_group(group),
        };
        let there = self.collect(namespace, &selected, &|_| {}).await?;
        Ok(cleaning.select(there))
    }

    async fn delete(&self, namespace: &str, target: &Target) -> Result<(), RequestError> {
        let doing = format!("delete {}/{} in {namespace}", target.kind, target.name);
        let uid = Some(target.uid.to_string());
        let params = DeleteParams::background()
            .preconditions(Preconditions { uid, ..Preconditions::default() });
        let mut request = Request::new(path(namespace, &target.kind))
            .delete(&target.name, &params)
            .map_err(|error| RequestError::new(doing.as_str(), kube::Error::BuildRequest(error)))?;
        // An object that stays for its finalizers is answered with, and it may be a Secret.
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(METADATA));
        match self.within(doing, self.client.request_text(request)).await {
            Ok(_) => Ok(()),
            // Gone, or another of its name has come: the next look will tell.
            Err(error) if error.category() == Category::Conflict => Ok(()),
            Err(error) => Err(error),
        }
    }
}
