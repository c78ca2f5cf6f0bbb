//! `delete`: shows what becomes of namespaces, asks, deletes Projects, and stays until it is done.

mod carry_out;
mod follow;
mod prepare;
mod send;

use std::cell::Cell;

use schemars::JsonSchema;
use serde::Serialize;

use crate::arguments::{DeleteArguments, DryRun, GlobalArguments};
use crate::dialog::ask;
use crate::exit::{Failure, Outcome};
use crate::look::{Extent, Look};
use crate::plan_file::PlanFile;
use crate::printer::Printer;
use crate::session::{Known, Session, Who};
use crate::target;
use crate::text::{GOOD, STRONG, Text};
use crate::view::json::{Document, FailureView, Says};
use crate::view::plan::{Detail, tree};

use prepare::Prepared;

/// How often it is looked again, where the Project changes between the look and the deletion.
const ATTEMPTS: usize = 8;

/// What became of Projects that were to be deleted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Deletions {
    /// One for each Project.
    items: Vec<Deletion>,
}

/// What became of a Project that was to be deleted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Deletion {
    /// The Project, and its namespace.
    project: String,
    /// What was decided about the namespace: Delete, Clean or Retain; null if it was not known.
    disposition: Option<&'static str>,
    /// The plan; null if there was nothing to decide.
    digest: Option<String>,
    /// Whether the deletion was accepted.
    accepted: bool,
    /// What became of it, in words; null if it failed.
    outcome: Option<String>,
    /// Why it failed.
    failure: Option<FailureView>,
}

impl Says for Deletions {
    const KIND: &'static str = "Deletions";
}

/// What all of them share.
struct Task<'a> {
    arguments: &'a DeleteArguments,
    session: Session,
    known: Known,
    who: Who,
    file: Option<PlanFile>,
    /// Whether somebody pressed Ctrl-C after they had agreed: nothing more is begun or followed.
    interrupted: Cell<bool>,
}

pub(crate) async fn run(
    arguments: &DeleteArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    printer.for_programs(arguments.output.machine());
    let names = names(arguments)?;
    let file = arguments.plan.as_deref().map(PlanFile::read).transpose()?;
    let (session, known, who) = Session::announced(global, printer).await?;
    let task = Task { arguments, session, known, who, file, interrupted: Cell::default() };
    let mut items = Vec::new();
    for name in names {
        let prepared = task.prepare(&name, printer).await;
        items.push((name, prepared));
    }
    let outcomes = Box::pin(task.act(items, printer)).await;
    report(outcomes, printer)
}

/// The Projects, each once.
fn names(arguments: &DeleteArguments) -> Outcome<Vec<String>> {
    let targets = target::distinct(&arguments.targets);
    if let Some(target) = targets.iter().find(|target| target.kind != target::Kind::Project) {
        return Err(Failure::usage(format!(
            "{target}: Projects are deleted, and their namespaces with them; write project/{}",
            target.name
        )));
    }
    let exact = arguments.digest.is_some() || arguments.plan.is_some();
    if exact && targets.len() > 1 {
        return Err(Failure::usage("a digest is of one Project; name one"));
    }
    Ok(targets.into_iter().map(|target| target.name.clone()).collect())
}

/// What is known of one Project, and how it ended.
struct Ended {
    name: String,
    disposition: Option<&'static str>,
    digest: Option<String>,
    accepted: bool,
    outcome: Outcome<String>,
}

impl Ended {
    fn of(name: String, prepared: Option<&Prepared>, outcome: Outcome<String>) -> Self {
        let disposition = prepared.and_then(Prepared::disposition);
        let digest = prepared.and_then(Prepared::digest);
        Self {
            name,
            disposition: disposition.map(|disposition| disposition.as_str()),
            digest: digest.map(|digest| digest.to_string()),
            accepted: false,
            outcome,
        }
    }
}

impl Task<'_> {
    /// Looks, makes the choice, and shows what would be done.
    async fn prepare(&self, name: &str, printer: &Printer) -> Outcome<Prepared> {
        let prepared = self.look(name, printer).await?;
        for why in &prepared.look.advisory {
            printer.warn(format!("this plan is advice only: {why}"));
        }
        let detail = Detail { full: self.arguments.full, wide: false };
        for line in tree(&prepared.look, detail).render().lines() {
            printer.tell_rendered(line);
        }
        Ok(prepared)
    }

    async fn look(&self, name: &str, printer: &Printer) -> Outcome<Prepared> {
        let Self { session, known, who, .. } = self;
        let look = Look::at(name, session, known, who, Extent::All, printer).await?;
        if look.is_past() || look.outlived().is_some() {
            return Prepared::to_follow(look, self.arguments, self.file.as_ref());
        }
        if look.world.project().is_none() {
            return Err(look.no_project(session).await);
        }
        Prepared::of(look, self.arguments, self.file.as_ref(), session)
    }

    /// Does what was shown, once it was agreed to.
    async fn act(&self, items: Vec<(String, Outcome<Prepared>)>, printer: &Printer) -> Vec<Ended> {
        if let Err(stopped) = self.agreed(&items, printer).await {
            let ends = |(name, prepared): (String, Outcome<Prepared>)| match prepared {
                Ok(prepared) => Ended::of(name, Some(&prepared), Err(stopped.for_one(&prepared))),
                Err(own) => Ended::of(name, None, Err(own)),
            };
            return items.into_iter().map(ends).collect();
        }
        let mut sent = Vec::new();
        for (name, prepared) in items {
            let ended = match prepared {
                Err(failure) => (Ended::of(name, None, Err(failure)), None),
                Ok(prepared) if self.interrupted.get() => {
                    let why = format!(
                        "project/{name} is not deleted either, for it was interrupted; nothing was \
                         written"
                    );
                    let failure = Failure::declined(why).next(prepared.command());
                    (Ended::of(name, Some(&prepared), Err(failure)), None)
                }
                Ok(prepared) => {
                    let outcome = Box::pin(self.send(&prepared, printer)).await;
                    let mut ended = Ended::of(name, Some(&prepared), outcome);
                    ended.accepted =
                        ended.outcome.is_ok() && self.arguments.dry_run == DryRun::None;
                    (ended, Some(prepared))
                }
            };
            sent.push(ended);
        }
        let mut outcomes = Vec::new();
        for (mut ended, prepared) in sent {
            if let Some(prepared) = prepared.filter(|_| ended.accepted && self.arguments.wait) {
                let timeout = self.arguments.timeout;
                ended.outcome =
                    follow::follow(&prepared, &self.session, timeout, &self.interrupted, printer)
                        .await;
            }
            outcomes.push(ended);
        }
        outcomes
    }

    /// Whether everybody who has to has agreed: a digest says so; else somebody is asked. With
    /// several Projects nothing is begun unless it can be with each: who named one that cannot be
    /// deleted may not have meant the others either.
    async fn agreed(
        &self,
        items: &[(String, Outcome<Prepared>)],
        printer: &Printer,
    ) -> Result<(), Stopped> {
        if self.arguments.digest.is_some() || self.arguments.dry_run != DryRun::None {
            return Ok(());
        }
        let prepared = items.iter().filter_map(|(_, item)| item.as_ref().ok());
        let prepared: Vec<_> = prepared.filter(|prepared| !prepared.goes_on()).collect();
        if prepared.is_empty() {
            return Ok(());
        }
        if let Some(file) = &self.file {
            let Some(why) = prepare::made_by_another(file, &self.who) else { return Ok(()) };
            if !printer.can_ask() {
                return Err(Stopped::Unasked(format!("{why}; nothing was written")));
            }
            printer.warn(why);
        }
        if !printer.can_ask() {
            let why = "nobody can be asked without a terminal, and a name alone does not show that \
                       anybody looked; nothing was written";
            return Err(Stopped::Unasked(why.to_owned()));
        }
        if let Some((name, _)) = items.iter().find(|(_, item)| item.is_err()) {
            return Err(Stopped::Unable(name.clone()));
        }
        if prepared.len() > 1 {
            printer.tell(&Text::styled(STRONG, format!("{} Projects:", prepared.len())));
        }
        for prepared in prepared {
            let (question, wanted) = prepared.question();
            let name = &prepared.look.name;
            ask(&question, &wanted)
                .await
                .map_err(|failure| Stopped::Declined(name.clone(), failure))?;
        }
        Ok(())
    }
}

/// Why none of several Projects is deleted.
enum Stopped {
    /// Nobody can be asked: why not.
    Unasked(String),
    /// That one of them cannot be.
    Unable(String),
    /// To that one somebody did not agree, and so it ended.
    Declined(String, Failure),
}

impl Stopped {
    /// What that means for one of them.
    fn for_one(&self, prepared: &Prepared) -> Failure {
        let name = &prepared.look.name;
        if prepared.goes_on() {
            let told = format!("project/{name} is being deleted already, and was not followed");
            return Failure::declined(told).next(prepared.command());
        }
        match self {
            Self::Unasked(why) => Failure::declined(why).next(prepared.command()),
            Self::Unable(of) => Failure::declined(format!(
                "project/{name} is not deleted, for project/{of} cannot be; nothing was written"
            ))
            .next(prepared.command()),
            Self::Declined(of, failure) if of == name => failure.clone(),
            Self::Declined(of, _) => Failure::declined(format!(
                "project/{name} is not deleted either, for project/{of} was declined; nothing was \
                 written"
            )),
        }
    }
}

/// Tells what became of each, and ends with the worst.
fn report(outcomes: Vec<Ended>, printer: &mut Printer) -> Outcome {
    let mut worst: Option<Failure> = None;
    let mut items = Vec::new();
    let several = outcomes.len() > 1;
    for Ended { name, disposition, digest, accepted, outcome } in outcomes {
        if printer.machine().is_none()
            && let Ok(told) = &outcome
        {
            let verb = if accepted { "deleted" } else { "not deleted" };
            printer.line(
                &Text::styled(GOOD, format!("project/{name} {verb}")).and(format!(": {told}")),
            )?;
        }
        let (told, failure) = match outcome {
            Ok(told) => (Some(told), None),
            Err(failure) => (None, Some(failure)),
        };
        if let Some(failure) = &failure {
            // The worst is told at the end, and names itself.
            let named = if several && !failure.message.contains(&name) {
                Failure { message: format!("{name}: {}", failure.message), ..failure.clone() }
            } else {
                failure.clone()
            };
            printer.one_of_several(&mut worst, named);
        }
        items.push(Deletion {
            project: name,
            disposition,
            digest,
            accepted,
            outcome: told,
            failure: failure.as_ref().map(FailureView::of),
        });
    }
    if let Some(machine) = printer.machine() {
        printer.document(machine, &Document::of(Deletions { items }))?;
    }
    worst.map_or(Ok(()), Err)
}
