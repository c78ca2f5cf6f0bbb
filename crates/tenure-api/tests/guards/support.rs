//! Users, and what they are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tenure_api::Project;
use tenure_testbed::{ControlPlane, TENURE_NAMESPACE, apply};

pub(crate) const KEEP: &str = "kargo.akuity.io/keep-namespace";

/// One test's view of the control plane.
pub(crate) struct Bed {
    /// Ends last.
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) anna: User,
    /// Whom the rules let pass.
    pub(crate) around: User,
}

/// Somebody with rights of their own.
pub(crate) struct User {
    pub(crate) client: Client,
    pub(crate) projects: Api<Project>,
    pub(crate) namespaces: Api<Namespace>,
}

/// The two kinds that the rules concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Project,
    Namespace,
}

pub(crate) const BOTH: [On; 2] = [On::Project, On::Namespace];

impl Bed {
    pub(crate) async fn start() -> Self {
        let plane = ControlPlane::shared().await;
        let admin = plane.admin().expect("an administrator");
        let everything = json!([
            {"apiGroups": ["kargo.akuity.io"], "resources": ["projects"], "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["*"]},
        ]);
        for object in [
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": {"name": "test-tenants"}, "rules": everything,
            }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": "test-tenants"},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                    "name": "test-tenants",
                },
                "subjects": [
                    {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "anna"},
                    {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "test-kargo"},
                ],
            }),
        ] {
            apply(&admin, &object).await.expect("apply");
        }
        let anna = Client::try_from(plane.user("anna", &[]).expect("a certificate"));
        let around = plane.around_admission().expect("a client");
        Self { anna: User::of(anna.expect("a client")), around: User::of(around), plane }
    }

    /// Tenure itself, under its least-privilege role.
    pub(crate) async fn tenure(&self) -> User {
        let config = self.plane.service_account(TENURE_NAMESPACE, "tenure").await;
        User::of(Client::try_from(config.expect("a token")).expect("a client"))
    }

    /// One of Kargo's ServiceAccounts.
    pub(crate) fn kargo(&self, name: &str) -> User {
        let mut config = self.plane.user("admin", &["system:masters"]).expect("a certificate");
        config.auth_info.impersonate = Some(format!("system:serviceaccount:kargo:{name}"));
        config.auth_info.impersonate_groups = Some(vec!["test-kargo".to_owned()]);
        User::of(Client::try_from(config).expect("a client"))
    }

    /// Makes the object around the rules.
    pub(crate) async fn stands(&self, on: On, name: &str, annotations: &[(&str, &str)]) {
        let made = self.around.create(on, name, annotations, false).await;
        made.expect("the break-glass group may");
    }

    /// Deletes the object around the rules.
    pub(crate) async fn clear(&self, on: On, name: &str) {
        self.around.delete(on, name, false).await.expect("the break-glass group may");
    }
}

impl User {
    pub(crate) fn of(client: Client) -> Self {
        Self { projects: Api::all(client.clone()), namespaces: Api::all(client.clone()), client }
    }

    pub(crate) async fn create(
        &self,
        on: On,
        name: &str,
        annotations: &[(&str, &str)],
        dry_run: bool,
    ) -> Result<(), String> {
        let params = PostParams { dry_run, ..Default::default() };
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            annotations: Some(map(annotations)),
            ..Default::default()
        };
        match on {
            On::Project => {
                let project = Project { metadata, ..Project::named(name) };
                self.projects.create(&params, &project).await.map(drop)
            }
            On::Namespace => {
                let namespace = Namespace { metadata, ..Default::default() };
                self.namespaces.create(&params, &namespace).await.map(drop)
            }
        }
        .map_err(told)
    }

    pub(crate) async fn patch(&self, on: On, name: &str, metadata: Value) -> Result<(), String> {
        let patch = Patch::Merge(json!({"metadata": metadata}));
        let params = PatchParams::default();
        match on {
            On::Project => self.projects.patch(name, &params, &patch).await.map(drop),
            On::Namespace => self.namespaces.patch(name, &params, &patch).await.map(drop),
        }
        .map_err(told)
    }

    pub(crate) async fn annotate(
        &self,
        on: On,
        name: &str,
        annotations: Value,
    ) -> Result<(), String> {
        self.patch(on, name, json!({"annotations": annotations})).await
    }

    pub(crate) async fn delete(&self, on: On, name: &str, dry_run: bool) -> Result<(), String> {
        let params = DeleteParams { dry_run, ..Default::default() };
        self.delete_with(on, name, &params).await
    }

    pub(crate) async fn delete_with(
        &self,
        on: On,
        name: &str,
        params: &DeleteParams,
    ) -> Result<(), String> {
        match on {
            On::Project => self.projects.delete(name, params).await.map(drop),
            On::Namespace => self.namespaces.delete(name, params).await.map(drop),
        }
        .map_err(told)
    }
}

/// What a client is told: the code, and the rule's own words.
fn told(error: kube::Error) -> String {
    let kube::Error::Api(status) = error else { panic!("no answer: {error}") };
    let words = status.message.split_once(" denied request: ");
    let (_, words) = words.unwrap_or_else(|| panic!("not a rule's words: {}", status.message));
    assert!(!words.chars().any(char::is_control), "{words:?}");
    assert!(words.len() < 1_000, "{} bytes", words.len());
    format!("{} {words}", status.code)
}

/// The rows of a table, without the name that a run has given an object.
pub(crate) fn table(rows: &[(String, Result<(), String>)], name: &str) -> String {
    let row = |(asked, answer): &(String, Result<(), String>)| {
        let answer = answer.as_ref().err().map_or("accepted", String::as_str);
        format!("{asked}\n    {}\n", answer.replace(name, "NAME"))
    };
    rows.iter().map(row).collect()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
