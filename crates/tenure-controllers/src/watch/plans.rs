//! Watches on plans, policies and the breaker.

use std::collections::HashMap;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::ApiResource;
use kube::runtime::watcher::{Config, Event};
use kube::{Api, ResourceExt as _};
use tenure_api::install::BREAKER;
use tenure_api::{DeletionPlan, DeletionPolicy};
use tenure_cluster::{Watched, project_of_plan};
use tenure_core::policy::Policy;

use super::{Untyped, Watching};

/// Plans per page of the first list: each may be as large as etcd lets it be.
const PAGE: u32 = 20;

impl Watching {
    /// Watches plans: one that people agree to, or that nobody ends, concerns its Project; and
    /// when deletions began is what the breaker counts.
    pub(super) async fn plans(self) {
        // One plan that cannot be read, written by another version perhaps, must not hide the rest.
        let api: Api<Untyped> =
            Api::all_with(self.client.clone(), &ApiResource::erase::<DeletionPlan>(&()));
        let mut events = Box::pin(self.pages(api, Config::default(), PAGE));
        while let Some(event) = events.next().await {
            match event {
                Event::Init => {}
                Event::InitApply(plan) | Event::Apply(plan) => self.plan(plan),
                Event::InitDone => self.store.complete(Watched::Plans),
                Event::Delete(plan) => {
                    if let Some((project, uid)) = project_of_plan(&plan.metadata) {
                        self.store.remove_plan(project, &uid);
                    }
                }
            }
        }
    }

    fn plan(&self, object: Untyped) {
        let name = object.name_any();
        let read = object.try_parse::<DeletionPlan>().map_err(|error| error.to_string());
        let read = read.and_then(|plan| {
            let facts = plan.facts().map_err(|error| error.to_string())?;
            Ok((plan.spec.project.name, facts))
        });
        match read {
            Ok((project, facts)) if self.store.put_plan(&project, &facts) => {
                self.waker.wake(project);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(plan = name, error, "a plan cannot be read"),
        }
    }

    /// Watches policies: each concerns every Project, for any may match.
    pub(super) async fn policies(self) {
        let api: Api<DeletionPolicy> = Api::all(self.client.clone());
        let mut events = Box::pin(self.events(api, Config::default()));
        let mut policies: HashMap<String, Policy> = HashMap::new();
        let mut listing = false;
        while let Some(event) = events.next().await {
            match event {
                Event::Init => {
                    policies.clear();
                    listing = true;
                }
                Event::InitApply(policy) | Event::Apply(policy) => match policy.facts() {
                    Ok(facts) => drop(policies.insert(policy.name_any(), facts)),
                    Err(error) => {
                        tracing::error!(policy = policy.name_any(), %error, "a policy cannot be read");
                    }
                },
                Event::InitDone => listing = false,
                Event::Delete(policy) => drop(policies.remove(&policy.name_any())),
            }
            if listing {
                continue;
            }
            let mut all: Vec<_> = policies.values().cloned().collect();
            all.sort_by(|a, b| a.name.cmp(&b.name));
            if self.store.put_policies(all) {
                self.wake_all();
            }
            self.store.complete(Watched::Policies);
        }
    }

    /// Watches the breaker: when it is closed, what waited for it goes on.
    pub(super) async fn breaker(self) {
        let api: Api<ConfigMap> =
            Api::namespaced(self.client.clone(), &self.settings.tenure_namespace);
        let only = Config::default().fields(&format!("metadata.name={BREAKER}"));
        let mut events = Box::pin(self.events(api, only));
        let mut found = false;
        while let Some(event) = events.next().await {
            let news = match event {
                Event::Init => {
                    found = false;
                    false
                }
                Event::InitApply(map) | Event::Apply(map) => {
                    found = true;
                    self.store.put_breaker(Some(&map))
                }
                Event::InitDone => {
                    self.store.complete(Watched::Breaker);
                    !found && self.store.put_breaker(None)
                }
                Event::Delete(_) => self.store.put_breaker(None),
            };
            if news {
                let waiting = self.store.unfinished_projects();
                waiting.into_iter().for_each(|name| self.waker.wake(name));
            }
        }
    }
}
