//! What is told of a Namespace's contents.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Manager;
use crate::Uid;

/// What is in a Namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Contents {
    /// How many objects there are.
    pub objects: u64,
    /// How many of each kind.
    pub kinds: Vec<KindCount>,
    /// The roots that matter most: those of foreign managers, those with something to lose, the
    /// rest, and last what is Kubernetes' own; by kind and name among their like.
    pub roots: Vec<Root>,
    /// How many roots are not told of.
    pub roots_left_out: u64,
    /// Every instance of a deploying tool, and how many objects it manages.
    pub managers: Vec<ManagerCount>,
    /// How many of them are not told of; none until it is [shortened](Self::shortened).
    pub managers_left_out: u64,
    /// What the Namespace's deletion destroys for good, or outside.
    pub losses: Vec<Loss>,
    /// How many of them are not told of; none until it is [shortened](Self::shortened).
    pub losses_left_out: u64,
    /// What else is worth knowing before a deletion.
    pub notes: Vec<Loss>,
    /// How many notes are not told of.
    pub notes_left_out: u64,
    /// What could not be looked at: while there is anything, nobody knows what is there.
    pub unseen: Vec<Unseen>,
    /// How many of these are not told of; none until it is [shortened](Self::shortened).
    pub unseen_left_out: u64,
}

/// How many objects of a kind there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KindCount {
    /// The kind, as `deployments.apps`.
    pub kind: String,
    /// How many.
    pub objects: u64,
}

/// How many objects an instance of a tool manages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagerCount {
    /// The instance.
    #[serde(flatten)]
    pub manager: Manager,
    /// How many.
    pub objects: u64,
}

/// An object that nothing in the Namespace owns, with what it owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Root {
    /// Its kind, as `deployments.apps`, which many share.
    pub kind: Arc<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its UID.
    pub uid: Uid,
    /// Who manages it.
    #[serde(default, skip_serializing_if = "Managers::is_empty")]
    pub managers: Managers,
    /// How many objects it owns, and those own, and so on.
    #[serde(default)]
    pub children: u64,
    /// What losing it or its children means.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hazards: BTreeSet<LossKind>,
}

/// Who manages an object: a set that many objects share, so that each of them stays small.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeSet<Manager>", into = "BTreeSet<Manager>")]
pub struct Managers(Arc<[Manager]>);

impl Managers {
    /// Each of them, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Manager> {
        self.0.iter()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<BTreeSet<Manager>> for Managers {
    fn from(managers: BTreeSet<Manager>) -> Self {
        Self(managers.into_iter().collect())
    }
}

impl From<Managers> for BTreeSet<Manager> {
    fn from(managers: Managers) -> Self {
        managers.iter().cloned().collect()
    }
}

impl<'a> IntoIterator for &'a Managers {
    type Item = &'a Manager;
    type IntoIter = std::slice::Iter<'a, Manager>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Something that the Namespace's deletion means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// What it is.
    pub kind: LossKind,
    /// The object, as `persistentvolumeclaims/data`.
    pub object: String,
    /// Its UID.
    pub uid: Uid,
    /// What happens, as a clause.
    pub explanation: String,
}

/// What the deletion of an object means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LossKind {
    /// The volume of a claim goes with it, or nobody knows that it does not.
    Volume,
    /// An address or machine outside the cluster is given back.
    LoadBalancer,
    /// A Secret that nothing can make again.
    Secret,
    /// An object that Helm was told to keep, which protects it from Helm only.
    HelmKeep,
    /// Not a loss: a tool is likely to make the object anew.
    Recreated,
    /// Not a loss: what takes the object's finalizer off seems to go at the same time.
    Finalizer,
}

impl LossKind {
    /// Whether something is lost that does not come back.
    pub fn for_good(self) -> bool {
        match self {
            Self::Volume | Self::LoadBalancer | Self::Secret | Self::HelmKeep => true,
            Self::Recreated | Self::Finalizer => false,
        }
    }
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unseen {
    /// A kind, as `widgets.example.com`, or all of a group, as `*.example.com`.
    pub kind: String,
    /// Why not.
    pub why: String,
    /// Whether it may go by itself: the server did not answer, or asks for patience.
    #[serde(default)]
    pub temporary: bool,
}

impl Contents {
    /// Instances of deploying tools that manage something here but not the Project.
    pub fn foreign(&self, project_managers: &BTreeSet<Manager>) -> Vec<&Manager> {
        let managers = self.managers.iter().map(|counted| &counted.manager);
        managers.filter(|manager| is_foreign(manager, project_managers)).collect()
    }

    /// UIDs of what is lost for good: what a person who confirms the deletion has to have seen.
    pub fn lost_for_good(&self) -> BTreeSet<&Uid> {
        self.losses.iter().map(|loss| &loss.uid).collect()
    }

    /// The same with every list cut to so many entries, and how many are left out, to be kept
    /// where there is little room.
    #[must_use]
    pub fn shortened(&self, most: usize) -> Self {
        fn cut<T: Clone>(list: &[T], left_out: u64, most: usize) -> (Vec<T>, u64) {
            let more = list.len().saturating_sub(most) as u64;
            (list.iter().take(most).cloned().collect(), left_out + more)
        }
        let (roots, roots_left_out) = cut(&self.roots, self.roots_left_out, most);
        let (managers, managers_left_out) = cut(&self.managers, self.managers_left_out, most);
        let (losses, losses_left_out) = cut(&self.losses, self.losses_left_out, most);
        let (notes, notes_left_out) = cut(&self.notes, self.notes_left_out, most);
        let (unseen, unseen_left_out) = cut(&self.unseen, self.unseen_left_out, most);
        Self {
            objects: self.objects,
            kinds: self.kinds.clone(),
            roots,
            roots_left_out,
            managers,
            managers_left_out,
            losses,
            losses_left_out,
            notes,
            notes_left_out,
            unseen,
            unseen_left_out,
        }
    }
}

/// Whether this is an instance of a deploying tool that does not manage the Project.
pub(super) fn is_foreign(manager: &Manager, project_managers: &BTreeSet<Manager>) -> bool {
    manager.tool.deploys() && !project_managers.contains(manager)
}
