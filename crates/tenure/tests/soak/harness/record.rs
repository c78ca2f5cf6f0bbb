//! What happened in a schedule, as the API server answered it: every write goes through the
//! turnstile, one at a time, so the versions of each object are known in their order.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;

use super::turnstile::Actor;

/// The object that a schedule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Project,
    Namespace,
}

/// One answered request.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) actor: Actor,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) status: u16,
}

/// An accepted deletion of the Namespace.
#[derive(Clone, Debug)]
pub(crate) struct Deleted {
    pub(crate) by: Actor,
    /// Number of the version of the Project that stood when the request was sent.
    pub(crate) sent: usize,
    /// The same, when it was accepted.
    pub(crate) accepted: usize,
    /// The Namespace as it was deleted.
    pub(crate) namespace: Value,
    /// Plans of which it was recorded by then that they were called off.
    pub(crate) called_off: Vec<String>,
}

/// What happened.
#[derive(Default)]
pub(crate) struct Record {
    /// For people, and to compare two runs of one schedule.
    pub(crate) lines: Vec<String>,
    /// Writes that were accepted.
    pub(crate) writes: usize,
    /// The versions of the Project; nothing where it was gone.
    pub(crate) projects: Vec<Option<Value>>,
    /// The Namespace as it is, if there is one.
    pub(crate) namespace: Option<Value>,
    pub(crate) plans: BTreeMap<String, Value>,
    pub(crate) deleted: Vec<Deleted>,
    /// What Tenure wrote that is not for it to write.
    pub(crate) meddled: Vec<String>,
    /// What has to be read again, for an answer did not tell all.
    pub(crate) unsure: Vec<Kind>,
}

impl Record {
    /// The Project as it is, if there is one.
    pub(crate) fn project(&self) -> Option<&Value> {
        self.projects.last().and_then(Option::as_ref)
    }

    /// How many versions of the Project there were.
    pub(crate) fn project_version(&self) -> usize {
        self.projects.len().saturating_sub(1)
    }

    pub(crate) fn put(&mut self, kind: Kind, object: Option<Value>) {
        match kind {
            Kind::Namespace => self.namespace = object,
            Kind::Project if self.project() != object.as_ref() => self.projects.push(object),
            Kind::Project => {}
        }
    }

    /// Takes note of an answer.
    pub(crate) fn take(&mut self, sent: usize, done: &Done, answer: &Value) {
        if done.method == Method::GET || done.status >= 300 || done.path.contains("dryRun") {
            return;
        }
        self.writes += 1;
        if done.path.contains("/deletionplans") {
            let plan = answer["metadata"]["name"].as_str().unwrap_or_default();
            self.plans.insert(plan.to_owned(), answer.clone());
        } else if done.path.contains("/projects") {
            self.meddle(done, Kind::Project);
            self.take_project(done, answer);
        } else {
            self.meddle(done, Kind::Namespace);
            self.take_namespace(sent, done, answer);
        }
    }

    fn take_project(&mut self, done: &Done, answer: &Value) {
        if done.method == Method::DELETE {
            // The answer may be about one that was gone by then.
            self.unsure.push(Kind::Project);
            return;
        }
        let held = answer["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        let going = answer["metadata"]["deletionTimestamp"].is_string();
        self.put(Kind::Project, Some(answer.clone()));
        if going && !held {
            self.put(Kind::Project, None);
        }
    }

    fn take_namespace(&mut self, sent: usize, done: &Done, answer: &Value) {
        let going = |object: &Value| object["metadata"]["deletionTimestamp"].is_string();
        let stood = self.namespace.as_ref().is_some_and(|known| !going(known));
        if done.method == Method::DELETE && stood {
            let called_off = |plan: &&Value| {
                let history = plan["status"]["history"].as_array();
                let last = history.and_then(|history| history.last());
                last.is_some_and(|entry| entry["event"] == "Cancelled")
            };
            let plans = self.plans.iter().filter(|(_, plan)| called_off(plan));
            self.deleted.push(Deleted {
                by: done.actor,
                sent,
                accepted: self.project_version(),
                namespace: answer.clone(),
                called_off: plans.map(|(name, _)| name.clone()).collect(),
            });
        }
        if going(answer) || answer["kind"] != "Namespace" {
            // Whether it is gone, not every answer tells.
            self.unsure.push(Kind::Namespace);
        }
        self.put(Kind::Namespace, Some(answer.clone()));
    }

    /// Notes what Tenure writes although Kargo holds the Project.
    fn meddle(&mut self, done: &Done, kind: Kind) {
        if !done.actor.is_tenure() {
            return;
        }
        let held = self.project().is_some_and(|project| {
            let finalizers = project["metadata"]["finalizers"].as_array();
            finalizers.is_some_and(|all| all.iter().any(|f| f == "kargo.akuity.io/finalizer"))
        });
        let changes = done.body.as_array().map(Vec::as_slice).unwrap_or_default();
        let paths = changes.iter().filter(|change| change["op"] != "test");
        let kargos = paths.filter_map(|change| change["path"].as_str()).find(|path| {
            ["/metadata/finalizers", "/metadata/labels", "/status"]
                .iter()
                .any(|kargos| path.starts_with(kargos))
        });
        if let Some(path) = kargos.filter(|_| held || kind == Kind::Project) {
            self.meddled.push(format!("{:?} {path} while Kargo holds the Project", done.actor));
        }
    }
}
