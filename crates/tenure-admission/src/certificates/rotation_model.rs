//! The rotation, explored: every order in which two replicas, crashes, people and time can meet,
//! up to a bound on time, and that no certificate is ever in use that an API server might not
//! accept.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use stateright::{Checker as _, Model, Property};

use super::rotation::{
    Action, Authority, Generation, Published, Stored, Terms, View, next_action, takes_current,
};

/// What must hold always.
const COVERED: &str = "what is in use is covered";
/// How many ticks an API server may take to see what was published.
const LAG: u8 = 1;

#[derive(Clone)]
struct Config {
    terms: Terms,
    /// What each replica's clock is off by, in ticks.
    clocks: Vec<i64>,
    /// How long it is looked at, in ticks.
    ticks: u8,
    /// Webhook configurations that there are from the start.
    configurations: usize,
    /// How often people do something.
    deeds: u8,
    crashes: u8,
    /// Whether something may happen between reading the Secret and reading the configurations.
    torn: bool,
    /// Whether what was read must still be there when something is written.
    conditional: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    now: u8,
    made: u8,
    deeds: u8,
    crashes: u8,
    secret: Versioned<Option<Stored>>,
    configurations: Vec<Configuration>,
    replicas: Vec<Replica>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Versioned<T> {
    version: u8,
    value: T,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Configuration {
    /// What it holds. What it was emptied of or came without, nobody can have been served by.
    bundle: Versioned<BTreeSet<Authority>>,
    /// What it held before, and until when.
    before: Vec<(u8, BTreeSet<Authority>)>,
    /// Whether nothing was published yet since a person made or emptied it.
    bare: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Replica {
    in_use: Option<Generation>,
    /// Of each configuration, the version it saw and since when.
    seen: Vec<(u8, u8)>,
    /// The Secret it read.
    read: Option<Versioned<Option<Stored>>>,
    /// What it is about to write, and the version that it was decided on.
    writes: Option<(Action, u8)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Event {
    Tick,
    ReadSecret(usize),
    ReadConfigurations(usize),
    Write(usize),
    Crash(usize),
    DeleteSecret,
    EmptyConfiguration(usize),
}

fn second(tick: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + tick).expect("a time")
}

impl State {
    /// Whether every API server accepts what an authority signed, or none accepts anything.
    fn holds_everywhere(&self, authority: &Authority) -> bool {
        let expired = |authority: &Authority| authority.not_after <= second(self.now.into());
        self.configurations.iter().all(|configuration| {
            let recent = configuration.before.iter().map(|(_, bundle)| bundle);
            let mut known = recent.chain([&configuration.bundle.value]);
            configuration.bare
                || known.all(|bundle| bundle.contains(authority) || bundle.iter().all(expired))
        })
    }

    fn is_covered(&self) -> bool {
        self.replicas.iter().all(|replica| {
            let Some(in_use) = &replica.in_use else { return true };
            in_use.not_after <= second(self.now.into()) || self.holds_everywhere(&in_use.authority)
        })
    }

    /// What an API server cannot have before its eyes any more is forgotten.
    fn forget(&mut self) {
        let now = self.now;
        for configuration in &mut self.configurations {
            configuration.before.retain(|(until, _)| until + LAG >= now);
        }
    }

    fn read_configurations(&mut self, index: usize, config: &Config) {
        let now = second(i64::from(self.now) + config.clocks[index]);
        let replica = &mut self.replicas[index];
        let Some(secret) = replica.read.take() else { return };
        replica.seen.resize(self.configurations.len(), (u8::MAX, 0));
        let published = self.configurations.iter().zip(&mut replica.seen).map(|(found, seen)| {
            if seen.0 != found.bundle.version {
                *seen = (found.bundle.version, self.now);
            }
            // Longer than is asked for is all the same.
            seen.1 = seen.1.max(self.now.saturating_sub(2));
            Published {
                held: found.bundle.value.clone(),
                found: found.bundle.value.clone(),
                tidy: true,
                unchanged_for: Duration::from_secs((self.now - seen.1).into()),
            }
        });
        let mut view = View {
            published: published.collect(),
            stored: secret.value.unwrap_or_default(),
            in_use: replica.in_use.clone(),
        };
        if takes_current(&view, &config.terms, now) {
            replica.in_use.clone_from(&view.stored.current);
            view.in_use.clone_from(&replica.in_use);
        }
        let action = next_action(&view, &config.terms, now);
        replica.writes = match &action {
            Action::Rest => None,
            Action::Publish { configuration, .. } => {
                let version = self.configurations[*configuration].bundle.version;
                Some((action, version))
            }
            _ => Some((action, secret.version)),
        };
    }

    fn write(&mut self, index: usize, config: &Config) {
        let Some((action, version)) = self.replicas[index].writes.take() else { return };
        let now = i64::from(self.now) + config.clocks[index];
        let fits = |found: u8| found == version || !config.conditional;
        let stored = self.secret.value.clone().unwrap_or_default();
        let written = match action {
            Action::Rest => return,
            Action::Publish { configuration, trusted } => {
                if fits(self.configurations[configuration].bundle.version) {
                    self.publish(configuration, trusted);
                }
                return;
            }
            Action::Introduce { mut trusted } => {
                let lasts = i64::try_from(config.terms.validity.as_secs()).expect("short");
                let authority = Authority {
                    certificate: format!("{}", self.made),
                    not_after: second(now + lasts),
                };
                let not_after = authority.not_after;
                trusted.insert(authority.clone());
                let next = Some(Generation { authority, not_after, fits: true });
                Stored { current: stored.current, next, trusted }
            }
            Action::Promote { trusted } => Stored { current: stored.next, next: None, trusted },
        };
        if fits(self.secret.version) {
            self.made += 1;
            let version = self.secret.version + 1;
            self.secret = Versioned { version, value: Some(written) };
        }
    }

    fn publish(&mut self, configuration: usize, bundle: BTreeSet<Authority>) {
        let now = self.now;
        let configuration = &mut self.configurations[configuration];
        let version = configuration.bundle.version + 1;
        let published = Versioned { version, value: bundle };
        let before = std::mem::replace(&mut configuration.bundle, published);
        // One that was bare let nobody through before.
        if !std::mem::take(&mut configuration.bare) {
            configuration.before.push((now, before.value));
        }
    }
}

impl Model for Config {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        let bare = Configuration { bare: true, ..Default::default() };
        vec![State {
            now: 0,
            made: 0,
            deeds: self.deeds,
            crashes: self.crashes,
            secret: Versioned::default(),
            configurations: vec![bare; self.configurations],
            replicas: vec![Replica::default(); self.clocks.len()],
        }]
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        if state.now < self.ticks {
            events.push(Event::Tick);
        }
        for (index, replica) in state.replicas.iter().enumerate() {
            events.push(match replica {
                Replica { writes: Some(_), .. } => Event::Write(index),
                Replica { read: Some(_), .. } => Event::ReadConfigurations(index),
                _ => Event::ReadSecret(index),
            });
            if state.crashes > 0 {
                events.push(Event::Crash(index));
            }
        }
        if state.deeds > 0 {
            events.push(Event::DeleteSecret);
            let all = 0..state.configurations.len();
            events.extend(all.map(Event::EmptyConfiguration));
        }
    }

    fn next_state(&self, state: &State, event: Event) -> Option<State> {
        let mut state = state.clone();
        match event {
            Event::Tick => {
                state.now += 1;
                state.forget();
            }
            Event::ReadSecret(index) => {
                state.replicas[index].read = Some(state.secret.clone());
                if !self.torn {
                    state.read_configurations(index, self);
                }
            }
            Event::ReadConfigurations(index) => state.read_configurations(index, self),
            Event::Write(index) => state.write(index, self),
            Event::Crash(index) => {
                state.crashes -= 1;
                state.replicas[index] = Replica::default();
            }
            Event::DeleteSecret => {
                state.deeds -= 1;
                state.secret = Versioned { version: state.secret.version + 1, value: None };
            }
            Event::EmptyConfiguration(index) => {
                state.deeds -= 1;
                let version = state.configurations[index].bundle.version + 1;
                let bundle = Versioned { version, value: BTreeSet::new() };
                state.configurations[index] =
                    Configuration { bundle, bare: true, before: Vec::new() };
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(COVERED, |_, state: &State| state.is_covered()),
            Property::sometimes("a second generation is in use", |_, state: &State| {
                let mut in_use = state.replicas.iter().filter_map(|r| r.in_use.as_ref());
                in_use.any(|generation| state.made > 2 && generation.authority.certificate != "0")
            }),
        ]
    }
}

fn terms() -> Terms {
    let ticks = Duration::from_secs;
    Terms { validity: ticks(5), renewal: ticks(3), dwell: ticks(2), skew: ticks(1), poll: ticks(1) }
}

fn config() -> Config {
    Config {
        terms: terms(),
        clocks: vec![0, 0],
        ticks: 7,
        configurations: 1,
        deeds: 0,
        crashes: 0,
        torn: false,
        conditional: true,
    }
}

/// What of the rules does not hold.
fn broken(name: &str, config: &Config) -> Vec<&'static str> {
    let checker = config.clone().checker().threads(2).spawn_bfs().join();
    println!("{name}: {} states", checker.unique_state_count());
    let mut broken = Vec::new();
    for property in checker.model().properties() {
        let found = checker.discovery(property.name);
        let always = matches!(property.expectation, stateright::Expectation::Always);
        if found.is_some() == always {
            broken.push(property.name);
        }
        if let (true, Some(path)) = (always, found) {
            for (_, event) in path.into_vec() {
                println!("    {event:?}");
            }
        }
    }
    broken
}

#[test]
fn whatever_is_in_use_is_covered() {
    assert!(broken("plain", &config()).is_empty());
}

#[test]
fn whatever_is_in_use_is_covered_when_clocks_differ() {
    assert!(broken("clocks", &Config { clocks: vec![1, 0], ..config() }).is_empty());
}

#[test]
fn whatever_is_in_use_is_covered_when_a_replica_crashes() {
    assert!(broken("crash", &Config { crashes: 1, ticks: 6, ..config() }).is_empty());
}

#[test]
fn whatever_is_in_use_is_covered_when_somebody_deletes_something() {
    assert!(broken("deed", &Config { deeds: 1, ticks: 5, ..config() }).is_empty());
}

#[test]
fn whatever_is_in_use_is_covered_when_the_world_changes_while_it_is_read() {
    assert!(broken("torn", &Config { torn: true, ticks: 6, ..config() }).is_empty());
}

#[test]
fn whatever_is_in_use_is_covered_in_two_configurations() {
    assert!(broken("two", &Config { configurations: 2, ticks: 6, ..config() }).is_empty());
}

#[test]
fn a_rotation_that_does_not_wait_is_found_out() {
    let hasty = Terms { dwell: Duration::ZERO, ..terms() };
    assert_eq!(broken("hasty", &Config { terms: hasty, ..config() }), [COVERED]);
}

#[test]
fn a_rotation_that_forgets_too_early_is_found_out() {
    let early = Terms { skew: Duration::ZERO, ..terms() };
    let config = Config { terms: early, clocks: vec![2, 0], ..config() };
    assert_eq!(broken("early", &config), [COVERED]);
}

#[test]
fn a_write_on_what_was_not_read_is_found_out() {
    let config = Config { conditional: false, ..config() };
    assert_eq!(broken("blind", &config), [COVERED]);
}
