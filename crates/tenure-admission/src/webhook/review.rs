//! What the API server asks.
//!
//! Of the objects only the metadata is taken in, so that a review of the largest object there can
//! be costs little more memory than its text.

use std::collections::BTreeMap;

use serde::Deserialize;
use tenure_core::Accounts;
use tenure_core::plan::Requester;

/// The version of reviews that is spoken.
const VERSION: &str = "admission.k8s.io/v1";

/// A review that makes no sense; says which field is wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It is no JSON, or not of this shape.
    #[error("the review cannot be read: {0}")]
    Shape(String),
    /// It is of another version or kind.
    #[error("apiVersion and kind are {0} and {1}; understood is AdmissionReview of {VERSION}")]
    Version(String, String),
    /// A field that has to be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    request: Option<Request>,
}

/// One question.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// What the answer has to name.
    #[serde(default)]
    pub(crate) uid: String,
    pub(crate) resource: Resource,
    pub(crate) sub_resource: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) operation: String,
    pub(crate) user_info: User,
    pub(crate) object: Option<Object>,
    pub(crate) old_object: Option<Object>,
    dry_run: Option<bool>,
    options: Option<Options>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) resource: String,
}

/// Who asks.
#[derive(Debug, Deserialize)]
pub(crate) struct User {
    #[serde(default)]
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) uid: String,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    #[serde(default)]
    pub(crate) extra: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    propagation_policy: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Object {
    pub(crate) metadata: Meta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Meta {
    pub(crate) name: Option<String>,
    pub(crate) uid: Option<String>,
    pub(crate) labels: Option<BTreeMap<String, String>>,
    pub(crate) annotations: Option<BTreeMap<String, String>>,
    pub(crate) finalizers: Option<Vec<String>>,
    pub(crate) deletion_timestamp: Option<String>,
}

/// Reads a review.
///
/// # Errors
/// Says what of it cannot be read.
pub(crate) fn read(body: &[u8]) -> Result<Request, Unreadable> {
    let review: Review =
        serde_json::from_slice(body).map_err(|error| Unreadable::Shape(error.to_string()))?;
    if review.api_version != VERSION || review.kind != "AdmissionReview" {
        return Err(Unreadable::Version(short(&review.api_version), short(&review.kind)));
    }
    let request = review.request.ok_or(Unreadable::Missing("request"))?;
    if request.uid.is_empty() {
        return Err(Unreadable::Missing("request.uid"));
    }
    if request.user_info.username.is_empty() {
        return Err(Unreadable::Missing("request.userInfo.username"));
    }
    Ok(request)
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

impl Request {
    /// Whether nothing may be written.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run.unwrap_or_default()
    }

    /// Whether what depends on the object is to be left behind.
    pub(crate) fn orphans(&self) -> bool {
        let policy =
            self.options.as_ref().and_then(|options| options.propagation_policy.as_deref());
        policy == Some("Orphan")
    }

    /// The object that is about to be deleted.
    pub(crate) fn deleted(&self) -> Result<Target<'_>, Unreadable> {
        target(self.old_object.as_ref(), self.name.as_deref(), "request.oldObject")
    }

    /// The object that is about to be created.
    pub(crate) fn created(&self) -> Result<Target<'_>, Unreadable> {
        target(self.object.as_ref(), self.name.as_deref(), "request.object")
    }

    /// Who asks, as plans record it. Which person uses an account that acts for people is unknown.
    pub(crate) fn requester(&self, accounts: &Accounts) -> Requester {
        Requester::of(&self.user_info.username, accounts)
    }
}

/// The object that a question is about.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) name: &'a str,
    pub(crate) meta: &'a Meta,
}

fn target<'a>(
    object: Option<&'a Object>,
    name: Option<&'a str>,
    field: &'static str,
) -> Result<Target<'a>, Unreadable> {
    let meta = &object.ok_or(Unreadable::Missing(field))?.metadata;
    // What is deleted as one of a collection is not named in the request.
    let name = meta.name.as_deref().or(name).filter(|name| !name.is_empty());
    Ok(Target { name: name.ok_or(Unreadable::Missing("metadata.name"))?, meta })
}

impl Meta {
    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

#[cfg(test)]
#[path = "review_tests.rs"]
mod tests;
