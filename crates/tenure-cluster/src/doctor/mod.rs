//! Reading what [`tenure_core::doctor`] diagnoses: a Namespace that hangs, or would, and what
//! Tenure is installed of.
//!
//! Everything is read uncached, by whoever asks, in pages and not without end. What cannot be
//! read is told as unseen; nobody who looks for a cause is helped by an error about another.

mod backends;
mod controllers;
mod installation;
mod list;
mod namespace;
mod pods;
mod projects;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use tenure_core::Mode;
use tenure_core::contents::Unseen;
use tenure_core::doctor::Facts;

use crate::contents::short;
use crate::{Category, Cluster, Progress, RequestError};

/// Requests of one kind at once.
const AT_ONCE: usize = 8;

impl Cluster {
    /// The Namespaces that are terminating, by name.
    ///
    /// # Errors
    /// If Namespaces cannot be listed.
    pub async fn terminating(&self) -> Result<Vec<String>, RequestError> {
        let all: Vec<list::Meta> = self.list_everything("/api/v1/namespaces", "namespaces").await?;
        let going = all.into_iter().filter(|ns| ns.metadata.deletion_timestamp.is_some());
        Ok(going.filter_map(|ns| ns.metadata.name).collect())
    }

    /// Looks at everything that may hold a Namespace up; `None` if there is none of that name.
    ///
    /// # Errors
    /// If the Namespace itself cannot be read.
    pub async fn examine(
        &self,
        name: &str,
        progress: impl Fn(Progress) + Sync,
    ) -> Result<Option<Facts>, RequestError> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let reading = self.within(format!("read namespace {name}"), namespaces.get_opt(name));
        let Some(namespace) = reading.await? else { return Ok(None) };
        let mut facts = namespace::facts(&namespace, self.now());
        let labels = namespace.metadata.labels.unwrap_or_default();
        let objects = self.see_objects(&mut facts, &progress).await;
        let (apis, conversions, webhooks, pods, denials, syncs, workloads, project) = futures::join!(
            self.read_api_services(),
            self.read_conversions(),
            self.read_webhooks(&labels, &facts.kinds),
            self.read_pods(&facts),
            self.read_denials(name),
            self.read_syncs(name, &objects),
            self.read_workloads(&facts),
            self.has_project(name),
        );
        facts.beside_kargo = self.settings.mode == Mode::Companion;
        let unseen = &mut facts.unseen;
        facts.project = or_unseen(unseen, "projects.kargo.akuity.io", project.map(Some));
        facts.apis = or_unseen(unseen, "apiservices.apiregistration.k8s.io", apis);
        facts.conversions =
            or_unseen(unseen, "customresourcedefinitions.apiextensions.k8s.io", conversions);
        facts.webhooks =
            or_unseen(unseen, "webhookconfigurations.admissionregistration.k8s.io", webhooks);
        facts.pods = or_unseen(unseen, "pods", pods);
        facts.denials = or_unseen(unseen, "events", denials);
        facts.syncs = syncs;
        facts.workloads = or_unseen(unseen, "deployments.apps", workloads.map(Some));
        self.see_rights(&mut facts).await;
        facts.unseen.sort();
        facts.unseen.dedup();
        Ok(Some(facts))
    }
}

/// What was read; if it could not be, nothing, and that is told.
fn or_unseen<T: Default>(unseen: &mut Vec<Unseen>, kind: &str, read: Result<T, RequestError>) -> T {
    read.unwrap_or_else(|error| {
        unseen.push(told(kind, &error));
        T::default()
    })
}

fn told(kind: &str, error: &RequestError) -> Unseen {
    Unseen {
        kind: kind.to_owned(),
        why: short(&error.failure.to_string()),
        temporary: error.category() != Category::Refused,
    }
}
