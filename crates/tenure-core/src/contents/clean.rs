//! What a Namespace that stays is cleaned of, in waves.
//!
//! Kargo's Warehouses and Stages go first, so that nothing promotes into what is being cleaned;
//! credentials go last, for what goes before may need them to take its finalizers off.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Collector, Kind, Manager, Object, Owner, Tool, Unseen};
use crate::{Uid, keys};

/// Kinds that are kept where nothing else is said: what guards the Namespace.
pub const KEEP_KINDS: [&str; 5] = [
    "limitranges",
    "networkpolicies.networking.k8s.io",
    "resourcequotas",
    "rolebindings.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
];

/// Most objects that are named of what remains.
const MOST_NAMED: usize = 50;

/// How much is cleaned away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// What is Kargo's and nobody else's.
    #[default]
    Project,
    /// Every object, but Kubernetes' own and those of kinds to keep.
    All,
}

impl Scope {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "Project",
            Self::All => "All",
        }
    }
}

/// When an object goes. A wave is asked to go when nothing of the one before remains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Wave {
    /// Kargo's Warehouses and Stages.
    First,
    /// Everything else, except what the others may need to go.
    Second,
    /// Secrets, ConfigMaps, ServiceAccounts and RBAC; none in scope [`Scope::Project`].
    Third,
}

impl Wave {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::First, Self::Second, Self::Third];
}

/// How long after a cleaning began something may seem to have been made that was there before: the
/// API server tells both times in whole seconds, and what we go by may lag that much.
const UNSURE: SignedDuration = SignedDuration::from_secs(1);

/// What is to be cleaned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaning {
    /// How much.
    pub scope: Scope,
    /// Kinds that stay, as `plural.group`, or `*.group` for all of a group. What an object owns
    /// goes with it all the same, whatever its kind: Kubernetes collects it.
    pub keep_kinds: BTreeSet<String>,
    /// UID of the Project. What was provisioned for it is taken back elsewhere.
    pub project: Uid,
    /// When the cleaning began. What was made after that stays: something makes it anew each time
    /// it goes, and would do so for ever.
    pub made_before: Option<Timestamp>,
}

impl Cleaning {
    /// A cleaning for that Project which keeps [`KEEP_KINDS`].
    pub fn new(scope: Scope, project: Uid) -> Self {
        Self { scope, keep_kinds: KEEP_KINDS.map(str::to_owned).into(), project, made_before: None }
    }

    /// Whether objects of the kind may have to go, so that somebody has to look at them.
    pub fn concerns(&self, kind: &Kind) -> bool {
        let in_scope = match self.scope {
            Scope::Project => {
                &*kind.group == keys::KARGO_GROUP
                    || kind.is("secrets", "")
                    || kind.is("configmaps", "")
            }
            Scope::All => true,
        };
        in_scope && !self.keep_kinds.iter().any(|pattern| kind.matches(pattern))
    }

    /// Whether it matters that kinds of a group may be unknown.
    pub fn concerns_group(&self, group: &str) -> bool {
        let kept = || self.keep_kinds.contains(&format!("*.{group}"));
        match self.scope {
            Scope::Project => group == keys::KARGO_GROUP || group.is_empty(),
            Scope::All => !kept(),
        }
    }

    /// When an object has to go, if it has to. `managers` are those of the root of its owners
    /// and its own; `root_owners` are the root's owners, none of which was found.
    pub fn wave_of(
        &self,
        object: &Object,
        managers: &BTreeSet<Manager>,
        root_owners: &[Owner],
    ) -> Option<Wave> {
        let made_since = matches!((object.created, self.made_before), (Some(at), Some(began)) if at > began + UNSURE);
        if object.is_kubernetes() || made_since || !self.concerns(&object.kind) {
            return None;
        }
        let kargo = &*object.kind.group == keys::KARGO_GROUP;
        let pipelines = kargo && matches!(&*object.kind.plural, "warehouses" | "stages");
        match self.scope {
            Scope::Project => {
                let alone = !managers.iter().any(|manager| manager.tool.is_others());
                let marked = object.attribution.any(|tool| tool == Tool::Kargo);
                // An owner that nobody looked for may be anybody's; what it owns goes or stays
                // with it.
                let free = root_owners.iter().all(|owner| owner.kargo);
                let selected = alone && marked && free && object.provisioned_for.is_none();
                selected.then_some(if pipelines { Wave::First } else { Wave::Second })
            }
            Scope::All if object.provisioned_for.as_ref() == Some(&self.project) => None,
            Scope::All if pipelines => Some(Wave::First),
            Scope::All if is_needed_to_the_end(&object.kind) => Some(Wave::Third),
            Scope::All => Some(Wave::Second),
        }
    }

    /// Selects what has to go from everything that is there.
    pub fn select(&self, there: Collector) -> Selection {
        let settled = there.settle();
        let own: Vec<Option<Wave>> = settled
            .objects
            .iter()
            .enumerate()
            .map(|(index, object)| {
                let root = &settled.objects[settled.roots[index]];
                self.wave_of(object, &settled.managers(index), &root.owners)
            })
            .collect();
        let mut targets = Vec::new();
        for (index, object) in settled.objects.into_iter().enumerate() {
            let Some(wave) = own[index] else { continue };
            let root = settled.roots[index];
            let root_goes = if root == index { None } else { own[root] };
            targets.push(Target {
                kind: object.kind,
                name: object.name,
                uid: object.uid,
                finalizers: object.finalizers,
                deleting: object.deleting,
                wave: root_goes.unwrap_or(wave),
                with_owner: root_goes.is_some(),
            });
        }
        Selection { targets, unseen: settled.unseen }
    }
}

/// What others may need to take their finalizers off, and so goes last.
fn is_needed_to_the_end(kind: &Kind) -> bool {
    const RBAC: &str = "rbac.authorization.k8s.io";
    kind.is("secrets", "")
        || kind.is("configmaps", "")
        || kind.is("serviceaccounts", "")
        || kind.is("roles", RBAC)
        || kind.is("rolebindings", RBAC)
}

/// An object that has to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: Arc<Kind>,
    /// Its name.
    pub name: Box<str>,
    /// Its UID.
    pub uid: Uid,
    /// Its finalizers.
    pub finalizers: Box<[Box<str>]>,
    /// Whether its deletion was asked for.
    pub deleting: bool,
    /// When it goes.
    pub wave: Wave,
    /// Whether it goes because its owner does, and need not be asked.
    pub with_owner: bool,
}

/// What was selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    targets: Vec<Target>,
    unseen: Vec<Unseen>,
}

impl Selection {
    /// What has to be asked to go in that wave.
    pub fn to_ask(&self, wave: Wave) -> impl Iterator<Item = &Target> {
        let asked = move |target: &&Target| target.wave == wave && !target.with_owner;
        self.targets.iter().filter(asked).filter(|target| !target.deleting)
    }

    /// What is still there.
    pub fn remaining(&self) -> Remaining {
        let waves = Wave::ALL.into_iter().filter_map(|wave| {
            let objects = self.targets.iter().filter(|target| target.wave == wave).count() as u64;
            let to_ask = self.to_ask(wave).count() as u64;
            (objects > 0).then_some(WaveCount { wave, objects, to_ask })
        });
        // Those come first that were asked and refuse.
        let mut refusing: Vec<&Target> = self.targets.iter().collect();
        refusing
            .sort_by_key(|target| (!target.deleting, target.finalizers.is_empty(), target.wave));
        let left = |target: &Target| Left {
            object: format!("{}/{}", target.kind, target.name),
            uid: target.uid.clone(),
            wave: target.wave,
            deleting: target.deleting,
            finalizers: target.finalizers.iter().map(ToString::to_string).collect(),
        };
        Remaining {
            waves: waves.collect(),
            objects: refusing.into_iter().take(MOST_NAMED).map(left).collect(),
            unseen: self.unseen.clone(),
        }
    }
}

/// What of a selection is still there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Remaining {
    /// How many objects of each wave, where there are any.
    pub waves: Vec<WaveCount>,
    /// Some of them; those that were asked to go and have not gone come first.
    pub objects: Vec<Left>,
    /// What could not be looked at: as long as there is anything, nobody knows that all is done.
    pub unseen: Vec<Unseen>,
}

/// How many objects of a wave are still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaveCount {
    /// The wave.
    pub wave: Wave,
    /// How many.
    pub objects: u64,
    /// How many of them have yet to be asked to go.
    pub to_ask: u64,
}

/// An object that is still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The object, as `stages.kargo.akuity.io/prod`.
    pub object: String,
    /// Its UID.
    pub uid: Uid,
    /// When it goes.
    pub wave: Wave,
    /// Whether its deletion was asked for.
    pub deleting: bool,
    /// The finalizers it waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
}

impl Remaining {
    /// The wave that is to go now: the first of which anything is left.
    pub fn wave(&self) -> Option<Wave> {
        self.waves.first().map(|counted| counted.wave)
    }

    /// How many objects are left.
    pub fn objects(&self) -> u64 {
        self.waves.iter().map(|counted| counted.objects).sum()
    }

    /// Whether everything was looked at, and nothing is left.
    pub fn is_done(&self) -> bool {
        self.waves.is_empty() && self.unseen.is_empty()
    }
}

#[cfg(test)]
#[path = "clean_tests.rs"]
mod tests;
