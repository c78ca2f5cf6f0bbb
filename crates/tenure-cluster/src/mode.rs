//! Whether how Tenure runs fits who else looks after Projects: looked at, not assumed.
//!
//! Nothing is decided by it. Beside a Kargo that does not run, deletions of Projects wait for it;
//! where two look after Projects that were each meant to do so alone, both write, and whoever of
//! them does not ask goes first.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::ListParams;
use tenure_api::Published;
use tenure_api::install::SETTINGS;
use tenure_core::Mode;

use crate::RequestError;
use crate::gather::Cluster;

/// The Deployment of Kargo's management controller, whose label its chart fixes.
const MANAGEMENT_CONTROLLER: &str = "app.kubernetes.io/component=management-controller";
/// The label by which Kargo's chart tells its version.
const VERSION: &str = "app.kubernetes.io/version";
/// Minor versions of Kargo 1 whose controller was read; `docs/companion.md` says what matters in it.
const READ: [u32; 2] = [10, 11];

/// Whether the mode fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Fits,
    /// It does not, or nobody knows; a CamelCase reason, and what to do, in words.
    Unfit(&'static str, String),
}

impl Cluster {
    /// Looks whether Kargo's management controller runs, and whether a server that runs otherwise
    /// leads, unless this one does.
    ///
    /// # Errors
    /// If nobody knows.
    pub async fn try_mode(&self, leads: bool) -> Result<Fit, RequestError> {
        let mode = self.settings.mode;
        let maps: Api<ConfigMap> =
            Api::namespaced(self.client.clone(), &self.settings.tenure_namespace);
        let map = self.within("read the settings", maps.get_opt(SETTINGS)).await?;
        let published = map.and_then(|map| Published::read(&map).ok());
        let leading = published.map(|published| Mode::from(published.mode));
        if let Some(other) = leading.filter(|other| !leads && *other != mode) {
            let (own, other) = (mode.as_str(), other.as_str());
            return Ok(Fit::Unfit(
                "ModesMixed",
                format!(
                    "this server runs in mode {own}, and the one that leads, or led last, in mode \
                     {other}; run all in one mode"
                ),
            ));
        }
        let deployments: Api<Deployment> =
            Api::namespaced(self.client.clone(), &self.settings.kargo_namespace);
        let those = ListParams::default().labels(MANAGEMENT_CONTROLLER);
        let doing = "look for Kargo's management controller";
        let found = self.within(doing, deployments.list(&those)).await?.items;
        Ok(judge(mode, &self.settings.kargo_namespace, &found))
    }
}

/// The condition of a pod that says whether its mode fits.
const MODE_FITS: &str = "tenure.dev/ModeFits";

impl Cluster {
    /// Shows on the pod that this is whether its mode fits.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn show_mode(&self, pod: &str, fit: &Fit) -> Result<(), RequestError> {
        let (reason, why) = match fit {
            Fit::Fits => (
                match self.settings.mode {
                    Mode::Companion => "BesideKargo",
                    Mode::Standalone => "InPlaceOfKargo",
                },
                "",
            ),
            Fit::Unfit(reason, why) => (*reason, why.as_str()),
        };
        self.show(pod, MODE_FITS, *fit == Fit::Fits, reason, why).await
    }
}

fn judge(mode: Mode, namespace: &str, found: &[Deployment]) -> Fit {
    let wanted = |deployment: &&Deployment| {
        let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas);
        replicas.unwrap_or(1) > 0
    };
    let runs = found.iter().find(wanted);
    match (mode, runs) {
        (Mode::Standalone, None) => Fit::Fits,
        (Mode::Standalone, Some(_)) => Fit::Unfit(
            "KargoRuns",
            format!(
                "Kargo's management controller runs in namespace {namespace} too, and deletes \
                 namespaces without asking; run Tenure in mode companion, or scale that Deployment \
                 to none"
            ),
        ),
        (Mode::Companion, None) => Fit::Unfit(
            "KargoMissing",
            format!(
                "there is no Deployment of Kargo's management controller in namespace {namespace} \
                 that is to run; without it Projects are not provided for, and do not go"
            ),
        ),
        (Mode::Companion, Some(deployment)) => {
            let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas);
            if ready.unwrap_or_default() == 0 {
                let why = "Kargo's management controller is not ready; Projects go once it is";
                return Fit::Unfit("KargoNotReady", why.to_owned());
            }
            let version =
                deployment.metadata.labels.iter().flatten().find(|(key, _)| *key == VERSION);
            let version = version.map_or("", |(_, version)| version.as_str());
            if minor_of(version).is_some_and(|minor| READ.contains(&minor)) {
                return Fit::Fits;
            }
            Fit::Unfit(
                "KargoVersionUnknown",
                format!(
                    "Kargo's management controller is of version {version:.40?}; read were 1.{} to \
                     1.{}, see docs/companion.md",
                    READ[0],
                    READ[READ.len() - 1]
                ),
            )
        }
    }
}

/// The minor version of a Kargo 1.
fn minor_of(version: &str) -> Option<u32> {
    let rest = version.strip_prefix('v').unwrap_or(version).strip_prefix("1.")?;
    rest.split(['.', '-', '+']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kargo(version: &str, replicas: u32, ready: u32) -> Vec<Deployment> {
        let deployment = json!({
            "metadata": {"labels": {VERSION: version}},
            "spec": {"replicas": replicas, "selector": {}, "template": {}},
            "status": {"readyReplicas": ready},
        });
        vec![serde_json::from_value(deployment).expect("a deployment")]
    }

    #[test]
    fn each_mode_wants_its_own_company() {
        let reason = |mode, found: &[Deployment]| match judge(mode, "kargo", found) {
            Fit::Fits => "",
            Fit::Unfit(reason, _) => reason,
        };
        let (alone, beside) = (Mode::Standalone, Mode::Companion);
        for (mode, found, wanted) in [
            (alone, vec![], ""),
            (alone, kargo("v1.11.2", 0, 0), ""),
            (alone, kargo("v1.11.2", 1, 0), "KargoRuns"),
            (beside, vec![], "KargoMissing"),
            (beside, kargo("v1.11.2", 0, 0), "KargoMissing"),
            (beside, kargo("v1.11.2", 1, 0), "KargoNotReady"),
            (beside, kargo("v1.11.2", 1, 1), ""),
            (beside, kargo("1.10.0-rc.1", 1, 1), ""),
            (beside, kargo("v1.9.9", 1, 1), "KargoVersionUnknown"),
            (beside, kargo("v1.110.0", 1, 1), "KargoVersionUnknown"),
            (beside, kargo("v2.10.0", 1, 1), "KargoVersionUnknown"),
            (beside, kargo("", 1, 1), "KargoVersionUnknown"),
        ] {
            assert_eq!(reason(mode, &found), wanted, "{mode:?} {found:?}");
        }
    }
}
