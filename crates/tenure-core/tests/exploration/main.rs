//! The lifecycle, explored: every order in which two controllers, people, time and faults can
//! meet, up to a bound, and what holds in all of them.
//!
//! What each life bounds is what people do, each thing once, and how often an hour passes.
//! Crashes, lost answers, and sets of requests of which only a part is done, come without bound.
//! `docs/exploration.md` says what was found.

mod admission;
mod api_server;
mod cluster;
mod companion;
mod controller;
mod kargo;
mod model;
mod mutants;
mod people;
mod properties;
mod providing;
mod together;

use std::time::Duration;

use stateright::{Checker, HasDiscoveries, Model};
use tenure_core::contents::clean::Scope;
use tenure_core::plan::BreakerLimit;
use tenure_core::policy::{Approvals, Terms};
use tenure_core::{Disposition, Profile, Settings};

use model::Config;
use people::Deed::{self, *};

/// Explores all of it, and prints how every rule that does not hold is broken.
fn explore(name: &str, config: Config) {
    let any = HasDiscoveries::AnyFailures;
    let checker = config.checker().threads(2).finish_when(any).spawn_bfs().join();
    println!(
        "| {name} | {} | {} | {} |",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
    let found: Vec<_> = checker.discoveries().into_iter().collect();
    for (rule, path) in &found {
        println!("broken: {rule}");
        for (state, action) in path.clone().into_vec() {
            println!("    {}", action.map(|action| state.tell(&action)).unwrap_or_default());
        }
        let end = properties::converges(&path.last_state().cluster, checker.model());
        println!("    {}", end.err().unwrap_or_default());
    }
    let broken: Vec<_> = found.iter().map(|(rule, _)| rule).collect();
    assert!(broken.is_empty(), "{name}: {broken:?}");
}

fn confirmation() -> Terms {
    Terms { confirmation: true, ..Terms::default() }
}

fn clean(scope: Scope) -> Terms {
    Terms { floor: Some(Disposition::Clean), scope: Some(scope), ..Terms::default() }
}

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Config::default().settings;
    change(&mut settings);
    settings
}

/// One controller, which may be interrupted at any moment.
fn one(deeds: &[Deed]) -> Config {
    Config { controllers: 1, ..Config::with(deeds) }
}

/// Two controllers.
fn two(deeds: &[Deed]) -> Config {
    Config::with(deeds)
}

/// The same, where nothing that people do is withdrawn: then no DELETE lands that the record no
/// longer allows.
fn strict(config: Config) -> Config {
    Config { strict: true, ..config }
}

macro_rules! lives {
    ($($name:ident: $config:expr,)*) => {
        $(#[test]
        fn $name() {
            explore(stringify!($name), $config);
        })*
    };
}

mod companion_lives;
mod companion_mutants;

lives! {
    a_deletion: strict(two(&[])),
    a_life: strict(Config { deleting: false, ..two(&[DeleteProject]) }),
    a_life_that_is_kept:
        strict(Config { deleting: false, ..two(&[DeleteProject, KeepNamespace]) }),
    kept_on_either: strict(two(&[KeepNamespace, KeepProject])),
    kept_and_given_up: two(&[KeepProject, UnkeepProject]),
    held_by_a_lien_on_the_project: two(&[LienOnProject, UnlienProject]),
    held_by_a_lien_on_the_namespace: two(&[LienOnNamespace, UnlienNamespace]),
    held_by_everything: one(&[
        LienOnProject, UnlienProject, LienOnNamespace, UnlienNamespace, KeepProject, UnkeepProject,
    ]),
    unlabelled: strict(two(&[Unlabel, KeepProject])),
    called_off: strict(two(&[Cancel, KeepNamespace])),
    called_off_and_on_again: two(&[Cancel, Uncancel]),
    called_off_again: Config { deeds: vec![(Cancel, 2), (Uncancel, 1)], ..two(&[]) },
    called_off_and_deleted_again: one(&[Cancel, DeleteProject]),
    called_off_too_late: two(&[Cancel, CopyNamespace]),
    deleted_anew: two(&[CreateProject, DeleteProject]),
    deleted_by_hand: two(&[DeleteNamespace, CopyNamespace]),
    deleted_by_hand_in_life:
        strict(Config { deleting: false, ..two(&[DeleteNamespace, LienOnProject]) }),
    replaced_by_hand: one(&[DeleteNamespace, CopyNamespace, KeepProject, Cancel]),
    let_go_by_hand: two(&[StripFinalizer, CreateProject]),
    let_go_by_hand_and_unlabelled: two(&[StripFinalizer, Unlabel]),
    a_life_with_everything: Config {
        deleting: false,
        ..one(&[
            DeleteProject, DeleteNamespace, CopyNamespace, KeepNamespace, StripFinalizer,
            CreateProject,
        ])
    },
    plans_read_later: strict(Config { reads_apart: true, ..two(&[Cancel]) }),
    plans_read_later_and_kept: strict(Config { reads_apart: true, ..two(&[KeepProject]) }),
    among_stray_answers: strict(Config { stray_answers: true, ..two(&[KeepProject]) }),
    a_life_among_stray_answers: strict(Config {
        stray_answers: true,
        reads_apart: true,
        deleting: false,
        ..one(&[DeleteProject, KeepNamespace, StripFinalizer])
    }),
    among_finalizers_of_others: strict(Config { foreign: true, ..two(&[Cancel]) }),
    a_life_among_finalizers_of_others:
        strict(Config { foreign: true, deleting: false, ..two(&[DeleteProject]) }),
    adopted: Config { adopted: true, ..two(&[ConfirmAlternative]) },
    adopted_with_everything: Config {
        adopted: true,
        ..one(&[
            ConfirmAlternative, KeepNamespace, UnkeepNamespace, CreateProject, StripFinalizer,
            Cancel,
        ])
    },
    confirmed: Config { ticks: 2, ..two(&[Confirm]) }.demanding(confirmation()),
    confirmed_and_kept: two(&[Confirm, KeepNamespace]).demanding(confirmation()),
    confirmed_late: Config { ticks: 3, ..one(&[Confirm, LienOnProject, UnlienProject, Replay]) }
        .demanding(confirmation()),
    confirmed_before: one(&[Confirm, CreateProject, DeleteProject, Replay, KeepProject])
        .demanding(confirmation()),
    confirmed_and_changed:
        Config { ticks: 2, ..one(&[Confirm, KeepProject, UnkeepProject, Replay]) }
            .demanding(confirmation()),
    approved: two(&[Approve, KeepProject]).demanding(Terms {
        approvals: [Approvals { count: 1, groups: Default::default() }].into(),
        ..Terms::default()
    }),
    approved_twice: Config { deeds: vec![(Approve, 2), (Cancel, 1)], ..one(&[]) }.demanding(Terms {
        approvals: [Approvals { count: 1, groups: Default::default() }].into(),
        ..Terms::default()
    }),
    after_a_grace: strict(Config { ticks: 1, ..two(&[Cancel]) }).demanding(Terms {
        grace_period: Duration::from_mins(30),
        ..Terms::default()
    }),
    behind_the_breaker: Config {
        settings: settings(|s| s.breaker = BreakerLimit { at_least: 1, ..s.breaker }),
        others_started: vec![0],
        ..two(&[CloseBreaker, KeepNamespace])
    },
    cleaned_of_the_project: two(&[Cancel]).demanding(clean(Scope::Project)),
    cleaned_of_everything: two(&[Confirm]).demanding(clean(Scope::All)),
    cleaned_by_one: one(&[Confirm, KeepProject, Cancel, DeleteNamespace, CopyNamespace])
        .demanding(clean(Scope::All)),
    to_be_cleaned_after_all: two(&[WishCleanOnProject, UnwishCleanOnProject]),
    asked_for: strict(Config { unborn: true, ..two(&[AskForProject, StoreProject, DeleteProject]) }),
    asked_for_and_refused: Config {
        unborn: true,
        ticks: 1,
        ..two(&[AskForProject, CreateProject, DeleteProject])
    },
    asked_for_and_stored_late: Config {
        unborn: true,
        ticks: 1,
        ..two(&[AskForProject, StoreProject, DeleteProject])
    },
    asked_for_with_everything: Config {
        unborn: true,
        ticks: 1,
        ..one(&[
            AskForProject, StoreProject, CreateProject, DeleteProject, KeepNamespace,
            StripFinalizer,
        ])
    },
    as_kargo: Config {
        settings: settings(|s| s.profile = Profile::Kargo),
        ..two(&[KeepNamespace, CreateProject])
    },
    adopted_as_kargo: Config {
        adopted: true,
        settings: settings(|s| s.profile = Profile::Kargo),
        ..one(&[KeepNamespace, CreateProject, DeleteProject, UnkeepNamespace, StripFinalizer])
    },
}

/// A deletion that was called off can end with a Project of a new UID and the Namespace it had,
/// untouched.
#[test]
fn what_was_called_off_is_there_again() {
    let config = Config { wants_restored: true, ..two(&[Cancel]) };
    let checker = config.checker().threads(2).spawn_bfs().join();
    checker.assert_any_discovery(properties::RESTORED);
}
