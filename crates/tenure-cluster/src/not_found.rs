//! What counts as "it is not there".
//!
//! Only a `Status` of reason `NotFound` about the very object that was asked for says that the
//! object does not exist. A proxy's page, or the plain text of an API server whose informers lag
//! behind, carries the same code and says nothing. Such an answer is handed on as
//! [`NOT_ABOUT_IT`] with the code of a bad gateway, so that no code, of ours or of the client
//! library, can take it for absence.
//!
//! Where a caller has to know whether a kind is served at all, [`is_served`] asks for that.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use kube::client::{Body, DynBody};
use kube::core::Status;
use kube::core::response::StatusDetails;
use kube::{Client, Resource};
use tower::{BoxError, Layer, Service};

/// The reason of a `Status` that stands in for an answer with code 404 that is not about the object
/// that was asked for.
pub const NOT_ABOUT_IT: &str = "NotAboutTheObject";

const NOT_FOUND: &str = "NotFound";
/// What Kubernetes' own servers answer for a path that they do not serve.
const UNSERVED: &str = "404 page not found";
/// Most that is read of an error. What is longer is no `Status`.
const LONGEST_ERROR: usize = 256 * 1024;
/// Most characters of a stray answer that are repeated.
const LONGEST_QUOTE: usize = 100;

/// Lets an error pass as "not found" only where it is about the object that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AbsenceLayer;

impl<S> Layer<S> for AbsenceLayer {
    type Service = Absence<S>;

    fn layer(&self, inner: S) -> Absence<S> {
        Absence { inner }
    }
}

/// A service whose errors are looked at.
#[derive(Clone, Debug)]
pub(crate) struct Absence<S> {
    inner: S,
}

type Answer = Response<Box<DynBody>>;

impl<S> Service<Request<Body>> for Absence<S>
where
    S: Service<Request<Body>, Response = Answer, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = Asked::of(request.method(), request.uri());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            let code = answer.status();
            if !code.is_client_error() && !code.is_server_error() {
                return Ok(answer);
            }
            let (mut parts, mut body) = answer.into_parts();
            let mut text = Vec::new();
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame?.into_data() else { continue };
                if text.len() + data.len() > LONGEST_ERROR {
                    text.clear();
                    break;
                }
                text.extend_from_slice(&data);
            }
            let body = match asked.stray(code, &text) {
                None => Bytes::from(text),
                Some(why) => {
                    parts.status = StatusCode::BAD_GATEWAY;
                    let json = HeaderValue::from_static("application/json");
                    parts.headers.insert(CONTENT_TYPE, json);
                    let status = Status::failure(&why, NOT_ABOUT_IT);
                    let status = status.with_code(StatusCode::BAD_GATEWAY.as_u16());
                    serde_json::json!(status).to_string().into()
                }
            };
            parts.headers.remove(CONTENT_LENGTH);
            let body: Box<DynBody> = Box::new(Full::new(body).map_err(BoxError::from));
            Ok(Response::from_parts(parts, body))
        })
    }
}

/// What a request asks for, as its path says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    group: String,
    /// Plural name of the kind; empty if the path is of no resource.
    resource: String,
    /// None where the request is for a collection.
    name: Option<String>,
    subresource: String,
    /// The Namespace that a new object is to be in.
    creates_in: Option<String>,
}

impl Asked {
    fn of(method: &Method, uri: &Uri) -> Self {
        let segments: Vec<String> =
            uri.path().split('/').filter(|part| !part.is_empty()).map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (group, rest) = match segments.as_slice() {
            ["api", _, rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            _ => return Self::default(),
        };
        let (namespace, rest) = match rest {
            // What follows a Namespace's name is a subresource of it, or a kind in it.
            ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, inside @ ..] if !inside.is_empty() => {
                (Some((*namespace).to_owned()), inside)
            }
            _ => (None, rest),
        };
        let name = rest.get(1).map(|name| (*name).to_owned());
        let creates = *method == Method::POST && name.is_none();
        Self {
            group: group.to_owned(),
            resource: rest.first().copied().unwrap_or_default().to_owned(),
            name,
            subresource: rest.get(2).copied().unwrap_or_default().to_owned(),
            creates_in: namespace.filter(|_| creates),
        }
    }

    /// Why an error that reads as "not found" does not say that the object does not exist; nothing
    /// if it does say so, or is another error.
    fn stray(&self, code: StatusCode, body: &[u8]) -> Option<String> {
        let status: Option<Status> = serde_json::from_slice(body).ok();
        let claims = status.as_ref().is_some_and(|status| status.reason == NOT_FOUND);
        if code != StatusCode::NOT_FOUND && !claims {
            return None;
        }
        let of_it = |status: &Status| {
            let details = status.details.as_ref();
            status.is_failure() && details.is_some_and(|details| self.is_about(details))
        };
        if code == StatusCode::NOT_FOUND && claims && status.as_ref().is_some_and(of_it) {
            return None;
        }
        let said = String::from_utf8_lossy(body);
        let object = self.told();
        Some(if said.trim() == UNSERVED {
            format!("the API server does not serve {object} now, which says nothing about it")
        } else {
            let quote: String = said.trim().chars().take(LONGEST_QUOTE).collect();
            format!("an answer with code 404 is not about {object}: {quote}")
        })
    }

    fn is_about(&self, details: &StatusDetails) -> bool {
        let in_group = |group: &str| details.group.is_empty() || details.group == group;
        let of_kind = |kind: &str| details.kind.is_empty() || details.kind == kind;
        let whole = format!("{}/{}", self.resource, self.subresource);
        let kind = of_kind(&self.resource) || details.kind == whole;
        // That an incarnation was not found says nothing about a name.
        let named = details.uid.is_empty() && !details.name.is_empty();
        let object = self.name.as_ref() == Some(&details.name) && in_group(&self.group) && kind;
        // What is created in a Namespace that is not there is answered for by the Namespace.
        let place = self.creates_in.as_ref() == Some(&details.name)
            && details.group.is_empty()
            && details.kind == "namespaces";
        named && (object || place)
    }

    fn told(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        let kind = format!("{}{dot}{}", self.resource, self.group);
        match &self.name {
            Some(name) => format!("{kind}/{name}"),
            None if self.resource.is_empty() => "what was asked for".to_owned(),
            None => kind,
        }
    }
}

/// A segment of a path, without its percent-encoding.
fn decoded(segment: &str) -> String {
    let digit = |at: usize| char::from(*segment.as_bytes().get(at)?).to_digit(16);
    let mut bytes = Vec::new();
    let mut at = 0;
    while let Some(byte) = segment.as_bytes().get(at) {
        let pair = || Some((digit(at + 1)?, digit(at + 2)?));
        match (byte, pair()) {
            (b'%', Some((high, low))) => {
                bytes.extend(u8::try_from(high * 16 + low));
                at += 3;
            }
            _ => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether the API server serves the kind. That it does not is believed only where its list of
/// groups, or of what a group holds, came and lacks it.
///
/// # Errors
/// If neither can be read.
pub async fn is_served<K>(client: &Client) -> Result<bool, kube::Error>
where
    K: Resource<DynamicType = ()>,
{
    let version = K::api_version(&());
    let error = match client.list_api_group_resources(&version).await {
        Ok(list) => return Ok(list.resources.iter().any(|served| served.name == K::plural(&()))),
        Err(error) => error,
    };
    let groups = client.list_api_groups().await?.groups;
    let versions = groups.iter().flat_map(|group| &group.versions);
    if versions.into_iter().any(|served| served.group_version == version) {
        return Err(error);
    }
    Ok(false)
}

/// What was read of a kind that the cluster may lack; nothing where the API server says that it does
/// not serve the kind.
///
/// # Errors
/// If it could not be read, or not be told whether the kind is served.
pub async fn read_if_served<K, T>(
    client: &Client,
    read: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Option<T>, kube::Error>
where
    K: Resource<DynamicType = ()>,
{
    match read.await {
        Err(kube::Error::Api(status)) if status.reason == NOT_ABOUT_IT => {
            if is_served::<K>(client).await? { Err(kube::Error::Api(status)) } else { Ok(None) }
        }
        read => read.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(method: Method, path: &str) -> Asked {
        Asked::of(&method, &path.parse().expect("a path"))
    }

    fn not_found(details: &Value) -> Vec<u8> {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
            "code": 404, "message": "not found", "details": details,
        });
        status.to_string().into_bytes()
    }

    fn passes(path: &str, details: &Value) -> bool {
        let asked = asked(Method::GET, path);
        asked.stray(StatusCode::NOT_FOUND, &not_found(details)).is_none()
    }

    #[test]
    fn a_status_about_the_very_object_is_absence() {
        let project = "/apis/kargo.akuity.io/v1alpha1/projects/shop";
        let details = json!({"name": "shop", "group": "kargo.akuity.io", "kind": "projects"});
        assert!(passes(project, &details));
        assert!(passes(&format!("{project}/status"), &details));
        assert!(passes("/api/v1/namespaces/shop", &json!({"name": "shop", "kind": "namespaces"})));
        assert!(passes(
            "/apis/apps/v1/namespaces/a/deployments/b/scale",
            &json!({"name": "b", "group": "apps", "kind": "deployments/scale"})
        ));
        assert!(passes(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles/team%20%231",
            &json!({"name": "team #1", "group": "rbac.authorization.k8s.io", "kind": "roles"})
        ));
    }

    #[test]
    fn a_status_about_anything_else_is_not() {
        let project = "/apis/kargo.akuity.io/v1alpha1/projects/shop";
        for details in [
            json!({}),
            json!({"name": "other", "group": "kargo.akuity.io", "kind": "projects"}),
            json!({"name": "shop", "kind": "namespaces"}),
            json!({"name": "shop", "group": "example.com", "kind": "projects"}),
            json!({"name": "shop", "kind": "projects", "uid": "another-incarnation"}),
        ] {
            assert!(!passes(project, &details), "{details}");
        }
        assert!(!passes("/api/v1/namespaces/a/pods", &json!({"name": "a", "kind": "pods"})));
    }

    #[test]
    fn text_pages_and_other_codes_are_no_absence() {
        let asked = asked(Method::GET, "/api/v1/namespaces/shop");
        let why = asked.stray(StatusCode::NOT_FOUND, b"404 page not found\n").expect("stray");
        assert!(why.contains("does not serve namespaces/shop"), "{why}");
        let why = asked.stray(StatusCode::NOT_FOUND, b"<html>nginx</html>").expect("stray");
        assert!(why.contains("<html>"), "{why}");
        let about_it = not_found(&json!({"name": "shop", "kind": "namespaces"}));
        assert!(asked.stray(StatusCode::FORBIDDEN, &about_it).is_some());
        assert!(asked.stray(StatusCode::FORBIDDEN, b"{}").is_none());
        assert!(asked.stray(StatusCode::CONFLICT, b"no").is_none());
    }

    #[test]
    fn a_namespace_that_is_not_there_answers_for_what_is_created_in_it() {
        let details = not_found(&json!({"name": "shop", "kind": "namespaces"}));
        let path = "/api/v1/namespaces/shop/serviceaccounts";
        let stray = |method| asked(method, path).stray(StatusCode::NOT_FOUND, &details);
        assert!(stray(Method::POST).is_none());
        assert!(stray(Method::GET).is_some());
    }
}
