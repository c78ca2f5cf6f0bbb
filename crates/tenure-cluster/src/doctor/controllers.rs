//! What may run controllers, and what their accounts may do.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::Api;
use kube::core::ObjectMeta;
use serde::Deserialize;
use tenure_core::contents::workload_words;
use tenure_core::doctor::{Facts, Right, Workload, awaits_others, rights_wanted};

use super::{AT_ONCE, told};
use crate::execute::post;
use crate::{Cluster, RequestError};

/// Rights that are asked about.
const MOST_RIGHTS: usize = 20;

/// What matters of a Deployment, a StatefulSet or a DaemonSet.
#[derive(Deserialize)]
struct Running {
    metadata: ObjectMeta,
    spec: RunningSpec,
    #[serde(default)]
    status: RunningStatus,
}

#[derive(Deserialize)]
struct RunningSpec {
    template: Template,
}

#[derive(Deserialize)]
struct Template {
    #[serde(default)]
    spec: TemplateSpec,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct TemplateSpec {
    service_account_name: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RunningStatus {
    ready_replicas: Option<i32>,
    number_ready: Option<i32>,
}

impl Cluster {
    /// What may run controllers, anywhere; nothing if no finalizer waits for one.
    pub(super) async fn read_workloads(
        &self,
        facts: &Facts,
    ) -> Result<Vec<Workload>, RequestError> {
        let mut workloads = Vec::new();
        if !awaits_others(facts) {
            return Ok(workloads);
        }
        for plural in ["deployments", "statefulsets", "daemonsets"] {
            let path = format!("/apis/apps/v1/{plural}");
            let all: Vec<Running> = self.list_everything(&path, plural).await?;
            workloads.extend(all.into_iter().map(|running| running.reduced(plural)));
        }
        Ok(workloads)
    }

    /// Asks whether the accounts of controllers may take their finalizers off. Who may not ask
    /// that learns nothing, and is told so once.
    pub(super) async fn see_rights(&self, facts: &mut Facts) {
        let wanted = rights_wanted(facts);
        let namespace = &facts.name;
        let asked = wanted.into_iter().take(MOST_RIGHTS).map(|(account, kind)| async move {
            let allowed = self.may_change(&account, &kind, namespace).await?;
            Ok::<_, RequestError>(Right { account, kind, allowed })
        });
        let answers: Vec<_> = futures::stream::iter(asked).buffered(AT_ONCE).collect().await;
        for answer in answers {
            match answer {
                Ok(right) => facts.rights.push(right),
                Err(error) => {
                    facts.unseen.push(told("subjectaccessreviews.authorization.k8s.io", &error))
                }
            }
        }
    }

    /// Whether an account may update or patch objects of a kind.
    async fn may_change(
        &self,
        account: &str,
        kind: &str,
        namespace: &str,
    ) -> Result<bool, RequestError> {
        for verb in ["update", "patch"] {
            if self.may(account, verb, kind, namespace).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn may(
        &self,
        account: &str,
        verb: &str,
        kind: &str,
        namespace: &str,
    ) -> Result<bool, RequestError> {
        let (plural, group) = kind.split_once('.').unwrap_or((kind, ""));
        let (home, name) = account.split_once('/').unwrap_or_default();
        let groups = ["system:serviceaccounts", "system:authenticated"].map(str::to_owned);
        let of_home = format!("system:serviceaccounts:{home}");
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(format!("system:serviceaccount:{home}:{name}")),
                groups: Some(groups.into_iter().chain([of_home]).collect()),
                resource_attributes: Some(ResourceAttributes {
                    verb: Some(verb.to_owned()),
                    group: Some(group.to_owned()),
                    resource: Some(plural.to_owned()),
                    namespace: Some(namespace.to_owned()),
                    ..Default::default()
                }),
                ..Default::default()
            },
            ..Default::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let doing = format!("ask whether {account} may {verb} {kind}");
        let answer = self.within(doing, reviews.create(&post(), &review)).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

impl Running {
    fn reduced(self, plural: &str) -> Workload {
        let name = self.metadata.name.unwrap_or_default();
        let labels = self.metadata.labels.unwrap_or_default();
        let words: BTreeSet<String> =
            workload_words(&name, |key| labels.get(key).map(String::as_str))
                .into_iter()
                .map(String::from)
                .collect();
        let account = self.spec.template.spec.service_account_name;
        Workload {
            namespace: self.metadata.namespace.unwrap_or_default(),
            reference: format!("{plural}.apps/{name}"),
            words,
            ready: self.status.ready_replicas.or(self.status.number_ready).unwrap_or(0),
            account: account.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".into()),
        }
    }
}
