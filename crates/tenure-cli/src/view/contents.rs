//! What is in a namespace: for programs entry by entry, for people grouped by who manages it.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use tenure_core::access::{CONTROLLER_READ_SECRETS, PROJECT_ADMIN, SECRETS_READER, USER_ROLES};
use tenure_core::contents::{Contents, KindCount, Loss, Manager, ManagerCount, Root, Tool, Unseen};

use crate::text::{BAD, CAREFUL, FAINT, STRONG, Text};
use crate::view::tree::Branch;

/// Objects of one kind that are named before the rest is counted.
const NAMED: usize = 3;

/// What is in a namespace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContentsView<'a> {
    /// How many objects there are.
    objects: u64,
    /// How many of each kind.
    kinds: Entries<'a, KindCount, KindView<'a>>,
    /// How many objects each instance of a tool that deploys manages.
    managers: Entries<'a, ManagerCount, ManagerCountView<'a>>,
    /// Objects that nothing in the namespace owns, those first that matter most.
    roots: Entries<'a, Root, RootView<'a>>,
    /// How many of these are not named.
    roots_left_out: u64,
    /// What is lost for good with the namespace.
    losses: Entries<'a, Loss, LossView<'a>>,
    /// What else is worth knowing.
    notes: Entries<'a, Loss, LossView<'a>>,
    /// How many of these are not named.
    notes_left_out: u64,
    /// What could not be seen.
    unseen: Entries<'a, Unseen, UnseenView<'a>>,
}

impl<'a> From<&'a Contents> for ContentsView<'a> {
    fn from(contents: &'a Contents) -> Self {
        Self {
            objects: contents.objects,
            kinds: Entries::of(&contents.kinds),
            managers: Entries::of(&contents.managers),
            roots: Entries::of(&contents.roots),
            roots_left_out: contents.roots_left_out,
            losses: Entries::of(&contents.losses),
            notes: Entries::of(&contents.notes),
            notes_left_out: contents.notes_left_out,
            unseen: Entries::of(&contents.unseen),
        }
    }
}

/// A list whose entries are made as they are written, so that no second one is in memory.
#[derive(Debug)]
struct Entries<'a, T, V>(&'a [T], PhantomData<V>);

impl<'a, T, V> Entries<'a, T, V> {
    fn of(list: &'a [T]) -> Self {
        Self(list, PhantomData)
    }
}

impl<T, V> Clone for Entries<'_, T, V> {
    fn clone(&self) -> Self {
        Self(self.0, PhantomData)
    }
}

impl<'a, T, V: From<&'a T> + Serialize> Serialize for Entries<'a, T, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(V::from))
    }
}

impl<T, V: JsonSchema> JsonSchema for Entries<'_, T, V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        Vec::<V>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<V>::json_schema(generator)
    }
}

/// How many objects of a kind there are.
#[derive(Debug, Serialize, JsonSchema)]
struct KindView<'a> {
    /// The kind, as deployments.apps.
    kind: &'a str,
    /// How many.
    objects: u64,
}

impl<'a> From<&'a KindCount> for KindView<'a> {
    fn from(KindCount { kind, objects }: &'a KindCount) -> Self {
        Self { kind, objects: *objects }
    }
}

/// An instance of a tool.
#[derive(Debug, Serialize, JsonSchema)]
struct ManagerView<'a> {
    /// The tool.
    tool: &'static str,
    /// Which of its instances, where it has such.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
}

impl<'a> From<&'a Manager> for ManagerView<'a> {
    fn from(Manager { tool, instance }: &'a Manager) -> Self {
        Self { tool: tool.as_str(), instance: instance.as_deref() }
    }
}

/// How many objects an instance of a tool manages.
#[derive(Debug, Serialize, JsonSchema)]
struct ManagerCountView<'a> {
    /// The instance.
    manager: ManagerView<'a>,
    /// How many.
    objects: u64,
}

impl<'a> From<&'a ManagerCount> for ManagerCountView<'a> {
    fn from(ManagerCount { manager, objects }: &'a ManagerCount) -> Self {
        Self { manager: manager.into(), objects: *objects }
    }
}

/// An object that nothing in the namespace owns.
#[derive(Debug, Serialize, JsonSchema)]
struct RootView<'a> {
    /// Its kind, as deployments.apps.
    kind: &'a str,
    /// Its name.
    name: &'a str,
    /// Its UID.
    uid: &'a str,
    /// Who manages it.
    managers: Vec<ManagerView<'a>>,
    /// How many objects it owns, and those own, and so on.
    children: u64,
}

impl<'a> From<&'a Root> for RootView<'a> {
    fn from(Root { kind, name, uid, managers, children, hazards: _ }: &'a Root) -> Self {
        let managers = managers.iter().map(Into::into).collect();
        Self { kind, name, uid: uid.as_str(), managers, children: *children }
    }
}

/// Something that the namespace's deletion means.
#[derive(Debug, Serialize, JsonSchema)]
struct LossView<'a> {
    /// What it is.
    kind: String,
    /// The object, as persistentvolumeclaims/data.
    object: &'a str,
    /// Its UID.
    uid: &'a str,
    /// What happens.
    explanation: &'a str,
}

impl<'a> From<&'a Loss> for LossView<'a> {
    fn from(Loss { kind, object, uid, explanation }: &'a Loss) -> Self {
        Self { kind: format!("{kind:?}"), object, uid: uid.as_str(), explanation }
    }
}

/// Something that could not be seen.
#[derive(Debug, Serialize, JsonSchema)]
struct UnseenView<'a> {
    /// A kind, or all of a group, as *.example.com.
    kind: &'a str,
    /// Why not.
    why: &'a str,
    /// Whether it may go by itself.
    temporary: bool,
}

impl<'a> From<&'a Unseen> for UnseenView<'a> {
    fn from(Unseen { kind, why, temporary }: &'a Unseen) -> Self {
        Self { kind, why, temporary: *temporary }
    }
}

/// Kinds that come with a Project, so that a namespace with nothing else is empty.
const ACCESS: [&str; 3] = [
    "rolebindings.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "serviceaccounts",
];

/// Whether the object came with the namespace or with its Project, and is nobody's work.
pub(crate) fn came_along(root: &Root) -> bool {
    let name = &*root.name;
    let provided = || {
        USER_ROLES.contains(&name)
            || [PROJECT_ADMIN, SECRETS_READER, CONTROLLER_READ_SECRETS].contains(&name)
    };
    let by = |tool: Tool| root.managers.iter().all(|manager| manager.tool == tool);
    (by(Tool::Kubernetes) && !root.managers.is_empty())
        || (ACCESS.contains(&&*root.kind) && by(Tool::Kargo) && provided())
}

/// How contents are told to people.
pub(crate) struct Told<'a> {
    /// The contents, with every root.
    pub(crate) contents: &'a Contents,
    /// What objects of each kind are called.
    pub(crate) kinds: &'a BTreeMap<String, String>,
    /// Whether a manager is somebody other than whoever manages the Project.
    pub(crate) foreign: &'a dyn Fn(&Manager) -> bool,
    /// Whether every object is named.
    pub(crate) full: bool,
}

impl Told<'_> {
    /// What is lost for good.
    pub(crate) fn lost(losses: &[&Loss]) -> Branch {
        let mut lost = Branch::new(Text::styled(BAD, "lost for good"));
        for loss in losses {
            lost.push(Text::styled(BAD, &loss.object).and(": ").and(&loss.explanation));
        }
        lost
    }

    /// What stays, and would be lost for good if the namespace went.
    pub(crate) fn spared(losses: &[&Loss]) -> Branch {
        let mut spared =
            Branch::new(Text::plain("stays; with the namespace it would be lost for good"));
        for loss in losses {
            spared.push(Text::plain(&loss.object).and(": ").and(&loss.explanation));
        }
        spared
    }

    /// What else is worth knowing.
    pub(crate) fn notes(&self) -> Branch {
        let mut notes = Branch::new(Text::plain("worth knowing"));
        let most = if self.full { usize::MAX } else { NAMED };
        for note in self.contents.notes.iter().take(most) {
            notes.push(Text::plain(&note.object).and(": ").and(&note.explanation));
        }
        let more = self.contents.notes.len().saturating_sub(most);
        if more > 0 {
            notes.push(Text::styled(FAINT, format!("{more} more")));
        }
        notes
    }

    /// What could not be seen.
    pub(crate) fn unseen(&self) -> Branch {
        let mut unseen = Branch::new(Text::styled(CAREFUL, "could not be seen"));
        for kind in &self.contents.unseen {
            unseen.push(Text::styled(CAREFUL, &kind.kind).and(": ").and(&kind.why));
        }
        unseen
    }

    /// Everything, grouped by who manages it.
    pub(crate) fn objects(&self) -> Branch {
        let Contents { objects, kinds, roots, .. } = self.contents;
        let kinds = kinds.len();
        let line =
            format!("contents: {} of {}", many(*objects, "object"), many(kinds as u64, "kind"));
        let mut all = Branch::new(Text::plain(line));
        let mut groups: BTreeMap<(Order, Vec<&Manager>), Vec<&Root>> = BTreeMap::new();
        for root in roots {
            let (order, managers) = if came_along(root) {
                (Order::Along, Vec::new())
            } else {
                let managers: Vec<_> = root.managers.iter().collect();
                (self.order(&managers), managers)
            };
            groups.entry((order, managers)).or_default().push(root);
        }
        for ((order, managers), roots) in groups {
            all.push(self.group(order, &managers, &roots));
        }
        all
    }

    fn order(&self, managers: &[&Manager]) -> Order {
        if managers.iter().any(|manager| (self.foreign)(manager)) {
            Order::Foreign
        } else if managers.is_empty() {
            Order::Nobody
        } else {
            Order::Others
        }
    }

    fn group(&self, order: Order, managers: &[&Manager], roots: &[&Root]) -> Branch {
        let names: Vec<_> = managers.iter().map(ToString::to_string).collect();
        let names = match order {
            Order::Along => "what came with the namespace and its Project".to_owned(),
            Order::Nobody => "nobody's".to_owned(),
            Order::Foreign | Order::Others => names.join(", "),
        };
        let objects: u64 = roots.iter().map(|root| 1 + root.children).sum();
        let mut line = Text::styled(STRONG, names).and(format!(": {}", many(objects, "object")));
        if order == Order::Foreign {
            line = line.with(CAREFUL, ", deployed by somebody else than the Project");
        }
        let mut group = Branch::new(line);
        if order == Order::Along && !self.full {
            return group;
        }
        let mut kinds: BTreeMap<&str, Vec<&Root>> = BTreeMap::new();
        for root in roots {
            kinds.entry(&root.kind).or_default().push(root);
        }
        for (kind, roots) in kinds {
            let named = if self.full || roots.len() == NAMED + 1 { roots.len() } else { NAMED };
            for root in roots.iter().take(named) {
                let owns = match root.children {
                    0 => String::new(),
                    children => format!(" and {} of it", many(children, "object")),
                };
                let name = format!("{} {}", self.singular(kind), root.name);
                let text = Text::plain(name);
                group.push(if owns.is_empty() { text } else { text.with(FAINT, owns) });
            }
            let more = roots.len().saturating_sub(named);
            if more > 0 {
                group.push(Text::styled(FAINT, format!("{more} more {}", self.plural(kind))));
            }
        }
        group
    }

    fn singular<'k>(&'k self, kind: &'k str) -> &'k str {
        self.kinds.get(kind).map_or(kind, String::as_str)
    }

    fn plural(&self, kind: &str) -> String {
        let plural = kind.split('.').next().unwrap_or(kind);
        self.kinds.get(kind).map_or_else(|| kind.to_owned(), |name| plural_of(name, plural))
    }
}

/// Which groups come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Foreign,
    Others,
    Nobody,
    Along,
}

/// A kind's name in the plural, which the API server spells without capitals.
fn plural_of(name: &str, plural: &str) -> String {
    let same = name
        .char_indices()
        .zip(plural.chars())
        .take_while(|((_, a), b)| a.to_ascii_lowercase() == *b)
        .count();
    let head: String = name.chars().take(same).collect();
    let tail: String = plural.chars().skip(same).collect();
    head + &tail
}

/// So many of them: `1 object`, `2 objects`.
pub(crate) fn many(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_called_as_people_write_them() {
        for (name, plural, expected) in [
            ("ConfigMap", "configmaps", "ConfigMaps"),
            ("NetworkPolicy", "networkpolicies", "NetworkPolicies"),
            ("Ingress", "ingresses", "Ingresses"),
            ("Endpoints", "endpoints", "Endpoints"),
        ] {
            assert_eq!(plural_of(name, plural), expected);
        }
        assert_eq!((many(1, "kind"), many(0, "kind")), ("1 kind".into(), "0 kinds".into()));
    }
}
