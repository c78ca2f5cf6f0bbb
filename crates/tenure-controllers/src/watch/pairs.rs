//! Watches on Projects, on their Namespaces, and on the Projects' CustomResourceDefinition.

use std::collections::{BTreeSet, HashSet};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{Config, Event};
use kube::{Api, ResourceExt as _};
use tenure_api::{Project, namespace_facts, project_facts};
use tenure_cluster::Watched;
use tenure_core::keys;

use super::Watching;

impl Watching {
    pub(super) async fn projects(self) {
        let api: Api<Project> = Api::all(self.client.clone());
        let mut events = Box::pin(self.events(api, Config::default()));
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Event::Init => listed.clear(),
                Event::InitApply(project) => {
                    listed.insert(project.name_any());
                    self.project(&project);
                }
                Event::InitDone => {
                    for gone in self.store.project_names() {
                        if !listed.contains(&gone) && self.store.put_project(&gone, None) {
                            self.waker.wake(gone);
                        }
                    }
                    self.store.complete(Watched::Projects);
                    listed = HashSet::new();
                }
                Event::Apply(project) => self.project(&project),
                Event::Delete(project) => {
                    let name = project.name_any();
                    if self.store.remove_project(&name, &project.metadata) {
                        self.waker.wake(name);
                    }
                }
            }
            self.metrics.projects(self.store.project_count());
        }
    }

    fn project(&self, project: &Project) {
        let name = project.name_any();
        match project_facts(project, &self.settings) {
            Ok(facts) => {
                if self.store.put_project(&name, Some(&facts)) {
                    self.waker.wake(name);
                }
            }
            Err(error) => tracing::error!(project = name, %error, "a project cannot be read"),
        }
    }

    pub(super) async fn namespaces(self) {
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(self.client.clone());
        let ours = Config::default().labels(&format!("{}={}", keys::PROJECT_LABEL, keys::TRUE));
        let mut events = Box::pin(self.events(api, ours));
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Event::Init => listed.clear(),
                Event::InitApply(namespace) => {
                    listed.insert(namespace.name_any());
                    self.namespace(&namespace);
                }
                Event::InitDone => {
                    for gone in self.store.namespace_names() {
                        if !listed.contains(&gone) && self.store.put_namespace(&gone, None) {
                            self.waker.wake(gone);
                        }
                    }
                    self.store.complete(Watched::Namespaces);
                    listed = HashSet::new();
                }
                Event::Apply(namespace) => self.namespace(&namespace),
                Event::Delete(namespace) => {
                    // Gone, or without its label: which, only a read can tell.
                    let name = namespace.name_any();
                    if self.store.remove_namespace(&name, &namespace.metadata) {
                        self.waker.wake(name);
                    }
                }
            }
        }
    }

    fn namespace(&self, namespace: &PartialObjectMeta<Namespace>) {
        let name = namespace.name_any();
        match namespace_facts(&namespace.metadata) {
            Ok(facts) => {
                if self.store.put_namespace(&name, Some(&facts)) {
                    self.waker.wake(name);
                }
            }
            Err(error) => tracing::error!(namespace = name, %error, "a namespace cannot be read"),
        }
    }

    pub(super) async fn project_crd(self) {
        let api: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(self.client.clone());
        let only = Config::default().fields(&format!("metadata.name={}", keys::PROJECT_CRD));
        let mut events = Box::pin(self.events(api, only));
        while let Some(event) = events.next().await {
            let news = match event {
                Event::Init => false,
                Event::InitApply(crd) | Event::Apply(crd) => {
                    self.store.put_crd(Some(&crd.metadata))
                }
                Event::InitDone => {
                    self.store.complete(Watched::ProjectCrd);
                    false
                }
                Event::Delete(_) => self.store.put_crd(None),
            };
            if news {
                self.wake_all();
            }
        }
    }

    /// Watches the ServiceAccounts of Kargo's controllers: each reads credentials in every
    /// Project's Namespace, so a new one concerns all Projects.
    pub(super) async fn controllers(self) {
        let api: Api<PartialObjectMeta<ServiceAccount>> =
            Api::namespaced(self.client.clone(), &self.settings.kargo_namespace);
        let selector = format!("{}={}", keys::COMPONENT_LABEL, keys::COMPONENT_CONTROLLER);
        let mut events = Box::pin(self.events(api, Config::default().labels(&selector)));
        let mut names = BTreeSet::new();
        let mut listing = false;
        while let Some(event) = events.next().await {
            match event {
                Event::Init => {
                    names.clear();
                    listing = true;
                }
                Event::InitApply(account) | Event::Apply(account) => {
                    names.insert(account.name_any());
                }
                Event::Delete(account) => {
                    names.remove(&account.name_any());
                }
                Event::InitDone => listing = false,
            }
            if listing {
                continue;
            }
            if self.store.put_controllers(names.clone()) {
                self.wake_all();
            }
            self.store.complete(Watched::Controllers);
        }
    }
}
