//! A control plane that is broken in many ways, and what the doctor says about it.

use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tenure_testbed::{ControlPlane, eventually};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Who breaks what all share is alone meanwhile.
static ALONE: RwLock<()> = RwLock::const_new(());

/// One test's view.
pub(crate) struct Test {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) client: Client,
    _with_others: Option<RwLockReadGuard<'static, ()>>,
    _alone: Option<RwLockWriteGuard<'static, ()>>,
}

/// What the doctor said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Test {
    pub(crate) async fn start() -> Self {
        let with_others = Some(ALONE.read().await);
        Self { _with_others: with_others, ..Self::on().await }
    }

    pub(crate) async fn alone() -> Self {
        let alone = Some(ALONE.write().await);
        Self { _alone: alone, ..Self::on().await }
    }

    async fn on() -> Self {
        static SHARED: tokio::sync::Mutex<Weak<ControlPlane>> =
            tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        let plane = match shared.upgrade() {
            Some(plane) => plane,
            None => {
                let plane = ControlPlane::start_temporary().await.expect("start a control plane");
                let plane = Arc::new(plane);
                *shared = Arc::downgrade(&plane);
                plane
            }
        };
        let client = plane.admin().expect("an administrator");
        Self { plane, client, _with_others: None, _alone: None }
    }

    pub(crate) async fn apply(&self, object: Value) {
        tenure_testbed::apply(&self.client, &object).await.expect("apply");
    }

    pub(crate) async fn namespace(&self, name: &str) {
        self.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
            .await;
    }

    /// A ConfigMap that waits for somebody.
    pub(crate) async fn held(&self, namespace: &str, name: &str, finalizer: &str) {
        self.apply(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace, "finalizers": [finalizer]},
        }))
        .await;
    }

    /// Deletes a namespace, and waits until the namespace controller says why it hangs.
    pub(crate) async fn hangs(&self, name: &str) {
        self.delete(name).await;
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        eventually(&format!("{name} hangs"), async || {
            let namespace = namespaces.get(name).await.expect("it hangs");
            let conditions = namespace.status?.conditions?;
            conditions.iter().any(|condition| condition.status == "True").then_some(())
        })
        .await;
    }

    pub(crate) async fn delete(&self, name: &str) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(name, &DeleteParams::default()).await.expect("delete the namespace");
    }

    pub(crate) async fn gone(&self, name: &str) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        eventually(&format!("{name} goes"), async || {
            namespaces.get_opt(name).await.expect("read the namespace").is_none().then_some(())
        })
        .await;
    }

    /// Sends a request and gives back what is answered.
    pub(crate) async fn request(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/merge-patch+json")
            .body(body.map(|body| body.to_string().into_bytes()).unwrap_or_default());
        self.client.request(request.expect("a request")).await.expect("it is done")
    }

    pub(crate) async fn merge_status(&self, api: &str, status: Value) {
        self.request("PATCH", &format!("{api}/status"), Some(json!({"status": status}))).await;
    }

    /// Registers a version of a group, with a Service that is not there.
    pub(crate) async fn api_service(&self, group: &str, version: &str) -> anyhow::Result<()> {
        let object = json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": {"name": format!("{version}.{group}").replace('/', "-")},
            "spec": {
                "group": group, "version": version, "insecureSkipTLSVerify": true,
                "groupPriorityMinimum": 1000, "versionPriority": 15,
                "service": {"name": "away", "namespace": "default"},
            },
        });
        let object = serde_json::from_value(object)?;
        let kind = kube::core::GroupVersionKind::gvk("apiregistration.k8s.io", "v1", "APIService");
        let resource = kube::core::ApiResource::from_gvk(&kind);
        let api: Api<kube::core::DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let created = api.create(&Default::default(), &object).await;
        created.map(drop).map_err(Into::into)
    }

    /// Writes to a ConfigMap as somebody.
    pub(crate) async fn write_as(&self, manager: &str, namespace: &str, name: &str) {
        let maps: Api<k8s_openapi::api::core::v1::ConfigMap> =
            Api::namespaced(self.client.clone(), namespace);
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..Default::default() };
        let patch = Patch::Merge(json!({"data": {"synced": "again"}}));
        maps.patch(name, &params, &patch).await.expect("write");
    }

    /// Asks the doctor, as that user; an administrator has the group system:masters.
    pub(crate) fn ask_as(&self, user: &str, group: &str, arguments: &[&str]) -> Said {
        let kubeconfig = self.plane.dir().join(format!("{user}.kubeconfig"));
        self.plane.write_kubeconfig(&kubeconfig, user, &[group]).expect("a kubeconfig");
        let output = Command::new(env!("CARGO_BIN_EXE_kubectl-tenure"))
            .arg("doctor")
            .args(arguments)
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .output()
            .expect("run kubectl tenure");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Said {
            code: output.status.code().expect("it ends by itself"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// What the doctor finds about a namespace: the finding of that cause.
    pub(crate) fn finds(&self, namespace: &str, cause: &str) -> Value {
        let target = format!("namespace/{namespace}");
        let said = self.ask_as("doctor", "system:masters", &[&target, "-o", "json"]);
        let found = said.finding(cause);
        assert!(found.is_object(), "no {cause}: {}{}", said.out, said.err);
        let severity = found["severity"].as_str().expect("a severity");
        assert_eq!(said.code, if severity == "Note" { said.code } else { 3 }, "{}", said.err);
        let remedies = found["remedies"].as_array().expect("remedies");
        assert!(["None", "Mends"].contains(&remedies[0]["risk"].as_str().expect("a risk")));
        found
    }
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        crate::schema::read(&self.out)
    }

    /// The finding of that cause; null if there is none.
    pub(crate) fn finding(&self, cause: &str) -> Value {
        let json = self.json();
        let of_namespaces =
            json["namespaces"].as_array().into_iter().flatten().map(|ns| &ns["findings"]);
        let findings = of_namespaces.chain([&json["tenure"]["findings"]]);
        let mut all = findings.filter_map(Value::as_array).flatten();
        all.find(|finding| finding["cause"] == cause).cloned().unwrap_or_default()
    }
}

/// What a finding says, to be compared with what it said before.
pub(crate) fn compare(name: &str, finding: &Value) {
    let filters = vec![
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"\b([a-z]+)-\d+-\d+\b", "$1-N"),
        (r"terminating for \d+ s", "terminating for N s"),
        (r"renewed \d+ s ago", "renewed N s ago"),
    ];
    insta::with_settings!({filters => filters, omit_expression => true}, {
        insta::assert_json_snapshot!(name, finding);
    });
}
