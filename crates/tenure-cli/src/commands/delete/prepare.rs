//! What is about to be done to one Project: the choice, what refuses it, and how to ask.

use tenure_api::plan::PlannedDecision;
use tenure_core::contents::Contents;
use tenure_core::contents::clean::Scope;
use tenure_core::plan::{Plan, PlanDigest};
use tenure_core::{Disposition, Gate, Origin, Source, Uid};

use crate::arguments::DeleteArguments;
use crate::choice::{self, Writes};
use crate::dialog::Wanted;
use crate::exit::{Failure, Kind, Outcome};
use crate::look::{Look, how_far, is_unheeded};
use crate::plan_file::PlanFile;
use crate::remedy;
use crate::session::{Session, Who};
use crate::text::{BAD, STRONG, Text};
use crate::view::contents::{came_along, many};
use crate::view::plan::style;

/// One Project that is about to be deleted.
pub(super) struct Prepared {
    /// What would become of its namespace.
    pub(super) look: Look,
    /// What is written on the Project before it is deleted.
    pub(super) writes: Writes,
}

impl Prepared {
    /// Makes the choice, and checks that nothing refuses it.
    pub(super) fn of(
        mut look: Look,
        arguments: &DeleteArguments,
        file: Option<&PlanFile>,
        session: &Session,
    ) -> Outcome<Self> {
        let choice = match file {
            Some(file) => file.choice()?,
            None => arguments.disposition.map(Into::into),
        };
        let wanted = wanted_digest(arguments, file);
        if let Some(file) = file {
            let holds = look.known.settings.confirmation_holds;
            file.check(&look.name, &session.server, look.at, holds)?;
        }
        let mut writes = match choice.or_else(|| by_digest(&look, wanted.as_ref())) {
            Some(choice) => choice::choose(&mut look, choice)?,
            None => Writes::default(),
        };
        if let Some(wanted) = &wanted {
            holds_still(&look, wanted, file)?;
        }
        if let Some(preview) = &look.preview {
            // Who agreed to it binds the server to it, also to what stays: what presumes that may be
            // gone before the deletion is asked for.
            let heard = preview.plan.destroys() || look.known.published.is_some();
            writes.confirm = heard.then(|| preview.plan.digest());
            refused(&look, &preview.gates)?;
            unheeded(&look, &preview.plan)?;
        }
        Ok(Self { look, writes })
    }

    /// Of a Project whose deletion was accepted, and nothing it says changes what becomes of its
    /// namespace: nothing is left to ask for, but to stay.
    pub(super) fn to_follow(
        look: Look,
        arguments: &DeleteArguments,
        file: Option<&PlanFile>,
    ) -> Outcome<Self> {
        let prepared = Self { look, writes: Writes::default() };
        let name = &prepared.look.name;
        let wanted = wanted_digest(arguments, file);
        let choice: Option<Disposition> = arguments.disposition.map(Into::into);
        let Some(plan) = prepared.look.settled() else {
            if let Some(wanted) = &wanted {
                holds_still(&prepared.look, wanted, file)?;
            }
            if let Some(choice) = choice {
                let why = format!("nothing is left to decide about namespace {name}");
                return Err(Failure::refused(format!("{why}; {choice} cannot be chosen any more")));
            }
            return Ok(prepared);
        };
        let command = format!("kubectl tenure plans {}", plan.name);
        let how = if prepared.look.is_past() { "being deleted" } else { "gone" };
        let told = format!("Project {name} is {how}, and {}", how_far(plan));
        if wanted.is_some_and(|wanted| wanted != plan.digest) {
            let why = format!("{told}, by another digest: {}", plan.digest);
            return Err(Failure::new(Kind::PlanChanged, why).next(command));
        }
        if let Some(choice) = choice.filter(|choice| *choice != plan.disposition) {
            let why =
                format!("{told}, to {}; {choice} cannot be chosen any more", plan.disposition);
            return Err(Failure::refused(why).next(command));
        }
        Ok(prepared)
    }

    /// Whether the deletion was accepted, and only has yet to be carried out.
    pub(super) fn goes_on(&self) -> bool {
        self.look.is_past() || self.look.outlived().is_some()
    }

    /// The plan, if there is anything to decide.
    pub(super) fn plan(&self) -> Option<&Plan> {
        self.look.preview.as_ref().map(|preview| &preview.plan)
    }

    /// Of which incarnation of the Project it is.
    pub(super) fn world_uid(&self) -> Option<&Uid> {
        let outlived = || self.look.outlived().map(|plan| &plan.project_uid);
        self.look.world.project().map(|project| &project.uid).or_else(outlived)
    }

    /// Of which incarnation of the namespace.
    pub(super) fn namespace_uid(&self) -> Option<&Uid> {
        let settled = self.look.settled().map(|plan| &plan.namespace_uid);
        settled.or_else(|| self.look.world.namespace().map(|namespace| &namespace.uid))
    }

    /// What becomes of the namespace.
    pub(super) fn disposition(&self) -> Option<Disposition> {
        let settled = self.look.settled().map(|plan| plan.disposition);
        settled.or_else(|| self.plan().map(|plan| plan.disposition))
    }

    /// The digest of what becomes of it.
    pub(super) fn digest(&self) -> Option<PlanDigest> {
        let settled = self.look.settled().map(|plan| plan.digest.clone());
        settled.or_else(|| self.plan().map(Plan::digest))
    }

    /// Whether it was refused for want of nothing but the confirmation that is written with it.
    pub(super) fn lacks_only_what_it_confirms(&self, refusal: &Failure) -> bool {
        let gates = self.look.preview.iter().flat_map(|preview| &preview.gates);
        let mut asked = gates.filter(|gate| gate.source != Source::Grace).peekable();
        refusal.kind == Kind::Refused
            && asked.peek().is_some()
            && asked.all(|gate| gate.source == Source::Confirmation)
    }

    /// Whether others have yet to agree.
    pub(super) fn awaits_approvals(&self) -> bool {
        let mut gates = self.look.preview.iter().flat_map(|preview| &preview.gates);
        gates.any(|gate| gate.source == Source::Approvals)
    }

    /// The question, and what has to be answered.
    pub(super) fn question(&self) -> (Text, Wanted) {
        let name = &self.look.name;
        let Some(plan) = self.plan() else {
            let namespace = match self.look.world.namespace() {
                Some(_) => "its namespace is being deleted already",
                None => "it has no namespace",
            };
            let text = Text::plain(format!("Project {name} will be deleted; {namespace}."));
            return (text, Wanted::Yes);
        };
        let contents = plan.contents.as_deref();
        let objects = contents.map(|contents| contents.objects);
        let with = match (plan.disposition, objects) {
            (Disposition::Delete, Some(objects)) => {
                format!(" and {} in it will be deleted", many(objects, "object"))
            }
            (Disposition::Delete, None) => " and everything in it will be deleted".to_owned(),
            (Disposition::Clean, objects) if plan.scope == Some(Scope::All) => format!(
                " stays, emptied: {} in it go, but for Kubernetes' own and those of kept kinds",
                objects.map_or_else(|| "all objects".to_owned(), |n| many(n, "object"))
            ),
            (Disposition::Clean, Some(objects)) => format!(
                " stays, and of its {} those go that are the Project's alone",
                many(objects, "object")
            ),
            (Disposition::Clean, None) => " stays, and what is the Project's alone goes".to_owned(),
            (Disposition::Retain, Some(objects)) => {
                format!(" stays, with its {}; the Project goes", many(objects, "object"))
            }
            (Disposition::Retain, None) => " stays, with every object; the Project goes".to_owned(),
        };
        let mut text =
            Text::plain("Namespace ").with(STRONG, name).with(style(plan.disposition), with);
        let lost = plan.losses().0.len() as u64;
        if lost > 0 {
            let verb = if lost == 1 { "is" } else { "are" };
            text = text.with(BAD, format!("; {} {verb} lost for good", many(lost, "thing")));
        }
        let wanted = if is_severe(plan) { Wanted::Word(name.clone()) } else { Wanted::Yes };
        (text.and("."), wanted)
    }

    /// The command that does this, and nothing else.
    pub(super) fn command(&self) -> String {
        let name = &self.look.name;
        let choice = match self.writes.disposition {
            Some(choice) => format!(" --disposition {}", choice.as_str().to_ascii_lowercase()),
            None => String::new(),
        };
        match self.digest() {
            Some(digest) => {
                format!("kubectl tenure delete project/{name}{choice} --digest {digest}")
            }
            None if self.goes_on() => format!("kubectl tenure delete project/{name}"),
            None => format!("kubectl delete project {name}"),
        }
    }
}

/// Whether whoever agrees has to show that they read what they agree to.
fn is_severe(plan: &Plan) -> bool {
    let Some(contents) = plan.contents.as_deref() else { return plan.destroys() };
    let touched = plan.origin != Some(Origin::Created)
        || !plan.foreign.is_empty()
        || !plan.losses().0.is_empty()
        || !is_empty(plan, contents);
    plan.destroys() && touched
}

/// Whether nothing goes but what came with the namespace and its Project.
fn is_empty(plan: &Plan, contents: &Contents) -> bool {
    let mut goes = contents.roots.iter().filter(|root| plan.takes(root));
    contents.roots_left_out == 0 && goes.all(came_along)
}

fn wanted_digest(arguments: &DeleteArguments, file: Option<&PlanFile>) -> Option<PlanDigest> {
    // What cannot be read was refused when the file was.
    let in_file = file.and_then(|file| file.digest().ok());
    arguments.digest.clone().or(in_file)
}

/// The choice that the digest alone says.
fn by_digest(look: &Look, wanted: Option<&PlanDigest>) -> Option<Disposition> {
    let alternative = look.preview.as_ref()?.plan.alternative.as_ref()?;
    (Some(&alternative.digest) == wanted).then_some(alternative.disposition)
}

/// Whether what was looked at is what is decided now.
fn holds_still(look: &Look, wanted: &PlanDigest, file: Option<&PlanFile>) -> Outcome {
    let name = &look.name;
    let again = format!("kubectl tenure plan project/{name}");
    let Some(preview) = &look.preview else {
        let why = format!("there is nothing to decide about namespace {name} any more");
        return Err(Failure::new(Kind::PlanChanged, why).next(again));
    };
    let plan = &preview.plan;
    let decision =
        PlannedDecision::from(&Plan { contents: None, ..plan.clone() }).with_digest(&plan.digest());
    let decision = serde_json::json!(decision);
    let changed = file.map(|file| {
        file.difference(plan.project_uid.as_str(), plan.namespace_uid.as_str(), &decision)
    });
    let same = plan.digest() == *wanted;
    match changed {
        None if same => Ok(()),
        Some(changed) if same && changed.is_empty() => Ok(()),
        Some(changed) => {
            let why = if same { "the file says what its digest is not of" } else { "it changed" };
            let failure =
                Failure::new(Kind::PlanChanged, format!("the plan no longer holds: {why}"));
            Err(changed.iter().fold(failure, Failure::detail).next(again))
        }
        None => {
            let message =
                format!("the plan no longer holds: now {}, by {}", plan.explain(), plan.digest());
            Err(Failure::new(Kind::PlanChanged, message).next(again))
        }
    }
}

/// What the API server or Tenure would refuse in any case is not asked about.
fn refused(look: &Look, gates: &[Gate]) -> Outcome {
    let closed: Vec<_> = gates.iter().filter(|gate| refuses(gate.source)).collect();
    let Some(preview) = look.preview.as_ref().filter(|_| !closed.is_empty()) else {
        return Ok(());
    };
    let mut failure = Failure::refused(format!("Project {} cannot be deleted now", look.name));
    for gate in closed {
        failure = failure.detail(format!("{}: {}", gate.source.as_str(), gate.reason));
        for command in remedy::opens(gate, &look.name, &look.world, &preview.plan) {
            failure = failure.next(command);
        }
    }
    Err(failure)
}

/// Whether a deletion is not accepted while that gate is closed. What people agree to is recorded
/// by asking for it, and the grace begins with it.
fn refuses(source: Source) -> bool {
    !matches!(source, Source::Grace | Source::Confirmation | Source::Approvals)
}

/// What nobody would see to is not asked for.
fn unheeded(look: &Look, plan: &Plan) -> Outcome {
    if !is_unheeded(plan, &look.known) {
        return Ok(());
    }
    let name = &look.name;
    Err(Failure::refused(format!(
        "no server of Tenure is known here, so nobody would see to it that namespace {name} stays"
    ))
    .next(format!("kubectl tenure keep project/{name} --reason REASON")))
}

/// Whether another person made the file, and nobody is there to look at it now.
pub(super) fn made_by_another(file: &PlanFile, who: &Who) -> Option<String> {
    (file.made_by != who.user)
        .then(|| format!("the plan was made by {}, and you are {}", file.made_by, who.user))
}
