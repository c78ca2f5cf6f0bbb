//! What the stand-in knows: a shelf of objects for each kind, as old as whoever fills it lets it be.
//!
//! Watches fill the shelves, or a test does by hand. A name can be frozen on a shelf: what comes
//! of it is held back until it is thawed.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tenure_api::Project;
use tenure_core::access::cluster_role_name;
use tenure_core::keys;
use tokio::sync::mpsc::UnboundedSender;

/// Namespace, or nothing, and name.
pub(super) type Key = (String, String);

/// Where an object of that metadata stands.
pub(super) fn key_of(object: &impl Resource) -> Key {
    let meta = object.meta();
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

/// Objects of one kind, as they were when they were last told of.
#[derive(Debug)]
pub struct Shelf<K>(Mutex<State<K>>);

#[derive(Debug)]
struct State<K> {
    objects: BTreeMap<Key, K>,
    /// What came of names that are frozen: nothing, or the object, or that it is gone.
    frozen: HashMap<Key, Option<Option<K>>>,
    /// Who wants to be told the names of what came.
    listener: Option<UnboundedSender<String>>,
}

impl<K> Default for Shelf<K> {
    fn default() -> Self {
        let state = State { objects: BTreeMap::new(), frozen: HashMap::new(), listener: None };
        Self(Mutex::new(state))
    }
}

impl<K: Clone> Shelf<K> {
    /// What is known of that name. Of a kind without namespaces.
    pub fn get(&self, name: &str) -> Option<K> {
        self.get_in("", name)
    }

    /// Holds back from now on what comes of that name. Of a kind without namespaces.
    pub fn freeze(&self, name: &str) {
        self.lock().frozen.entry((String::new(), name.to_owned())).or_default();
    }

    /// Puts in what was held back last, and holds back no more.
    pub fn thaw(&self, name: &str) {
        let key = (String::new(), name.to_owned());
        let held = self.lock().frozen.remove(&key);
        if let Some(Some(last)) = held {
            self.put(key, last);
        }
    }

    pub(super) fn get_in(&self, namespace: &str, name: &str) -> Option<K> {
        self.lock().objects.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    pub(super) fn all_in(&self, namespace: &str) -> Vec<K> {
        let state = self.lock();
        let of = state.objects.iter().filter(|((of, _), _)| of == namespace);
        of.map(|(_, object)| object.clone()).collect()
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.lock().objects.keys().cloned().collect()
    }

    /// A watch tells what has become of an object.
    pub(super) fn deliver(&self, key: Key, object: Option<K>) {
        if let Some(held) = self.lock().frozen.get_mut(&key) {
            *held = Some(object);
            return;
        }
        self.put(key, object);
    }

    /// Puts it in, frozen or not. Whoever listens is told of what is there, not of what is gone.
    fn put(&self, key: Key, object: Option<K>) {
        let mut state = self.lock();
        match object {
            None => drop(state.objects.remove(&key)),
            Some(object) => {
                if let Some(listener) = &state.listener {
                    // Nobody may listen any more.
                    let _ = listener.send(key.1.clone());
                }
                state.objects.insert(key, object);
            }
        }
    }

    /// Replaces everything in that namespace by what was just listed there.
    fn replace_in(&self, namespace: &str, objects: Vec<K>)
    where
        K: Resource,
    {
        self.lock().objects.retain(|(of, _), _| of != namespace);
        for object in objects {
            self.put(key_of(&object), Some(object));
        }
    }

    pub(super) fn listen(&self, listener: UnboundedSender<String>) {
        self.lock().listener = Some(listener);
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that the stand-in knows of the cluster. It reads nothing else.
#[derive(Debug, Default)]
pub struct Shelves {
    /// Projects.
    pub projects: Shelf<Project>,
    /// Namespaces.
    pub namespaces: Shelf<Namespace>,
    pub(super) accounts: Shelf<ServiceAccount>,
    pub(super) roles: Shelf<Role>,
    pub(super) role_bindings: Shelf<RoleBinding>,
    pub(super) cluster_roles: Shelf<ClusterRole>,
    pub(super) cluster_role_bindings: Shelf<ClusterRoleBinding>,
    pub(super) warehouses: Shelf<DynamicObject>,
    pub(super) stages: Shelf<DynamicObject>,
}

/// The shelves, and the means to fill them by hand.
pub struct Cache {
    client: Client,
    kargo_namespace: String,
    shelves: Shelves,
}

impl std::ops::Deref for Cache {
    type Target = Shelves;

    fn deref(&self) -> &Shelves {
        &self.shelves
    }
}

impl Cache {
    pub(super) fn new(client: Client, kargo_namespace: &str) -> Self {
        let kargo_namespace = kargo_namespace.to_owned();
        Self { client, kargo_namespace, shelves: Shelves::default() }
    }

    /// Looks at the Project of that name: one GET.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn catch_up_project(&self, name: &str) -> anyhow::Result<()> {
        self.look(&self.projects, &Api::all(self.client.clone()), name).await
    }

    /// Looks at the Namespace of that name: one GET.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn catch_up_namespace(&self, name: &str) -> anyhow::Result<()> {
        self.look(&self.namespaces, &Api::all(self.client.clone()), name).await
    }

    /// Looks at what a Project of that name was provisioned with, at its Warehouses and Stages,
    /// and at the accounts of Kargo's controllers: six lists and two GETs.
    ///
    /// # Errors
    /// If something cannot be read.
    pub async fn catch_up_access(&self, name: &str) -> anyhow::Result<()> {
        let api = self.client.clone();
        let role = cluster_role_name(name);
        self.look(&self.cluster_roles, &Api::all(api.clone()), &role).await?;
        self.look(&self.cluster_role_bindings, &Api::all(api.clone()), &role).await?;
        let kargo = self.kargo_namespace.as_str();
        look_in(&self.accounts, &Api::namespaced(api.clone(), kargo), kargo).await?;
        look_in(&self.accounts, &Api::namespaced(api.clone(), name), name).await?;
        look_in(&self.roles, &Api::namespaced(api.clone(), name), name).await?;
        look_in(&self.role_bindings, &Api::namespaced(api.clone(), name), name).await?;
        for (shelf, kind) in [(&self.warehouses, "Warehouse"), (&self.stages, "Stage")] {
            let kind = kargo_kind(kind);
            look_in(shelf, &Api::namespaced_with(api.clone(), name, &kind), name).await?;
        }
        Ok(())
    }

    /// Looks at everything that a pass over that name depends on.
    ///
    /// # Errors
    /// If something cannot be read.
    pub async fn catch_up(&self, name: &str) -> anyhow::Result<()> {
        self.catch_up_project(name).await?;
        self.catch_up_namespace(name).await?;
        self.catch_up_access(name).await
    }

    async fn look<K>(&self, shelf: &Shelf<K>, api: &Api<K>, name: &str) -> anyhow::Result<()>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        let found = api.get_opt(name).await.with_context(|| format!("look at {name}"))?;
        shelf.put((String::new(), name.to_owned()), found);
        Ok(())
    }
}

async fn look_in<K>(shelf: &Shelf<K>, api: &Api<K>, namespace: &str) -> anyhow::Result<()>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let found = api.list(&Default::default()).await;
    shelf.replace_in(namespace, found.with_context(|| format!("look into {namespace}"))?.items);
    Ok(())
}

/// A kind of Kargo's that this project does not define.
pub(super) fn kargo_kind(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(keys::KARGO_GROUP, "v1alpha1", kind))
}
