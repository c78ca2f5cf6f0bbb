//! What is answered.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use serde_json::{Value, json};

/// How long a warning is at most. The API server cuts longer ones when it has many.
const MOST_OF_A_WARNING: usize = 250;
/// How long a message is at most; more would not be read.
const MOST_OF_A_MESSAGE: usize = 4096;

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    refusal: Option<Refusal>,
    warnings: Vec<String>,
    audit: BTreeMap<&'static str, String>,
    patch: Option<Value>,
}

#[derive(Clone, Debug, PartialEq)]
struct Refusal {
    code: u16,
    reason: &'static str,
    message: String,
}

impl Verdict {
    /// It may be.
    pub(crate) fn allowed() -> Self {
        Self::default()
    }

    fn refused(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        let message = cut(message.into(), MOST_OF_A_MESSAGE);
        Self { refusal: Some(Refusal { code, reason, message }), ..Self::default() }
    }

    /// It may not be.
    pub(crate) fn forbidden(why: impl Into<String>) -> Self {
        Self::refused(403, "Forbidden", why)
    }

    /// It cannot be as things are.
    pub(crate) fn conflict(why: impl Into<String>) -> Self {
        Self::refused(409, "Conflict", why)
    }

    /// There is one already, as the API server says it too.
    pub(crate) fn exists(why: impl Into<String>) -> Self {
        Self::refused(409, "AlreadyExists", why)
    }

    /// The question makes no sense, so nothing is allowed by it.
    pub(crate) fn senseless(why: impl Into<String>) -> Self {
        Self::refused(400, "BadRequest", why)
    }

    /// Nobody knows whether it may be, so it may not be now.
    pub(crate) fn undecided(why: impl Into<String>) -> Self {
        Self::refused(503, "ServiceUnavailable", why)
    }

    pub(crate) fn is_allowed(&self) -> bool {
        self.refusal.is_none()
    }

    /// Lets it be all the same, and says what it would have been refused for. What makes no sense,
    /// or cannot be, stays refused.
    pub(crate) fn overruled(mut self, by: &str) -> Self {
        if let Some(refusal) = self.refusal.take_if(|refusal| matches!(refusal.code, 403 | 503)) {
            tracing::warn!(by, refusal.message, "a refusal is overruled");
            self.audit.insert("break-glass", refusal.message.clone());
            self = self.warn(format!("passed by break-glass: {}", refusal.message));
        }
        self
    }

    /// Tells whoever asks.
    pub(crate) fn warn(mut self, warning: impl Into<String>) -> Self {
        // One line: a warning is a header.
        let line = warning.into().split_whitespace().collect::<Vec<_>>().join(" ");
        self.warnings.push(cut(line, MOST_OF_A_WARNING));
        self
    }

    /// Tells the audit log.
    pub(crate) fn note(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.audit.insert(key, value.into());
        self
    }

    /// Changes the object, by JSON patch.
    pub(crate) fn patch(self, patch: Value) -> Self {
        Self { patch: Some(patch), ..self }
    }

    /// The review that says so.
    pub(crate) fn review(&self, uid: &str) -> Value {
        let mut response = json!({"uid": uid, "allowed": self.is_allowed()});
        if let Some(Refusal { code, reason, message }) = &self.refusal {
            response["status"] = json!({
                "status": "Failure", "code": code, "reason": reason, "message": message,
            });
        }
        if !self.warnings.is_empty() {
            response["warnings"] = json!(self.warnings);
        }
        if !self.audit.is_empty() {
            response["auditAnnotations"] = json!(self.audit);
        }
        if let Some(patch) = self.patch.as_ref().filter(|_| self.is_allowed()) {
            response["patchType"] = "JSONPatch".into();
            response["patch"] = json!(ByteString(patch.to_string().into_bytes()));
        }
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
    }
}

fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most - '…'.len_utf8()).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_why_and_a_warning_is_one_line() {
        let verdict = Verdict::forbidden("no").warn("a\n b").note("digest", "sha256:0");
        assert_eq!(
            verdict.review("u1")["response"],
            json!({
                "uid": "u1", "allowed": false,
                "status": {"status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"},
                "warnings": ["a b"], "auditAnnotations": {"digest": "sha256:0"},
            })
        );
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let verdict = Verdict::allowed().warn("ä".repeat(300));
        let review = verdict.review("u1");
        let warning = review["response"]["warnings"][0].as_str().unwrap();
        assert!(warning.len() <= MOST_OF_A_WARNING && warning.ends_with('…'));
        assert_eq!(review["response"]["allowed"], true);
    }

    #[test]
    fn a_refusal_that_is_overruled_is_told_and_noted() {
        let review = Verdict::forbidden("no").overruled("root").review("u1");
        assert_eq!(review["response"]["allowed"], true);
        assert_eq!(review["response"]["auditAnnotations"]["break-glass"], "no");
        assert_eq!(review["response"]["warnings"][0], "passed by break-glass: no");
        assert_eq!(Verdict::allowed().overruled("root"), Verdict::allowed());
    }
}
