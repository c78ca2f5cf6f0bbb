//! `why`: everything that decides, who said it and when, and what would change it.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ObjectMeta;
use schemars::JsonSchema;
use serde::Serialize;
use tenure_core::lifecycle::Preview;
use tenure_core::plan::{Plan, PlanFacts};
use tenure_core::{Claim, Disposition, Source, Statements, keys};

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

/// Who wrote an annotation or label, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Author {
    /// The object, as kind/name.
    object: String,
    /// The annotation or label.
    key: String,
    /// The field manager, which is the client they used; null if the API server does not record it.
    manager: Option<String>,
    /// When.
    at: Option<String>,
    /// The reason that was given beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

impl Says for Reasons {
    const KIND: &'static str = "Reasons";
}

/// The two objects as they are, with who wrote what.
struct Objects {
    name: String,
    project: Option<ObjectMeta>,
    namespace: Option<ObjectMeta>,
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
    let keys = [Key::annotation(keys::CONFIRM)];
    Some(Confirmed {
        digest: digest.to_string(),
        holds: *digest == plan.digest(),
        set_by: wrote("project", &look.name, objects.project.as_ref(), &keys),
        withdraw: remedy::takes_back(&look.name, &look.world),
    })
}

impl Objects {
    async fn read(name: &str, session: &Session) -> Outcome<Self> {
        let namespaces: Api<Namespace> = Api::all(session.client().clone());
        let (project, namespace) =
            futures::join!(session.project(name), namespaces.get_metadata_opt(name));
        let namespace = namespace.map_err(|e| Failure::of_request("read the namespace", &e))?;
        Ok(Self {
            name: name.to_owned(),
            project: project?.map(|project| project.metadata),
            namespace: namespace.map(|namespace| namespace.metadata),
        })
    }

    /// Who wrote what a rule reads.
    fn authors(&self, source: Source, look: &Look) -> Vec<Author> {
        let world = &look.world;
        let project = world.project().map(|project| &project.statements);
        let namespace = world.namespace().map(|namespace| &namespace.statements);
        let of_project =
            |keys: Vec<Key>| wrote("project", &self.name, self.project.as_ref(), &keys);
        let of_namespace =
            |keys: Vec<Key>| wrote("namespace", &self.name, self.namespace.as_ref(), &keys);
        match source {
            Source::KeepOnProject => of_project(vec![Key::annotation(keys::KEEP_NAMESPACE)]),
            Source::KeepOnNamespace => of_namespace(vec![Key::annotation(keys::KEEP_NAMESPACE)]),
            Source::DispositionOnProject => of_project(vec![Key::annotation(keys::DISPOSITION)]),
            Source::DispositionOnNamespace => {
                of_namespace(vec![Key::annotation(keys::DISPOSITION)])
            }
            Source::LienOnProject => of_project(liens(project)),
            Source::LienOnNamespace => of_namespace(liens(namespace)),
            Source::Adopted => of_namespace(vec![Key::annotation(keys::ORIGIN)]),
            Source::Cancel => of_project(vec![Key::annotation(keys::CANCEL)]),
            Source::NearMiss => {
                let mut authors = of_project(near_misses(project));
                authors.extend(of_namespace(near_misses(namespace)));
                authors
            }
            _ => Vec::new(),
        }
    }
}

/// Where something stands.
struct Key {
    key: String,
    label: bool,
}

impl Key {
    fn annotation(key: &str) -> Self {
        Self { key: key.to_owned(), label: false }
    }
}

fn liens(statements: Option<&Statements>) -> Vec<Key> {
    let liens = statements.into_iter().flat_map(|statements| &statements.liens);
    liens.map(|lien| Key::annotation(&format!("{}{}", keys::LIEN_PREFIX, lien.name))).collect()
}

fn near_misses(statements: Option<&Statements>) -> Vec<Key> {
    let misses = statements.into_iter().flat_map(|statements| &statements.near_misses);
    misses.map(|miss| Key { key: miss.key.clone(), label: miss.label }).collect()
}

/// Who wrote those keys, by the object's managed fields.
fn wrote(kind: &str, name: &str, meta: Option<&ObjectMeta>, keys: &[Key]) -> Vec<Author> {
    let Some(meta) = meta else { return Vec::new() };
    let because = |key: &str| {
        let reason = meta.annotations.as_ref()?.get(keys::KEEP_REASON)?;
        (key == keys::KEEP_NAMESPACE).then(|| reason.clone())
    };
    let mut authors = Vec::new();
    for Key { key, label } in keys {
        let map = if *label { "f:labels" } else { "f:annotations" };
        let author = |manager: Option<String>, at: Option<String>| Author {
            object: format!("{kind}/{name}"),
            key: key.clone(),
            manager,
            at,
            because: because(key),
        };
        let known = authors.len();
        for entry in meta.managed_fields.iter().flatten() {
            let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
            let owns = fields
                .and_then(|fields| fields.get("f:metadata")?.get(map)?.get(format!("f:{key}")));
            if owns.is_some() {
                let at = entry.time.as_ref().map(|time| time.0.to_string());
                authors.push(author(entry.manager.clone(), at));
            }
        }
        if authors.len() == known {
            // It records nothing of an object that said nothing when it was made.
            authors.push(author(None, None));
        }
    }
    authors
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

fn push_authors(authors: &[Author], leaf: &mut Branch) {
    for author in authors {
        let at = author.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        let because =
            author.because.as_ref().map(|why| format!(", because {why}")).unwrap_or_default();
        let by = match &author.manager {
            Some(manager) => format!("written by {manager}"),
            None => "of which the API server does not record who wrote it".to_owned(),
        };
        let told = format!("{} on {}, {by}{at}{because}", author.key, author.object);
        leaf.push(Text::styled(FAINT, told));
    }
}
