//! `approve`, `confirm` and `cancel`: what people say to a plan, in their own name.

use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tenure_api::plan::Approval;
use tenure_api::{DeletionPlan, Project};
use tenure_cluster::{Category, ObjectPatch, RequestError};
use tenure_core::plan::PlanDigest;
use tenure_core::{Disposition, Mode, keys};

use super::plans::{all, facts, find, tree};
use crate::arguments::{
    ApproveArguments, CancelArguments, ConfirmArguments, GlobalArguments, ResultFormat,
};
use crate::dialog::{Wanted, ask};
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
/// Most groups that an approval may name.
const MOST_GROUPS: usize = 64;

/// What was said, and to what.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// What it is about, as kind/name.
    object: String,
    /// What was done: Approved, Confirmed, CalledOff, Closed or Nothing.
    done: &'static str,
    /// By whom.
    user: String,
    /// The digest that was agreed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
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
            digest: None,
            message: String::new(),
        }
    }

    /// Nothing was done, for nothing had to be.
    pub(super) fn nothing(self) -> Self {
        Self { done: "Nothing", ..self }
    }

    /// Under that digest.
    pub(super) fn digest(self, digest: &PlanDigest) -> Self {
        Self { digest: Some(digest.to_string()), ..self }
    }

    /// Tells it.
    pub(super) fn tell(
        self,
        message: impl Into<String>,
        format: ResultFormat,
        printer: &mut Printer,
    ) -> Outcome {
        let said = Self { message: message.into(), ..self };
        match format.machine() {
            Some(machine) => printer.document(machine, &Document::of(said)),
            None => printer.line(&Text::styled(GOOD, &said.object).and(": ").and(&said.message)),
        }
    }
}

pub(crate) async fn approve(
    arguments: &ApproveArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    printer.for_programs(arguments.output.machine());
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
        return said.nothing().tell("you have agreed to it already", arguments.output, printer);
    }
    let question = Text::plain(format!("Agree, as {}, that {}?", who.user, decision.explanation));
    let command = format!("kubectl tenure approve {} --digest {digest}", read.name);
    let wanted = severity(read.disposition, &plan.spec.project.name);
    agree(given, &[digest], &question, &wanted, &command, printer).await?;
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
    let plans: Api<DeletionPlan> = Api::all(session.client().clone());
    let written = plans.patch(&read.name, &writing(), &Patch::<()>::Json(patch)).await;
    written.map_err(|error| changed("approve the plan", error, &read.name))?;
    said.tell(format!("{} agrees", who.user), arguments.output, printer)
}

pub(crate) async fn confirm(
    arguments: &ConfirmArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    printer.for_programs(arguments.output.machine());
    let name = of_project(&arguments.target)?;
    let (session, known, who) = Session::announced(global, printer).await?;
    let look = Look::at(name, &session, &known, &who, Extent::All, printer).await?;
    is_heard(&look, &session).await?;
    let Some(preview) = &look.preview else {
        return Err(Failure::error(format!("there is nothing to decide about project/{name}")));
    };
    for line in tree_of(&look, Detail { full: false, wide: false }).render().lines() {
        printer.tell_rendered(line);
    }
    let plan = &preview.plan;
    let digest = plan.digest();
    let mut known_digests = vec![&digest];
    known_digests.extend(plan.alternative.as_ref().map(|alternative| &alternative.digest));
    let question = Text::plain(format!("Confirm that {}?", plan.explain()));
    let command = format!("kubectl tenure confirm project/{name} --digest {digest}");
    let wanted = severity(plan.disposition, name);
    let given = arguments.digest.as_ref();
    agree(given, &known_digests, &question, &wanted, &command, printer).await?;
    let confirmed = given.unwrap_or(&digest);
    annotate_project(&session, name, Some(look_uid(&look)), keys::CONFIRM, confirmed.as_str())
        .await?;
    Said::new(format!("project/{name}"), "Confirmed", &who).digest(confirmed).tell(
        format!("{confirmed} is confirmed"),
        arguments.output,
        printer,
    )
}

pub(crate) async fn cancel(
    arguments: &CancelArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    printer.for_programs(arguments.output.machine());
    let name = of_project(&arguments.target)?;
    let (session, known, who) = Session::announced(global, printer).await?;
    let project = session.project(name).await?;
    if let Some(project) = &project
        && project.metadata.deletion_timestamp.is_none()
    {
        return Err(Failure::refused(format!("project/{name} is not being deleted")));
    }
    let object = match project {
        Some(project) if known.settings.mode == Mode::Standalone => {
            annotate_project(&session, name, project.uid(), keys::CANCEL, keys::TRUE).await?;
            format!("project/{name}")
        }
        // Beside Kargo a Project that is going is heard by nobody, and soon it is gone.
        project => call_off_plan(&session, name, project).await?,
    };
    Said::new(object, "CalledOff", &who).tell(
        format!(
            "the deletion is called off; Project {name} is made anew and keeps its namespace, \
             unless that is gone or going already"
        ),
        arguments.output,
        printer,
    )
}

/// Calls the deletion off on its plan, which outlives the Project; gives back what was written to.
async fn call_off_plan(session: &Session, name: &str, project: Option<Project>) -> Outcome<String> {
    let absent = async || session.absent::<Project>(format!("project/{name}")).await;
    let plans = match all(session).await {
        Ok(plans) => plans,
        // Of a cluster without Tenure that there is no such Project says more.
        Err(failure) => return Err(if project.is_some() { failure } else { absent().await }),
    };
    let uid = project.and_then(|project| project.metadata.uid);
    let of = |plan: &DeletionPlan| {
        plan.spec.project.name == name
            && uid.as_ref().is_none_or(|uid| plan.spec.project.uid == *uid)
    };
    let plans: Vec<_> = plans.into_iter().filter(of).collect();
    if plans.is_empty() {
        return Err(match uid {
            Some(_) => Failure::error(format!(
                "the deletion of project/{name} has no plan yet, to call it off on; try again"
            )),
            None => absent().await,
        });
    }
    let plan = find(plans, &format!("project/{name}"))?;
    let read = facts(&plan)?;
    let object = format!("deletionplan/{}", read.name);
    if read.status.phase.is_final() {
        let ended = read.status.phase.as_str();
        return Err(Failure::refused(format!(
            "project/{name} is not there, and its deletion has ended: {object} is {ended}"
        ))
        .next(format!("kubectl tenure plans {}", read.name)));
    }
    let patch = ObjectPatch::of(&plan.metadata).annotate(&[(keys::CANCEL, keys::TRUE)]).build();
    let plans: Api<DeletionPlan> = Api::all(session.client().clone());
    let written = plans.patch_metadata(&read.name, &writing(), &patch).await;
    written.map_err(|error| changed(&format!("annotate {object}"), error, &read.name))?;
    Ok(object)
}

/// Whether anybody heeds what stands on the Project. Beside Kargo it is its plan on which people
/// agree, once it goes.
async fn is_heard(look: &Look, session: &Session) -> Outcome {
    let name = &look.name;
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

fn of_project(target: &Target) -> Outcome<&str> {
    match target.kind {
        target::Kind::Project => Ok(&target.name),
        target::Kind::Namespace => {
            Err(Failure::usage(format!("{target}: write project/{}", target.name)))
        }
    }
}

/// What destroys a namespace takes more than a key.
fn severity(disposition: Disposition, name: &str) -> Wanted {
    match disposition {
        Disposition::Delete => Wanted::Word(name.to_owned()),
        Disposition::Clean | Disposition::Retain => Wanted::Yes,
    }
}

/// The digest that was given is of what stands; else somebody has to agree.
async fn agree(
    given: Option<&PlanDigest>,
    stands: &[&PlanDigest],
    question: &Text,
    wanted: &Wanted,
    command: &str,
    printer: &Printer,
) -> Outcome {
    match given {
        Some(given) if stands.contains(&given) => Ok(()),
        Some(_) => Err(Failure::new(
            Kind::PlanChanged,
            "that is not the digest of what is decided now; nothing was written",
        )
        .next(command)),
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

/// Writes an annotation on that very Project.
async fn annotate_project(
    session: &Session,
    name: &str,
    uid: Option<String>,
    key: &str,
    value: &str,
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
    let patch = ObjectPatch::of(&project.metadata).annotate(&[(key, value)]).build();
    let written = projects.patch(name, &writing(), &patch).await;
    written.map(drop).map_err(|error| changed(&format!("annotate project {name}"), error, name))
}

/// What does not fit any more was changed by somebody else.
fn changed(doing: &str, error: kube::Error, name: &str) -> Failure {
    let error = RequestError::new(doing, error);
    if error.category() == Category::Conflict {
        let why = format!("{name} changed meanwhile; nothing was written; look again");
        return Failure::new(Kind::PlanChanged, why);
    }
    error.into()
}
