//! From objects, one by one, to what is told of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::losses::{Workloads, losses_of, recreated};
use super::roots::roots;
use super::summary::is_foreign;
use super::{
    Attribution, Contents, Kind, KindCount, Loss, LossKind, MOST_TOLD, Manager, ManagerCount,
    Managers, Object, Root, Unseen,
};

/// Takes objects in, in whatever order, and what could not be seen.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    objects: Vec<Object>,
    unseen: Vec<Unseen>,
}

/// Which of the roots come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Foreign,
    Lost,
    Rest,
    Kubernetes,
}

/// What is known of an object while the children are counted that it is the root of.
#[derive(Clone, Default)]
struct Group {
    children: u64,
    hazards: BTreeSet<LossKind>,
    foreign: bool,
}

impl Collector {
    /// Takes an object in.
    pub fn add(&mut self, object: Object) {
        self.objects.push(object);
    }

    /// Takes a list of objects in, without a copy of the longest: they come in any order.
    pub fn append(&mut self, mut objects: Vec<Object>) {
        if self.objects.len() < objects.len() {
            std::mem::swap(&mut self.objects, &mut objects);
        }
        self.objects.reserve_exact(objects.len());
        self.objects.append(&mut objects);
    }

    /// Takes note of something that could not be seen.
    pub fn unseen(&mut self, unseen: Unseen) {
        self.unseen.push(unseen);
    }

    /// How many objects it has.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The objects by kind and name, each once, each with its root and everybody who manages it:
    /// whoever manages its root, and whoever left a strong mark on itself.
    pub(super) fn settle(self) -> Settled {
        let Self { mut objects, mut unseen } = self;
        let key = |object: &Object| (Arc::clone(&object.kind), object.name.clone());
        // In place: a copy of half of them would be what takes most memory.
        objects
            .sort_unstable_by(|a, b| (&a.kind, &a.name, &a.uid).cmp(&(&b.kind, &b.name, &b.uid)));
        // One object may be listed under two kinds, and again when a list starts anew.
        let mut again = repeated(&objects).into_iter();
        let mut last = None;
        objects.retain(|object| {
            let again = again.next().unwrap_or_default();
            if object.uid.as_str().is_empty() {
                let this = Some(key(object));
                let again = last == this;
                last = this;
                !again
            } else {
                !again
            }
        });
        unseen.sort();
        unseen.dedup();
        let roots = roots(&objects);
        Settled { objects, roots, unseen }
    }

    /// The objects by kind and name, each once, and what could not be seen.
    pub fn into_objects(self) -> (Vec<Object>, Vec<Unseen>) {
        let Settled { objects, unseen, .. } = self.settle();
        (objects, unseen)
    }

    /// Says what there is. The Project's own managers decide who is foreign, and so what comes
    /// first.
    pub fn finish(self, project_managers: &BTreeSet<Manager>) -> Contents {
        self.finish_telling(MOST_TOLD, project_managers)
    }

    /// The same, telling of so many roots and notes at most.
    pub fn finish_telling(self, most: usize, project_managers: &BTreeSet<Manager>) -> Contents {
        self.settle().contents(most, project_managers)
    }
}

/// Of each object, whether one of its UID comes before it.
fn repeated(objects: &[Object]) -> Vec<bool> {
    let mut by_uid: Vec<usize> = (0..objects.len()).collect();
    by_uid.sort_by_key(|&index| (objects[index].uid.as_str(), index));
    let mut repeated = vec![false; objects.len()];
    for pair in by_uid.windows(2) {
        repeated[pair[1]] = objects[pair[0]].uid == objects[pair[1]].uid;
    }
    repeated
}

/// Objects in their order, and their roots.
pub(super) struct Settled {
    pub(super) objects: Vec<Object>,
    /// For each object, which one is its root.
    pub(super) roots: Vec<usize>,
    pub(super) unseen: Vec<Unseen>,
}

impl Settled {
    /// Everybody who manages an object.
    pub(super) fn managers(&self, index: usize) -> BTreeSet<Manager> {
        let object = &self.objects[index];
        let root = self.roots[index];
        let mut managers = self.objects[root].attribution.managers();
        if root != index {
            managers.extend(object.attribution.strong.iter().cloned());
        }
        managers
    }

    fn contents(self, most: usize, project_managers: &BTreeSet<Manager>) -> Contents {
        let workloads = Workloads::among(&self.objects);
        let mut contents = Contents { objects: self.objects.len() as u64, ..Contents::default() };
        let mut groups = vec![Group::default(); self.objects.len()];
        let mut managed: BTreeMap<Manager, u64> = BTreeMap::new();
        let mut kinds: BTreeMap<&Kind, u64> = BTreeMap::new();
        for (index, object) in self.objects.iter().enumerate() {
            *kinds.entry(&object.kind).or_default() += 1;
            let root = self.roots[index];
            let group = &mut groups[root];
            group.children += u64::from(root != index);
            let managers = self.managers(index);
            group.foreign |= managers.iter().any(|manager| is_foreign(manager, project_managers));
            for (kind, explanation) in told_of(object, root == index, &managers, &workloads) {
                group.hazards.insert(kind);
                contents.tell(object, kind, explanation, most);
            }
            for manager in managers.into_iter().filter(|manager| manager.tool.deploys()) {
                *managed.entry(manager).or_default() += 1;
            }
        }
        contents.losses.sort();
        contents.kinds = kinds
            .into_iter()
            .map(|(k, objects)| KindCount { kind: k.to_string(), objects })
            .collect();
        contents.managers = managed
            .into_iter()
            .map(|(manager, objects)| ManagerCount { manager, objects })
            .collect();
        let Self { objects, roots, unseen } = self;
        contents.roots = ordered(objects, &roots, groups);
        contents.roots_left_out = contents.roots.len().saturating_sub(most) as u64;
        contents.roots.truncate(most);
        contents.roots.shrink_to_fit();
        contents.unseen = unseen;
        contents
    }
}

/// The roots, those that matter first. There may be many: they take what they tell from the objects,
/// and their place.
fn ordered(objects: Vec<Object>, roots: &[usize], groups: Vec<Group>) -> Vec<Root> {
    let mut managers_of: BTreeMap<Arc<Attribution>, Managers> = BTreeMap::new();
    let mut kind_of: Option<(Arc<Kind>, Arc<str>)> = None;
    let roots = objects.into_iter().zip(groups).zip(roots).enumerate();
    let roots = roots.filter(|(index, (_, root))| index == *root);
    let mut ordered: Vec<(Rank, usize, Root)> = roots
        .map(|(index, ((object, group), _))| {
            let rank = Rank::of(&object, &group);
            let Object { kind, name, uid, attribution, .. } = object;
            // Objects are in the order of their kinds.
            let of_kind = kind_of.take().filter(|(known, _)| *known == kind);
            let (_, of_kind) = kind_of.insert(of_kind.unwrap_or_else(|| {
                let told = kind.to_string().into();
                (kind, told)
            }));
            let managers = || Managers::from(attribution.managers());
            let root = Root {
                kind: Arc::clone(of_kind),
                name,
                uid,
                managers: managers_of
                    .entry(Arc::clone(&attribution))
                    .or_insert_with(managers)
                    .clone(),
                children: group.children,
                hazards: group.hazards,
            };
            (rank, index, root)
        })
        .collect();
    ordered.sort_unstable_by_key(|(rank, index, _)| (*rank, *index));
    ordered.into_iter().map(|(_, _, root)| root).collect()
}

impl Rank {
    fn of(root: &Object, group: &Group) -> Self {
        if group.foreign {
            Self::Foreign
        } else if group.hazards.iter().any(|hazard| hazard.for_good()) {
            Self::Lost
        } else if root.is_kubernetes() {
            Self::Kubernetes
        } else {
            Self::Rest
        }
    }
}

/// Everything that the deletion of an object means.
fn told_of(
    object: &Object,
    is_root: bool,
    managers: &BTreeSet<Manager>,
    workloads: &Workloads<'_>,
) -> Vec<(LossKind, String)> {
    let mut told = losses_of(object, managers);
    // A root speaks for its children, which its controller makes anew.
    if is_root && let Some(explanation) = recreated(object) {
        told.push((LossKind::Recreated, explanation));
    }
    let stuck = object.finalizers.iter().filter_map(|finalizer| workloads.behind(finalizer));
    told.extend(stuck.map(|explanation| (LossKind::Finalizer, explanation)));
    told
}

impl Contents {
    fn tell(&mut self, object: &Object, kind: LossKind, explanation: String, most: usize) {
        let loss = Loss { kind, object: object.reference(), uid: object.uid.clone(), explanation };
        if kind.for_good() {
            self.losses.push(loss);
        } else if self.notes.len() < most {
            self.notes.push(loss);
        } else {
            self.notes_left_out += 1;
        }
    }
}

#[cfg(test)]
#[path = "collector_tests.rs"]
mod tests;
