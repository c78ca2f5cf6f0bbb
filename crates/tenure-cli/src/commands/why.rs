//! `why`: everything that decides, who said it and when, and what would change it.

use schemars::JsonSchema;
use serde::Serialize;
use tenure_core::lifecycle::Preview;
use tenure_core::plan::{Plan, PlanFacts};
use tenure_core::{Claim, Disposition, Source};

use super::authors::{Author, Objects, push_authors};
use super::plans::UnderWay;
use super::ways::{Way, ways};
use crate::arguments::{GlobalArguments, WhyArguments, target_of};
use crate::exit::{Failure, Outcome};
use crate::look::{Extent, Look, outlives};
use crate::printer::Printer;
use crate::remedy;
use crate::session::Session;
use crate::target::{Kind, Target};
use crate::text::{CAREFUL, FAINT, STRONG, Text};
use crate::view::json::{Document, Says};
use crate::view::plan::style;
use crate::view::tree::Branch;

/// Objects that are named of each that deploys into a namespace.
const EVIDENCE: usize = 3;

/// Everything that decides about a namespace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reasons {
    /// Whether it is no more than advice.
    advisory: bool,
    /// Why it is.
    advisory_reasons: Vec<String>,
    /// The Project, and its namespace.
    project: String,
    /// The plan of a deletion that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    under_way: Option<UnderWay>,
    /// What is decided: Delete, Clean or Retain.
    disposition: &'static str,
    /// Why, as one sentence.
    explanation: String,
    /// What is claimed and presumed, strongest first.
    claims: Vec<Reason>,
    /// What was confirmed on the Project, against what is presumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<Confirmed>,
    /// What would be awaited.
    gates: Vec<Reason>,
    /// What would change the outcome.
    changes: Vec<Way>,
}

/// What was confirmed on a Project.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Confirmed {
    /// The digest of it.
    digest: String,
    /// Whether it is what is decided now; else nothing comes of it.
    holds: bool,
    /// Who wrote it, as far as the API server knows.
    set_by: Vec<Author>,
    /// Commands that take it back.
    withdraw: Vec<String>,
}

/// One thing that decides.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The rule it comes from.
    pub(super) source: String,
    /// What it demands at least; null for what holds whatever was decided.
    at_least: Option<&'static str>,
    /// Whether it is presumed, so that a person may confirm against it.
    presumed: bool,
    /// Whether it decides.
    decides: bool,
    /// Why.
    pub(super) reason: String,
    /// By which objects, where it follows from what is in the namespace.
    evidence: Vec<String>,
    /// Who said so, as far as the API server knows.
    set_by: Vec<Author>,
    /// Commands that take it away.
    pub(super) withdraw: Vec<String>,
}

impl Says for Reasons {
    const KIND: &'static str = "Reasons";
}

pub(crate) async fn run(
    arguments: &WhyArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    printer.for_programs(arguments.output.machine());
    let target = target_of(arguments.target.as_ref(), arguments.namespace.as_deref())?;
    let name = target.name.as_str();
    let session = Session::open(global).await?;
    let (known, who) = futures::join!(session.known(&arguments.assumed), session.who());
    let who = who?;
    let objects = Objects::read(name, &session).await?;
    let look = Look::at(name, &session, &known, &who, Extent::Most, printer).await?;
    for why in &look.advisory {
        printer.warn(format!("this is advice only: {why}"));
    }
    if let Some(plan) = look.outlived() {
        printer.warn(outlives(name, plan));
    }
    let (reasons, disposition) = match (&look.preview, look.settled()) {
        (Some(preview), _) => (Reasons::of(&look, preview, &objects), preview.plan.disposition),
        (None, Some(plan)) if look.is_past() => (Reasons::past(&look, plan), plan.disposition),
        (None, _) => return Err(nothing(&target, &look, &session).await),
    };
    match arguments.output.machine() {
        Some(machine) => printer.document(machine, &Document::of(reasons)),
        None => printer.raw(&tree(&reasons, disposition).render()),
    }
}

/// Why there is nothing to decide.
async fn nothing(target: &Target, look: &Look, session: &Session) -> Failure {
    let (name, kind) = (&look.name, target.kind);
    let namespace = look.world.namespace();
    let why = match (look.world.project(), namespace) {
        (None, Some(_)) if kind == Kind::Namespace && look.outlived().is_none() => {
            "there is no Project of that name, so nothing goes with one"
        }
        (None, None) if kind == Kind::Namespace => {
            return Failure::error(format!("{target} is not there"));
        }
        (None, _) => return look.no_project(session).await,
        (Some(_), None) => "there is no namespace of that name",
        (Some(_), Some(_)) => "the namespace is being deleted",
    };
    Failure::error(format!("there is nothing to decide about {target}: {why}"))
        .next(format!("kubectl tenure plan {}/{name}", kind.as_str()))
}

impl Reasons {
    fn of(look: &Look, preview: &Preview, objects: &Objects) -> Self {
        let plan = &preview.plan;
        let claims = claims(look, plan, objects);
        let gates = preview.gates.iter().map(|gate| Reason {
            set_by: objects.authors(gate.source, look),
            withdraw: remedy::opens(gate, &look.name, &look.world, plan),
            ..Reason::to_wait(gate.source.as_str(), &gate.reason)
        });
        Self {
            advisory: look.is_advisory(),
            advisory_reasons: look.advisory.clone(),
            project: look.name.clone(),
            under_way: look.under_way().map(UnderWay::of),
            disposition: plan.disposition.as_str(),
            explanation: plan.explain(),
            gates: gates.collect(),
            changes: ways(look, plan, &claims),
            confirmed: confirmed(look, plan, objects),
            claims,
        }
    }

    /// Nothing is left to decide, and what was decided is carried out.
    fn past(look: &Look, plan: &PlanFacts) -> Self {
        let name = &look.name;
        let waits = look.going_waits().into_iter().map(|(source, reason)| Reason {
            withdraw: vec![remedy::finds_out(name)],
            ..Reason::to_wait(&source, &reason)
        });
        let how = look.world.namespace().map_or("gone", |_| "being deleted");
        Self {
            advisory: look.is_advisory(),
            advisory_reasons: look.advisory.clone(),
            project: name.clone(),
            under_way: Some(UnderWay::of(plan)),
            disposition: plan.disposition.as_str(),
            explanation: format!("the namespace is {how}, and nothing is left to decide"),
            gates: waits.collect(),
            changes: Vec::new(),
            confirmed: None,
            claims: Vec::new(),
        }
    }
}

impl Reason {
    /// What is awaited.
    fn to_wait(source: &str, reason: &str) -> Self {
        Self {
            source: source.to_owned(),
            at_least: None,
            presumed: false,
            decides: false,
            reason: reason.to_owned(),
            evidence: Vec::new(),
            set_by: Vec::new(),
            withdraw: Vec::new(),
        }
    }
}

/// What was confirmed on the Project.
fn confirmed(look: &Look, plan: &Plan, objects: &Objects) -> Option<Confirmed> {
    let digest = look.world.project()?.confirm.as_ref()?;
    Some(Confirmed {
        digest: digest.to_string(),
        holds: *digest == plan.digest(),
        set_by: objects.of_confirmation(),
        withdraw: remedy::takes_back(&look.name, &look.world),
    })
}

fn claims(look: &Look, plan: &Plan, objects: &Objects) -> Vec<Reason> {
    let reason = |claim: &Claim, presumed: bool| Reason {
        source: claim.source.as_str().to_owned(),
        at_least: Some(claim.at_least.as_str()),
        presumed,
        decides: claim.at_least == plan.disposition && !(presumed && plan.discharged),
        reason: claim.reason.clone(),
        evidence: if claim.source == Source::Shared { evidence(look, plan) } else { Vec::new() },
        set_by: objects.authors(claim.source, look),
        withdraw: remedy::withdraws(claim, &look.name, &look.world),
    };
    let claims = plan.claims.iter().map(|claim| reason(claim, false));
    claims.chain(plan.presumptions.iter().map(|claim| reason(claim, true))).collect()
}

/// The first few objects of each that deploys into the namespace, too.
fn evidence(look: &Look, plan: &Plan) -> Vec<String> {
    let roots = look.contents().map(|contents| contents.roots.as_slice()).unwrap_or_default();
    let told = plan.foreign.iter().flat_map(|manager| {
        let of = roots.iter().filter(move |root| root.managers.iter().any(|m| m == manager));
        of.take(EVIDENCE).map(move |root| {
            let kind = look.kinds.get(&*root.kind).map_or(&*root.kind, String::as_str);
            format!("{manager}: {kind} {}", root.name)
        })
    });
    told.collect()
}

fn tree(reasons: &Reasons, disposition: Disposition) -> Branch {
    let mut tree = Branch::new(Text::styled(STRONG, format!("project/{}", reasons.project)));
    tree.push(Text::plain("decision: ").with(style(disposition), &reasons.explanation));
    let mut claimed = Branch::new(Text::plain("claimed"));
    let mut presumed = Branch::new(Text::plain("presumed"));
    for reason in &reasons.claims {
        let leaf = leaf(reason);
        if reason.presumed { presumed.push(leaf) } else { claimed.push(leaf) }
    }
    tree.push_unless_bare(claimed);
    tree.push_unless_bare(presumed);
    if let Some(confirmed) = &reasons.confirmed {
        let holds = if confirmed.holds { ", which is this" } else { ", which is not decided now" };
        let text = Text::plain("confirmed: ").with(FAINT, &confirmed.digest).and(holds);
        let mut branch = Branch::new(text);
        push_authors(&confirmed.set_by, &mut branch);
        for command in &confirmed.withdraw {
            branch.push(Text::styled(FAINT, command));
        }
        tree.push(branch);
    }
    let waits = if reasons.under_way.is_some() { "it waits for" } else { "it would wait for" };
    let mut gates = Branch::new(Text::styled(CAREFUL, waits));
    for gate in &reasons.gates {
        gates.push(leaf(gate));
    }
    tree.push_unless_bare(gates);
    let mut changes = Branch::new(Text::plain("what would change it"));
    for way in &reasons.changes {
        let mut to = Branch::new(Text::plain(format!("to {}", way.to)));
        for by in &way.by {
            to.push(Text::styled(FAINT, by));
        }
        changes.push(to);
    }
    tree.push_unless_bare(changes);
    tree
}

fn leaf(reason: &Reason) -> Branch {
    let what = reason.at_least.unwrap_or(&reason.source);
    let mut line = Text::styled(STRONG, what).and(": ").and(&reason.reason);
    if reason.decides {
        line = line.with(STRONG, ", which decides");
    }
    let mut leaf = Branch::new(line);
    for object in &reason.evidence {
        leaf.push(Text::styled(FAINT, object));
    }
    push_authors(&reason.set_by, &mut leaf);
    for command in &reason.withdraw {
        leaf.push(Text::styled(FAINT, command));
    }
    leaf
}
