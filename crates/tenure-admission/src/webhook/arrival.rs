//! A Project is about to be created.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::json;
use tenure_api::Project;
use tenure_cluster::{RequestError, World};
use tenure_core::policy::required::{Home, unmet};
use tenure_core::policy::{Demands, Enforcement, Matched};
use tenure_core::{Mode, NamespaceFacts, NamespaceName, keys};

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
        let verdict = self.judge_arrival(request).await;
        if self.breaks_glass(request) {
            return verdict.overruled(&request.user_info.username);
        }
        verdict
    }

    async fn judge_arrival(&self, request: &Request) -> Verdict {
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
        let judged = async {
            let mut world = self.cluster.gather(name).await?;
            if self.cluster.settings().mode == Mode::Companion && world.project().is_some() {
                // It may be gone before this one is stored, and its plan not carried out by then.
                return Ok(Verdict::exists(format!("there is a Project {name} already")));
            }
            if is_restored(target, &world) {
                // It comes back to where it was.
                return Ok(Verdict::allowed());
            }
            if let Some(why) = self.cluster.still_let(&mut world).await? {
                return Ok(Verdict::conflict(why));
            }
            let verdict = self.settle(name, labels, &world).await?;
            let makes = self.options.makes_namespaces
                && verdict.is_allowed()
                && !request.is_dry_run()
                && world.namespace().is_none();
            if makes && !is_bound(target) && world.project().is_none() {
                self.make_home(name, target, &mut world).await?;
            }
            Ok::<_, RequestError>(verdict)
        };
        judged
            .await
            .unwrap_or_else(|error| Verdict::undecided(format!("failed to {error}; try again")))
    }

    /// Looks where the Project would live, and whether that is as policies require.
    async fn settle(
        &self,
        name: &str,
        project_labels: &BTreeMap<String, String>,
        world: &World,
    ) -> Result<Verdict, RequestError> {
        let policies = world.policies();
        let namespace = world.namespace();
        if let Some(refusal) = namespace.and_then(|namespace| no_entry(name, namespace)) {
            return Ok(refusal);
        }
        let what = Matched {
            name,
            project_labels,
            namespace_labels: namespace.map(|namespace| &namespace.labels),
        };
        let exists = namespace.is_some();
        let terms = Demands::of(policies, &what).terms;
        let beside_kargo = self.cluster.settings().mode == Mode::Companion;
        let (labels, annotations) = match namespace {
            Some(namespace) => (namespace.labels.clone(), world.annotations()),
            None if beside_kargo => ([pair(keys::PROJECT_LABEL, keys::TRUE)].into(), [].into()),
            None => (terms.template_labels.clone(), terms.template_annotations.clone()),
        };
        let asks = policies.iter().any(|policy| policy.terms.required.looks_inside());
        let has_quota =
            if exists && asks { Some(self.cluster.any_quota(name).await?) } else { None };
        let home = Home { name, labels: &labels, annotations: &annotations, has_quota };
        let (mut warnings, mut missing) = (Vec::new(), Vec::new());
        // Its webhook may have been asked before.
        let by_kargo = |ns: &NamespaceFacts| ns.labelled_by_controller && !ns.recorded();
        let templated = !terms.template_labels.is_empty() || !terms.template_annotations.is_empty();
        if beside_kargo && templated && namespace.is_none_or(by_kargo) {
            warnings.push(format!(
                "Kargo makes namespace {name}, and knows no namespaceTemplate; to have it as its \
                 policies say, make it first, with the label {}={}",
                keys::PROJECT_LABEL,
                keys::TRUE
            ));
        }
        for unmet in unmet(policies, &what, &home) {
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
        Ok(warnings.into_iter().fold(verdict, Verdict::warn))
    }

    /// Makes the Namespace, unless somebody else does.
    async fn make_home(
        &self,
        name: &str,
        target: Target<'_>,
        world: &mut World,
    ) -> Result<(), RequestError> {
        if target.meta.uid.is_none() || self.cluster.others_make_namespaces().await? {
            return Ok(());
        }
        let mut project = Project::named(name);
        project.metadata = ObjectMeta {
            uid: target.meta.uid.clone(),
            labels: target.meta.labels.clone(),
            annotations: target.meta.annotations.clone(),
            // These it gets when it is stored.
            resource_version: Some(String::new()),
            creation_timestamp: Some(Time(self.cluster.now())),
            ..project.metadata
        };
        self.cluster.make_home(project, world).await
    }
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// Whether the Project is made anew because its deletion was called off.
fn is_restored(target: Target<'_>, world: &World) -> bool {
    let from = target.meta.annotation(keys::RESTORED_FROM);
    world.awaits_restoration()
        && world.plan().is_some_and(|plan| from == Some(plan.project_uid.as_str()))
}

/// Whether the Project means a Namespace that was there before, as one does that comes out of a
/// backup.
fn is_bound(target: Target<'_>) -> bool {
    target.meta.annotation(keys::NAMESPACE_UID).is_some()
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
