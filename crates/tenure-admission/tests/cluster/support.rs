//! Replicas of a webhook that allows everything, and an API server that calls them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};
use tenure_admission::{Limits, Own, ServingCertificate, Source, Terms, serve};
use tenure_api::install::{NAME, WEBHOOK_TLS, webhook_manifests};
use tenure_cluster::Clock;
use tenure_testbed::{ControlPlane, apply, eventually, unique_name};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

/// A namespace for Tenure, and the webhook configurations for itself: there is only one of each
/// name, so tests come one after the other.
pub(crate) struct World {
    pub(crate) control: Arc<ControlPlane>,
    pub(crate) admin: Client,
    pub(crate) namespace: String,
    _alone: MutexGuard<'static, ()>,
}

/// One replica.
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: ServingCertificate,
    /// How often it was asked.
    asked: Arc<AtomicUsize>,
    own: Own,
    keeper: JoinHandle<()>,
    server: JoinHandle<()>,
}

/// Terms under which a certificate is replaced every few seconds.
pub(crate) fn hasty() -> Terms {
    Terms {
        validity: Duration::from_secs(24),
        renewal: Duration::from_secs(16),
        dwell: Duration::from_secs(2),
        skew: Duration::from_secs(3),
        poll: Duration::from_millis(250),
    }
}

/// Terms under which it is not.
pub(crate) fn lasting() -> Terms {
    Terms { validity: Duration::from_secs(3600), renewal: Duration::from_secs(1800), ..hasty() }
}

impl World {
    pub(crate) async fn new() -> Self {
        static ALONE: Mutex<()> = Mutex::const_new(());
        static SHARED: Mutex<std::sync::Weak<ControlPlane>> =
            Mutex::const_new(std::sync::Weak::new());
        let control = {
            let mut shared = SHARED.lock().await;
            let running = shared.upgrade();
            // Not the one that all crates share: the configurations are of the whole cluster.
            let control = match running {
                Some(control) => control,
                None => Arc::new(ControlPlane::start_temporary().await.expect("a control plane")),
            };
            *shared = Arc::downgrade(&control);
            control
        };
        let alone = ALONE.lock().await;
        let admin = control.admin().expect("an administrator");
        let namespace = unique_name("webhook");
        let world = Self { control, admin, namespace, _alone: alone };
        for configuration in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
            world.delete(configuration).await;
        }
        let of_namespace = ["Namespace", "ServiceAccount"].map(|kind| {
            let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {}});
            let own = kind == "Namespace";
            object["metadata"]["name"] = if own { world.namespace.as_str() } else { NAME }.into();
            if !own {
                object["metadata"]["namespace"] = world.namespace.as_str().into();
            }
            object
        });
        for object in of_namespace.iter().chain(&webhook_manifests(&world.namespace)) {
            apply(&world.admin, object).await.expect("applied");
        }
        world
    }

    /// Tenure's user, in the audit log.
    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{}:{NAME}", self.namespace)
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.admin.clone(), &self.namespace)
    }

    /// What the Secret holds, once it is there.
    pub(crate) async fn secret(&self) -> Secret {
        eventually("there is a Secret", async || {
            self.secrets().get_opt(WEBHOOK_TLS).await.ok().flatten()
        })
        .await
    }

    pub(crate) async fn delete(&self, kind: &str) {
        let parameters = Default::default();
        if kind.starts_with('V') {
            let api: Api<ValidatingWebhookConfiguration> = Api::all(self.admin.clone());
            drop(api.delete(NAME, &parameters).await);
        } else {
            let api: Api<MutatingWebhookConfiguration> = Api::all(self.admin.clone());
            drop(api.delete(NAME, &parameters).await);
        }
    }

    /// A replica under Tenure's own rights.
    pub(crate) async fn replica(&self, terms: Terms, limits: Limits) -> Replica {
        let config = self.control.service_account(&self.namespace, NAME).await.expect("a token");
        let clock = Clock::default();
        let client = tenure_cluster::connect_through(config, &clock).expect("a client");
        let own = Own {
            names: vec!["127.0.0.1".to_owned()],
            terms,
            ..Own::of_service(client, clock, &self.namespace)
        };
        let certificate = ServingCertificate::none();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let router = Router::new().route(
            "/",
            post(async move |body: Bytes| {
                counted.fetch_add(1, Ordering::SeqCst);
                allow(&body)
            }),
        );
        let serving =
            serve(listener, router, certificate.clone(), limits, std::future::pending::<()>());
        let server = tokio::spawn(async { serving.await.expect("serves") });
        let keeper = tokio::spawn(Source::Own(own.clone()).keep(certificate.clone()));
        Replica { address, certificate, asked, own, keeper, server }
    }

    /// Has the API server ask these replicas about every ConfigMap of the namespace, one after
    /// the other.
    pub(crate) async fn configure(&self, kind: &str, replicas: &[&Replica]) {
        let webhooks: Vec<Value> = replicas
            .iter()
            .enumerate()
            .map(|(number, replica)| self.webhook(&format!("replica-{number}.tenure.dev"), replica))
            .collect();
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": {"name": NAME}, "webhooks": webhooks,
        });
        apply(&self.admin, &configuration).await.expect("applied");
    }

    fn webhook(&self, name: &str, replica: &Replica) -> Value {
        json!({
            "name": name,
            "clientConfig": {"url": format!("https://{}/", replica.address)},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"],
                "operations": ["CREATE"], "resources": ["configmaps"],
            }],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
            "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail", "timeoutSeconds": 5,
        })
    }

    async fn call(&self) -> Result<(), kube::Error> {
        call(&self.admin, &self.namespace).await
    }

    /// Waits until a call goes through, and each of these replicas is asked about it.
    pub(crate) async fn called(&self, replicas: &[&Replica]) {
        let asked = || -> Vec<usize> {
            replicas.iter().map(|replica| replica.asked.load(Ordering::SeqCst)).collect()
        };
        eventually("the webhooks are called", async || {
            let before = asked();
            self.call().await.ok()?;
            before.iter().zip(asked()).all(|(before, after)| *before < after).then_some(())
        })
        .await;
    }

    /// Calls without end, until it is told to stop.
    pub(crate) fn load(&self) -> Load {
        let counts = Arc::new(Counts::default());
        let told = counts.clone();
        let (client, namespace) = (self.admin.clone(), self.namespace.clone());
        let task = tokio::spawn(async move {
            while !counts.stopped.load(Ordering::SeqCst) {
                match call(&client, &namespace).await {
                    Ok(()) => counts.calls.fetch_add(1, Ordering::SeqCst),
                    Err(error) => {
                        println!("failed: {error}");
                        counts.failures.fetch_add(1, Ordering::SeqCst)
                    }
                };
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        });
        Load { counts: told, task }
    }

    /// The authorities that each webhook of a configuration holds.
    pub(crate) async fn bundles(&self) -> Vec<String> {
        let api: Api<ValidatingWebhookConfiguration> = Api::all(self.admin.clone());
        let configuration = api.get(NAME).await.expect("a configuration");
        let webhooks = configuration.webhooks.unwrap_or_default();
        let bundles = webhooks.into_iter().map(|webhook| webhook.client_config.ca_bundle);
        bundles
            .map(|bundle| bundle.map(|bundle| String::from_utf8(bundle.0).expect("text")))
            .map(Option::unwrap_or_default)
            .collect()
    }
}

impl Replica {
    /// Ends the one who looks after the certificate and starts another, who knows nothing.
    pub(crate) fn restart_keeper(&mut self) {
        self.keeper.abort();
        let source = Source::Own(self.own.clone());
        self.keeper = tokio::spawn(source.keep(self.certificate.clone()));
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.keeper.abort();
        self.server.abort();
    }
}

/// Calls that are made without end, and how they went.
pub(crate) struct Load {
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    calls: AtomicUsize,
    failures: AtomicUsize,
    stopped: AtomicBool,
}

impl Load {
    /// How many calls went well, and how many did not.
    pub(crate) async fn stop(self) -> (usize, usize) {
        self.counts.stopped.store(true, Ordering::SeqCst);
        self.task.await.expect("the last call is answered");
        (self.counts.calls.load(Ordering::SeqCst), self.counts.failures.load(Ordering::SeqCst))
    }
}

async fn call(client: &Client, namespace: &str) -> Result<(), kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let mut map = ConfigMap::default();
    map.metadata.generate_name = Some("asked-".to_owned());
    let parameters = PostParams { dry_run: true, ..Default::default() };
    api.create(&parameters, &map).await.map(drop)
}

fn allow(body: &[u8]) -> String {
    let review: Value = serde_json::from_slice(body).expect("a review");
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": {"uid": review["request"]["uid"], "allowed": true},
    })
    .to_string()
}
