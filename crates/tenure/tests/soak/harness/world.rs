//! What is there before anybody acts, and what people do.

use std::sync::Arc;

use http::Request;
use kube::Client;
use serde_json::{Value, json};
use tenure_core::keys;

use super::bed::{Clients, FLOOR, REFUSED};
use super::random::Random;
use super::record::Kind;
use super::turnstile::Turnstile;

const PROJECTS: &str = "/apis/kargo.akuity.io/v1alpha1/projects";
const NAMESPACES: &str = "/api/v1/namespaces";
const PLANS: &str = "/apis/tenure.dev/v1alpha1/deletionplans";
/// Somebody else's finalizer.
const OTHERS: &str = "example.com/other";
const LIEN: &str = "hold.tenure.dev/audit";

/// How the Namespace came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Kargo made it for the Project.
    Created,
    /// It was there, with the label.
    Adopted,
    /// It has nothing to do with the Project but its name.
    Foreign,
    /// There is none.
    Absent,
}

/// Something that is said on an object, or taken off it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Keep(&'static str),
    Wish(&'static str),
    Lien,
    /// On the Project, a policy selects it. On the Namespace it means nothing.
    Floor,
    /// On the Project, somebody else refuses its deletion.
    Refused,
    /// Takes a word off: an annotation.
    Unsay(&'static str),
    /// Takes a label off.
    Unlabel(&'static str),
}

/// What is there before anybody acts.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) origin: Origin,
    /// Whether Tenure saw the two before.
    pub(crate) recorded: bool,
    /// Whether Kargo holds the Project.
    pub(crate) held: bool,
    /// Whether somebody else holds it, too.
    pub(crate) others: bool,
    /// Whether Kargo's passes over a Project that lives are among what happens: many requests.
    pub(crate) provides: bool,
    /// Whether Tenure is not asked when the Project is deleted, as if its webhook were not there.
    pub(crate) unasked: bool,
    pub(crate) said: Vec<(Kind, Word)>,
}

/// How a Project is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Plainly,
    Foreground,
    Orphan,
    Collection,
    /// Only if it is that one.
    Uid,
    /// Only if it is as it was read.
    Version,
    DryRun,
}

/// What a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    DeleteProject(How),
    DeleteNamespace,
    Say(Kind, Word),
    CallOff,
    CreateProject,
    /// Makes a Namespace of the Project's name.
    CreateNamespace,
    /// Takes Kargo's finalizer off the Project.
    TakeOff,
    /// Takes somebody else's finalizer off the Project.
    LetGo,
}

fn word(random: &mut Random) -> Word {
    let keep = keys::KEEP_NAMESPACE;
    random.weigh(&[
        (5, Word::Keep("true")),
        (2, Word::Keep("false")),
        (3, Word::Keep("yes")),
        (3, Word::Wish("Retain")),
        (1, Word::Wish("Clean")),
        (3, Word::Lien),
        (2, Word::Floor),
        (2, Word::Refused),
        (2, Word::Unsay(keep)),
        (1, Word::Unsay(keys::DISPOSITION)),
        (2, Word::Unsay(LIEN)),
        (1, Word::Unlabel(FLOOR)),
        (2, Word::Unlabel(REFUSED)),
        (1, Word::Unlabel(keys::PROJECT_LABEL)),
    ])
}

/// Draws what is there.
pub(crate) fn draw(random: &mut Random) -> World {
    let origin = random.weigh(&[
        (6, Origin::Created),
        (2, Origin::Adopted),
        (2, Origin::Foreign),
        (1, Origin::Absent),
    ]);
    let words = random.weigh(&[(5, 0), (4, 1), (1, 2)]);
    let said = (0..words).map(|_| {
        let on = random.pick(&[Kind::Project, Kind::Namespace]);
        (on, word(random))
    });
    let said = said.collect();
    World {
        origin,
        said,
        recorded: !random.one_in(8),
        held: !random.one_in(8),
        others: random.one_in(6),
        provides: random.one_in(16),
        unasked: random.one_in(12),
    }
}

/// Draws what people do, at least once a deletion of the Project.
pub(crate) fn acts(random: &mut Random) -> Vec<Act> {
    let how = [
        (8, How::Plainly),
        (2, How::Foreground),
        (1, How::Orphan),
        (2, How::Collection),
        (2, How::Uid),
        (2, How::Version),
        (1, How::DryRun),
    ];
    let others = random.weigh(&[(2, 0), (3, 1), (3, 2), (2, 3), (1, 5)]);
    let before = random.below(others + 1);
    let mut acts = Vec::new();
    for number in 0..=others {
        if number == before {
            acts.push(Act::DeleteProject(random.weigh(&how)));
            continue;
        }
        let kind = random.pick(&[Kind::Project, Kind::Namespace]);
        let said = word(random);
        let delete = Act::DeleteProject(random.weigh(&how));
        acts.push(random.weigh(&[
            (10, Act::Say(kind, said)),
            (4, delete),
            (2, Act::DeleteNamespace),
            (2, Act::CallOff),
            (2, Act::CreateProject),
            (1, Act::CreateNamespace),
            (1, Act::TakeOff),
            (1, Act::LetGo),
        ]));
    }
    acts
}

impl World {
    /// Makes it so.
    pub(crate) async fn make(&self, turnstile: &Turnstile, clients: &Clients) {
        let name = &turnstile.name;
        let mut finalizers = Vec::new();
        finalizers.extend(self.held.then_some(keys::FINALIZER));
        finalizers.extend(self.others.then_some(OTHERS));
        let project = project(name, &finalizers);
        let namespace = |labelled: bool| {
            let (labels, finalizers) = match labelled {
                true => (json!({keys::PROJECT_LABEL: keys::TRUE}), json!([keys::FINALIZER])),
                false => (json!({}), json!([])),
            };
            json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": labels, "finalizers": finalizers},
            })
        };
        let user = &clients.user;
        let created = match self.origin {
            Origin::Adopted => {
                ask(user, "POST", &as_manager(NAMESPACES, "kubectl"), &namespace(true)).await
                    && ask(user, "POST", PROJECTS, &project).await
            }
            Origin::Absent => ask(user, "POST", PROJECTS, &project).await,
            Origin::Created | Origin::Foreign => {
                let made = self.origin == Origin::Created;
                let manager = if made { "kargo" } else { "kubectl" };
                ask(user, "POST", PROJECTS, &project).await
                    && ask(user, "POST", &as_manager(NAMESPACES, manager), &namespace(made)).await
            }
        };
        assert!(created, "{name}: {self:?} cannot be made");
        for (kind, word) in &self.said {
            say(name, *kind, *word, clients).await;
        }
    }
}

fn project(name: &str, finalizers: &[&str]) -> Value {
    json!({
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Project",
        "metadata": {"name": name, "finalizers": finalizers},
    })
}

fn as_manager(path: &str, manager: &str) -> String {
    format!("{path}?fieldManager={manager}")
}

async fn say(name: &str, kind: Kind, word: Word, clients: &Clients) {
    let annotation = |key: &str, value: &str| json!({"annotations": {key: value}});
    let metadata = match word {
        Word::Keep(value) => annotation(keys::KEEP_NAMESPACE, value),
        Word::Wish(value) => annotation(keys::DISPOSITION, value),
        Word::Lien => annotation(LIEN, "an audit"),
        Word::Floor => json!({"labels": {FLOOR: "retain"}}),
        Word::Refused => json!({"labels": {REFUSED: "yes"}}),
        Word::Unsay(key) => json!({"annotations": {key: null}}),
        Word::Unlabel(key) => json!({"labels": {key: null}}),
    };
    let around = matches!(word, Word::Keep("yes") | Word::Unlabel(_));
    let client = if around { &clients.around } else { &clients.user };
    let path = match kind {
        Kind::Project => PROJECTS,
        Kind::Namespace => NAMESPACES,
    };
    ask(client, "PATCH", &format!("{path}/{name}"), &json!({ "metadata": metadata })).await;
}

impl Act {
    /// Does it. What is refused is refused.
    pub(crate) async fn perform(self, turnstile: &Arc<Turnstile>, clients: &Clients) {
        let name = turnstile.name.as_str();
        let user = &clients.user;
        let meta = turnstile.record(|r| r.project().map(|p| p["metadata"].clone()));
        let meta = meta.unwrap_or_default();
        match self {
            Self::DeleteProject(how) => {
                let (query, options) = how.options(&meta);
                let one = format!("{PROJECTS}/{name}{query}");
                let path = match how {
                    How::Collection => format!("{PROJECTS}?fieldSelector=metadata.name={name}"),
                    _ => one,
                };
                ask(user, "DELETE", &path, &options).await;
            }
            Self::DeleteNamespace => {
                ask(user, "DELETE", &format!("{NAMESPACES}/{name}"), &Value::Null).await;
            }
            Self::Say(kind, word) => say(name, kind, word, clients).await,
            Self::CallOff => {
                let open = |plan: &Value| {
                    !matches!(plan["status"]["phase"].as_str(), Some("Done" | "Void"))
                };
                let plans = turnstile.record(|record| record.plans.clone());
                let Some((plan, _)) = plans.into_iter().find(|(_, plan)| open(plan)) else {
                    return;
                };
                let cancel = json!({"metadata": {"annotations": {keys::CANCEL: keys::TRUE}}});
                ask(user, "PATCH", &format!("{PLANS}/{plan}"), &cancel).await;
            }
            Self::CreateProject => drop(ask(user, "POST", PROJECTS, &project(name, &[])).await),
            Self::CreateNamespace => {
                let namespace = json!({
                    "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
                });
                ask(user, "POST", NAMESPACES, &namespace).await;
            }
            Self::TakeOff => take_off(name, &meta, keys::FINALIZER, user).await,
            Self::LetGo => take_off(name, &meta, OTHERS, user).await,
        }
    }
}

impl How {
    fn options(self, meta: &Value) -> (&'static str, Value) {
        let options = |options: Value| {
            let mut all = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
            for (key, value) in options.as_object().into_iter().flatten() {
                all[key] = value.clone();
            }
            all
        };
        match self {
            Self::Plainly | Self::Collection => ("", Value::Null),
            Self::Foreground => ("", options(json!({"propagationPolicy": "Foreground"}))),
            Self::Orphan => ("", options(json!({"propagationPolicy": "Orphan"}))),
            Self::Uid => ("", options(json!({"preconditions": {"uid": meta["uid"]}}))),
            Self::Version => {
                let version = &meta["resourceVersion"];
                ("", options(json!({"preconditions": {"resourceVersion": version}})))
            }
            Self::DryRun => ("?dryRun=All", Value::Null),
        }
    }
}

async fn take_off(name: &str, meta: &Value, finalizer: &str, client: &Client) {
    let finalizers = meta["finalizers"].as_array().cloned().unwrap_or_default();
    let Some(at) = finalizers.iter().position(|known| known == finalizer) else { return };
    let path = format!("/metadata/finalizers/{at}");
    let patch = json!([
        {"op": "test", "path": path, "value": finalizer},
        {"op": "remove", "path": path},
    ]);
    ask(client, "PATCH", &format!("{PROJECTS}/{name}"), &patch).await;
}

/// What people let go of at last, so that everything can come to its end.
pub(crate) async fn free(turnstile: &Arc<Turnstile>, clients: &Clients) {
    Act::LetGo.perform(turnstile, clients).await;
    let labels = turnstile.record(|r| r.project().map(|p| p["metadata"]["labels"].clone()));
    if labels.is_some_and(|labels| labels[REFUSED].is_string()) {
        Act::Say(Kind::Project, Word::Unlabel(REFUSED)).perform(turnstile, clients).await;
    }
    for kind in [Kind::Project, Kind::Namespace] {
        let object = turnstile.record(|record| match kind {
            Kind::Project => record.project().cloned(),
            Kind::Namespace => record.namespace.clone(),
        });
        if object.is_some_and(|object| object["metadata"]["annotations"][LIEN].is_string()) {
            Act::Say(kind, Word::Unsay(LIEN)).perform(turnstile, clients).await;
        }
    }
}

/// What Kubernetes' own controllers do: a Namespace that goes is emptied and let go of, and so is
/// a Project that goes after what depends on it.
pub(crate) async fn kubernetes(name: &str, client: &Client) {
    let namespace = format!("{NAMESPACES}/{name}");
    if let Some(mut found) = read(client, &namespace).await
        && found["metadata"]["deletionTimestamp"].is_string()
        && found["spec"]["finalizers"].as_array().is_some_and(|all| !all.is_empty())
    {
        let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces";
        for path in [
            format!("{namespace}/serviceaccounts"),
            format!("{rbac}/{name}/rolebindings"),
            format!("{rbac}/{name}/roles"),
        ] {
            ask(client, "DELETE", &path, &Value::Null).await;
        }
        found["spec"]["finalizers"] = json!([]);
        ask(client, "PUT", &format!("{namespace}/finalize"), &found).await;
    }
    let Some(found) = read(client, &format!("{PROJECTS}/{name}")).await else { return };
    for finalizer in ["foregroundDeletion", "orphan"] {
        if found["metadata"]["deletionTimestamp"].is_string() {
            take_off(name, &found["metadata"], finalizer, client).await;
        }
    }
}

/// Reads both objects.
pub(crate) async fn look(kind: Kind, name: &str, client: &Client) -> Option<Value> {
    let path = match kind {
        Kind::Project => PROJECTS,
        Kind::Namespace => NAMESPACES,
    };
    read(client, &format!("{path}/{name}")).await
}

async fn read(client: &Client, path: &str) -> Option<Value> {
    let request = Request::get(path).body(Vec::new()).expect("a request");
    match client.request::<Value>(request).await {
        Ok(found) => Some(found),
        Err(kube::Error::Api(status)) if status.code == 404 => None,
        Err(error) => panic!("read {path}: {error}"),
    }
}

/// Asks for a change. Whether it was made.
async fn ask(client: &Client, method: &str, path: &str, body: &Value) -> bool {
    let kind = match (method, body) {
        ("PATCH", Value::Array(_)) => "application/json-patch+json",
        ("PATCH", _) => "application/merge-patch+json",
        _ => "application/json",
    };
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder().method(method).uri(path).header("content-type", kind);
    let request = request.body(body).expect("a request");
    match client.request::<Value>(request).await {
        Ok(_) => true,
        Err(kube::Error::Api(_)) => false,
        Err(error) => panic!("{method} {path}: {error}"),
    }
}
