//! The control plane that schedules share, and who is on it.
//!
//! Kubernetes' own controllers are stopped: what they do for a Namespace that goes is one of the
//! actors' work. Admission is served in this process, and each review is answered by the admission
//! of the schedule whose Project it is about.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::api::DeleteParams;
use kube::{Api, Client};
use serde_json::{Value, json};
use tenure_admission::{Admission, Limits, Options, Own, ServingCertificate, Source, serve};
use tenure_api::{Project, install, webhooks};
use tenure_cluster::{Clock, Cluster, Store, connect};
use tenure_core::plan::BreakerLimit;
use tenure_core::{Mode, Settings};
use tenure_testbed::{
    BREAK_GLASS_GROUP, ControlPlane, KARGO_NAMESPACE, TENURE_NAMESPACE, apply, eventually, kargo,
    patient, wait_for_guard,
};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::gate::{Memory, through};
use super::turnstile::{Broken, Turnstile};

/// A Project with this label is not deleted as far as somebody else's webhook has its way.
pub(crate) const REFUSED: &str = "soak.example.com/refused";
/// A policy has the Namespace of a Project with this label retained.
pub(crate) const FLOOR: &str = "soak.example.com/floor";
/// The largest body of a review.
const MOST: usize = 4 << 20;

/// Clients, by who they are.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) user: Client,
    /// Whom admission's rules let pass.
    pub(crate) around: Client,
    pub(crate) kargo: Client,
    pub(crate) tenure: Client,
}

/// Where reviews are answered, by the name that they are about.
#[derive(Clone, Default)]
pub(crate) struct Desk(Arc<Mutex<Schedules>>);

type Schedules = HashMap<String, (Arc<Turnstile>, Router)>;

/// The control plane.
pub(crate) struct Bed {
    pub(crate) clients: Clients,
    pub(crate) desk: Desk,
    pub(crate) plane: ControlPlane,
}

impl Bed {
    /// Starts it. What serves admission runs as long as the runtime does.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let plane = ControlPlane::start_temporary_for(Mode::Companion).await?;
        let admin = plane.admin()?;
        kargo::install(&admin).await?;
        apply(&admin, &floor()).await?;
        let config = plane.service_account(TENURE_NAMESPACE, install::NAME).await?;
        let desk = Desk::default();
        admit(&admin, connect(config.clone())?, desk.clone()).await?;
        let as_kargo = plane.service_account(KARGO_NAMESPACE, kargo::CONTROLLER).await?;
        let memory = Memory::default();
        let clients = Clients {
            user: through(admin, &memory),
            around: through(plane.around_admission()?, &memory),
            kargo: through(kargo::connect(as_kargo, &kargo::Journal::default())?, &memory),
            tenure: through(connect(config)?, &memory),
        };
        Ok(Self { clients, desk, plane })
    }
}

/// Serves admission, and has the API server ask.
async fn admit(admin: &Client, tenure: Client, desk: Desk) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
    let base = format!("https://{}", listener.local_addr()?);
    let reach = webhooks::Reach::Url { base: base.clone(), ca_bundle: None };
    let mut objects = install::webhook_manifests(TENURE_NAMESPACE);
    objects.extend(webhooks::manifests(&reach).into_iter().map(patient));
    for object in objects {
        apply(admin, &object).await?;
    }
    let cluster = Cluster::new(tenure.clone(), Arc::new(settings(false)), Arc::default());
    let nobodys = Admission::new(cluster, options()).router();
    let router = Router::new().fallback(answer).with_state((desk, nobodys));
    let certificate = ServingCertificate::none();
    let mut own = Own::of_service(tenure, Clock::default(), TENURE_NAMESPACE);
    own.names.push("127.0.0.1".to_owned());
    tokio::spawn(Source::Own(own).keep(certificate.clone()));
    tokio::spawn(serve(listener, router, certificate, Limits::default(), pending()));
    wait_for_guard(admin).await;
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(admin.clone());
    let ours = configurations.get(install::NAME).await?;
    let bundle = ours.webhooks.into_iter().flatten().find_map(|w| w.client_config.ca_bundle);
    apply(admin, &others(&base, &json!(bundle))).await?;
    known(admin).await;
    warm_up(admin).await;
    Ok(())
}

/// Waits until the API server answers at once for every kind that it was told of: its caches begin
/// with the first who asks.
async fn warm_up(admin: &Client) {
    let kargo =
        ["projects", "stages", "warehouses"].map(|of| format!("kargo.akuity.io/v1alpha1/{of}"));
    let tenure =
        ["deletionplans", "deletionpolicies"].map(|of| format!("tenure.dev/v1alpha1/{of}"));
    for path in kargo.into_iter().chain(tenure) {
        eventually(&format!("{path} are served"), async || {
            let list = http::Request::get(format!("/apis/{path}")).body(Vec::new()).ok()?;
            admin.request::<Value>(list).await.ok()
        })
        .await;
    }
}

/// Waits until both webhooks are asked: ours, and somebody else's after it.
async fn known(admin: &Client) {
    const PROBE: &str = "soak-probe";
    let projects: Api<Project> = Api::all(admin.clone());
    let mut probe = Project::named(PROBE);
    probe.metadata.labels = Some([(REFUSED.to_owned(), "yes".to_owned())].into());
    projects.create(&Default::default(), &probe).await.expect("a probe");
    let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
    eventually("the other webhook refuses", async || {
        projects.delete(PROBE, &dry).await.is_err().then_some(())
    })
    .await;
}

/// How Tenure runs; or how it would, if the time had passed in which the API server may refuse what
/// was let in.
pub(crate) fn settings(late: bool) -> Settings {
    let hours = std::time::Duration::from_secs(100 * 3600);
    let default = Settings::default();
    Settings {
        mode: Mode::Companion,
        breaker: BreakerLimit { at_least: 1_000_000, ..BreakerLimit::default() },
        // What keeps a Namespace is told in a status, and not what is soaked.
        patience: hours,
        lets_in_within: if late { Default::default() } else { hours },
        ..default
    }
}

fn options() -> Options {
    Options { break_glass_group: Some(BREAK_GLASS_GROUP.to_owned()), ..Options::default() }
}

fn floor() -> Value {
    json!({
        "apiVersion": "tenure.dev/v1alpha1", "kind": "DeletionPolicy",
        "metadata": {"name": "floor"},
        "spec": {
            "selector": {"projectLabels": {FLOOR: "retain"}},
            "enforcement": "Enforce", "floor": "Retain",
        },
    })
}

fn others(base: &str, bundle: &Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "others"},
        "webhooks": [{
            "name": "others.example.com", "admissionReviewVersions": ["v1"],
            "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 30,
            "clientConfig": {"url": format!("{base}/refuse"), "caBundle": bundle},
            "objectSelector": {"matchLabels": {REFUSED: "yes"}},
            "rules": [{
                "apiGroups": ["kargo.akuity.io"], "apiVersions": ["*"],
                "resources": ["projects"], "operations": ["DELETE"],
            }],
        }],
    })
}

impl Desk {
    /// Has reviews about that schedule's objects answered by an admission of its own.
    pub(crate) fn open(&self, turnstile: &Arc<Turnstile>, client: &Client, store: &Arc<Store>) {
        let cluster = Cluster::new(client.clone(), Arc::new(settings(false)), store.clone());
        let router = Admission::new(cluster, options()).router();
        self.lock().insert(turnstile.name.clone(), (turnstile.clone(), router));
    }

    /// Forgets a schedule.
    pub(crate) fn close(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, Schedules> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State((desk, nobodys)): State<(Desk, Router)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let review: Value = serde_json::from_slice(&body).unwrap_or_default();
    let asked = &review["request"];
    if parts.uri.path() == "/refuse" {
        return verdict(asked, false);
    }
    let name = asked["name"].as_str().filter(|name| !name.is_empty());
    let name = name.or_else(|| asked["oldObject"]["metadata"]["name"].as_str());
    let of = name.and_then(|name| desk.lock().get(name).cloned());
    let request = Request::from_parts(parts, Body::from(body));
    let Some((turnstile, router)) = of else {
        return nobodys.oneshot(request).await.into_response();
    };
    let guarded = !matches!(turnstile.broken, Broken::Guard | Broken::StampAndGuard);
    if !guarded && asked["resource"]["resource"] == "namespaces" {
        return verdict(asked, true);
    }
    let deletes = asked["operation"] == "DELETE" && asked["resource"]["resource"] == "projects";
    if turnstile.unasked && deletes {
        return verdict(asked, true);
    }
    let at_work = turnstile.begin_review();
    at_work.work(router.oneshot(request)).await.into_response()
}

fn verdict(asked: &Value, allowed: bool) -> Response {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": {
            "uid": asked["uid"], "allowed": allowed,
            "status": {"code": 403, "message": "somebody else refuses"},
        },
    });
    ([(CONTENT_TYPE, "application/json")], review.to_string()).into_response()
}
