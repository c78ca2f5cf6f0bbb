//! Lives beside Kargo's management controller.
//!
//! Most have one controller, which may be interrupted at any moment: Kargo, its two caches and the
//! requests that are under way are what comes in between.

use tenure_core::contents::clean::Scope;
use tenure_core::plan::BreakerLimit;
use tenure_core::policy::{Approvals, Terms};
use tenure_core::{Mode, Profile};

use crate::model::Config;
use crate::people::Deed::{self, *};
use crate::{clean, confirmation, explore, settings, strict};

/// One controller and Kargo, and a Project that lives.
pub(crate) fn beside(deeds: &[Deed]) -> Config {
    Config {
        controllers: 1,
        deleting: false,
        guarded: true,
        settings: settings(|s| s.mode = Mode::Companion),
        ..Config::with(deeds)
    }
}

/// The same with two controllers.
pub(crate) fn beside_two(deeds: &[Deed]) -> Config {
    Config { controllers: 2, ..beside(deeds) }
}

/// The same, with a person who asks for the deletion twice.
fn insisting(config: Config) -> Config {
    let mut deeds = config.deeds.clone();
    deeds.iter_mut().filter(|(deed, _)| *deed == DeleteProject).for_each(|(_, times)| *times = 2);
    Config { deeds, ..config }
}

/// The same, with an hour in which a request that was refused is forgotten.
fn hour(config: Config) -> Config {
    Config { ticks: 1, ..config }
}

lives! {
    beside_kargo: strict(beside_two(&[DeleteProject])),
    beside_kargo_read_later: strict(Config { reads_apart: true, ..beside_two(&[DeleteProject]) }),
    beside_kargo_and_kept: beside_two(&[DeleteProject, KeepNamespace]),
    beside_kargo_and_kept_on_either:
        beside(&[DeleteProject, KeepNamespace, KeepProject, UnkeepProject]),
    beside_kargo_and_held: beside(&[
        DeleteProject, LienOnProject, UnlienProject, LienOnNamespace, UnlienNamespace, CancelPlan,
    ]),
    beside_kargo_and_unlabelled: beside(&[DeleteProject, Unlabel, KeepProject]),
    beside_kargo_and_refused: hour(insisting(beside(&[DeleteProject, RefuseDeletion]))),
    beside_kargo_and_refused_by_two: hour(beside_two(&[DeleteProject, RefuseDeletion])),
    beside_kargo_and_refused_and_kept:
        hour(beside(&[DeleteProject, RefuseDeletion, KeepProject, UnkeepProject])),
    beside_kargo_and_called_off: beside(&[DeleteProject, Cancel, CancelPlan]),
    beside_kargo_and_called_off_ahead: beside(&[DeleteProject, CancelAhead]),
    beside_kargo_and_refused_and_called_off_ahead:
        insisting(beside(&[DeleteProject, RefuseDeletion, CancelAhead])),
    beside_kargo_and_called_off_and_deleted_again: insisting(beside(&[DeleteProject, CancelPlan])),
    beside_kargo_and_called_off_by_two: strict(beside_two(&[DeleteProject, CancelPlan])),
    beside_kargo_and_deleted_by_hand: beside(&[DeleteProject, DeleteNamespace]),
    beside_kargo_and_held_against_hands:
        beside(&[DeleteNamespace, LienOnProject, KeepProject]),
    beside_kargo_and_replaced: beside(&[DeleteProject, ForceDeleteNamespace, CopyNamespace]),
    beside_kargo_and_anew: insisting(beside(&[DeleteProject, CreateProject])),
    beside_kargo_and_let_go_by_hand: beside(&[DeleteProject, StripFinalizer, CreateProject]),
    beside_kargo_among_finalizers_of_others:
        Config { foreign: true, ..beside(&[DeleteProject, CancelPlan]) },
    beside_kargo_among_stray_answers:
        Config { stray_answers: true, ..beside(&[DeleteProject, KeepNamespace]) },
    beside_kargo_adopted:
        Config { adopted: true, ..insisting(beside(&[DeleteProject, ConfirmAlternative])) },
    beside_kargo_a_stranger: Config { stranger: true, ..beside(&[DeleteProject, KeepProject]) },
    beside_kargo_confirmed:
        insisting(beside(&[DeleteProject, Confirm, LienOnNamespace])).demanding(confirmation()),
    beside_kargo_approved: insisting(Config {
        deeds: vec![(DeleteProject, 2), (Approve, 2), (CancelPlan, 1)],
        ..beside(&[])
    })
    .demanding(Terms {
        approvals: [Approvals { count: 1, groups: Default::default() }].into(),
        ..Terms::default()
    }),
    beside_kargo_after_a_grace: hour(beside(&[DeleteProject, CancelPlan])).demanding(Terms {
        grace_period: std::time::Duration::from_mins(30),
        ..Terms::default()
    }),
    beside_kargo_behind_the_breaker: Config {
        settings: settings(|s| {
            s.mode = Mode::Companion;
            s.breaker = BreakerLimit { at_least: 1, ..s.breaker };
        }),
        others_started: vec![0],
        ..insisting(beside(&[DeleteProject, CloseBreaker]))
    },
    beside_kargo_cleaned: beside(&[DeleteProject, CancelPlan]).demanding(clean(Scope::Project)),
    beside_kargo_to_be_cleaned_after_all:
        beside(&[DeleteProject, WishCleanOnProject, UnwishCleanOnProject]),
    beside_kargo_as_kargo: Config {
        adopted: true,
        settings: settings(|s| {
            s.mode = Mode::Companion;
            s.profile = Profile::Kargo;
        }),
        ..beside(&[DeleteProject, KeepNamespace, CreateProject])
    },
    // Nobody asked Tenure. What stands when Kargo, or a person, comes to the Namespace is kept all
    // the same, and Kargo does not wait for ever.
    unasked: beside(&[DeleteProjectUnasked, KeepProject, KeepNamespace, UnkeepNamespace]),
    unasked_and_held: beside(&[DeleteProjectUnasked, LienOnProject, Cancel]),
    unasked_and_deleted_by_hand: beside(&[DeleteProjectUnasked, DeleteNamespace]),
    unasked_a_stranger: Config { stranger: true, ..beside(&[DeleteProjectUnasked]) },
    unasked_and_unlabelled: beside(&[DeleteProjectUnasked, Unlabel]),
    unasked_and_let_go_by_hand: beside(&[DeleteProjectUnasked, StripFinalizer, KeepNamespace]),
    unasked_adopted: Config { adopted: true, ..beside(&[DeleteProjectUnasked, KeepProject]) },
    unasked_and_unconfirmed: beside(&[DeleteProjectUnasked, Confirm]).demanding(confirmation()),
    unasked_after_a_refusal:
        beside(&[DeleteProject, DeleteProjectUnasked, StripFinalizer, Approve])
            .demanding(confirmation()),
}
