//! Reading, uncached, what the next step depends on.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource as _};
use tenure_api::install::BREAKER;
use tenure_api::{
    DeletionPlan, DeletionPolicy, FactsError, Project, namespace_facts, project_facts,
};
use tenure_core::access::AccessKey;
use tenure_core::contents::Contents;
use tenure_core::contents::clean::Remaining;
use tenure_core::lifecycle::{Access, Archived, Preview, Trouble, preview};
use tenure_core::plan::{self, PlanFacts};
use tenure_core::policy::Policy;
use tenure_core::status::Stats;
use tenure_core::{
    Blocker, CrdState, NamespaceFacts, Observation, ProjectFacts, Settings, Uid, keys,
};
use tokio::sync::Semaphore;

use crate::archive::Archive;
use crate::clock::Clock;
use crate::contents::ServedCache;
use crate::error::Failure;
use crate::{Category, RequestError, Sink, Store};

/// How long one request may take. Longer than the API server's own limit for one that is no
/// watch would be of no use, and this short a hang is still noticed by a person.
const DEADLINE: Duration = Duration::from_secs(30);

/// Requests on their way at once, watches apart. This is no throttle: each is a connection with a
/// TLS handshake and buffers on both sides, and more do not make the API server faster.
const IN_FLIGHT: usize = 32;

/// A cluster, and what the watches know of it.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) client: Client,
    pub(crate) settings: Arc<Settings>,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Clock,
    pub(crate) archive: Arc<Archive>,
    in_flight: Arc<Semaphore>,
    /// The kinds that are served, as they were last asked for.
    pub(crate) served: Arc<ServedCache>,
}

/// One Project and its Namespace, as they were read and as they were changed since.
pub struct World {
    pub(crate) name: String,
    pub(crate) project: Option<Project>,
    pub(crate) namespace: Option<PartialObjectMeta<Namespace>>,
    pub(crate) project_facts: Option<ProjectFacts>,
    pub(crate) namespace_facts: Option<NamespaceFacts>,
    pub(crate) crd: CrdState,
    pub(crate) access: Access,
    /// Identities of provisioned objects that were found.
    pub(crate) found: BTreeMap<AccessKey, Found>,
    pub(crate) blockers: Option<Vec<Blocker>>,
    pub(crate) stats: Option<Stats>,
    pub(crate) plan: Option<DeletionPlan>,
    pub(crate) plan_facts: Option<PlanFacts>,
    pub(crate) policies: Arc<[Policy]>,
    pub(crate) contents: Option<Arc<Contents>>,
    pub(crate) remaining: Option<Arc<Remaining>>,
    pub(crate) breaker_map: Option<ConfigMap>,
    pub(crate) breaker: plan::Breaker,
    pub(crate) archived: Archived,
    /// Whether nothing was written since both objects were read.
    pub(crate) fresh: bool,
}

/// A provisioned object that was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) meta: kube::core::ObjectMeta,
    /// Whether it carries our label, so that a deletion by label takes it.
    pub(crate) labelled: bool,
    /// Whether it carries the label of the Project in whose place this one was made.
    pub(crate) relabel: bool,
    /// Whether it can only be brought back by being made anew.
    pub(crate) anew: bool,
}

impl Cluster {
    /// A cluster behind that client.
    pub fn new(client: Client, settings: Arc<Settings>, store: Arc<Store>) -> Self {
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
        let (clock, archive, served) = (Clock::default(), Arc::default(), Arc::default());
        Self { client, settings, store, clock, archive, in_flight, served }
    }

    /// Goes by that clock, which listens to the client's answers.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Keeps trails in that sink.
    #[must_use]
    pub fn with_sink(self, sink: Box<dyn Sink>) -> Self {
        Self { archive: Arc::new(Archive::with(sink)), ..self }
    }

    /// The time, as the API server tells it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What does not change.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same, shared.
    pub fn settings_shared(&self) -> Arc<Settings> {
        self.settings.clone()
    }

    /// What the watches know.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Reads the Project and the Namespace of that name.
    ///
    /// The Namespace is read first: a record on it that names a Project which is then not found
    /// names one that is gone, and not one that had yet to come.
    ///
    /// # Errors
    /// If anything could not be read: blindness is no verdict.
    pub async fn gather(&self, name: &str) -> Result<World, RequestError> {
        // Some requests at once are too large to be part of every future that gathers.
        Box::pin(self.read_world(name)).await
    }

    async fn read_world(&self, name: &str) -> Result<World, RequestError> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let projects: Api<Project> = Api::all(self.client.clone());
        let reading = |what: &str| format!("read {what} {name}");
        let namespace =
            self.within(reading("namespace"), namespaces.get_metadata_opt(name)).await?;
        let project = self.within(reading("project"), projects.get_opt(name)).await?;
        let mut world = World {
            name: name.to_owned(),
            project: None,
            namespace: None,
            project_facts: None,
            namespace_facts: None,
            crd: CrdState::Established,
            access: Access::Unread,
            found: BTreeMap::new(),
            blockers: None,
            stats: self.store.stats(name),
            plan: None,
            plan_facts: None,
            policies: self.store.policies(),
            contents: None,
            remaining: None,
            breaker_map: None,
            breaker: plan::Breaker::default(),
            archived: Archived::Kept,
            fresh: true,
        };
        world.set_project(project, &self.settings)?;
        world.set_namespace(namespace)?;
        if world.is_deleted_without_its_own() {
            // What was read before its Project may be older than the Project.
            let doing = reading("namespace");
            world.set_namespace(self.within(doing, namespaces.get_metadata_opt(name)).await?)?;
        }
        self.gather_the_rest(&mut world).await?;
        Ok(world)
    }

    /// Reads what a deletion depends on besides the two objects.
    async fn gather_the_rest(&self, world: &mut World) -> Result<(), RequestError> {
        let deleting = world.project_facts.as_ref().is_none_or(|p| p.deleting.is_some());
        let stands = world.namespace_facts.as_ref().is_some_and(|ns| ns.deleting.is_none());
        let of = self.planned_project(world);
        let plan = async {
            match &of {
                Some(uid) => self.read_plan(&world.name, uid).await,
                None => Ok(None),
            }
        };
        if world.project_facts.is_none() || (deleting && stands) {
            let (crd, plan, policies, breaker) = futures::future::try_join4(
                self.read_crd(),
                plan,
                self.read_policies(),
                self.read_breaker(),
            )
            .await?;
            world.crd = crd;
            world.set_plan(plan)?;
            world.policies = policies;
            world.breaker = self.store.breaker(breaker.as_ref(), self.settings.breaker);
            world.breaker_map = breaker;
        } else {
            let plan = plan.await?;
            world.set_plan(plan)?;
        }
        self.look_into_archive(world);
        Ok(())
    }

    /// Says what would happen if the Project of that name were deleted now: nothing is written.
    /// `None` if there is nothing to decide.
    ///
    /// # Errors
    /// If anything could not be read.
    pub async fn preview(&self, name: &str) -> Result<Option<Preview>, RequestError> {
        let mut world = self.gather(name).await?;
        let (crd, policies, breaker) =
            futures::future::try_join3(self.read_crd(), self.read_policies(), self.read_breaker())
                .await?;
        world.crd = crd;
        world.policies = policies;
        world.breaker = self.store.breaker(breaker.as_ref(), self.settings.breaker);
        loop {
            let seen = world.observe(&self.settings, None);
            let step = match preview(&seen, self.now()) {
                Ok(preview) => return Ok(preview),
                Err(step) => step,
            };
            drop(seen);
            self.execute(&step, &mut world).await?;
        }
    }

    /// The UID of the Project whose plan matters here: of the one that is being deleted, of the
    /// one that is gone, or of a forerunner whose plan has not ended.
    fn planned_project(&self, world: &World) -> Option<Uid> {
        let recorded = world.namespace_facts.as_ref().and_then(|ns| ns.project_uid.clone());
        match &world.project_facts {
            Some(project) if project.deleting.is_some() => {
                // Made anew and deleted again before the record names it.
                let former =
                    project.restored_from.clone().filter(|uid| Some(uid) == recorded.as_ref());
                Some(former.unwrap_or_else(|| project.uid.clone()))
            }
            Some(project) => {
                let former =
                    project.restored_from.clone().filter(|uid| Some(uid) == recorded.as_ref());
                former.or_else(|| self.store.unfinished(&world.name))
            }
            None => recorded.or_else(|| self.store.unfinished(&world.name)),
        }
    }

    async fn read_plan(
        &self,
        project: &str,
        uid: &Uid,
    ) -> Result<Option<DeletionPlan>, RequestError> {
        let name = plan::name(project, uid);
        self.within(format!("read deletionplan {name}"), self.plans().get_opt(&name)).await
    }

    /// Reads every policy. Where the kind is not installed this fails: nobody knows then what
    /// would be demanded.
    async fn read_policies(&self) -> Result<Arc<[Policy]>, RequestError> {
        let policies: Api<DeletionPolicy> = Api::all(self.client.clone());
        let list = self.within("list deletionpolicies", policies.list(&Default::default())).await?;
        list.items
            .iter()
            .map(|policy| policy.facts().map_err(|e| nonsense("read deletionpolicies", &e)))
            .collect()
    }

    async fn read_breaker(&self) -> Result<Option<ConfigMap>, RequestError> {
        self.within("read the breaker", self.breaker_maps().get_opt(BREAKER)).await
    }

    /// Reads both objects again. What is known of the provisioned access stays known: it was
    /// read, or follows from what was done, since this pass began.
    ///
    /// # Errors
    /// If anything could not be read.
    pub async fn gather_again(&self, world: World) -> Result<World, RequestError> {
        let again = self.gather(&world.name).await?;
        let same = again.tenant_uid() == world.tenant_uid() || again.tenant_uid().is_none();
        if !same {
            return Ok(again);
        }
        // Contents were looked at in this pass, and what of them matters is in the digest of the
        // plan that was recorded since. An archive that could not be written is not asked again.
        let World { access, found, contents, remaining, archived, .. } = world;
        let archived = match archived {
            Archived::Failed(why) if again.archived == Archived::Pending => Archived::Failed(why),
            _ => again.archived.clone(),
        };
        Ok(World { access, found, contents, remaining, archived, ..again })
    }

    /// Waits for a request, but not for ever, and not with too many others.
    pub(crate) async fn within<T>(
        &self,
        doing: impl Into<String>,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, RequestError> {
        let doing = doing.into();
        // Nobody closes the semaphore; if somebody did, unlimited would be better than never.
        let _permit = self.in_flight.acquire().await.ok();
        match tokio::time::timeout(DEADLINE, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(RequestError::new(doing, error)),
            Err(_) => Err(RequestError {
                doing,
                failure: Failure::Unknown(format!("nothing came in {} s", DEADLINE.as_secs())),
            }),
        }
    }

    /// Reads whether Projects are served. That it may not be read is blindness, which closes a
    /// gate that says so; that it could not be read now is an error.
    async fn read_crd(&self) -> Result<CrdState, RequestError> {
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let doing = format!("read the CustomResourceDefinition {}", keys::PROJECT_CRD);
        match self.within(doing, crds.get_opt(keys::PROJECT_CRD)).await {
            Ok(Some(crd)) if !serves_projects(&crd) => Ok(CrdState::Unusable),
            Ok(crd) => Ok(crd_state(crd.as_ref().map(|crd| &crd.metadata))),
            Err(error) if error.category() == Category::Refused => {
                tracing::warn!(%error, "nothing is deleted until it can be read");
                Ok(CrdState::Unusable)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether the version of Projects that we read is served: if it is not, a Project that is not
/// found may be there all the same.
fn serves_projects(crd: &CustomResourceDefinition) -> bool {
    let version = Project::version(&());
    let served = crd.spec.versions.iter().any(|v| v.name == version && v.served);
    let conditions = crd.status.iter().flat_map(|status| status.conditions.iter().flatten());
    served && conditions.into_iter().any(|c| c.type_ == "Established" && c.status == "True")
}

/// What a CustomResourceDefinition's metadata says about it.
pub(crate) fn crd_state(meta: Option<&kube::core::ObjectMeta>) -> CrdState {
    match meta {
        None => CrdState::Unusable,
        Some(meta) if meta.deletion_timestamp.is_some() => CrdState::Terminating,
        Some(_) => CrdState::Established,
    }
}

impl World {
    /// The world as the lifecycle sees it.
    pub fn observe<'a>(
        &'a self,
        settings: &'a Settings,
        trouble: Option<Trouble>,
    ) -> Observation<'a> {
        Observation {
            name: &self.name,
            project: self.project_facts.clone(),
            namespace: self.namespace_facts.clone(),
            crd: self.crd,
            access: self.access.clone(),
            blockers: self.blockers.clone(),
            plan: self.plan_facts.clone(),
            policies: self.policies.clone(),
            contents: self.contents.clone(),
            remaining: self.remaining.clone(),
            breaker: self.breaker.clone(),
            archived: self.archived.clone(),
            stats: self.stats,
            trouble,
            settings,
        }
    }

    /// Whether nothing was written since both objects were read.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Whether there is a Namespace.
    pub fn has_namespace(&self) -> bool {
        self.namespace.is_some()
    }

    /// Whether the Project is being deleted, and the Namespace, if there is one, is not recorded
    /// as its own.
    fn is_deleted_without_its_own(&self) -> bool {
        let recorded = self.namespace_facts.as_ref().and_then(|ns| ns.project_uid.as_ref());
        self.project_facts
            .as_ref()
            .is_some_and(|project| project.deleting.is_some() && Some(&project.uid) != recorded)
    }

    /// Whether the Project has to be made anew, because its deletion was called off.
    pub fn awaits_restoration(&self) -> bool {
        self.plan_facts.as_ref().is_some_and(PlanFacts::awaits_restoration)
    }

    /// The Project's facts, if there is a Project.
    pub fn project(&self) -> Option<&ProjectFacts> {
        self.project_facts.as_ref()
    }

    /// UID of the Project that access is provided for, or was, if it is gone.
    pub(crate) fn tenant_uid(&self) -> Option<Uid> {
        let project = self.project_facts.as_ref().map(|project| project.uid.clone());
        project.or_else(|| self.namespace_facts.as_ref()?.project_uid.clone())
    }

    pub(crate) fn set_project(
        &mut self,
        project: Option<Project>,
        settings: &Settings,
    ) -> Result<(), RequestError> {
        let facts = project.as_ref().map(|project| project_facts(project, settings));
        self.project_facts = facts.transpose().map_err(|e| self.nonsense(&e))?;
        self.project = project;
        Ok(())
    }

    pub(crate) fn set_plan(&mut self, plan: Option<DeletionPlan>) -> Result<(), RequestError> {
        let facts = plan.as_ref().map(DeletionPlan::facts);
        self.plan_facts = facts.transpose().map_err(|e| self.nonsense(&e))?;
        self.plan = plan;
        Ok(())
    }

    pub(crate) fn set_namespace(
        &mut self,
        namespace: Option<PartialObjectMeta<Namespace>>,
    ) -> Result<(), RequestError> {
        self.namespace_facts = namespace
            .as_ref()
            .map(|namespace| namespace_facts(&namespace.metadata))
            .transpose()
            .map_err(|e| self.nonsense(&e))?;
        self.namespace = namespace;
        Ok(())
    }

    fn nonsense(&self, error: &FactsError) -> RequestError {
        nonsense(&format!("read {}", self.name), error)
    }
}

fn nonsense(doing: &str, error: &FactsError) -> RequestError {
    RequestError { doing: doing.to_owned(), failure: Failure::Nonsense(error.to_string()) }
}
