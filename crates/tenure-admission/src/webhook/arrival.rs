//! A Project is about to be created.

use std::collections::BTreeMap;

use serde_json::json;
use tenure_cluster::RequestError;
use tenure_core::policy::required::{Home, unmet};
use tenure_core::policy::{Demands, Enforcement, Matched};
use tenure_core::{NamespaceFacts, NamespaceName, Uid, keys};

use super::Admission;
use super::review::{Request, Target};
use super::verdict::Verdict;

impl Admission {
    /// Puts the finalizer on it, so that it is held before anything is made for it.
    pub(super) fn hold_project(&self, request: &Request) -> Verdict {
        let Some(object) = request.object.as_ref() else {
            return Verdict::senseless("request.object is missing");
        };
        let finalizers = object.metadata.finalizers.as_deref().unwrap_or_default();
        if !self.options.makes_namespaces || finalizers.iter().any(|f| f == keys::FINALIZER) {
            return Verdict::allowed();
        }
        Verdict::allowed().patch(match finalizers {
            [] => json!([
                {"op": "add", "path": "/metadata/finalizers", "value": [keys::FINALIZER]},
            ]),
            _ => json!([{"op": "add", "path": "/metadata/finalizers/-", "value": keys::FINALIZER}]),
        })
    }

    /// Decides whether the Project may come, and makes its Namespace.
    pub(super) async fn create_project(&self, request: &Request) -> Verdict {
        let target = match request.created() {
            Ok(target) => target,
            Err(error) => return Verdict::senseless(error.to_string()),
        };
        let name = target.name;
        if self.cluster.settings().is_system(name) || NamespaceName::parse(name).is_err() {
            // The API server refuses these itself; where it does not, the controller says why not.
            return Verdict::allowed();
        }
        let nothing = BTreeMap::new();
        let labels = target.meta.labels.as_ref().unwrap_or(&nothing);
        let settled = match self.settle(name, labels).await {
            Ok(Settled::Home { exists, verdict }) if exists || !verdict.is_allowed() => {
                return verdict;
            }
            Ok(Settled::Home { verdict, .. }) => verdict,
            Ok(Settled::Nowhere(verdict)) => return verdict,
            Err(error) => return Verdict::undecided(format!("failed to {error}; try again")),
        };
        if request.is_dry_run() || !self.options.makes_namespaces {
            return settled;
        }
        match self.make_home(name, target, labels).await {
            Ok(()) => settled,
            Err(error) => Verdict::undecided(format!("failed to {error}; try again")),
        }
    }

    /// Looks where the Project would live, and whether that is as policies require.
    async fn settle(
        &self,
        name: &str,
        project_labels: &BTreeMap<String, String>,
    ) -> Result<Settled, RequestError> {
        let world = self.cluster.gather(name).await?;
        let policies = self.cluster.store().policies();
        let namespace = world.namespace();
        if let Some(refusal) = namespace.and_then(|namespace| no_entry(name, namespace)) {
            return Ok(Settled::Nowhere(refusal));
        }
        let what = Matched {
            name,
            project_labels,
            namespace_labels: namespace.map(|namespace| &namespace.labels),
        };
        let exists = namespace.is_some();
        let (labels, annotations) = if exists {
            (namespace.map(|ns| ns.labels.clone()).unwrap_or_default(), world.annotations())
        } else {
            let terms = Demands::of(&policies, &what).terms;
            (terms.template_labels, terms.template_annotations)
        };
        let asks = policies.iter().any(|policy| policy.terms.required.looks_inside());
        let has_quota =
            if exists && asks { Some(self.cluster.any_quota(name).await?) } else { None };
        let home = Home { name, labels: &labels, annotations: &annotations, has_quota };
        let (mut warnings, mut missing) = (Vec::new(), Vec::new());
        for unmet in unmet(&policies, &what, &home) {
            match unmet.enforcement {
                Enforcement::Warn => warnings.push(unmet.reason),
                Enforcement::Enforce => missing.push(unmet.reason),
            }
        }
        let verdict = if missing.is_empty() {
            Verdict::allowed()
        } else {
            Verdict::forbidden(format!("Project {name} cannot come: {}", missing.join("; ")))
        };
        let verdict = warnings.into_iter().fold(verdict, Verdict::warn);
        Ok(Settled::Home { exists, verdict })
    }

    /// Makes the Namespace, unless somebody else does.
    async fn make_home(
        &self,
        name: &str,
        target: Target<'_>,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), RequestError> {
        let Some(uid) = target.meta.uid.as_deref().map(Uid::new) else { return Ok(()) };
        if self.cluster.others_make_namespaces().await? {
            return Ok(());
        }
        self.cluster.make_home(name, &uid, labels).await
    }
}

/// Where a Project would live.
enum Settled {
    /// In a Namespace that is there, or could be made.
    Home {
        /// Whether it is there.
        exists: bool,
        /// Whether it may be.
        verdict: Verdict,
    },
    /// Nowhere, and why.
    Nowhere(Verdict),
}

/// Why no Project may move into a Namespace as it is.
fn no_entry(name: &str, namespace: &NamespaceFacts) -> Option<Verdict> {
    if namespace.deleting.is_some() {
        return Some(Verdict::conflict(format!(
            "namespace {name} is still being terminated; create the Project when it is gone"
        )));
    }
    (!namespace.labelled).then(|| {
        Verdict::conflict(format!(
            "namespace {name} exists and is not marked for a Project; to let the Project move in, \
             keeping everything that is there: kubectl label namespace {name} {}={}",
            keys::PROJECT_LABEL,
            keys::TRUE
        ))
    })
}
