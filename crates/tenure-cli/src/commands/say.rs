//! `approve` and `confirm`: what people say to a plan, in their own name.

use kube::Api;
use kube::api::{Patch, PatchParams};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tenure_api::plan::Approval;
use tenure_api::{DeletionPlan, Project};
use tenure_cluster::{Category, ObjectPatch, RequestError};
use tenure_core::plan::{Phase, PlanDigest};
use tenure_core::{Disposition, Mode, keys};

use super::marks::Decided;
use super::plans::{all, facts, find, tree};
use crate::arguments::{
    ApproveArguments, ConfirmArguments, DryRun, GlobalArguments, WriteArguments,
};
use crate::choice;
use crate::dialog::{Wanted, ask, unless_interrupted};
use crate::exit::{Failure, Kind, Outcome};
use crate::look::{Extent, Look};
use crate::printer::Printer;
use crate::session::{FIELD_MANAGER, Session, Who};
use crate::target::{self, Target};
use crate::text::{GOOD, Text};
use crate::view::json::{Document, Says};
use crate::view::plan::{Detail, tree as tree_of};

/// Groups that everybody is in, or that say nothing of a person.
const IDLE_GROUPS: &str = "system:";
/// What was done where nothing was.
const NOTHING: &str = "Nothing";
/// Most groups that an approval may name.
const MOST_GROUPS: usize = 64;

/// What was said, and to what.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// What it is about, as kind/name.
    object: String,
    /// What was done: Approved, Confirmed, CalledOff, Closed, or Nothing, for nothing had to be or it is a dry
    /// run.
    done: &'static str,
    /// By whom.
    user: String,
    /// Who wrote nothing, where it is a dry run: None, Client or Server.
    dry_run: &'static str,
    /// The digest that was agreed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// What would have been decided before, where that is confirmed against.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Decided>,
    /// What is decided now that it is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Decided>,
    /// The same in words.
    message: String,
}

impl Says for Said {
    const KIND: &'static str = "Said";
}

impl Said {
    /// Something was done to an object.
    pub(super) fn new(object: impl Into<String>, done: &'static str, who: &Who) -> Self {
        Self {
            object: object.into(),
            done,
            user: who.user.clone(),
            dry_run: DryRun::None.word(),
            digest: None,
            before: None,
            after: None,
            message: String::new(),
        }
    }

    /// Nothing was done, for nothing had to be.
    pub(super) fn nothing(self) -> Self {
        Self { done: NOTHING, ..self }
    }

    /// Under that digest.
    pub(super) fn digest(self, digest: &PlanDigest) -> Self {
        Self { digest: Some(digest.to_string()), ..self }
    }

    /// Tells it, or what it would be.
    pub(super) fn tell(
        self,
        message: &str,
        how: &WriteArguments,
        printer: &mut Printer,
    ) -> Outcome {
        let dry = how.dry_run;
        let said = if dry == DryRun::None || self.done == NOTHING {
            Self { message: message.to_owned(), ..self }
        } else {
            Self { message: dry.told(message), ..self.nothing() }
        };
        let said = Self { dry_run: dry.word(), ..said };
        match how.output.machine() {
            Some(machine) => printer.document(machine, &Document::of(said)),
            None if said.after.is_some() => {
                printer.line(&Decided::text(said.before.as_ref(), "before"))?;
                printer.line(&Decided::text(said.after.as_ref(), "after"))?;
                printer.line(&Text::styled(GOOD, &said.object).and(": ").and(&said.message))
            }
            None => printer.line(&Text::styled(GOOD, &said.object).and(": ").and(&said.message)),
        }
    }
}

pub(crate) async fn approve(
    arguments: &ApproveArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    printer.for_programs(arguments.write.output.machine());
    let session = Session::open(global).await?;
    let (plans, who) = futures::join!(all(&session), session.who());
    let (plan, who) = (find(plans?, &arguments.name)?, who?);
    session.announce(&who, printer);
    let read = facts(&plan)?;
    let object = format!("deletionplan/{}", read.name);
    if read.status.phase.is_final() {
        let ended = read.status.phase.as_str();
        return Err(Failure::refused(format!("{object} has ended: it is {ended}")));
    }
    if read.status.phase == Phase::Executing {
        let why = format!("{object} is carried out already, and asks for nobody's agreement");
        let next = format!("kubectl tenure plans {}", read.name);
        return Err(Failure::refused(why).next(next));
    }
    for line in tree(&plan)?.render().lines() {
        printer.tell_rendered(line);
    }
    let decision = &plan.spec.decision;
    let alternative = decision.alternative.as_ref().map(|a| PlanDigest::new(a.digest.as_str()));
    let given = arguments.digest.as_ref();
    // Whoever names it agrees to what is done against what is presumed.
    let digest = alternative.as_ref().filter(|a| given == Some(a)).unwrap_or(&read.digest);
    let said = Said::new(&object, "Approved", &who).digest(digest);
    if read.approvals.iter().any(|a| a.user == who.user && a.digest == *digest) {
        return said.nothing().tell("you have agreed to it already", &arguments.write, printer);
    }
    let question = Text::plain(format!("Agree, as {}, that {}?", who.user, decision.explanation));
    let command = format!("kubectl tenure approve {} --digest {digest}", read.name);
    let wanted = severity(read.disposition, &plan.spec.project.name);
    let dry_run = arguments.write.dry_run;
    agree(given, &[digest], &question, &wanted, &command, dry_run, printer).await?;
    let groups = groups(arguments, &who)?;
    let approval = Approval { user: who.user.clone(), groups, digest: digest.as_str().to_owned() };
    let mut operations = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": plan.metadata.uid}),
        json!({"op": "test", "path": "/spec/decision/digest", "value": read.digest.as_str()}),
    ];
    if plan.spec.approvals.is_empty() {
        // Nobody may have made the list meanwhile.
        let version = &plan.metadata.resource_version;
        operations
            .push(json!({"op": "test", "path": "/metadata/resourceVersion", "value": version}));
        operations.push(json!({"op": "add", "path": "/spec/approvals", "value": [approval]}));
    } else {
        operations.push(json!({"op": "add", "path": "/spec/approvals/-", "value": approval}));
    }
    let patch = serde_json::from_value(json!(operations))
        .map_err(|error| Failure::error(error.to_string()))?;
    if dry_run != DryRun::Client {
        let plans: Api<DeletionPlan> = Api::all(session.client().clone());
        unless_interrupted(async {
            let written =
                plans.patch(&read.name, &sending(dry_run), &Patch::<()>::Json(patch)).await;
            written.map_err(|error| changed("approve the plan", error, &read.name))
        })
        .await?;
    }
    said.tell(&format!("{} agrees", who.user), &arguments.write, printer)
}

pub(crate) async fn confirm(
    arguments: &ConfirmArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    printer.for_programs(arguments.write.output.machine());
    let name = of_project(&arguments.target, "confirmed")?;
    let (session, known, who) = Session::announced(global, printer).await?;
    let mut look = Look::at(name, &session, &known, &who, Extent::All, printer).await?;
    is_heard(&look, &session).await?;
    let given = arguments.digest.as_ref();
    let before = Decided::of(&look);
    let alternative = look.preview.as_ref().and_then(|preview| preview.plan.alternative.clone());
    let against = alternative.filter(|alternative| Some(&alternative.digest) == given);
    if let Some(against) = &against {
        // What is confirmed is shown, and not what it is confirmed against.
        choice::choose(&mut look, against.disposition)?;
    }
    let Some(preview) = &look.preview else {
        return Err(Failure::error(format!("there is nothing to decide about project/{name}")));
    };
    for line in tree_of(&look, Detail { full: false, wide: false }).render().lines() {
        printer.tell_rendered(line);
    }
    let plan = &preview.plan;
    let digest = plan.digest();
    let question = Text::plain(format!("Confirm that {}?", plan.explain()));
    let command = format!("kubectl tenure confirm project/{name} --digest {digest}");
    let wanted = severity(plan.disposition, name);
    let dry_run = arguments.write.dry_run;
    agree(given, &[&digest], &question, &wanted, &command, dry_run, printer).await?;
    let mark = (keys::CONFIRM, digest.as_str());
    let written = annotate_project(&session, name, Some(look_uid(&look)), mark, dry_run);
    unless_interrupted(written).await?;
    let said = Said::new(format!("project/{name}"), "Confirmed", &who).digest(&digest);
    let said = match &against {
        Some(_) => Said { before, after: Decided::of(&look), ..said },
        None => said,
    };
    said.tell(&format!("{digest} is confirmed"), &arguments.write, printer)
}

/// Whether anybody heeds what stands on the Project. Beside Kargo it is its plan on which people
/// agree, once it goes.
async fn is_heard(look: &Look, session: &Session) -> Outcome {
    let name = &look.name;
    if let Some(failure) = look.too_late().filter(|_| look.is_past()) {
        return Err(failure);
    }
    let failure = match look.world.project() {
        None => look.no_project(session).await,
        Some(project)
            if look.known.settings.mode == Mode::Companion && project.deleting.is_some() =>
        {
            Failure::refused(format!(
                "project {name} is being deleted, and what it says now is heard by nobody"
            ))
        }
        Some(_) => return Ok(()),
    };
    let stored = look.world.plan().filter(|plan| !plan.status.phase.is_final());
    let agree = stored.map(|plan| {
        let now = look.preview.as_ref().map(|preview| preview.plan.digest());
        let digest = now.unwrap_or_else(|| plan.digest.clone());
        format!("kubectl tenure approve {} --digest {digest}", plan.name)
    });
    Err(agree.into_iter().fold(failure, Failure::next))
}

/// How writes are sent.
pub(super) fn writing() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() }
}

/// The same, where it may be that nothing is to be kept.
pub(super) fn sending(dry_run: DryRun) -> PatchParams {
    PatchParams { dry_run: dry_run != DryRun::None, ..writing() }
}

/// The name of the Project that something is done to the deletion of.
pub(super) fn of_project<'a>(target: &'a Target, done: &str) -> Outcome<&'a str> {
    let name = &target.name;
    match target.kind {
        target::Kind::Project => Ok(name),
        target::Kind::Namespace => Err(Failure::usage(format!(
            "{target}: the deletion of a Project is {done}; write project/{name}"
        ))),
    }
}

/// What destroys a namespace takes more than a key.
fn severity(disposition: Disposition, name: &str) -> Wanted {
    match disposition {
        Disposition::Delete => Wanted::Word(name.to_owned()),
        Disposition::Clean | Disposition::Retain => Wanted::Yes,
    }
}

/// The digest that was given is of what stands; else somebody has to agree, unless nothing is
/// written.
async fn agree(
    given: Option<&PlanDigest>,
    stands: &[&PlanDigest],
    question: &Text,
    wanted: &Wanted,
    command: &str,
    dry_run: DryRun,
    printer: &Printer,
) -> Outcome {
    match given {
        Some(given) if stands.contains(&given) => Ok(()),
        Some(_) => Err(Failure::new(
            Kind::PlanChanged,
            "that is not the digest of what is decided now; nothing was written",
        )
        .next(command)),
        None if dry_run != DryRun::None => Ok(()),
        None if printer.can_ask() => ask(question, wanted).await,
        None => Err(Failure::declined(
            "nobody can be asked without a terminal; say by a digest what you looked at; nothing \
             was written",
        )
        .next(command)),
    }
}

fn groups(arguments: &ApproveArguments, who: &Who) -> Outcome<Vec<String>> {
    if arguments.group.is_empty() {
        let mine = who.groups.iter().filter(|group| !group.starts_with(IDLE_GROUPS));
        return Ok(mine.take(MOST_GROUPS).cloned().collect());
    }
    match arguments.group.iter().find(|group| !who.groups.contains(group)) {
        Some(group) => Err(Failure::usage(format!("{} is not in group {group}", who.user))),
        None => Ok(arguments.group.clone()),
    }
}

fn look_uid(look: &Look) -> String {
    look.world.project().map(|project| project.uid.to_string()).unwrap_or_default()
}

/// Writes an annotation on that very Project, unless nothing is to be sent.
pub(super) async fn annotate_project(
    session: &Session,
    name: &str,
    uid: Option<String>,
    mark: (&str, &str),
    dry_run: DryRun,
) -> Outcome {
    let projects: Api<Project> = Api::all(session.client().clone());
    let project = projects.get(name).await;
    let project = project.map_err(|e| Failure::of_request(&format!("read project {name}"), &e))?;
    if project.metadata.uid != uid {
        return Err(Failure::new(
            Kind::PlanChanged,
            format!("another Project {name} stands in its place; nothing was written"),
        ));
    }
    if dry_run == DryRun::Client {
        return Ok(());
    }
    let patch = ObjectPatch::of(&project.metadata).annotate(&[mark]).build();
    let written = projects.patch(name, &sending(dry_run), &patch).await;
    written.map(drop).map_err(|error| changed(&format!("annotate project {name}"), error, name))
}

/// What does not fit any more was changed by somebody else.
pub(super) fn changed(doing: &str, error: kube::Error, name: &str) -> Failure {
    let error = RequestError::new(doing, error);
    if error.category() == Category::Conflict {
        let why = format!("{name} changed meanwhile; nothing was written; look again");
        return Failure::new(Kind::PlanChanged, why);
    }
    error.into()
}
