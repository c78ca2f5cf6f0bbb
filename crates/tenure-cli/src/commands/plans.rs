//! `plans`: what is decided, awaited and done, as DeletionPlans record it.

use kube::{Api, ResourceExt as _};
use schemars::JsonSchema;
use serde::Serialize;
use tenure_api::DeletionPlan;
use tenure_api::plan::{Approval, PlannedDecision, Requester};
use tenure_core::plan::PlanFacts;
use tenure_core::trail::Entry;

use crate::arguments::{GlobalArguments, PlansArguments, TableFormat};
use crate::exit::{Failure, Outcome};
use crate::printer::Printer;
use crate::session::Session;
use crate::text::{CAREFUL, FAINT, STRONG, Text};
use crate::view::json::{Document, Says};
use crate::view::plan::style;
use crate::view::table::{Rows, age};
use crate::view::tree::Branch;

/// Characters of a UID that tell plans of one Project apart, for people.
const SHORT_UID: usize = 8;

/// DeletionPlans.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeletionPlans {
    /// One for each, by name.
    items: Vec<PlanItem>,
}

/// A DeletionPlan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanItem {
    /// Its name.
    name: String,
    /// The Project, and its namespace.
    project: String,
    /// UID of the Project.
    project_uid: String,
    /// UID of the namespace.
    namespace_uid: String,
    /// When it was made.
    created_at: Option<String>,
    /// How far it is: Waiting, Executing, Done or Void.
    phase: &'static str,
    /// What is decided.
    decision: PlannedDecision,
    /// Who asked for the deletion.
    requester: Option<Requester>,
    /// Who agreed, and to what.
    approvals: Vec<Approval>,
    /// What it waits for.
    gates: Vec<Awaited>,
    /// What happened, as it is stored.
    #[schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    history: Vec<Entry>,
}

/// What a plan waits for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Awaited {
    /// What.
    source: String,
    /// Why, and how to go on.
    reason: String,
}

/// A DeletionPlan that is under way.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnderWay {
    /// Its name.
    name: String,
    /// How far it is.
    phase: &'static str,
    /// What it waits for.
    waiting_for: Vec<String>,
}

impl UnderWay {
    /// What is told of a plan beside its Project.
    pub(crate) fn of(plan: &PlanFacts) -> Self {
        Self {
            name: plan.name.clone(),
            phase: plan.status.phase.as_str(),
            waiting_for: plan.status.waiting.iter().map(|(source, _)| source.clone()).collect(),
        }
    }

    /// How far it is.
    pub(super) fn phase(&self) -> &'static str {
        self.phase
    }
}

impl Says for DeletionPlans {
    const KIND: &'static str = "DeletionPlans";
}

pub(crate) async fn run(
    arguments: &PlansArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    printer.for_programs(arguments.table.output.machine());
    let session = Session::open(global).await?;
    let mut plans = all(&session).await?;
    if let Some(name) = &arguments.name {
        plans = vec![find(plans, name)?];
    }
    if let Some(namespace) = &arguments.table.namespace {
        plans.retain(|plan| plan.spec.project.name == *namespace);
    }
    let machine = arguments.table.output.machine();
    if let Some(machine) = machine {
        let items: Outcome<Vec<_>> = plans.iter().map(PlanItem::of).collect();
        return printer.document(machine, &Document::of(DeletionPlans { items: items? }));
    }
    if arguments.table.output == TableFormat::Name {
        return plans.iter().try_for_each(|plan| {
            printer.line(&Text::plain(format!("deletionplan/{}", plan.name_any())))
        });
    }
    if arguments.name.is_some() {
        return plans.iter().try_for_each(|plan| printer.raw(&tree(plan)?.render()));
    }
    if plans.is_empty() {
        printer.tell(&Text::plain("there are no DeletionPlans"));
        return Ok(());
    }
    let wide = arguments.table.output == TableFormat::Wide;
    printer.raw(&table(&plans, wide, session.now())?)
}

/// Every plan, by name.
pub(super) async fn all(session: &Session) -> Outcome<Vec<DeletionPlan>> {
    let plans: Api<DeletionPlan> = Api::all(session.client().clone());
    let mut plans = match plans.list(&Default::default()).await {
        Ok(list) => list.items,
        Err(error) => return Err(session.not_listed::<DeletionPlan>(&error).await),
    };
    plans.sort_by_key(|plan| plan.name_any());
    Ok(plans)
}

/// The plan of that name, or of which it is the beginning and of no other; or the newest of the
/// Project of that name.
pub(super) fn find(plans: Vec<DeletionPlan>, name: &str) -> Outcome<DeletionPlan> {
    let name = name.strip_prefix("deletionplan/").unwrap_or(name);
    let project = name.strip_prefix("project/").unwrap_or(name);
    let newest = plans
        .iter()
        .filter(|plan| plan.spec.project.name == project)
        .max_by_key(|plan| plan.creation_timestamp().map(|time| time.0));
    if let Some(newest) = newest {
        return Ok(newest.clone());
    }
    let mut of_name: Vec<_> =
        plans.into_iter().filter(|plan| plan.name_any().starts_with(name)).collect();
    match (of_name.pop(), of_name.len()) {
        (Some(plan), 0) => Ok(plan),
        (Some(_), more) => {
            Err(Failure::usage(format!("{} plans begin with {name:?}; write more of it", more + 1)))
        }
        (None, _) => Err(Failure::error(format!(
            "there is no DeletionPlan {name:?}, and none of a Project of that name"
        ))),
    }
}

/// The name of a plan, `PROJECT.UID`, as far as it takes to tell it from others. It is found by that.
pub(super) fn shortened(name: &str) -> &str {
    let uid = name.rfind('.').map_or(0, |dot| dot + 1);
    name.get(..uid + SHORT_UID).unwrap_or(name)
}

/// What a plan waits for, by its word.
pub(super) fn waiting_for(plan: &DeletionPlan) -> Vec<String> {
    let status = plan.status.as_ref();
    let waiting = status.and_then(|status| status.waiting_for.as_deref()).unwrap_or_default();
    waiting.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The plan as decisions see it.
pub(super) fn facts(plan: &DeletionPlan) -> Outcome<PlanFacts> {
    plan.facts().map_err(|error| Failure::error(error.to_string()))
}

impl PlanItem {
    fn of(plan: &DeletionPlan) -> Outcome<Self> {
        let read = facts(plan)?;
        let spec = &plan.spec;
        Ok(Self {
            name: plan.name_any(),
            project: spec.project.name.clone(),
            project_uid: spec.project.uid.clone(),
            namespace_uid: spec.namespace.uid.clone(),
            created_at: plan.creation_timestamp().map(|time| time.0.to_string()),
            phase: read.status.phase.as_str(),
            decision: PlannedDecision { contents: None, ..spec.decision.clone() },
            requester: spec.requester.clone(),
            approvals: spec.approvals.clone(),
            gates: read
                .status
                .waiting
                .into_iter()
                .map(|(source, reason)| Awaited { source, reason })
                .collect(),
            history: read.status.history,
        })
    }
}

fn table(plans: &[DeletionPlan], wide: bool, now: jiff::Timestamp) -> Outcome<String> {
    let mut columns = vec!["NAME", "DECISION", "PHASE", "WAITING"];
    if wide {
        columns.extend(["REQUESTER", "DIGEST"]);
    }
    columns.push("AGE");
    let mut rows = Rows::of(&columns);
    for plan in plans {
        let read = facts(plan)?;
        let name = plan.name_any();
        let mut cells = vec![
            if wide { name } else { shortened(&name).to_owned() },
            read.disposition.as_str().to_owned(),
            read.status.phase.as_str().to_owned(),
            waiting_for(plan).join(","),
        ];
        if wide {
            let requester = plan.spec.requester.as_ref();
            cells.push(requester.map(|who| who.user.replace(' ', "_")).unwrap_or_default());
            cells.push(read.digest.to_string());
        }
        cells.push(age(plan.creation_timestamp().map(|time| time.0), now));
        rows.push(&cells);
    }
    Ok(rows.render())
}

/// A plan, as a tree.
pub(super) fn tree(plan: &DeletionPlan) -> Outcome<Branch> {
    let read = facts(plan)?;
    let spec = &plan.spec;
    let mut tree = Branch::new(Text::styled(STRONG, format!("deletionplan/{}", plan.name_any())));
    tree.push(Text::plain("Project: ").with(STRONG, &spec.project.name));
    tree.push(Text::plain(format!("phase: {}", read.status.phase.as_str())));
    let decision = &spec.decision;
    tree.push(Text::plain("decision: ").with(style(read.disposition), &decision.explanation));
    tree.push(Text::plain("digest: ").with(FAINT, &decision.digest));
    if let Some(alternative) = &decision.alternative {
        let word = tenure_core::Disposition::from(alternative.disposition);
        tree.push(
            Text::plain(format!("instead could be confirmed: {word}, "))
                .with(FAINT, &alternative.digest),
        );
    }
    if let Some(requester) = &spec.requester {
        let via = requester.via.as_ref().map(|via| format!(", through {via}")).unwrap_or_default();
        tree.push(Text::plain(format!("asked for by {}{via}", requester.user)));
    }
    for (title, claims) in [("claims", &decision.claims), ("presumed", &decision.presumptions)] {
        let mut branch = Branch::new(Text::plain(title));
        for claim in claims {
            let at_least = tenure_core::Disposition::from(claim.at_least);
            branch.push(
                Text::styled(style(at_least), at_least.as_str()).and(": ").and(&claim.reason),
            );
        }
        tree.push_unless_bare(branch);
    }
    let mut approvals = Branch::new(Text::plain("approvals"));
    for approval in &spec.approvals {
        let counts = approval.digest == decision.digest;
        let stale = if counts { "" } else { ", of a decision that no longer stands" };
        approvals.push(Text::plain(&approval.user).with(FAINT, stale));
    }
    tree.push_unless_bare(approvals);
    let mut waiting = Branch::new(Text::styled(CAREFUL, "it waits for"));
    for (source, why) in &read.status.waiting {
        waiting.push(Text::styled(CAREFUL, source).and(": ").and(why));
    }
    tree.push_unless_bare(waiting);
    let mut history = Branch::new(Text::plain("history"));
    for entry in &read.status.history {
        let by = entry.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
        history.push(
            Text::styled(FAINT, format!("{:.0} ", entry.at))
                .with(STRONG, entry.event.as_str())
                .and(format!(": {}{by}", entry.message)),
        );
    }
    tree.push_unless_bare(history);
    Ok(tree)
}
