//! What Tenure is installed of, and whether it acts.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use serde_json::Value;
use tenure_api::install::{self, BREAKER, Installation, NAME, SETTINGS, TENURE_GROUP};
use tenure_core::contents::Unseen;
use tenure_core::doctor::{InstallationFacts, Presence, Seen};
use tenure_core::{Mode, keys};

use super::{AT_ONCE, list::Meta, or_unseen, told};
use crate::execute::post;
use crate::{Cluster, Guard, RequestError};

const REGISTRATION: &str = "/apis/admissionregistration.k8s.io/v1";

/// A right that commands need.
struct Needed {
    verb: &'static str,
    plural: &'static str,
    group: &'static str,
    /// The name, if only the object of that name in Tenure's namespace is meant.
    only: Option<&'static str>,
    commands: &'static str,
}

const fn needed(
    verb: &'static str,
    plural: &'static str,
    group: &'static str,
    only: Option<&'static str>,
    commands: &'static str,
) -> Needed {
    Needed { verb, plural, group, only, commands }
}

#[rustfmt::skip]
const NEEDED: [Needed; 11] = [
    needed("list", "projects", keys::KARGO_GROUP, None, "list, plan, why, delete"),
    needed("patch", "projects", keys::KARGO_GROUP, None, "keep, hold, confirm, cancel, delete --disposition"),
    needed("delete", "projects", keys::KARGO_GROUP, None, "delete"),
    needed("get", "namespaces", "", None, "plan, why, delete, doctor"),
    needed("patch", "namespaces", "", None, "adopt, release, and keep and hold of a namespace"),
    needed("list", "deletionpolicies", TENURE_GROUP, None, "plan, why, delete"),
    needed("list", "deletionplans", TENURE_GROUP, None, "plans, audit"),
    needed("patch", "deletionplans", TENURE_GROUP, None, "approve, cancel"),
    needed("get", "configmaps", "", Some(SETTINGS), "plan as the server does"),
    needed("get", "configmaps", "", Some(BREAKER), "plan, breaker"),
    needed("patch", "configmaps", "", Some(BREAKER), "breaker close"),
];

impl Cluster {
    /// Looks at what Tenure is installed of, and whether it acts; and what of that could not be
    /// looked at.
    ///
    /// Whether the API server asks Tenure is tried, by deletions of the canary in dry runs, if
    /// whoever asks may delete Namespaces at all.
    pub async fn examine_installation(&self) -> (InstallationFacts, Vec<Unseen>) {
        let mut unseen = Vec::new();
        let namespace = self.settings.tenure_namespace.clone();
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &namespace);
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), &namespace);
        let (settings, breaker, lease, lacking, projects) = futures::join!(
            self.within("read the settings", maps.get_metadata_opt(SETTINGS)),
            self.within("read the breaker", maps.get_opt(BREAKER)),
            self.within("read the lease", leases.get_opt(NAME)),
            self.lacking(),
            self.lingering_projects(),
        );
        let (held, stamped) = or_unseen(&mut unseen, "projects.kargo.akuity.io", projects);
        let published = presence(&mut unseen, "configmaps", settings.map(|found| found.is_some()));
        let breaker = or_unseen(&mut unseen, "configmaps", breaker)
            .map(|map| crate::breaker::record(&map))
            .filter(|record| record.closed.is_none())
            .map(|record| record.why);
        let lease_seen = lease.is_ok();
        let lease = or_unseen(&mut unseen, "leases.coordination.k8s.io", lease);
        let lacking =
            or_unseen(&mut unseen, "selfsubjectaccessreviews.authorization.k8s.io", lacking);
        let objects = self.installed(&mut unseen).await;
        let asked = self.asked(&objects).await;
        let facts = InstallationFacts {
            now: self.now(),
            namespace,
            objects,
            published,
            lease: lease.and_then(lease_of),
            lease_seen,
            asked,
            breaker,
            beside_kargo: self.settings.mode == Mode::Companion,
            held,
            stamped,
            lacking,
        };
        (facts, unseen)
    }

    /// What has to be on the cluster.
    async fn installed(&self, unseen: &mut Vec<Unseen>) -> Vec<Seen> {
        let mut objects = Vec::new();
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        for crd in install::crds() {
            let name = crd.metadata.name.unwrap_or_default();
            let read = self.within("read a definition", crds.get_metadata_opt(&name)).await;
            let there =
                read.map(|crd| crd.is_some_and(|c| c.metadata.deletion_timestamp.is_none()));
            let kind = "customresourcedefinitions.apiextensions.k8s.io";
            let presence = presence(unseen, kind, there);
            let without = "nothing is deleted until it is".to_owned();
            objects.push(Seen { object: format!("crd/{name}"), presence, without });
        }
        let guards = install::manifests(&Installation {
            mode: self.settings.mode,
            ..Installation::default()
        });
        for (kind, plural) in [
            ("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
            ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
        ] {
            let there = self.names(plural).await;
            let there = or_unseen(unseen, plural, there.map(Some));
            for name in guards.iter().filter(|object| object["kind"] == kind).filter_map(name_of) {
                let presence = match &there {
                    Some(there) if there.contains(name) => Presence::There,
                    Some(_) => Presence::Missing,
                    None => Presence::Unseen,
                };
                let without = "what it has the API server refuse is let through".to_owned();
                objects.push(Seen { object: format!("{plural}/{name}"), presence, without });
            }
        }
        objects
    }

    /// Whether the API server asks Tenure.
    async fn asked(&self, objects: &[Seen]) -> Result<(), String> {
        if objects.iter().all(|seen| seen.presence == Presence::Missing) {
            return Ok(());
        }
        let hooks = "validatingwebhookconfigurations";
        if let Ok(names) = self.names(hooks).await
            && !names.contains(NAME)
        {
            return Err(format!("there is no {hooks}/{NAME}"));
        }
        let may = self.may_i("delete", "namespaces", "", Some(keys::CANARY), None).await;
        if !may.unwrap_or(false) {
            return Ok(());
        }
        match self.try_guard().await {
            Ok(Guard::Ineffective(why)) => Err(why),
            Ok(Guard::Effective) | Err(_) => Ok(()),
        }
    }

    async fn names(&self, plural: &str) -> Result<BTreeSet<String>, RequestError> {
        let path = format!("{REGISTRATION}/{plural}");
        let all: Vec<Meta> = self.list_everything(&path, plural).await?;
        Ok(all.into_iter().filter_map(|object| object.metadata.name).collect())
    }

    /// What whoever asks may not do, of what commands need.
    async fn lacking(&self) -> Result<Vec<(String, String)>, RequestError> {
        let home = self.settings.tenure_namespace.as_str();
        let asked = NEEDED.iter().map(|needed| async move {
            let Needed { verb, plural, group, only, commands } = *needed;
            let may = self.may_i(verb, plural, group, only, only.map(|_| home)).await?;
            let dot = if group.is_empty() { "" } else { "." };
            let one = only.map(|name| format!("/{name}")).unwrap_or_default();
            let right = format!("{verb} {plural}{dot}{group}{one}");
            Ok((!may).then_some((right, commands.to_owned())))
        });
        let answers: Vec<Result<_, RequestError>> =
            Box::pin(futures::stream::iter(asked).buffered(AT_ONCE).collect()).await;
        let answers: Result<Vec<_>, _> = answers.into_iter().collect();
        Ok(answers?.into_iter().flatten().collect())
    }

    async fn may_i(
        &self,
        verb: &str,
        plural: &str,
        group: &str,
        name: Option<&str>,
        namespace: Option<&str>,
    ) -> Result<bool, RequestError> {
        let owned = |text: &str| Some(text.to_owned());
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    verb: owned(verb),
                    group: owned(group),
                    resource: owned(plural),
                    name: name.and_then(owned),
                    namespace: namespace.and_then(owned),
                    ..Default::default()
                }),
                ..Default::default()
            },
            ..Default::default()
        };
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let doing = format!("ask whether you may {verb} {plural}");
        let answer = self.within(doing, reviews.create(&post(), &review)).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

fn presence(unseen: &mut Vec<Unseen>, kind: &str, there: Result<bool, RequestError>) -> Presence {
    match there {
        Ok(true) => Presence::There,
        Ok(false) => Presence::Missing,
        Err(error) => {
            unseen.push(told(kind, &error));
            Presence::Unseen
        }
    }
}

fn name_of(object: &Value) -> Option<&str> {
    object["metadata"]["name"].as_str()
}

/// Who holds the Lease, since when, and for how many seconds that holds.
fn lease_of(lease: Lease) -> Option<(String, jiff::Timestamp, i64)> {
    let spec = lease.spec?;
    let renewed = spec.renew_time?.0;
    let holds = i64::from(spec.lease_duration_seconds.unwrap_or_default());
    Some((spec.holder_identity.unwrap_or_default(), renewed, holds))
}
