//! What admission asks of the cluster, and the little that it writes.

use std::collections::BTreeMap;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, RuleWithOperations, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::Api;
use kube::api::ListParams;
use kube::core::ObjectMeta;
use tenure_api::Project;
use tenure_api::install::NAME;
use tenure_core::access::{AccessKey, wanted};
use tenure_core::lifecycle::{home, reopened, still_let};
use tenure_core::plan::{self, Plan};
use tenure_core::{Mode, Step, keys};

use crate::RequestError;
use crate::execute::post;
use crate::gather::Cluster;
use crate::world::World;

/// Who asks the API server for something.
#[derive(Clone, Debug)]
pub struct Asker<'a> {
    /// The user's name.
    pub user: &'a str,
    /// What else tells them from a namesake; may be empty.
    pub uid: &'a str,
    /// The user's groups.
    pub groups: &'a [String],
    /// What else the authenticator says of them, which authorizers may go by.
    pub extra: &'a BTreeMap<String, Vec<String>>,
}

impl Cluster {
    /// Writes the plan that was decided on and who asks for it, unless that is what is recorded; and,
    /// beside Kargo, that the deletion is let in, if it is.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn record(
        &self,
        plan: &Plan,
        lets_in: bool,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let own = world.plan_facts.as_ref().filter(|s| s.project_uid == plan.project_uid);
        let ended = own.is_some_and(|stored| stored.status.phase.is_final());
        if !world.observe(&self.settings, None).is_recorded(plan, lets_in) {
            let lets_in = lets_in && self.settings.mode == Mode::Companion;
            let let_in = lets_in.then(|| self.now());
            self.beside_watches().record_plan(plan, let_in, world).await?;
        }
        let Some(status) = world.plan_facts.as_ref().filter(|_| ended).map(|stored| {
            // It ended without the Project, as when Tenure was taken off the cluster.
            reopened(stored, self.now())
        }) else {
            return Ok(());
        };
        self.beside_watches().advance_plan(&status, world).await
    }

    /// Has Kargo let go of the Namespace of a Project whose deletion is let in, whatever is decided.
    /// Where Tenure runs alone, or a person says the same, there is nothing to write.
    ///
    /// # Errors
    /// If it could not be written, as when the Project has changed since.
    pub async fn stamp(&self, world: &mut World) -> Result<(), RequestError> {
        let Some(project) = world.project() else { return Ok(()) };
        if self.settings.mode == Mode::Standalone || project.keeps {
            return Ok(());
        }
        let name = plan::name(&world.name, &project.uid);
        self.beside_watches().stamp_project(&name, world).await
    }

    /// Whether there is any Project.
    ///
    /// # Errors
    /// If they could not be listed.
    pub async fn any_project(&self) -> Result<bool, RequestError> {
        let projects: Api<Project> = Api::all(self.client.clone());
        let one = ListParams::default().limit(1);
        let list = self.within("list projects", projects.list_metadata(&one)).await?;
        Ok(!list.items.is_empty())
    }

    /// Whether there is a ResourceQuota in the Namespace.
    ///
    /// # Errors
    /// If they could not be listed.
    pub async fn any_quota(&self, namespace: &str) -> Result<bool, RequestError> {
        let quotas: Api<ResourceQuota> = Api::namespaced(self.client.clone(), namespace);
        let one = ListParams::default().limit(1);
        let doing = format!("list resourcequotas in {namespace}");
        Ok(!self.within(doing, quotas.list_metadata(&one)).await?.items.is_empty())
    }

    /// Whether that user may delete the Namespace of that name.
    ///
    /// # Errors
    /// If the API server does not say.
    pub async fn may_delete_namespace(
        &self,
        asker: &Asker<'_>,
        namespace: &str,
    ) -> Result<bool, RequestError> {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(asker.user.to_owned()),
                uid: Some(asker.uid.to_owned()).filter(|uid| !uid.is_empty()),
                groups: Some(asker.groups.to_vec()),
                extra: Some(asker.extra.clone()),
                resource_attributes: Some(ResourceAttributes {
                    verb: Some("delete".to_owned()),
                    resource: Some("namespaces".to_owned()),
                    namespace: Some(namespace.to_owned()),
                    name: Some(namespace.to_owned()),
                    ..Default::default()
                }),
                ..Default::default()
            },
            ..Default::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let doing = format!("ask whether {} may delete namespace {namespace}", asker.user);
        let answer = self.within(doing, reviews.create(&post(), &review)).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    /// Whether somebody else's webhook is asked when a Project is created: Kargo's makes the
    /// Namespace then, and two that do so would be in each other's way.
    ///
    /// # Errors
    /// If the webhooks could not be listed.
    pub async fn others_make_namespaces(&self) -> Result<bool, RequestError> {
        let validating: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        let mutating: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        let everything = ListParams::default();
        let (validating, mutating) = futures::future::try_join(
            self.within("list validating webhooks", validating.list(&everything)),
            self.within("list mutating webhooks", mutating.list(&everything)),
        )
        .await?;
        let ours = |meta: &ObjectMeta| meta.name.as_deref() == Some(NAME);
        let others = validating.items.iter().filter(|config| !ours(&config.metadata));
        let mut rules = others.flat_map(|c| c.webhooks.iter().flatten()).map(|w| &w.rules);
        let others = mutating.items.iter().filter(|config| !ours(&config.metadata));
        let mut more = others.flat_map(|c| c.webhooks.iter().flatten()).map(|w| &w.rules);
        let admits =
            |rules: &Option<Vec<RuleWithOperations>>| rules.iter().flatten().any(admits_projects);
        Ok(rules.any(admits) || more.any(admits))
    }

    /// Why no Project of that name may come now, if so, as far as the Namespace's record goes.
    ///
    /// # Errors
    /// If nobody can tell.
    pub async fn still_let(&self, world: &mut World) -> Result<Option<String>, RequestError> {
        loop {
            let step = match still_let(&world.observe(&self.settings, None)) {
                Ok(why) => return Ok(why),
                Err(step) => step,
            };
            self.beside_watches().execute(&step, world).await?;
        }
    }

    /// Makes the Namespace of a Project that is being created, recorded as its own, and gives
    /// Kargo's API server access to it, so that what follows the Project in one file finds its
    /// place. Nobody knows yet whether the Project comes to be; if it does not, the Namespace is
    /// released.
    ///
    /// # Errors
    /// If either could not be made.
    pub async fn make_home(&self, project: Project, world: &mut World) -> Result<(), RequestError> {
        world.set_project(Some(project), &self.settings)?;
        let step = {
            let seen = world.observe(&self.settings, None);
            let Some(project) = &seen.project else { return Ok(()) };
            home(&seen, project)
        };
        let beside = self.beside_watches();
        beside.execute(&step, world).await?;
        let first = |key: &AccessKey| key.comes_first();
        let wanted = wanted(&world.name, &[]).into_iter().filter(first).collect();
        beside.execute(&Step::Provision(wanted), world).await
    }
}

/// Whether a webhook with that rule is asked when a Project is created.
fn admits_projects(rule: &RuleWithOperations) -> bool {
    let has = |list: &Option<Vec<String>>, word: &str| {
        list.iter().flatten().any(|item| item == word || item == "*")
    };
    // Who is asked about everything, as policy engines are, makes no Namespaces.
    let kargo = rule.api_groups.iter().flatten().any(|group| group == keys::KARGO_GROUP);
    kargo && has(&rule.resources, "projects") && has(&rule.operations, "CREATE")
}
