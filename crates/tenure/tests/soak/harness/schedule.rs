//! One schedule: what there is and what is done is drawn, and carried out request by request.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tenure_api::DeletionPlan;
use tenure_cluster::{Cluster, Store};
use tenure_controllers::Metrics;
use tenure_controllers::project::Reconciler;
use tenure_testbed::kargo::{Journal, Kargo};
use tenure_testbed::{KARGO_NAMESPACE, unique_name};
use tokio::task::JoinHandle;

use super::bed::{Bed, settings};
use super::oracle::{Left, judge};
use super::random::Random;
use super::record::Kind;
use super::turnstile::{Actor, Broken, Controller, Turnstile};
use super::world::{self, Act, World, acts, draw, free};

/// Choices in a schedule, at most; then everybody at work goes on to their end.
const MOST_CHOICES: usize = 150;
/// Rounds in which everybody does what there is to do, at most.
const MOST_ROUNDS: usize = 20;

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    LetGo(Actor, u64),
    Act,
    CatchUp(Kind),
    Start(Actor),
    Crash(Controller),
    /// The watches of Tenure see the plans.
    Watch(Controller),
    /// Nothing more is begun.
    Finish,
}

/// How a schedule ended.
pub(crate) struct Outcome {
    pub(crate) number: u64,
    pub(crate) world: World,
    pub(crate) acts: Vec<Act>,
    /// What was done, in its order.
    pub(crate) lines: Vec<String>,
    /// What does not hold.
    pub(crate) wrong: Vec<String>,
    /// In a word, for a table.
    pub(crate) fate: String,
}

struct Schedule<'a> {
    bed: &'a Bed,
    random: Random,
    turnstile: Arc<Turnstile>,
    world: World,
    acts: std::vec::IntoIter<Act>,
    kargo: Arc<Kargo>,
    controllers: BTreeMap<Controller, (Reconciler, Arc<Store>)>,
    at_work: BTreeMap<Actor, JoinHandle<()>>,
    /// How many passes may yet be begun.
    left: BTreeMap<&'static str, usize>,
    finishing: bool,
}

/// Carries out the schedule of that number, of all that belong to the seed.
pub(crate) async fn run(bed: &Bed, seed: u64, number: u64, broken: Broken) -> Outcome {
    let mut random = Random::of(seed, number);
    let world = draw(&mut random);
    let acts = acts(&mut random);
    let turnstile = Turnstile::new(unique_name("soak"), broken, world.unasked);
    let mut schedule = Schedule::new(bed, random, turnstile.clone(), world.clone(), acts.clone());
    schedule.set_up().await;
    turnstile.say(|| "--".to_owned());
    schedule.play().await;
    turnstile.say(|| "-- everybody comes to rest".to_owned());
    let rested = schedule.settle().await;
    let (project, namespace) =
        (schedule.look(Kind::Project).await, schedule.look(Kind::Namespace).await);
    bed.desk.close(&turnstile.name);
    let left = Left { project: project.as_ref(), namespace: namespace.as_ref() };
    let mut wrong = turnstile.record(|record| judge(record, &left));
    if !rested {
        wrong.push(format!("nobody rests after {MOST_ROUNDS} rounds"));
    }
    let lines = turnstile.record(|record| std::mem::take(&mut record.lines));
    let deleted = turnstile.record(|record| record.deleted.last().map(|deleted| deleted.by));
    let fate = format!(
        "Project {}, Namespace {}",
        if project.is_some() { "lives" } else { "gone" },
        match (&namespace, deleted) {
            (Some(_), _) => "stands".to_owned(),
            (None, Some(Actor::Tenure(_))) => "deleted by Tenure".to_owned(),
            (None, Some(Actor::User(_))) => "deleted by a person".to_owned(),
            (None, Some(by)) => format!("deleted by {by:?}"),
            (None, None) => "absent".to_owned(),
        }
    );
    Outcome { number, world, acts, lines, wrong, fate }
}

impl<'a> Schedule<'a> {
    fn new(
        bed: &'a Bed,
        random: Random,
        turnstile: Arc<Turnstile>,
        world: World,
        acts: Vec<Act>,
    ) -> Self {
        let leader = Arc::new(Store::default());
        let mut controllers = BTreeMap::new();
        for (controller, store) in [
            (Controller::Leader, leader.clone()),
            (Controller::Second, Arc::default()),
            (Controller::Late, leader.clone()),
        ] {
            let settings = Arc::new(settings(controller == Controller::Late));
            let cluster = Cluster::new(bed.clients.tenure.clone(), settings, store.clone());
            let metrics = Metrics::register(&mut Registry::default());
            controllers.insert(controller, (Reconciler::new(cluster, metrics), store));
        }
        bed.desk.open(&turnstile, &bed.clients.tenure, &leader);
        let kargo = Kargo::new(bed.clients.kargo.clone(), KARGO_NAMESPACE, Journal::default());
        Self {
            bed,
            random,
            turnstile,
            world,
            acts: acts.into_iter(),
            kargo: Arc::new(kargo),
            controllers,
            at_work: BTreeMap::new(),
            left: BTreeMap::from([("tenure", 7), ("kargo", 6), ("kubernetes", 4)]),
            finishing: false,
        }
    }

    fn name(&self) -> &str {
        &self.turnstile.name
    }

    async fn set_up(&mut self) {
        let at_work = self.turnstile.begin(Actor::Setup);
        at_work.work(self.world.make(&self.turnstile, &self.bed.clients)).await;
        if self.world.recorded {
            self.pass(Actor::Tenure(Controller::Leader)).await;
        }
        self.read_again().await;
        self.catch_up(Kind::Project).await;
        self.catch_up(Kind::Namespace).await;
    }

    /// Request by request, until nobody is at work and nothing more is begun.
    async fn play(&mut self) {
        self.turnstile.close(true);
        let mut choices = 0;
        loop {
            self.turnstile.still().await;
            self.read_again().await;
            let may = self.may();
            let Some(choice) = (!may.is_empty()).then(|| self.random.weigh(&may)) else { break };
            choices += 1;
            if choices == MOST_CHOICES {
                self.finishing = true;
            }
            self.choose(choice).await;
        }
        self.turnstile.close(false);
        for (_, handle) in std::mem::take(&mut self.at_work) {
            handle.await.expect("an actor's work");
        }
    }

    /// What may happen next, and how likely each is.
    fn may(&self) -> Vec<(u64, Choice)> {
        let held = self.turnstile.held().into_iter();
        let mut may: Vec<_> = held.map(|(actor, id)| (6, Choice::LetGo(actor, id))).collect();
        if self.finishing {
            return may;
        }
        let idle = |actor: Actor| !self.turnstile.is_active(actor);
        if self.acts.len() > 0 && (0..2).any(|user| idle(Actor::User(user))) {
            may.push((4, Choice::Act));
        } else if self.acts.len() == 0 {
            may.push((1, Choice::Finish));
        }
        for kind in [Kind::Project, Kind::Namespace] {
            if self.is_behind(kind) {
                may.push((3, Choice::CatchUp(kind)));
            }
        }
        let starts = self.starts().into_iter().filter(|(_, actor)| idle(*actor));
        may.extend(starts.map(|(weight, actor)| (weight, Choice::Start(actor))));
        for controller in [Controller::Leader, Controller::Second, Controller::Late] {
            let actor = Actor::Tenure(controller);
            if !idle(actor) && !self.turnstile.is_in_flight(actor) {
                may.push((1, Choice::Crash(controller)));
            }
        }
        if self.turnstile.record(|record| !record.plans.is_empty()) {
            may.push((1, Choice::Watch(Controller::Leader)));
            may.push((1, Choice::Watch(Controller::Second)));
        }
        may
    }

    /// Passes that may begin, as far as there is anything to do in them.
    fn starts(&self) -> Vec<(u64, Actor)> {
        let left = |whose: &str| self.left.get(whose).is_some_and(|left| *left > 0);
        let mut starts = Vec::new();
        if left("kargo") {
            if self.kargo_passes_over_project() {
                starts.push((4, Actor::KargoProjects));
            }
            if self.kargo_passes_over_namespace() {
                starts.push((4, Actor::KargoNamespaces));
            }
        }
        if left("tenure") {
            starts.push((3, Actor::Tenure(Controller::Leader)));
            starts.push((2, Actor::Tenure(Controller::Second)));
            if !self.turnstile.anything_in_flight() {
                starts.push((1, Actor::Tenure(Controller::Late)));
            }
        }
        if left("kubernetes") && self.kubernetes_has_work() {
            starts.push((2, Actor::Kubernetes));
        }
        starts
    }

    /// Whether Kargo's pass over the Project is among what happens, by what Kargo knows.
    fn kargo_passes_over_project(&self) -> bool {
        let known = self.kargo.cache().projects.get(self.name());
        known.is_some_and(|p| self.world.provides || p.metadata.deletion_timestamp.is_some())
    }

    fn kargo_passes_over_namespace(&self) -> bool {
        let known = self.kargo.cache().namespaces.get(self.name());
        known.is_some_and(|namespace| {
            let meta = namespace.metadata;
            meta.deletion_timestamp.is_some() && meta.finalizers.is_some_and(|f| !f.is_empty())
        })
    }

    fn kubernetes_has_work(&self) -> bool {
        self.turnstile.record(|record| {
            [record.project(), record.namespace.as_ref()]
                .into_iter()
                .flatten()
                .any(|object| object["metadata"]["deletionTimestamp"].is_string())
        })
    }

    /// Whether Kargo does not know the object as it is.
    fn is_behind(&self, kind: Kind) -> bool {
        let cache = self.kargo.cache();
        let known = match kind {
            Kind::Project => cache.projects.get(self.name()).map(|p| p.metadata),
            Kind::Namespace => cache.namespaces.get(self.name()).map(|n| n.metadata),
        };
        let known = known.and_then(|meta| meta.resource_version);
        self.turnstile.record(|record| {
            let is = match kind {
                Kind::Project => record.project(),
                Kind::Namespace => record.namespace.as_ref(),
            };
            is.and_then(|object| object["metadata"]["resourceVersion"].as_str()) != known.as_deref()
        })
    }

    async fn choose(&mut self, choice: Choice) {
        match choice {
            Choice::LetGo(_, id) => self.turnstile.let_go(id),
            Choice::Act => {
                let Some(act) = self.acts.next() else { return };
                let users = [Actor::User(0), Actor::User(1)].into_iter();
                let user = users.into_iter().find(|user| !self.turnstile.is_active(*user));
                let user = user.expect("somebody who has nothing to do");
                self.turnstile.say(|| format!("{user:?} begins {act:?}"));
                let (turnstile, clients) = (self.turnstile.clone(), self.bed.clients.clone());
                let work = async move { act.perform(&turnstile, &clients).await };
                let at_work = self.turnstile.begin(user);
                self.at_work.insert(user, tokio::spawn(at_work.work(work)));
            }
            Choice::CatchUp(kind) => self.catch_up(kind).await,
            Choice::Start(actor) => {
                self.turnstile.say(|| format!("{actor:?} begins"));
                let whose = match actor {
                    Actor::Tenure(_) => "tenure",
                    Actor::Kubernetes => "kubernetes",
                    _ => "kargo",
                };
                self.left.entry(whose).and_modify(|left| *left -= 1);
                let work = self.pass(actor);
                self.at_work.insert(actor, tokio::spawn(work));
            }
            Choice::Crash(controller) => {
                let actor = Actor::Tenure(controller);
                let Some(handle) = self.at_work.remove(&actor) else { return };
                self.turnstile.say(|| format!("{actor:?} crashes"));
                handle.abort();
                // It is gone when this returns.
                drop(handle.await);
            }
            Choice::Watch(controller) => self.watch(controller),
            Choice::Finish => self.finishing = true,
        }
    }

    /// One pass of an actor that is no person.
    fn pass(&self, actor: Actor) -> impl Future<Output = ()> + Send + 'static {
        let at_work = self.turnstile.begin(actor);
        let name = self.name().to_owned();
        let (kargo, clients) = (self.kargo.clone(), self.bed.clients.clone());
        let controllers = self.controllers.clone();
        at_work.work(async move {
            match actor {
                // What fails is in the journal.
                Actor::KargoProjects => drop(kargo.reconcile_project(&name).await),
                Actor::KargoNamespaces => drop(kargo.reconcile_namespace(&name).await),
                Actor::Kubernetes => world::kubernetes(&name, &clients.user).await,
                Actor::Tenure(controller) => drop(controllers[&controller].0.look(&name).await),
                Actor::Setup | Actor::User(_) | Actor::Review(_) => {}
            }
        })
    }

    /// Kargo learns how an object is.
    async fn catch_up(&self, kind: Kind) {
        self.turnstile.say(|| format!("Kargo sees the {kind:?}"));
        let cache = self.kargo.cache();
        match kind {
            Kind::Project => cache.catch_up_project(self.name()).await,
            Kind::Namespace => cache.catch_up_namespace(self.name()).await,
        }
        .expect("a look");
    }

    /// Tenure's watches see the plans.
    fn watch(&self, controller: Controller) {
        let (_, store) = &self.controllers[&controller];
        self.turnstile.record(|record| {
            for plan in record.plans.values() {
                let plan: DeletionPlan = serde_json::from_value(plan.clone()).expect("a plan");
                store.put_plan(&self.turnstile.name, &plan.facts().expect("a plan's facts"));
            }
        });
    }

    async fn look(&self, kind: Kind) -> Option<serde_json::Value> {
        world::look(kind, self.name(), &self.bed.clients.user).await
    }

    /// Reads what answers did not tell.
    async fn read_again(&self) {
        for kind in self.turnstile.record(|record| std::mem::take(&mut record.unsure)) {
            let found = self.look(kind).await;
            self.turnstile.record(|record| record.put(kind, found));
        }
    }

    /// Everybody does what there is to do, one after the other, until nobody writes any more.
    /// Whether it came to that.
    async fn settle(&mut self) -> bool {
        let at_work = self.turnstile.begin(Actor::User(0));
        at_work.work(free(&self.turnstile, &self.bed.clients)).await;
        for _ in 0..MOST_ROUNDS {
            let before = self.turnstile.record(|record| record.writes);
            for kind in [Kind::Namespace, Kind::Project] {
                self.read_again().await;
                if self.is_behind(kind) {
                    self.catch_up(kind).await;
                }
            }
            if self.world.provides {
                self.kargo.cache().catch_up_access(self.name()).await.expect("a look");
            }
            let mut actors = Vec::new();
            actors.extend(self.kargo_passes_over_namespace().then_some(Actor::KargoNamespaces));
            actors.extend(self.kargo_passes_over_project().then_some(Actor::KargoProjects));
            actors.extend(self.kubernetes_has_work().then_some(Actor::Kubernetes));
            self.watch(Controller::Late);
            actors.push(Actor::Tenure(Controller::Late));
            for actor in actors {
                self.pass(actor).await;
                self.read_again().await;
            }
            let behind = self.is_behind(Kind::Project) || self.is_behind(Kind::Namespace);
            if self.turnstile.record(|record| record.writes) == before && !behind {
                return true;
            }
        }
        false
    }
}

impl Outcome {
    /// Everything about it, for people.
    pub(crate) fn report(&self) -> String {
        let Self { number, world, acts, lines, wrong, .. } = self;
        let lines = lines.join("\n  ");
        format!("schedule {number}: {}\n  {world:?}\n  {acts:?}\n  {lines}", wrong.join("; "))
    }
}
