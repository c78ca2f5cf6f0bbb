//! What a Project is provisioned with, in Kargo's order: each object is made if it is not known to
//! be there, and put right if it is known to grant something else.

use std::fmt::Debug;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::PostParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenure_api::Project;
use tenure_api::access::{AccessObject, Tenant};
use tenure_core::access::{
    AccessKey, AccessKind, CONTROLLER_SUFFIX, PROJECT_ADMIN, SECRETS_READER, USER_ROLES,
    cluster_role_name,
};
use tenure_core::{Uid, keys};

use super::cache::{Shelf, key_of};
use super::{FIELD_MANAGER, Kargo, create, ensure_finalizer};

/// The Namespace is there and no Project may live in it.
#[derive(Debug, thiserror::Error)]
#[error("the Namespace exists, and lacks the label {}", keys::PROJECT_LABEL)]
pub(super) struct Unlabelled;

/// The Namespace of a Project, as Kargo makes it.
pub(super) fn namespace(name: &str) -> Namespace {
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(name.to_owned());
    namespace.metadata.finalizers = Some(vec![keys::FINALIZER.to_owned()]);
    namespace.labels_mut().insert(keys::PROJECT_LABEL.to_owned(), keys::TRUE.to_owned());
    namespace
}

/// Whether a Project may live in it.
pub(super) fn is_labelled(namespace: &Namespace) -> bool {
    namespace.labels().get(keys::PROJECT_LABEL).is_some_and(|value| value == keys::TRUE)
}

/// The bodies of what one Project gets. They are Tenure's, which the contract fixes, without the
/// labels by which Tenure knows its own.
pub(super) struct Bodies<'a> {
    pub(super) project: &'a str,
    pub(super) create_actor: Option<&'a str>,
    pub(super) kargo_namespace: &'a str,
}

impl Bodies<'_> {
    fn body(&self, kind: AccessKind, name: &str) -> AccessObject {
        let (uid, key) = (Uid::new(""), AccessKey { kind, name: name.to_owned() });
        let tenant = Tenant {
            project: self.project,
            uid: &uid,
            create_actor: self.create_actor,
            kargo_namespace: self.kargo_namespace,
        };
        tenant.object(&key)
    }

    /// The RoleBinding of that name.
    pub(super) fn role_binding(&self, name: &str) -> RoleBinding {
        match self.body(AccessKind::RoleBinding, name) {
            AccessObject::RoleBinding(object) => plain(object),
            other => unreachable!("{other:?} is no RoleBinding"),
        }
    }

    fn account(&self, name: &str) -> ServiceAccount {
        match self.body(AccessKind::ServiceAccount, name) {
            AccessObject::ServiceAccount(object) => plain(object),
            other => unreachable!("{other:?} is no ServiceAccount"),
        }
    }

    fn role(&self, name: &str) -> Role {
        match self.body(AccessKind::Role, name) {
            AccessObject::Role(object) => plain(object),
            other => unreachable!("{other:?} is no Role"),
        }
    }

    fn cluster_role(&self) -> ClusterRole {
        match self.body(AccessKind::ClusterRole, &cluster_role_name(self.project)) {
            AccessObject::ClusterRole(object) => plain(object),
            other => unreachable!("{other:?} is no ClusterRole"),
        }
    }

    fn cluster_role_binding(&self) -> ClusterRoleBinding {
        match self.body(AccessKind::ClusterRoleBinding, &cluster_role_name(self.project)) {
            AccessObject::ClusterRoleBinding(object) => plain(object),
            other => unreachable!("{other:?} is no ClusterRoleBinding"),
        }
    }
}

fn plain<K: Resource>(mut object: K) -> K {
    object.meta_mut().labels = None;
    object
}

impl Kargo {
    /// Makes the Namespace, or sees that the one that is there carries the finalizer.
    pub(super) async fn ensure_namespace(&self, name: &str) -> anyhow::Result<()> {
        match self.cache.namespaces.get(name) {
            Some(found) if !is_labelled(&found) => Err(Unlabelled.into()),
            Some(mut found) => ensure_finalizer(&self.cluster(), &mut found)
                .await
                .context("put the finalizer on the Namespace"),
            None => {
                create(&self.cluster(), &namespace(name)).await.context("create the Namespace")?;
                Ok(())
            }
        }
    }

    /// Access for Kargo's API server and its receiver of external webhooks.
    pub(super) async fn ensure_system_access(&self, project: &Project) -> anyhow::Result<()> {
        for name in [PROJECT_ADMIN, SECRETS_READER] {
            self.ensure_role_binding(project, name).await?;
        }
        Ok(())
    }

    /// Access for Kargo's controllers, each of which is held until its access is taken back.
    pub(super) async fn ensure_controllers_access(&self, project: &Project) -> anyhow::Result<()> {
        for controller in self.controllers() {
            self.hold(controller.clone()).await?;
            let name = format!("{}{CONTROLLER_SUFFIX}", controller.name_any());
            self.ensure_role_binding(project, &name).await?;
        }
        Ok(())
    }

    /// Puts the finalizer on the accounts of Kargo's controllers, as it does when it starts.
    ///
    /// # Errors
    /// If one cannot be written.
    pub async fn hold_controllers(&self) -> anyhow::Result<()> {
        for controller in self.controllers() {
            self.hold(controller).await?;
        }
        Ok(())
    }

    fn controllers(&self) -> Vec<ServiceAccount> {
        let mut accounts = self.cache.accounts.all_in(&self.namespace);
        accounts.retain(|account| {
            account.labels().get(keys::COMPONENT_LABEL).map(String::as_str)
                == Some(keys::COMPONENT_CONTROLLER)
        });
        accounts
    }

    async fn hold(&self, mut account: ServiceAccount) -> anyhow::Result<()> {
        let finalizers = account.finalizers_mut();
        if finalizers.iter().any(|finalizer| finalizer == keys::FINALIZER) {
            return Ok(());
        }
        finalizers.push(keys::FINALIZER.to_owned());
        let api = self.namespaced::<ServiceAccount>(&self.namespace);
        let replaced = api.replace(&account.name_any(), &replacing(), &account).await;
        replaced.context("put the finalizer on a controller's account")?;
        Ok(())
    }

    /// Access for the people of the Project.
    pub(super) async fn ensure_users_access(&self, project: &Project) -> anyhow::Result<()> {
        let name = project.name_any();
        let bodies = self.bodies(project, &name);
        for role in USER_ROLES {
            let api = self.namespaced(&name);
            // Whatever it carries: that it exists is enough.
            ensure(&api, &self.cache.accounts, bodies.account(role), |_, _| false).await?;
        }
        for role in USER_ROLES {
            let api = self.namespaced(&name);
            ensure(&api, &self.cache.roles, bodies.role(role), |found, wanted: &Role| {
                differs(&mut found.rules, &wanted.rules)
            })
            .await?;
        }
        for role in USER_ROLES {
            self.ensure_role_binding(project, role).await?;
        }
        let role = bodies.cluster_role();
        ensure(&self.cluster(), &self.cache.cluster_roles, role, |found, wanted: &ClusterRole| {
            differs(&mut found.rules, &wanted.rules)
        })
        .await?;
        let bindings = &self.cache.cluster_role_bindings;
        ensure(&self.cluster(), bindings, bodies.cluster_role_binding(), |found, wanted| {
            differs(&mut found.subjects, &wanted.subjects)
        })
        .await
    }

    async fn ensure_role_binding(&self, project: &Project, name: &str) -> anyhow::Result<()> {
        let namespace = project.name_any();
        let wanted = self.bodies(project, &namespace).role_binding(name);
        let api = self.namespaced(&namespace);
        ensure(&api, &self.cache.role_bindings, wanted, |found: &mut RoleBinding, wanted| {
            differs(&mut found.subjects, &wanted.subjects)
        })
        .await
    }

    fn bodies<'a>(&'a self, project: &'a Project, name: &'a str) -> Bodies<'a> {
        Bodies {
            project: name,
            create_actor: project.annotations().get(keys::CREATE_ACTOR).map(String::as_str),
            kargo_namespace: &self.namespace,
        }
    }

    fn namespaced<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// Makes the object if it is not known; else replaces it if mending what is known changes it.
async fn ensure<K>(
    api: &Api<K>,
    shelf: &Shelf<K>,
    wanted: K,
    mend: impl FnOnce(&mut K, &K) -> bool,
) -> anyhow::Result<()>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug,
{
    let (namespace, name) = key_of(&wanted);
    let Some(mut found) = shelf.get_in(&namespace, &name) else {
        let made = create(api, &wanted).await;
        made.with_context(|| format!("create {} {name}", K::kind(&())))?;
        return Ok(());
    };
    if mend(&mut found, &wanted) {
        let replaced = api.replace(&name, &replacing(), &found).await;
        replaced.with_context(|| format!("put {} {name} right", K::kind(&())))?;
    }
    Ok(())
}

/// Puts it right, and says whether it was not.
fn differs<T: PartialEq + Clone>(found: &mut T, wanted: &T) -> bool {
    let differs = found != wanted;
    found.clone_from(wanted);
    differs
}

fn replacing() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), dry_run: false }
}
