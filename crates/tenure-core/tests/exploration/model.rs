//! Two controllers, people, time, and what may go wrong between them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use stateright::{Model, Property};
use tenure_core::contents::clean::Scope;
use tenure_core::plan::{BreakerLimit, Plan};
use tenure_core::policy::{Enforcement, Policy, Selector, Terms};
use tenure_core::{Mode, Observation, Origin, Profile, Settings, Step, Uid, next_step};

use crate::admission::{self, Answer, By, Deletion};
use crate::api_server::{Extent, Request, requests};
use crate::cluster::Cluster;
use crate::controller::{Controller, Decided};
use crate::kargo::{Kargo, Move};
use crate::people::{self, Deed};
use crate::properties::{RESTORED, Rule, converges, is_restored, settle};

/// What the webhook says that guards Namespaces.
pub(crate) type Guard = fn(&Cluster, &Config, By) -> bool;
/// Whether admission finds recorded what it decided.
pub(crate) type IsRecorded = fn(&Observation<'_>, &Plan, bool) -> bool;
pub(crate) type Next = fn(&Observation<'_>, Timestamp) -> Step;

/// What is explored.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) controllers: usize,
    /// What people do, and how often.
    pub(crate) deeds: Vec<(Deed, u8)>,
    /// How often an hour passes.
    pub(crate) ticks: u8,
    pub(crate) policies: Arc<[Policy]>,
    pub(crate) settings: Settings,
    /// Deletions of other Projects, which the breaker counts.
    pub(crate) others_started: Vec<u8>,
    /// Whether the Namespace was there before the Project.
    pub(crate) adopted: bool,
    /// Whether there is neither when it begins, and whoever comes is at home in the end.
    pub(crate) unborn: bool,
    /// Whether that one is not marked for a Project, so that none can move in.
    pub(crate) stranger: bool,
    /// Whether others have finalizers on both objects.
    pub(crate) foreign: bool,
    /// Whether the plan is read at another moment than the Project.
    pub(crate) reads_apart: bool,
    /// Whether a read of an object may be answered with a 404 that is not about it.
    pub(crate) stray_answers: bool,
    /// Whether such an answer is taken for absence.
    pub(crate) believes_any_404: bool,
    /// Whether a person has asked for the deletion when it begins.
    pub(crate) deleting: bool,
    /// Whether the Namespace is read again once a Project was that is being deleted, where none of
    /// its own was there.
    pub(crate) looks_again: bool,
    /// Whether what was added to a Namespace is taken back only at the version that was read.
    pub(crate) releases_at_version: bool,
    /// Whether nothing may be deleted that a record no longer allows.
    pub(crate) strict: bool,
    /// Whether the Project has to be able to come back.
    pub(crate) wants_restored: bool,
    /// Whether anything guards Namespaces, beside Kargo.
    pub(crate) guarded: bool,
    pub(crate) guard: Guard,
    /// Whether admission stamps, and records that a deletion is let in.
    pub(crate) stamps: bool,
    pub(crate) records_let_in: fn(bool) -> bool,
    pub(crate) is_recorded: IsRecorded,
    pub(crate) next: Next,
    pub(crate) skips_fresh_reads: bool,
    pub(crate) memory: Arc<Memory>,
}

/// What was asked before. Nothing depends on it but how long the exploration takes.
#[derive(Default)]
pub(crate) struct Memory {
    steps: Mutex<BTreeMap<u64, Arc<Step>>>,
    ends: Mutex<BTreeMap<u64, bool>>,
}

impl Memory {
    pub(crate) fn step(&self, key: u64, ask: impl FnOnce() -> Step) -> Arc<Step> {
        remember(&self.steps, key, || Arc::new(ask()))
    }
}

fn remember<T: Clone>(memory: &Mutex<BTreeMap<u64, T>>, key: u64, ask: impl FnOnce() -> T) -> T {
    let lock = || memory.lock().expect("nobody panics while holding it");
    if let Some(known) = lock().get(&key) {
        return known.clone();
    }
    let answer = ask();
    lock().insert(key, answer.clone());
    answer
}

impl Default for Config {
    fn default() -> Self {
        let settings = Settings {
            confirmation_holds: Duration::from_mins(90),
            breaker: BreakerLimit { at_least: 3, ..BreakerLimit::default() },
            ..Settings::default()
        };
        Self {
            controllers: 2,
            deeds: Vec::new(),
            ticks: 0,
            policies: [].into(),
            settings,
            others_started: Vec::new(),
            adopted: false,
            unborn: false,
            stranger: false,
            foreign: false,
            reads_apart: false,
            stray_answers: false,
            believes_any_404: false,
            deleting: true,
            looks_again: true,
            releases_at_version: true,
            strict: false,
            wants_restored: false,
            guarded: false,
            guard: admission::guard,
            stamps: true,
            records_let_in: std::convert::identity,
            is_recorded: |seen, plan, lets_in| seen.is_recorded(plan, lets_in),
            next: next_step,
            skips_fresh_reads: false,
            memory: Arc::default(),
        }
    }
}

impl Config {
    pub(crate) fn with(deeds: &[Deed]) -> Self {
        Self { deeds: deeds.iter().map(|deed| (*deed, 1)).collect(), ..Self::default() }
    }

    /// Whether Kargo's management controller is there, too.
    pub(crate) fn beside_kargo(&self) -> bool {
        self.settings.mode == Mode::Companion
    }

    pub(crate) fn demanding(self, terms: Terms) -> Self {
        let policy = Policy {
            name: "of-the-house".to_owned(),
            uid: Uid::new("policy"),
            generation: 1,
            selector: Selector { names: Vec::new(), ..Selector::default() },
            enforcement: Enforcement::Enforce,
            terms,
        };
        Self { policies: [policy].into(), ..self }
    }

    /// Whether what destroys has to be confirmed, as the Namespace stands.
    pub(crate) fn confirmed(&self, cluster: &Cluster) -> bool {
        let record = cluster.namespace.as_ref().and_then(|ns| ns.record.as_ref());
        let adopted = record.is_some_and(|record| record.origin == Origin::Adopted);
        (adopted && self.settings.profile == Profile::Protective)
            || self.scope() == Scope::All
            || self.policies.iter().any(|policy| policy.terms.confirmation)
    }

    /// How many people have to agree: one more than is demanded, for nobody knows who asked.
    pub(crate) fn approvals(&self) -> usize {
        let demanded = self.policies.iter().flat_map(|policy| &policy.terms.approvals);
        demanded.map(|approvals| approvals.count as usize + 1).max().unwrap_or_default()
    }

    pub(crate) fn scope(&self) -> Scope {
        self.policies.iter().find_map(|policy| policy.terms.scope).unwrap_or_default()
    }

    /// A Project that is ready, and its Namespace; or neither.
    fn start(&self) -> Cluster {
        let mut cluster = Cluster::default();
        if self.unborn {
            return cluster;
        }
        if self.adopted || self.stranger {
            people::create_namespace(&mut cluster);
            cluster.on_namespace(|ns| ns.labelled = !self.stranger);
        }
        people::create_project(&mut cluster);
        let memory = Arc::default();
        let undisturbed =
            Self { memory, next: next_step, skips_fresh_reads: false, ..self.clone() };
        let mut cluster = converges(&cluster, &undisturbed).expect("it becomes ready");
        cluster.now = 0;
        cluster.on_project(|project| project.foreign = self.foreign);
        cluster.on_namespace(|ns| {
            (ns.foreign, ns.stage, ns.other) = (self.foreign, true, true);
        });
        if self.deleting {
            cluster.delete_project();
        }
        cluster
    }
}

/// Everything at one moment.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) cluster: Cluster,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) kargo: Kargo,
    /// Deletions of the Project that are under way.
    pub(crate) deletions: Vec<Deletion>,
    /// How often people may still do each thing.
    left: Vec<u8>,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cluster.hash(state);
        for controller in &self.controllers {
            controller.hash_in(&self.cluster, state);
        }
        self.kargo.hash_in(&self.cluster, state);
        for deletion in &self.deletions {
            deletion.hash_in(&self.cluster, state);
        }
        self.left.hash(state);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let digest = |state: &Self| {
            let mut hasher = DefaultHasher::new();
            state.hash(&mut hasher);
            hasher.finish()
        };
        digest(self) == digest(other)
    }
}

impl State {
    /// Two controllers differ by nothing but what they know.
    fn in_order(mut self) -> Self {
        let cluster = &self.cluster;
        self.controllers.sort_by_cached_key(|controller| {
            let mut hasher = DefaultHasher::new();
            controller.hash_in(cluster, &mut hasher);
            hasher.finish()
        });
        self
    }

    /// The action, with the step that a controller takes.
    pub(crate) fn tell(&self, action: &Action) -> String {
        let of = |index: &usize| match &self.controllers[*index] {
            Controller::Ready(decided) => decided.step.name(),
            Controller::Halfway { .. } => "Project",
            Controller::Mostly { .. } => "plan",
            Controller::Idle | Controller::Again { .. } => "Namespace",
        };
        match action {
            Action::Reads(index)
            | Action::ReadsAstray(index)
            | Action::Acts(index)
            | Action::ActsUnawares(index) => {
                format!("{action:?} {}", of(index))
            }
            Action::Admits(index) => format!("{action:?} {}", self.deletions[*index].tell()),
            Action::Kargo(_) => format!("{action:?} {}", self.kargo.tell()),
            other => format!("{other:?}"),
        }
    }

    fn nobody_is_busy(&self) -> bool {
        // Whoever was asked about a deletion that was given up may have crashed.
        self.controllers.iter().all(|controller| matches!(controller, Controller::Idle))
            && self.kargo.is_idle()
            && self.deletions.iter().all(|deletion| deletion.given_up)
    }
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A controller reads.
    Reads(usize),
    /// A controller reads, and is answered with a 404 that is not about the object.
    ReadsAstray(usize),
    /// A controller takes its step, and is answered.
    Acts(usize),
    /// Its step is done, and it does not learn of it: it crashes, or the answer is lost.
    ActsUnawares(usize),
    /// Only a part of its step is done.
    ActsInPart(usize, Extent),
    Does(Deed),
    Kargo(Move),
    /// A deletion of the Project goes on.
    Admits(usize),
    /// The namespace controller, and the owners of other finalizers, do theirs.
    OthersAct,
    TimePasses,
}

impl Model for Config {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let left = self.deeds.iter().map(|(_, times)| *times).collect();
        let controllers = vec![Controller::Idle; self.controllers];
        let cluster = self.start();
        let kargo = if self.beside_kargo() { Kargo::caught_up(&cluster) } else { Kargo::default() };
        vec![State { cluster, controllers, kargo, deletions: Vec::new(), left }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let mut idle = false;
        for (index, controller) in state.controllers.iter().enumerate() {
            if let Controller::Ready(decided) = controller {
                actions.push(Action::Acts(index));
                if !decided.step.only_reads() {
                    actions.push(Action::ActsUnawares(index));
                }
                if requests(&decided.step) > 1 {
                    let parts = [Extent::First, Extent::Rest];
                    actions.extend(parts.map(|part| Action::ActsInPart(index, part)));
                }
                continue;
            }
            // Of two that know nothing, one reads first.
            let first = !std::mem::replace(&mut idle, matches!(controller, Controller::Idle));
            if first || !matches!(controller, Controller::Idle) {
                actions.push(Action::Reads(index));
                if self.stray_answers {
                    actions.push(Action::ReadsAstray(index));
                }
            }
        }
        let able = self.deeds.iter().zip(&state.left).filter(|(_, left)| **left > 0);
        actions.extend(able.map(|((deed, _), _)| Action::Does(*deed)));
        if self.beside_kargo() {
            actions.extend(Move::ALL.map(Action::Kargo));
            actions.extend((0..state.deletions.len()).map(Action::Admits));
        }
        actions.push(Action::OthersAct);
        if state.cluster.now < self.ticks {
            actions.push(Action::TimePasses);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Reads(index) => {
                let controller = std::mem::take(&mut state.controllers[index]);
                state.controllers[index] = controller.read(&state.cluster, self);
            }
            Action::ReadsAstray(index) => {
                let controller = std::mem::take(&mut state.controllers[index]);
                state.controllers[index] = controller.read_astray(&state.cluster, self);
            }
            Action::Acts(index) => self.act(&mut state, index, Extent::Whole, true)?,
            Action::ActsUnawares(index) => self.act(&mut state, index, Extent::Whole, false)?,
            Action::ActsInPart(index, part) => self.act(&mut state, index, part, false)?,
            Action::Does(deed) => {
                self.does(deed, &mut state)?;
                let index = self.deeds.iter().position(|(of, _)| *of == deed)?;
                state.left[index] -= 1;
            }
            Action::Kargo(what) => {
                let State { cluster, kargo, deletions, .. } = &mut state;
                kargo.go_on(what, cluster, self, deletions)?;
            }
            Action::Admits(index) => {
                let deletion = state.deletions.remove(index);
                let (by_kargo, given_up) = (deletion.by_kargo, deletion.given_up);
                match deletion.go_on(&mut state.cluster, self) {
                    Answer::GoesOn(deletion) => state.deletions.insert(index, deletion),
                    answer if by_kargo && !given_up => {
                        state.kargo.is_answered(matches!(answer, Answer::Deleted));
                    }
                    _ => {}
                }
            }
            Action::OthersAct => settle(&mut state.cluster).then_some(())?,
            Action::TimePasses => {
                state.cluster.now += 1;
                // The API server does not wait for as long.
                for deletion in &mut state.deletions {
                    deletion.given_up = true;
                }
                state.kargo.is_answered(false);
            }
        }
        Some(state.in_order())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! rules {
            ($($rule:ident: $name:literal,)*) => {
                vec![$(Property::always($name, |_: &Self, state: &State| {
                    !state.cluster.past.broken.has(Rule::$rule)
                }),)*]
            };
        }
        let mut properties = rules! {
            Authorised: "a namespace is deleted only by a record that stands",
            Protected: "a protected namespace is not deleted",
            Fresh: "nothing is given up on what was read before a write",
            Identity: "nothing is done to another incarnation",
            Ownership: "only the Project's own namespace is touched",
            Order: "a Project goes only after its namespace",
            Foreign: "what others wrote stays",
            Confirmed: "a confirmation counts once, in time, for what was shown",
            Trail: "the trail verifies",
            RecordFirst: "an action is recorded before it is taken",
            DoneAfterwards: "an outcome is recorded after the fact",
            CalledOff: "a deletion that was called off does not happen",
            CalledOffInTime: "a deletion that happened is not recorded as called off",
            Guarded: "nobody else deletes what has to stay",
            Kargos: "what is Kargo's is left to Kargo",
            Once: "a Project is made anew once",
        };
        if self.strict {
            properties.push(Property::always(
                "what a record no longer allows does not happen",
                |_: &Self, state: &State| !state.cluster.past.broken.has(Rule::StillAuthorised),
            ));
        }
        if self.wants_restored {
            properties.push(Property::sometimes(RESTORED, |_: &Self, state: &State| {
                state.nobody_is_busy() && is_restored(&state.cluster)
            }));
        }
        properties.push(Property::always(
            "everything comes to rest",
            |config: &Self, state: &State| {
                !state.nobody_is_busy() || config.comes_to_rest(&state.cluster)
            },
        ));
        properties
    }
}

impl Config {
    /// Lets a controller take its step; `None` if that changes nothing.
    fn act(&self, state: &mut State, index: usize, extent: Extent, aware: bool) -> Option<()> {
        let Controller::Ready(decided) = std::mem::take(&mut state.controllers[index]) else {
            return None;
        };
        let Decided { seen, step, .. } = *decided;
        let request = Request { seen, cluster: &mut state.cluster, config: self, extent };
        let after = request.send(&step)?;
        if aware {
            state.controllers[index] = after.goes_on(&state.cluster, self);
        }
        Some(())
    }

    fn comes_to_rest(&self, cluster: &Cluster) -> bool {
        let mut hasher = DefaultHasher::new();
        cluster.hash(&mut hasher);
        remember(&self.memory.ends, hasher.finish(), || converges(cluster, self).is_ok())
    }
}
