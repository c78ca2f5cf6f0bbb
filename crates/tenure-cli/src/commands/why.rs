//! `why`: everything that decides, who said it and when, and what would change it.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ObjectMeta;
use schemars::JsonSchema;
use serde::Serialize;
use tenure_core::plan::Plan;
use tenure_core::{Claim, Disposition, Source, Statements, keys};

use super::plans::UnderWay;
use crate::arguments::{GlobalArguments, WhyArguments, target_of};
use crate::exit::{Failure, Outcome};
use crate::look::{Extent, Look, outlives};
use crate::printer::Printer;
use crate::remedy;
use crate::session::Session;
use crate::text::{CAREFUL, FAINT, STRONG, Text};
use crate::view::json::{Document, Says};
use crate::view::plan::style;
use crate::view::tree::Branch;

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
    /// The plan of a Project that is gone, which has yet to be carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    under_way: Option<UnderWay>,
    /// What is decided: Delete, Clean or Retain.
    disposition: &'static str,
    /// Why, as one sentence.
    explanation: String,
    /// What is claimed and presumed, strongest first.
    claims: Vec<Reason>,
    /// What would be awaited.
    gates: Vec<Reason>,
    /// What would change the outcome.
    changes: Vec<Way>,
}

/// One thing that decides.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The rule it comes from.
    source: &'static str,
    /// What it demands at least; null for what holds whatever was decided.
    at_least: Option<&'static str>,
    /// Whether it is presumed, so that a person may confirm against it.
    presumed: bool,
    /// Whether it decides.
    decides: bool,
    /// Why.
    reason: String,
    /// Who said so, as far as the API server knows.
    set_by: Vec<Author>,
    /// Commands that take it away.
    withdraw: Vec<String>,
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

/// A way to another outcome.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Way {
    /// The outcome.
    to: &'static str,
    /// The commands, or who can do it.
    by: Vec<String>,
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
    let Some(preview) = &look.preview else {
        if look.world.project().is_none() {
            return Err(look.no_project(&session).await);
        }
        return Err(Failure::error(format!("there is nothing to decide about {target}")));
    };
    let plan = &preview.plan;
    let claims = claims(&look, plan, &objects);
    let gates = preview.gates.iter().map(|gate| Reason {
        source: gate.source.as_str(),
        at_least: None,
        presumed: false,
        decides: false,
        reason: gate.reason.clone(),
        set_by: objects.authors(gate.source, &look),
        withdraw: remedy::opens(gate, name, &look.world, plan),
    });
    let reasons = Reasons {
        advisory: look.is_advisory(),
        advisory_reasons: look.advisory.clone(),
        project: name.to_owned(),
        under_way: look.outlived().map(UnderWay::of),
        disposition: plan.disposition.as_str(),
        explanation: plan.explain(),
        gates: gates.collect(),
        changes: ways(&look, plan, &claims),
        claims,
    };
    match arguments.output.machine() {
        Some(machine) => printer.document(machine, &Document::of(reasons)),
        None => printer.raw(&tree(&reasons, plan.disposition).render()),
    }
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
        source: claim.source.as_str(),
        at_least: Some(claim.at_least.as_str()),
        presumed,
        decides: claim.at_least == plan.disposition && !(presumed && plan.discharged),
        reason: claim.reason.clone(),
        set_by: objects.authors(claim.source, look),
        withdraw: remedy::withdraws(claim, &look.name, &look.world),
    };
    let claims = plan.claims.iter().map(|claim| reason(claim, false));
    claims.chain(plan.presumptions.iter().map(|claim| reason(claim, true))).collect()
}

/// What leads to each other outcome, as far as it can be told.
fn ways(look: &Look, plan: &Plan, claims: &[Reason]) -> Vec<Way> {
    let name = &look.name;
    let mut ways = Vec::new();
    for to in [Disposition::Delete, Disposition::Clean, Disposition::Retain] {
        let by = if to == plan.disposition {
            continue;
        } else if to > plan.disposition {
            remedy::protects(name, &look.world, to)
        } else {
            // They are told in the order in which they are claimed.
            let told = plan.claims.iter().zip(claims);
            let stronger = told.filter(|(claim, _)| claim.at_least > to);
            let mut by: Vec<_> = stronger.flat_map(|(_, reason)| withdrawal(reason)).collect();
            let presumed = plan.presumptions.iter().any(|claim| claim.at_least > to);
            let against = plan.alternative.as_ref().is_some_and(|a| a.disposition == to);
            if look.world.project().is_none() {
                by.extend(
                    remedy::against_presumptions(name, &look.world, plan).filter(|_| against),
                );
            } else if presumed || against {
                by.push(remedy::choice(name, to));
            }
            by
        };
        if !by.is_empty() {
            ways.push(Way { to: to.as_str(), by });
        }
    }
    ways
}

/// How a claim is taken away, or who would have to.
fn withdrawal(reason: &Reason) -> Vec<String> {
    if reason.withdraw.is_empty() {
        vec![format!("whoever is behind {}: {}", reason.source, reason.reason)]
    } else {
        reason.withdraw.clone()
    }
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
    let what = reason.at_least.unwrap_or(reason.source);
    let mut line = Text::styled(STRONG, what).and(": ").and(&reason.reason);
    if reason.decides {
        line = line.with(STRONG, ", which decides");
    }
    let mut leaf = Branch::new(line);
    for author in &reason.set_by {
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
    for command in &reason.withdraw {
        leaf.push(Text::styled(FAINT, command));
    }
    leaf
}
