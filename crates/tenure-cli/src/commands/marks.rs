//! `keep` and `hold`: what protects is put there without a question; before and after are shown.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use tenure_api::Project;
use tenure_cluster::{Category, ObjectPatch, RequestError};
use tenure_core::keys;

use super::say::writing;
use crate::arguments::{AssumedArguments, GlobalArguments, HoldArguments, KeepArguments};
use crate::exit::{Failure, Kind, Outcome};
use crate::look::{Extent, Look};
use crate::printer::Printer;
use crate::session::{Known, Session, Who};
use crate::target::{self, Target};
use crate::text::{CAREFUL, FAINT, GOOD, Text};
use crate::view::plan::style;

/// What is to be written or taken off.
struct Change<'a> {
    target: &'a Target,
    set: Vec<(String, String)>,
    remove: Vec<String>,
    /// What is told once it is done.
    done: String,
    dry_run: bool,
}

pub(crate) async fn keep(
    arguments: &KeepArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let KeepArguments { target, reason, remove, dry_run } = arguments;
    let mut change = Change {
        target,
        set: Vec::new(),
        remove: Vec::new(),
        done: String::new(),
        dry_run: *dry_run,
    };
    if *remove {
        change.remove = vec![keys::KEEP_NAMESPACE.to_owned(), keys::KEEP_REASON.to_owned()];
        change.done = format!("{target} does not keep the namespace any more");
    } else {
        change.set.push((keys::KEEP_NAMESPACE.to_owned(), keys::TRUE.to_owned()));
        let reason = reason.iter().map(|reason| (keys::KEEP_REASON.to_owned(), reason.clone()));
        change.set.extend(reason);
        change.done = format!("{target} keeps the namespace");
    }
    Box::pin(change.make(global, printer)).await
}

pub(crate) async fn hold(
    arguments: &HoldArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let HoldArguments { target, name, reason, remove, dry_run } = arguments;
    let key = format!("{}{name}", keys::LIEN_PREFIX);
    let mut change = Change {
        target,
        set: Vec::new(),
        remove: Vec::new(),
        done: String::new(),
        dry_run: *dry_run,
    };
    if *remove {
        change.done = format!("{target} is not held by {name} any more");
        change.remove.push(key);
    } else {
        change.done = format!("{target} is held by {name}");
        change.set.push((key, reason.clone().unwrap_or_default()));
    }
    Box::pin(change.make(global, printer)).await
}

impl Change<'_> {
    async fn make(&self, global: &GlobalArguments, printer: &Printer) -> Outcome {
        let session = Session::open(global).await?;
        let assumed = AssumedArguments::default();
        let (known, who) = futures::join!(session.known(&assumed), session.who());
        let who = who?;
        session.announce(&who, printer);
        let before = self.look(&session, &known, &who, printer).await?;
        let written = self.write(&session).await?;
        tell("before", &before, printer)?;
        if !written {
            printer.tell(&Text::styled(FAINT, "it says so already; nothing was written"));
            return Ok(());
        }
        if self.dry_run {
            let told = format!("it would be accepted: {} (dry run)", self.done);
            return printer.line(&Text::styled(CAREFUL, told));
        }
        let after = self.look(&session, &known, &who, printer).await?;
        tell("after", &after, printer)?;
        printer.line(&Text::styled(GOOD, &self.done))
    }

    async fn look(
        &self,
        session: &Session,
        known: &Known,
        who: &Who,
        printer: &Printer,
    ) -> Outcome<Look> {
        Look::at(&self.target.name, session, known, who, Extent::Most, printer).await
    }

    /// Writes it, unless it stands there already.
    async fn write(&self, session: &Session) -> Outcome<bool> {
        let name = self.target.name.as_str();
        let client = session.client();
        let reading =
            |error: kube::Error| Failure::of_request(&format!("read {}", self.target), &error);
        let absent = || Failure::error(format!("{} is not there", self.target));
        match self.target.kind {
            target::Kind::Project => {
                let projects: Api<Project> = Api::all(client.clone());
                let project = projects.get_opt(name).await.map_err(reading)?.ok_or_else(absent)?;
                let Some(patch) = self.patch(&project.metadata)? else { return Ok(false) };
                let written = projects.patch(name, &self.params(), &patch).await.map(drop);
                self.written(written)
            }
            target::Kind::Namespace => {
                let namespaces: Api<Namespace> = Api::all(client.clone());
                let namespace: PartialObjectMeta<Namespace> =
                    namespaces.get_metadata_opt(name).await.map_err(reading)?.ok_or_else(absent)?;
                let Some(patch) = self.patch(&namespace.metadata)? else { return Ok(false) };
                let written = namespaces.patch(name, &self.params(), &patch).await.map(drop);
                self.written(written)
            }
        }
    }

    fn params(&self) -> PatchParams {
        PatchParams { dry_run: self.dry_run, ..writing() }
    }

    /// The patch, if it changes anything.
    fn patch(&self, meta: &ObjectMeta) -> Outcome<Option<Patch<()>>> {
        let stands = |key: &str| meta.annotations.as_ref().and_then(|map| map.get(key));
        let first = self.remove.first();
        if let Some(key) = first.filter(|key| stands(key).is_none()) {
            return Err(Failure::error(format!("{} has no annotation {key}", self.target)));
        }
        let set: Vec<_> = self
            .set
            .iter()
            .filter(|(key, value)| stands(key) != Some(value))
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        if set.is_empty() && self.remove.is_empty() {
            return Ok(None);
        }
        let patch = ObjectPatch::of(meta).annotate(&set);
        let patch = self.remove.iter().fold(patch, |patch, key| patch.remove_annotation(key));
        Ok(Some(patch.build()))
    }

    fn written(&self, written: Result<(), kube::Error>) -> Outcome<bool> {
        let Err(error) = written else { return Ok(true) };
        let error = RequestError::new(format!("annotate {}", self.target), error);
        if error.category() == Category::Conflict {
            let why = format!("{} changed meanwhile; nothing was written", self.target);
            return Err(Failure::new(Kind::PlanChanged, why));
        }
        Err(error.into())
    }
}

/// Tells what would become of the namespace, and what holds it.
fn tell(when: &str, look: &Look, printer: &Printer) -> Outcome {
    let text = Text::styled(FAINT, format!("{when}: "));
    let Some(preview) = &look.preview else {
        return printer.line(&text.and("there is nothing to decide"));
    };
    let plan = &preview.plan;
    let mut text = text.with(style(plan.disposition), plan.explain());
    if !preview.gates.is_empty() {
        let mut gates: Vec<_> = preview.gates.iter().map(|gate| gate.source.as_str()).collect();
        gates.dedup();
        text = text.with(CAREFUL, format!("; it would wait for {}", gates.join(", ")));
    }
    printer.line(&text)
}
