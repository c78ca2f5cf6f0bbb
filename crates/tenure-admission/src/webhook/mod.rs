//! The questions that need a look at the cluster, and their answers.
//!
//! Four operations are asked about, so that nothing else ever depends on us: a Project is created
//! or deleted, a Project's Namespace is deleted, the CustomResourceDefinition of Projects is
//! deleted. What is decided is decided by the same core as the controllers'; whatever cannot be
//! decided is refused, for now.

mod arrival;
mod canary;
mod deletion;
mod guard;
mod review;
mod verdict;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tenure_cluster::Cluster;
use tenure_core::keys;
use tokio::sync::Semaphore;

use review::Request;
use verdict::Verdict;

/// Where the API server asks whether something may be.
pub const VALIDATE: &str = "/validate";
/// Where it asks what is to be changed.
pub const MUTATE: &str = "/mutate";

/// How long a look at the contents may take. The API server waits 5 s for the whole answer.
const CONTENTS_WITHIN: Duration = Duration::from_secs(2);
/// Reviews that are answered at once; the others wait. Each may be some megabytes.
const AT_ONCE: usize = 16;

/// How questions are answered.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Members of this group get everything, and it is recorded.
    pub break_glass_group: Option<String>,
    /// Whether whoever deletes a Project has to be allowed to delete its Namespace.
    pub check_requester: bool,
    /// Whether the Namespace of a Project is made when the Project comes.
    pub makes_namespaces: bool,
}

/// Who answers.
#[derive(Clone)]
pub struct Admission {
    cluster: Cluster,
    options: Arc<Options>,
    at_once: Arc<Semaphore>,
}

impl Admission {
    /// Answers for that cluster.
    pub fn new(cluster: Cluster, options: Options) -> Self {
        Self { cluster, options: Arc::new(options), at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The routes at which questions are answered.
    pub fn router(self) -> Router {
        Router::new().route(VALIDATE, post(validate)).route(MUTATE, post(mutate)).with_state(self)
    }

    async fn validate(&self, request: &Request) -> Verdict {
        let resource = (request.resource.group.as_str(), request.resource.resource.as_str());
        if request.sub_resource.as_ref().is_some_and(|sub| !sub.is_empty()) {
            return Verdict::senseless("subresources are not for Tenure to admit");
        }
        match (resource, request.operation.as_str()) {
            ((keys::KARGO_GROUP, "projects"), "CREATE") => self.create_project(request).await,
            ((keys::KARGO_GROUP, "projects"), "DELETE") => self.delete_project(request).await,
            (("", "namespaces"), "DELETE") => self.delete_namespace(request).await,
            (("apiextensions.k8s.io", "customresourcedefinitions"), "DELETE") => {
                self.delete_definition(request).await
            }
            ((group, resource), operation) => Verdict::senseless(format!(
                "{operation:.20} of {resource:.80}.{group:.80} is not for Tenure to admit"
            )),
        }
    }

    async fn mutate(&self, request: &Request) -> Verdict {
        let resource = (request.resource.group.as_str(), request.resource.resource.as_str());
        match (resource, request.operation.as_str()) {
            ((keys::KARGO_GROUP, "projects"), "CREATE") => self.hold_project(request),
            _ => Verdict::senseless("only Projects that are created are changed"),
        }
    }

    /// Whether whoever asks may do everything.
    fn breaks_glass(&self, request: &Request) -> bool {
        let group = self.options.break_glass_group.as_ref();
        group.is_some_and(|group| request.user_info.groups.contains(group))
    }
}

async fn validate(State(admission): State<Admission>, body: Bytes) -> Response {
    let _permit = admission.at_once.acquire().await.ok();
    match review::read(&body) {
        Ok(request) => {
            drop(body);
            answer(&request, &admission.validate(&request).await)
        }
        Err(error) => unreadable(&error),
    }
}

async fn mutate(State(admission): State<Admission>, body: Bytes) -> Response {
    let _permit = admission.at_once.acquire().await.ok();
    match review::read(&body) {
        Ok(request) => answer(&request, &admission.mutate(&request).await),
        Err(error) => unreadable(&error),
    }
}

fn answer(request: &Request, verdict: &Verdict) -> Response {
    tracing::debug!(
        operation = request.operation,
        resource = request.resource.resource,
        name = request.name,
        user = request.user_info.username,
        allowed = verdict.is_allowed(),
        "asked"
    );
    let body = verdict.review(&request.uid).to_string();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// What cannot be read is not allowed: the API server takes any other answer for a failure.
fn unreadable(error: &review::Unreadable) -> Response {
    tracing::warn!(%error, "a review cannot be read");
    (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()
}
