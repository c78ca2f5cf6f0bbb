//! Reading, uncached, what the next step depends on.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, Resource};
use tenure_api::install::BREAKER;
use tenure_api::{DeletionPlan, DeletionPolicy, Project};
use tenure_core::lifecycle::Archived;
use tenure_core::plan::{self, PlanFacts};
use tenure_core::policy::Policy;
use tenure_core::{CrdState, NamespaceFacts, Settings, Uid, keys};
use tokio::sync::Semaphore;

use crate::archive::Archive;
use crate::clock::Clock;
use crate::contents::{Absence, Reading, ServedCache};
use crate::error::Failure;
use crate::not_found::read_if_served;
use crate::shared::Shared;
use crate::world::World;
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
    pub(crate) commons: Arc<Commons>,
    /// How contents are read.
    pub(crate) reading: Reading,
}

/// What is the same for all Projects, read once for all who want to know at that moment.
#[derive(Default)]
pub(crate) struct Commons {
    crd: Shared<CrdState>,
    policies: Shared<Arc<[Policy]>>,
    breaker: Shared<Option<Arc<ConfigMap>>>,
    /// The kinds that are served, as they were last asked for.
    pub(crate) served: ServedCache,
    /// Kinds of which there may be none.
    pub(crate) absence: Absence,
}

impl Cluster {
    /// A cluster behind that client.
    pub fn new(client: Client, settings: Arc<Settings>, store: Arc<Store>) -> Self {
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
        let (clock, archive, commons) = (Clock::default(), Arc::default(), Arc::default());
        let reading = Reading::default();
        Self { client, settings, store, clock, archive, in_flight, commons, reading }
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

    /// The same cluster, with requests of its own: nobody who waits for these holds those up.
    #[must_use]
    pub fn apart(&self) -> Self {
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
        Self { in_flight, commons: Arc::default(), ..self.clone() }
    }

    /// The same cluster, with a store of its own. What admission writes has to be news to the
    /// watches: where no Project comes, or none goes, nobody else wakes the controllers.
    pub(crate) fn beside_watches(&self) -> Self {
        Self { store: Arc::default(), ..self.clone() }
    }

    /// The time, as the API server tells it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The client it is reached by.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What does not change.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// What the watches know.
    pub fn store(&self) -> &Arc<Store> {
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
        Box::pin(async {
            let mut world = self.read_objects(name).await?;
            let of = self.being_made_anew(&world).await?.or_else(|| self.planned_project(&world));
            let project = world.project_facts.as_ref();
            let decides = project.is_none_or(|project| {
                let stands = |ns: &NamespaceFacts| ns.deleting.is_none();
                project.deleting.is_some() && world.namespace_facts.as_ref().is_some_and(stands)
            });
            if decides {
                self.read_what_decides(&mut world, of.as_ref()).await?;
            } else {
                let plan = self.read_plan(name, of.as_ref()).await?;
                world.set_plan(plan)?;
            }
            if let Some(other) = self.other_left(&world) {
                let plan = self.read_plan(name, Some(&other)).await?;
                world.set_plan(plan)?;
                self.read_namespace_again(&mut world).await?;
            }
            self.look_into_archive(&mut world);
            Ok(world)
        })
        .await
    }

    /// The UID of a Project that is gone and whose plan has not ended, where the Namespace's record
    /// names another one of which nothing is left to do.
    fn other_left(&self, world: &World) -> Option<Uid> {
        let open = |plan: &PlanFacts| !plan.status.phase.is_final() || plan.awaits_restoration();
        if world.project_facts.is_some() || world.plan_facts.as_ref().is_some_and(open) {
            return None;
        }
        let recorded = world.namespace_facts.as_ref()?.project_uid.as_ref()?;
        self.store.unfinished(&world.name).filter(|uid| uid != recorded)
    }

    /// Reads the two objects, and nothing else.
    pub(crate) async fn read_objects(&self, name: &str) -> Result<World, RequestError> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let projects: Api<Project> = Api::all(self.client.clone());
        let reading = |what: &str| format!("read {what} {name}");
        let as_of = self.now();
        let namespace =
            self.within(reading("namespace"), namespaces.get_metadata_opt(name)).await?;
        let read = projects.get_opt(name);
        let project = self.where_served::<Project, _>(reading("project"), read).await?.flatten();
        let mut world = World::unread(name, as_of, self.store.policies(), self.store.stats(name));
        world.set_project(project, &self.settings)?;
        world.set_namespace(namespace)?;
        if world.is_deleted_without_its_own() {
            // What was read before its Project may be older than the Project.
            let doing = reading("namespace");
            world.set_namespace(self.within(doing, namespaces.get_metadata_opt(name)).await?)?;
        }
        Ok(world)
    }

    /// Reads what a deletion depends on besides the two objects, and the plan of the Project of
    /// that UID.
    pub(crate) async fn read_what_decides(
        &self,
        world: &mut World,
        of: Option<&Uid>,
    ) -> Result<(), RequestError> {
        let (crd, plan, policies, breaker) = futures::future::try_join4(
            self.commons.crd.read(|| self.read_crd()),
            self.read_plan(&world.name, of),
            self.commons.policies.read(|| self.read_policies()),
            self.commons.breaker.read(|| self.read_breaker()),
        )
        .await?;
        world.crd = crd;
        world.set_plan(plan)?;
        world.policies = policies;
        world.breaker = self.store.breaker(breaker.as_deref(), self.settings.breaker);
        world.breaker_map = breaker;
        self.read_namespace_again(world).await
    }

    /// Reads the Namespace once more, if what else was read asks for it.
    async fn read_namespace_again(&self, world: &mut World) -> Result<(), RequestError> {
        if world.observe(&self.settings, None).wants_namespace_again() {
            let namespaces: Api<Namespace> = Api::all(self.client.clone());
            let doing = format!("read namespace {}", world.name);
            let again = self.within(doing, namespaces.get_metadata_opt(&world.name)).await?;
            world.set_namespace(again)?;
        }
        Ok(())
    }

    /// The UID of the Project whose plan matters here: of the one that is being deleted, of the
    /// one that is gone, or of a forerunner whose plan has not ended.
    pub(crate) fn planned_project(&self, world: &World) -> Option<Uid> {
        let recorded = world.namespace_facts.as_ref().and_then(|ns| ns.project_uid.clone());
        let Some(project) = &world.project_facts else {
            return recorded.or_else(|| self.store.unfinished(&world.name));
        };
        // Made anew, and the record does not name it yet.
        let former = project.restored_from.clone().filter(|uid| Some(uid) == recorded.as_ref());
        former.or_else(|| match project.deleting {
            Some(_) => Some(project.uid.clone()),
            None => self.store.unfinished(&world.name),
        })
    }

    /// The UID of the Project in whose place the one that is being deleted was made, if its plan does
    /// not say so yet: who read only that would make it anew once more, when this one is gone.
    async fn being_made_anew(&self, world: &World) -> Result<Option<Uid>, RequestError> {
        let going = world.project_facts.as_ref().filter(|project| project.deleting.is_some());
        let Some(former) = going.and_then(|project| project.restored_from.as_ref()) else {
            return Ok(None);
        };
        Ok(self.awaits_restoration(&world.name, former).await?.then(|| former.clone()))
    }

    /// Whether a Project that is gone, of that name and UID, has yet to be made anew, as far as its
    /// plan says.
    ///
    /// # Errors
    /// If that could not be read.
    pub async fn awaits_restoration(&self, name: &str, uid: &Uid) -> Result<bool, RequestError> {
        let plan = self.read_plan(name, Some(uid)).await?;
        let facts = plan.map(|plan| plan.facts()).transpose();
        let facts = facts.map_err(|e| RequestError::nonsense("read deletionplan", &e))?;
        Ok(facts.is_some_and(|plan| plan.awaits_restoration()))
    }

    async fn read_plan(
        &self,
        project: &str,
        uid: Option<&Uid>,
    ) -> Result<Option<DeletionPlan>, RequestError> {
        let Some(uid) = uid else { return Ok(None) };
        let name = plan::name(project, uid);
        let doing = format!("read deletionplan {name}");
        let (plans, name) = (self.plans(), name);
        let read = plans.get_opt(&name);
        Ok(self.where_served::<DeletionPlan, _>(doing, read).await?.flatten())
    }

    /// Reads objects of a kind that may not be served. It fails then, as for every other kind,
    /// unless there may be nothing of Tenure.
    async fn where_served<K, T>(
        &self,
        doing: impl Into<String>,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<Option<T>, RequestError>
    where
        K: Resource<DynamicType = ()>,
    {
        if self.reading.without_server {
            return self.within(doing, read_if_served::<K, T>(&self.client, request)).await;
        }
        self.within(doing, request).await.map(Some)
    }

    /// Reads every policy. Where the kind is not installed this fails: nobody knows then what
    /// would be demanded.
    async fn read_policies(&self) -> Result<Arc<[Policy]>, RequestError> {
        let policies: Api<DeletionPolicy> = Api::all(self.client.clone());
        let (every, doing) = (Default::default(), "list deletionpolicies");
        let listed = self.where_served::<DeletionPolicy, _>(doing, policies.list(&every)).await?;
        listed
            .iter()
            .flatten()
            .map(|policy| {
                policy.facts().map_err(|e| RequestError::nonsense("read deletionpolicies", &e))
            })
            .collect()
    }

    async fn read_breaker(&self) -> Result<Option<Arc<ConfigMap>>, RequestError> {
        let map = self.within("read the breaker", self.breaker_maps().get_opt(BREAKER)).await?;
        Ok(map.map(Arc::new))
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
        let World { access, found, listed, contents, remaining, archived, .. } = world;
        let archived = match archived {
            Archived::Failed(why) if again.archived == Archived::Pending => Archived::Failed(why),
            _ => again.archived.clone(),
        };
        Ok(World { access, found, listed, contents, remaining, archived, ..again })
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
