//! What would become of a namespace: for people a tree, for programs a document.

use schemars::JsonSchema;
use serde::Serialize;
use tenure_api::plan::PlannedDecision;
use tenure_core::contents::{Contents, Loss, Manager};
use tenure_core::lifecycle::Preview;
use tenure_core::plan::Plan;
use tenure_core::{Claim, Disposition, Keep, NamespaceFacts, Statements, Wish, keys};

use crate::choice::Writes;
use crate::commands::plans::UnderWay;
use crate::look::{Look, outlives};
use crate::remedy;
use crate::session::Session;
use crate::text::{BAD, CAREFUL, FAINT, GOOD, STRONG, Text};
use crate::view::contents::{ContentsView, Told};
use crate::view::json::Says;
use crate::view::tree::Branch;
use crate::view::under_way::{as_told, past, since};

/// What would become of a namespace if its Project were deleted now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanView<'a> {
    /// Whether it is no more than advice: the server may decide otherwise.
    advisory: bool,
    /// Why it is.
    advisory_reasons: &'a [String],
    /// When it was made.
    made_at: String,
    /// By whom.
    made_by: &'a str,
    /// Of which cluster.
    cluster: ClusterView<'a>,
    /// The Project; null if there is none, or none any more.
    project: Option<ProjectView<'a>>,
    /// The namespace; null if there is none.
    namespace: Option<NamespaceView<'a>>,
    /// What would be decided; null if there is nothing to decide. What is in the namespace is
    /// beside it.
    decision: Option<PlannedDecision>,
    /// What would be awaited.
    gates: Vec<GateView>,
    /// What the choice takes that it is a plan of.
    takes: TakesView,
    /// What is in the namespace; null where that changes nothing and was not looked at.
    contents: Option<ContentsView<'a>>,
    /// The plan of a deletion that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    under_way: Option<UnderWay>,
}

impl Says for PlanView<'_> {
    const KIND: &'static str = "Plan";
}

/// What a choice takes: annotations on the Project. `delete` writes them.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct TakesView {
    /// Of tenure.dev/disposition.
    disposition: Option<&'static str>,
    /// Of tenure.dev/confirm.
    confirm: Option<String>,
}

impl From<&Writes> for TakesView {
    fn from(Writes { disposition, confirm }: &Writes) -> Self {
        Self {
            disposition: disposition.map(|disposition| disposition.as_str()),
            confirm: confirm.as_ref().map(ToString::to_string),
        }
    }
}

/// Which cluster.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ClusterView<'a> {
    /// The context of the kubeconfig.
    context: &'a str,
    /// Where its API server is.
    server: &'a str,
}

impl<'a> From<&'a Session> for ClusterView<'a> {
    fn from(session: &'a Session) -> Self {
        Self { context: &session.context, server: &session.server }
    }
}

/// A Project.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectView<'a> {
    /// Its name.
    name: &'a str,
    /// Its UID.
    uid: &'a str,
    /// The version that was read.
    resource_version: &'a str,
    /// Whether it is being deleted already.
    deleting: bool,
}

/// A namespace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceView<'a> {
    /// Its name.
    name: &'a str,
    /// Its UID.
    uid: &'a str,
    /// The version that was read.
    resource_version: &'a str,
    /// How the Project came by it, Created or Adopted; null if it is not the Project's.
    origin: Option<&'static str>,
    /// Whether it is being deleted already.
    deleting: bool,
}

/// A reason why nothing would happen now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GateView {
    /// What is awaited, as DeletionPlans call it.
    source: String,
    /// Why.
    reason: String,
    /// Commands that open it.
    open: Vec<String>,
}

impl<'a> PlanView<'a> {
    /// What a look showed.
    pub(crate) fn of(look: &'a Look, writes: &Writes, session: &'a Session, user: &'a str) -> Self {
        let Look { name, world, preview, advisory, at, .. } = look;
        let plan = preview.as_ref().map(|preview| &preview.plan);
        let gates = preview.iter().flat_map(|preview| {
            preview.gates.iter().map(|gate| GateView {
                source: gate.source.as_str().to_owned(),
                reason: gate.reason.clone(),
                open: remedy::opens(gate, name, world, &preview.plan),
            })
        });
        let going = look.going_waits().into_iter().map(|(source, reason)| GateView {
            source,
            reason,
            open: vec![remedy::finds_out(name)],
        });
        Self {
            advisory: look.is_advisory(),
            advisory_reasons: advisory,
            made_at: at.to_string(),
            made_by: user,
            cluster: session.into(),
            project: world.project().map(|project| ProjectView {
                name,
                uid: project.uid.as_str(),
                resource_version: project.resource_version.as_str(),
                deleting: project.deleting.is_some(),
            }),
            namespace: world.namespace().map(|namespace| NamespaceView {
                name,
                uid: namespace.uid.as_str(),
                resource_version: namespace.resource_version.as_str(),
                origin: plan.and_then(|plan| plan.origin).map(|origin| origin.as_str()),
                deleting: namespace.deleting.is_some(),
            }),
            decision: plan.map(decision),
            gates: gates.chain(going).collect(),
            takes: writes.into(),
            contents: look.contents().map(Into::into),
            under_way: look.under_way().map(UnderWay::of),
        }
    }
}

/// The decision, without the contents, which are told apart from it.
fn decision(plan: &Plan) -> PlannedDecision {
    PlannedDecision::from(&Plan { contents: None, ..plan.clone() }).with_digest(&plan.digest())
}

/// How much of a plan people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Detail {
    /// Whether every object is named.
    pub(crate) full: bool,
    /// Whether sources, policies and UIDs are.
    pub(crate) wide: bool,
}

/// What would become of a namespace, as a tree.
pub(crate) fn tree(look: &Look, detail: Detail) -> Branch {
    let Look { name, world, .. } = look;
    let alone = world.project().is_none() && look.outlived().is_none();
    let kind = if alone && world.namespace().is_some() { "namespace" } else { "project" };
    let mut tree = Branch::new(Text::styled(STRONG, format!("{kind}/{name}")));
    for why in &look.advisory {
        tree.push(Text::styled(CAREFUL, "advice only: ").and(why));
    }
    if let Some(plan) = look.outlived() {
        let mut outlived = Branch::new(Text::styled(CAREFUL, outlives(name, plan)));
        outlived.push(Text::styled(FAINT, format!("kubectl tenure plans {}", plan.name)));
        tree.push(outlived);
    }
    let Some(preview) = &look.preview else {
        tree.push(match (world.project(), world.namespace()) {
            (None, Some(_)) if look.outlived().is_some() => {
                "the namespace is being deleted; nothing is left to protect"
            }
            (None, None) => "there is neither a Project nor a namespace of that name",
            (None, Some(_)) => "there is no Project of that name; nothing goes with one",
            (Some(_), None) => "there is no namespace of that name; nothing is left to protect",
            (Some(_), Some(_)) => "the namespace is being deleted; nothing is left to protect",
        });
        if look.is_past() {
            past(look, &mut tree);
        } else if let Some(namespace) = world.namespace() {
            tree.push_unless_bare(marks(namespace));
        }
        if let Some(contents) = &look.alone {
            // Who else deploys is told where there is a Project that they are not.
            let spared = contents.losses.iter().collect();
            push_contents(contents, (Vec::new(), spared), &|_| false, look, detail, &mut tree);
        }
        return tree;
    };
    let plan = &as_told(&preview.plan, look);
    tree.push(header(look, plan));
    tree.push(Text::plain("decision: ").with(style(plan.disposition), plan.explain()));
    tree.push(Text::plain("digest: ").with(FAINT, plan.digest().as_str()));
    since(look, &mut tree);
    if detail.wide {
        identities(look, plan, &mut tree);
    }
    tree.push_unless_bare(claims("claims", &plan.claims, plan, look, detail));
    tree.push_unless_bare(claims("presumed", &plan.presumptions, plan, look, detail));
    if plan.discharged && look.is_confirmed(&plan.digest()) {
        let mut confirmed = Branch::new(Text::styled(CAREFUL, "that was confirmed against"));
        for command in remedy::takes_back(name, world) {
            confirmed.push(Text::styled(FAINT, command));
        }
        tree.push(confirmed);
    }
    if let Some(alternative) = &plan.alternative {
        let mut against = Branch::new(
            Text::plain("what is presumed can be confirmed against: ")
                .with(style(alternative.disposition), alternative.disposition.as_str()),
        );
        against.push(Text::plain("digest: ").with(FAINT, alternative.digest.as_str()));
        if let Some(command) = remedy::against_presumptions(name, world, plan) {
            against.push(Text::styled(FAINT, command));
        }
        tree.push(against);
    }
    tree.push_unless_bare(gates(look, preview));
    let mut warnings = Branch::new(Text::styled(CAREFUL, "warnings"));
    for warning in &plan.warnings {
        warnings.push(Text::styled(CAREFUL, warning));
    }
    tree.push_unless_bare(warnings);
    told_of_contents(look, plan, detail, &mut tree);
    tree
}

/// What would be awaited, with what opens it.
fn gates(look: &Look, preview: &Preview) -> Branch {
    let waits = if look.under_way().is_some() { "it waits for" } else { "it would wait for" };
    let mut gates = Branch::new(Text::styled(CAREFUL, waits));
    for gate in &preview.gates {
        let line = Text::styled(CAREFUL, gate.source.as_str()).and(": ").and(&gate.reason);
        let mut gate_branch = Branch::new(line);
        for command in remedy::opens(gate, &look.name, &look.world, &preview.plan) {
            gate_branch.push(Text::styled(FAINT, command));
        }
        gates.push(gate_branch);
    }
    gates
}

fn header(look: &Look, plan: &Plan) -> Text {
    let how = match plan.origin {
        Some(tenure_core::Origin::Created) => ", created by the Project",
        Some(tenure_core::Origin::Adopted) => ", which existed before the Project moved in",
        None => ", which is not the Project's",
    };
    Text::plain("namespace: ").with(STRONG, &look.name).and(how)
}

fn identities(look: &Look, plan: &Plan, tree: &mut Branch) {
    tree.push(Text::plain(format!("Project UID: {}", plan.project_uid)));
    tree.push(Text::plain(format!("namespace UID: {}", plan.namespace_uid)));
    let profile = format!("{:?}", look.known.settings.profile).to_ascii_lowercase();
    tree.push(Text::plain(format!("profile: {profile}")));
    if let Some(scope) = plan.scope {
        tree.push(Text::plain(format!("scope: {}", scope.as_str())));
    }
    let mut policies = Branch::new(Text::plain("policies that count"));
    for policy in &plan.policies {
        policies.push(Text::plain(format!(
            "{}, generation {}, UID {}",
            policy.name, policy.generation, policy.uid
        )));
    }
    tree.push_unless_bare(policies);
}

fn claims(what: &str, claims: &[Claim], plan: &Plan, look: &Look, detail: Detail) -> Branch {
    let mut branch = Branch::new(Text::plain(what));
    for claim in claims {
        let decides = claim.at_least == plan.disposition;
        let mut line = Text::styled(style(claim.at_least), claim.at_least.as_str()).and(": ");
        line = line.and(&claim.reason);
        if detail.wide {
            line = line.with(FAINT, format!(" ({})", claim.source.as_str()));
        }
        let mut leaf = Branch::new(line);
        for command in remedy::withdraws(claim, &look.name, &look.world) {
            // What does not decide would change nothing.
            if decides {
                leaf.push(Text::styled(FAINT, command));
            }
        }
        branch.push(leaf);
    }
    branch
}

fn told_of_contents(look: &Look, plan: &Plan, detail: Detail, tree: &mut Branch) {
    let Some(contents) = plan.contents.as_deref() else {
        tree.push("contents: not looked at, for the decision is the same whatever they are");
        return;
    };
    let (lost, spared) = plan.losses();
    let foreign = |manager: &Manager| plan.foreign.contains(manager);
    push_contents(contents, (lost, spared), &foreign, look, detail, tree);
}

/// What a namespace says of itself that a Project to come would have to heed.
fn marks(namespace: &NamespaceFacts) -> Branch {
    let Statements { keep, wish, liens, near_misses } = &namespace.statements;
    let mut marks = Branch::new(Text::plain("what stands on the namespace"));
    match keep {
        Keep::Absent => {}
        Keep::No => marks.push(format!("{}: \"false\"", keys::KEEP_NAMESPACE)),
        Keep::Yes => marks.push(format!("{}: \"true\"", keys::KEEP_NAMESPACE)),
        Keep::Illegible(value) => {
            let told = format!("{}: {value}, which cannot be read", keys::KEEP_NAMESPACE);
            marks.push(Text::styled(CAREFUL, told));
        }
    }
    match wish {
        Wish::Absent => {}
        Wish::AtLeast(least) => marks.push(format!("{}: {least}", keys::DISPOSITION)),
        Wish::Illegible(value) => {
            let told = format!("{}: {value}, which cannot be read", keys::DISPOSITION);
            marks.push(Text::styled(CAREFUL, told));
        }
    }
    for lien in liens {
        marks.push(format!("{}{}: {}", keys::LIEN_PREFIX, lien.name, lien.reason));
    }
    for miss in near_misses {
        marks.push(Text::styled(CAREFUL, format!("{}, close to keep-namespace", miss.key)));
    }
    if namespace.labelled {
        marks.push(format!("{}: \"true\", so that a Project may move in", keys::PROJECT_LABEL));
    }
    if let Some(uid) = &namespace.project_uid {
        marks.push(format!("{}: {uid}, of a Project that is gone", keys::PROJECT_UID));
    }
    marks
}

fn push_contents(
    contents: &Contents,
    (lost, spared): (Vec<&Loss>, Vec<&Loss>),
    foreign: &dyn Fn(&Manager) -> bool,
    look: &Look,
    detail: Detail,
    tree: &mut Branch,
) {
    let told = Told { contents, kinds: &look.kinds, foreign, full: detail.full };
    tree.push_unless_bare(Told::lost(&lost));
    tree.push_unless_bare(Told::spared(&spared));
    tree.push_unless_bare(told.notes());
    tree.push_unless_bare(told.unseen());
    tree.push(told.objects());
}

/// How a disposition looks.
pub(crate) fn style(disposition: Disposition) -> anstyle::Style {
    match disposition {
        Disposition::Delete => BAD,
        Disposition::Clean => CAREFUL,
        Disposition::Retain => GOOD,
    }
}
