//! `list`: every Project, by what is known without a look into its namespace.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ListParams, ObjectMeta};
use kube::core::{ObjectList, PartialObjectMeta};
use kube::{Api, ResourceExt as _};
use schemars::JsonSchema;
use serde::Serialize;
use tenure_api::{DeletionPlan, DeletionPolicy, Project, namespace_facts, project_facts};
use tenure_cluster::read_if_served;
use tenure_core::lifecycle::reasons;
use tenure_core::plan::{Consent, PlanFacts, awaited};
use tenure_core::policy::{Demands, Matched, Policy};
use tenure_core::{
    CrdState, Decision, NamespaceFacts, Origin, Snapshot, Tenancy, Uid, decide, keys, tenancy,
};

use super::plans::UnderWay;
use crate::arguments::{AssumedArguments, GlobalArguments, ListArguments, TableFormat};
use crate::exit::{Failure, Outcome};
use crate::printer::Printer;
use crate::session::{Known, Session};
use crate::text::Text;
use crate::view::json::{Document, Says};
use crate::view::table::{Rows, age};

/// Every Project, and every one that is gone while its plan has yet to be carried out.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectList {
    /// Whether what is decided is no more than advice.
    advisory: bool,
    /// Why it is.
    advisory_reasons: Vec<String>,
    /// One for each, by name.
    items: Vec<ProjectItem>,
}

/// A Project, by what is known without a look into its namespace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectItem {
    /// Its name, and its namespace's.
    name: String,
    /// Its UID.
    uid: String,
    /// Whether it is gone, and its plan has yet to be carried out.
    gone: bool,
    /// When it was made.
    created_at: Option<String>,
    /// Its namespace: Active, Terminating or Absent.
    namespace: &'static str,
    /// How it came by it, Created or Adopted; null if it is not the Project's.
    origin: Option<&'static str>,
    /// What would become of it, if nothing in it changes that: Delete, Clean or Retain.
    decision: &'static str,
    /// Why, as one sentence.
    explanation: String,
    /// What would be awaited, as far as that is known.
    gates: Vec<String>,
    /// Why, for each.
    gate_reasons: Vec<String>,
    /// What was confirmed on it. Whether that is what is decided now, only a plan tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<String>,
    /// Whether that may be against what is told here.
    #[serde(skip)]
    in_doubt: bool,
    /// The DeletionPlan that is under way.
    plan: Option<UnderWay>,
}

impl Says for ProjectList {
    const KIND: &'static str = "ProjectList";
}

/// What is read for all of them.
struct Read {
    namespaces: BTreeMap<String, PartialObjectMeta<Namespace>>,
    policies: Vec<Policy>,
    plans: Vec<DeletionPlan>,
    crd: CrdState,
}

pub(crate) async fn run(
    arguments: &ListArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    printer.for_programs(arguments.table.output.machine());
    let session = Session::open(global).await?;
    let projects: Api<Project> = Api::all(session.client().clone());
    let mut params = ListParams::default();
    if let Some(selector) = &arguments.selector {
        params = params.labels(selector);
    }
    if let Some(name) = &arguments.table.namespace {
        params = params.fields(&format!("metadata.name={name}"));
    }
    let assumed = AssumedArguments::default();
    let (known, listed, read) =
        futures::join!(session.known(&assumed), projects.list(&params), Read::all(&session));
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => return Err(session.not_listed::<Project>(&error).await),
    };
    let read = read?;
    let items: Outcome<Vec<_>> =
        listed.items.iter().map(|project| item(project, &read, &known)).collect();
    let mut items = items?;
    if arguments.selector.is_none() {
        let only = arguments.table.namespace.as_deref();
        items.extend(outlived(&listed.items, &read, only));
        items.sort_by(|a, b| a.name.cmp(&b.name));
    }
    for why in &known.advisory {
        printer.warn(format!("what is decided is advice only: {why}"));
    }
    match (arguments.table.output.machine(), arguments.table.output) {
        (Some(machine), _) => {
            let list = ProjectList {
                advisory: !known.advisory.is_empty(),
                advisory_reasons: known.advisory,
                items,
            };
            printer.document(machine, &Document::of(list))
        }
        (None, TableFormat::Name) => items
            .iter()
            .filter(|item| !item.gone)
            .try_for_each(|item| printer.line(&Text::plain(format!("project/{}", item.name)))),
        (None, _) if items.is_empty() => {
            let all = arguments.selector.is_none() && arguments.table.namespace.is_none();
            let none = if all { "there are no Projects" } else { "no Project matches" };
            printer.tell(&Text::plain(none));
            Ok(())
        }
        (None, format) => {
            let gone: Vec<_> =
                items.iter().filter(|item| item.gone).map(|item| item.name.as_str()).collect();
            if !gone.is_empty() {
                printer.tell(&Text::plain(format!(
                    "gone, while their plans have yet to be carried out: {}",
                    gone.join(", ")
                )));
            }
            let in_doubt: Vec<_> =
                items.iter().filter(|item| item.in_doubt).map(|item| item.name.as_str()).collect();
            if !in_doubt.is_empty() {
                printer.tell(&Text::plain(format!(
                    "confirmed against what is presumed, if a plan of it says so: {}",
                    in_doubt.join(", ")
                )));
            }
            let wide = format == TableFormat::Wide;
            printer.raw(&table(&items, wide, session.now()))
        }
    }
}

impl Read {
    /// The plan of a Project, and what it decides, as one sentence.
    fn plan_of(&self, uid: &Uid) -> Option<(PlanFacts, String)> {
        let plan = self.plans.iter().find(|plan| plan.spec.project.uid == uid.as_str())?;
        Some((plan.facts().ok()?, plan.spec.decision.explanation.clone()))
    }

    async fn all(session: &Session) -> Outcome<Self> {
        let client = session.client();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let policies: Api<DeletionPolicy> = Api::all(client.clone());
        let plans: Api<DeletionPlan> = Api::all(client.clone());
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        let params = ListParams::default();
        let (namespaces, policies, plans, crd) = futures::join!(
            namespaces.list_metadata(&params),
            read_if_served::<DeletionPolicy, _>(client, policies.list(&params)),
            read_if_served::<DeletionPlan, _>(client, plans.list(&params)),
            crds.get_metadata_opt(keys::PROJECT_CRD),
        );
        let namespaces = namespaces.map_err(|e| Failure::of_request("list namespaces", &e))?.items;
        let policies = installed("list deletionpolicies", policies)?;
        let policies: Result<Vec<_>, _> = policies.iter().map(DeletionPolicy::facts).collect();
        // Whoever may not read it learns less, and nothing wrong: Projects were listed.
        let going = |meta: &ObjectMeta| meta.deletion_timestamp.is_some();
        let crd = match crd {
            Ok(Some(crd)) if going(&crd.metadata) => CrdState::Terminating,
            _ => CrdState::Established,
        };
        Ok(Self {
            namespaces: namespaces.into_iter().map(|ns| (ns.name_any(), ns)).collect(),
            policies: policies.map_err(|error| Failure::error(error.to_string()))?,
            plans: installed("list deletionplans", plans)?,
            crd,
        })
    }
}

/// What is not installed is not there.
fn installed<T: Clone>(
    doing: &str,
    listed: Result<Option<ObjectList<T>>, kube::Error>,
) -> Outcome<Vec<T>> {
    let listed = listed.map_err(|e| Failure::of_request(doing, &e))?;
    Ok(listed.map(|list| list.items).unwrap_or_default())
}

fn item(project: &Project, read: &Read, known: &Known) -> Outcome<ProjectItem> {
    let name = project.name_any();
    let wrong = |error: tenure_api::FactsError| Failure::error(error.to_string());
    let facts = project_facts(project, &known.settings).map_err(wrong)?;
    let namespace = read.namespaces.get(&name);
    let namespace: Option<NamespaceFacts> =
        namespace.map(|ns| namespace_facts(&ns.metadata)).transpose().map_err(wrong)?;
    let labels = namespace.as_ref().map(|ns| &ns.labels);
    let matched = Matched { name: &name, project_labels: &facts.labels, namespace_labels: labels };
    let demands = Demands::of(&read.policies, &matched);
    let stands = namespace.as_ref().is_some_and(|namespace| namespace.deleting.is_none());
    let past = facts.deleting.is_some() && !stands;
    let snapshot = Snapshot::new(
        &name,
        &facts,
        namespace.as_ref(),
        read.crd,
        demands.clone(),
        &known.settings,
    );
    let decision: Decision = decide(&snapshot);
    let origin = namespace.as_ref().and_then(|namespace| match tenancy(&facts, namespace) {
        Tenancy::Owned(origin) | Tenancy::Unrecorded(origin) => Some(origin.as_str()),
        Tenancy::NotOwned(_) => None,
    });
    let plan = read.plan_of(&facts.uid);
    let under_way = plan.as_ref().filter(|(facts, _)| !facts.status.phase.is_final());
    // What was asked for is decided by its plan, which knows more.
    let asked = under_way.filter(|_| facts.deleting.is_some());
    let (disposition, explanation) = match asked.or(plan.as_ref().filter(|_| past)) {
        Some((plan, explanation)) => (plan.disposition, explanation.clone()),
        None => (decision.disposition, decision.explain()),
    };
    let presumed = decision.presumptions.iter().any(|claim| claim.at_least == disposition);
    let stored = under_way.map(|(plan, _)| plan);
    let consent = Consent {
        confirm: facts.confirm.as_ref(),
        stored,
        requester: stored.and_then(|plan| plan.requester.as_ref()),
        accounts: &known.settings.accounts,
    };
    let gates = match asked {
        Some((plan, _)) => plan.status.waiting.clone(),
        None => {
            let demanded = stands.then(|| awaited(&demands, disposition, &consent));
            reasons(&[decision.gates, demanded.unwrap_or_default()].concat())
        }
    };
    Ok(ProjectItem {
        uid: facts.uid.to_string(),
        gone: false,
        created_at: Some(facts.created.to_string()),
        namespace: state(read.namespaces.get(&name)),
        origin,
        decision: disposition.as_str(),
        explanation,
        gate_reasons: gates.iter().map(|(_, reason)| reason.clone()).collect(),
        gates: gates.into_iter().map(|(source, _)| source).collect(),
        confirmed: facts.confirm.as_ref().map(ToString::to_string),
        in_doubt: facts.confirm.is_some() && asked.is_none() && presumed,
        plan: stored.map(UnderWay::of),
        name,
    })
}

/// Those that are gone while their plans have yet to be carried out. Labels of theirs select
/// nothing any more.
fn outlived(there: &[Project], read: &Read, only: Option<&str>) -> Vec<ProjectItem> {
    let is_there = |uid: &str| there.iter().any(|project| project.uid().as_deref() == Some(uid));
    let of = |plan: &&DeletionPlan| only.is_none_or(|name| plan.spec.project.name == name);
    let gone = read.plans.iter().filter(of).filter(|plan| !is_there(&plan.spec.project.uid));
    let items = gone.filter_map(|plan| {
        let facts = plan.facts().ok().filter(|facts| !facts.status.phase.is_final())?;
        let spec = &plan.spec;
        let namespace = read.namespaces.get(&spec.project.name);
        let namespace = namespace.filter(|ns| ns.uid().as_ref() == Some(&spec.namespace.uid));
        Some(ProjectItem {
            name: spec.project.name.clone(),
            uid: spec.project.uid.clone(),
            gone: true,
            created_at: spec.project.created_at.as_ref().map(|at| at.0.to_string()),
            namespace: state(namespace),
            origin: spec.namespace.origin.map(|origin| Origin::from(origin).as_str()),
            decision: facts.disposition.as_str(),
            explanation: spec.decision.explanation.clone(),
            gates: facts.status.waiting.iter().map(|(source, _)| source.clone()).collect(),
            gate_reasons: facts.status.waiting.iter().map(|(_, why)| why.clone()).collect(),
            confirmed: None,
            in_doubt: false,
            plan: Some(UnderWay::of(&facts)),
        })
    });
    items.collect()
}

fn state(namespace: Option<&PartialObjectMeta<Namespace>>) -> &'static str {
    match namespace {
        None => "Absent",
        Some(ns) if ns.metadata.deletion_timestamp.is_some() => "Terminating",
        Some(_) => "Active",
    }
}

fn table(items: &[ProjectItem], wide: bool, now: jiff::Timestamp) -> String {
    let mut columns = vec!["NAME", "NAMESPACE", "ORIGIN", "DECISION", "GATES", "PLAN"];
    if wide {
        columns.push("WHY");
    }
    columns.push("AGE");
    let mut rows = Rows::of(&columns);
    for item in items {
        let plan = item.plan.as_ref().map(UnderWay::phase).unwrap_or_default();
        let mut cells = vec![
            item.name.clone(),
            item.namespace.to_owned(),
            item.origin.unwrap_or_default().to_owned(),
            item.decision.to_owned(),
            item.gates.join(","),
            plan.to_owned(),
        ];
        if wide {
            let gates = item.gate_reasons.iter().map(|why| format!("; not now: {why}"));
            let why = item.explanation.clone() + &gates.collect::<String>();
            cells.push(why.replace(' ', "_"));
        }
        let created = item.created_at.as_deref().and_then(|at| at.parse().ok());
        cells.push(age(created, now));
        rows.push(&cells);
    }
    rows.render()
}
