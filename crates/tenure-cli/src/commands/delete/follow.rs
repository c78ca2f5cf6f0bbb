//! Staying until it is done: until the Project is gone, and its namespace gone or released.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::{Api, ResourceExt as _};
use tenure_api::{DeletionPlan, Project};
use tenure_core::plan::{self, Phase, PlanFacts};
use tenure_core::trail::Event;
use tenure_core::{Disposition, Mode, Uid};

use super::prepare::Prepared;
use crate::exit::{Failure, Kind, Outcome};
use crate::look::spinner;
use crate::printer::Printer;
use crate::remedy;
use crate::session::Session;
use crate::text::shown;

/// How often it is looked.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// What there was to see.
struct Seen {
    project: Option<Project>,
    namespace: Option<PartialObjectMeta<Namespace>>,
    plan: Option<PlanFacts>,
    /// What the plan decides, as one sentence.
    explanation: String,
}

/// Which objects are followed.
struct Followed<'a> {
    name: &'a str,
    project: &'a Uid,
    namespace: Option<&'a Uid>,
    /// Whether Kargo lets go of the Project, and its plan is carried out after that.
    beside_kargo: bool,
    disposition: Option<Disposition>,
    /// Stays again.
    again: String,
    /// Whether the namespace was seen to go, so that nothing is left to be called off.
    going: Cell<bool>,
}

/// Stays until it is done, or for that long.
///
/// # Errors
/// If it is not done in time, was called off, or it is not waited any more.
pub(super) async fn follow(
    prepared: &Prepared,
    session: &Session,
    timeout: Duration,
    interrupted: &Cell<bool>,
    printer: &Printer,
) -> Outcome<String> {
    let Some(project) = prepared.world_uid() else { return Ok(String::new()) };
    let followed = Followed {
        name: &prepared.look.name,
        project,
        namespace: prepared.namespace_uid(),
        beside_kargo: prepared.look.known.settings.mode == Mode::Companion,
        disposition: prepared.disposition(),
        again: prepared.command(),
        going: Cell::new(false),
    };
    let told =
        format!("interrupted; the deletion of Project {} goes on all the same", followed.name);
    if interrupted.get() {
        return Err(followed.leaves(told));
    }
    let bar = spinner(printer, &format!("deleting project {}", followed.name));
    let outcome = tokio::select! {
        outcome = watch(&followed, session, timeout, &bar) => outcome,
        _ = tokio::signal::ctrl_c() => {
            interrupted.set(true);
            Err(followed.leaves(told))
        }
    };
    bar.finish_and_clear();
    outcome
}

async fn watch(
    followed: &Followed<'_>,
    session: &Session,
    timeout: Duration,
    bar: &ProgressBar,
) -> Outcome<String> {
    let began = Instant::now();
    loop {
        let seen = followed.look(session).await?;
        if let Some(outcome) = followed.ended(&seen)? {
            return Ok(outcome);
        }
        let waits = followed.waits(&seen);
        bar.set_message(waits.first().map(|why| shown(why).into_owned()).unwrap_or_default());
        if !timeout.is_zero() && began.elapsed() >= timeout {
            let (seconds, name) = (timeout.as_secs(), followed.name);
            let told = format!("not done in {seconds} s; Project {name} waits");
            return Err(waits.iter().fold(followed.leaves(told), Failure::detail));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

impl Followed<'_> {
    /// Nobody stays, and it goes on: how to see it, stay again, and call it off; or, where it is too
    /// late for that, find out what keeps it.
    fn leaves(&self, told: String) -> Failure {
        let name = self.name;
        Failure::new(Kind::TimedOut, told)
            .next(format!("kubectl tenure plans {name}"))
            .next(&self.again)
            .next(match self.going.get() {
                true => remedy::finds_out(name),
                false => format!("kubectl tenure cancel project/{name}"),
            })
    }

    async fn look(&self, session: &Session) -> Outcome<Seen> {
        let client = session.client();
        let projects: Api<Project> = Api::all(client.clone());
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let plans: Api<DeletionPlan> = Api::all(client.clone());
        let plan_name = plan::name(self.name, self.project);
        let (project, namespace, plan) = futures::join!(
            projects.get_opt(self.name),
            namespaces.get_metadata_opt(self.name),
            plans.get_opt(&plan_name),
        );
        let failed = |what: &str, error: &kube::Error| Failure::of_request(what, error);
        let project = project.map_err(|e| failed("read the project", &e))?;
        let namespace = namespace.map_err(|e| failed("read the namespace", &e))?;
        // Not everybody who may delete a Project may read plans; less is told then.
        let plan = plan.ok().flatten();
        let explanation = plan.as_ref().map(|plan| plan.spec.decision.explanation.clone());
        let plan = plan.and_then(|plan| plan.facts().ok());
        let going = namespace.as_ref().is_some_and(|ns| ns.metadata.deletion_timestamp.is_some());
        self.going.set(going);
        Ok(Seen {
            project: project.filter(|p| p.uid().as_deref() == Some(self.project.as_str())),
            namespace: namespace
                .filter(|ns| ns.uid().as_deref() == self.namespace.map(Uid::as_str)),
            plan,
            explanation: explanation.unwrap_or_default(),
        })
    }

    /// What became of it, once it is over.
    ///
    /// # Errors
    /// If that is not what was agreed to: it was called off, or decided anew meanwhile.
    fn ended(&self, seen: &Seen) -> Outcome<Option<String>> {
        let name = self.name;
        let void = seen.plan.as_ref().filter(|plan| plan.status.phase == Phase::Void);
        let last = void.and_then(|plan| plan.status.history.last());
        if let Some(last) = last.filter(|e| matches!(e.event, Event::Cancelled | Event::Restored)) {
            let told = format!("the deletion of Project {name} was called off: {}", last.message);
            return Err(Failure::refused(told));
        }
        if seen.project.is_some() {
            return Ok(None);
        }
        let awaited = seen.plan.as_ref().is_some_and(|plan| !plan.status.phase.is_final());
        if self.beside_kargo && awaited {
            return Ok(None);
        }
        let stands = seen.namespace.is_some();
        let going = seen.namespace.as_ref().and_then(|ns| ns.metadata.deletion_timestamp.as_ref());
        if self.disposition == Some(Disposition::Delete) && going.is_some() {
            return Ok(None);
        }
        let done = seen.plan.as_ref().filter(|plan| plan.status.phase.is_final());
        let decided = done.map(|plan| plan.disposition).or(self.disposition);
        if decided == Some(Disposition::Delete) && stands && done.is_none() {
            return Ok(None);
        }
        let told = match decided {
            _ if self.namespace.is_none() => "it had no namespace".to_owned(),
            _ if !stands => format!("namespace {name} is gone"),
            Some(Disposition::Clean) if last.is_none() => {
                format!("namespace {name} stays, cleaned")
            }
            _ => format!("namespace {name} stays"),
        };
        let as_agreed = match self.disposition {
            None | Some(Disposition::Delete) => !stands,
            agreed => stands && agreed == decided && last.is_none(),
        };
        if as_agreed {
            return Ok(Some(told));
        }
        let why = last.map_or(&seen.explanation, |last| &last.message);
        let told = format!("Project {name} is gone, and {told}, for it was decided anew: {why}");
        Err(Failure::new(Kind::PlanChanged, told).next(format!("kubectl tenure plans {name}")))
    }

    /// What is awaited, one by one.
    fn waits(&self, seen: &Seen) -> Vec<String> {
        let waiting = seen.plan.iter().flat_map(|plan| &plan.status.waiting);
        let mut told: Vec<_> = waiting.map(|(source, why)| format!("{source}: {why}")).collect();
        let conditions = seen.project.iter().filter_map(|project| project.status.as_ref());
        let held = conditions.flat_map(|status| &status.conditions).filter(|c| {
            matches!(c.type_.as_str(), "Stalled" | "Reconciling") && c.status == "True"
        });
        if seen.project.is_some() && self.beside_kargo {
            told.push(format!("Kargo has yet to let go of Project {}", self.name));
        } else if told.is_empty() {
            told.extend(held.map(|c| format!("{}: {}", c.reason, c.message)));
        }
        let finalizers = |meta: &kube::core::ObjectMeta| -> Vec<String> {
            meta.finalizers.clone().unwrap_or_default()
        };
        if let Some(namespace) = &seen.namespace
            && namespace.metadata.deletion_timestamp.is_some()
        {
            let finalizers = finalizers(&namespace.metadata);
            let kept = if finalizers.is_empty() {
                String::new()
            } else {
                format!(", with finalizers {}", finalizers.join(", "))
            };
            told.push(format!("namespace {} is terminating{kept}", self.name));
        }
        if told.is_empty() {
            told.push("nothing is told of it yet".to_owned());
        }
        told
    }
}
