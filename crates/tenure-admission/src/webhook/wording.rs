//! What people are told: what becomes of the Namespace, what is awaited, and how to go on.

use std::collections::BTreeMap;

use serde_json::json;
use tenure_core::contents::{Contents, Tool};
use tenure_core::lifecycle::Preview;
use tenure_core::plan::{self, Plan};
use tenure_core::{Claim, Disposition, Gate, Source, keys};

/// How many tools a summary names.
const NAMED_TOOLS: usize = 3;

/// What becomes of the Namespace, in one line.
pub(crate) fn fate(name: &str, plan: &Plan) -> String {
    match plan.disposition {
        Disposition::Delete => match plan.contents.as_deref().map(inventory) {
            Some(inventory) => format!("namespace {name} will be deleted: {inventory}"),
            None => format!("namespace {name} will be deleted, with everything in it"),
        },
        Disposition::Clean | Disposition::Retain => {
            format!("namespace {name} stays: {}", plan.explain())
        }
    }
}

/// How many objects there are, and of whom: `37 objects, 12 of them Argo CD's`.
fn inventory(contents: &Contents) -> String {
    let mut tools: BTreeMap<Tool, u64> = BTreeMap::new();
    for counted in &contents.managers {
        *tools.entry(counted.manager.tool).or_default() += counted.objects;
    }
    let mut tools: Vec<_> = tools.into_iter().filter(|(tool, _)| tool.deploys()).collect();
    tools.sort_by_key(|(tool, objects)| (std::cmp::Reverse(*objects), *tool));
    let named: Vec<_> = tools
        .iter()
        .take(NAMED_TOOLS)
        .map(|(tool, objects)| format!("{objects} of them {tool}'s"))
        .collect();
    let mut told = match contents.objects {
        1 => "1 object".to_owned(),
        objects => format!("{objects} objects"),
    };
    for more in named {
        told.push_str(", ");
        told.push_str(&more);
    }
    match contents.losses.len() as u64 + contents.losses_left_out {
        0 => told,
        1 => format!("{told}; 1 thing is lost for good"),
        lost => format!("{told}; {lost} things are lost for good"),
    }
}

/// Why the Project is not deleted now, and what to do.
pub(crate) fn refusal(name: &str, preview: &Preview, gates: &[&Gate]) -> String {
    let Preview { plan, .. } = preview;
    let digest = plan.digest();
    let mut text = format!("Project {name} is not deleted now. With it {}.", fate(name, plan));
    for gate in gates {
        text.push_str(&format!("\n  {}: {}", gate.source.as_str(), gate.reason));
    }
    text.push_str(&format!("\nplan: {digest}"));
    if awaits(gates, Source::Confirmation) {
        text.push_str(&format!(
            "\nto confirm it: kubectl annotate project {name} --overwrite {}={digest}",
            keys::CONFIRM
        ));
    }
    if awaits(gates, Source::Approvals) {
        let plan_name = plan::name(name, &plan.project_uid);
        let mut approval = json!({"user": "YOUR-USER-NAME", "digest": digest.as_str()});
        if plan.approvals.iter().any(|wanted| !wanted.groups.is_empty()) {
            approval["groups"] = json!(["YOUR-GROUP"]);
        }
        let patch = json!([{"op": "add", "path": "/spec/approvals/-", "value": approval}]);
        text.push_str(&format!(
            "\nto approve it, each in their own name: kubectl patch deletionplan {plan_name} \
             --type=json -p '{patch}'"
        ));
    }
    text.push_str("\nthen delete the Project again");
    text
}

fn awaits(gates: &[&Gate], source: Source) -> bool {
    gates.iter().any(|gate| gate.source == source)
}

/// How to get what was presumed against, if that can be.
pub(crate) fn alternative(name: &str, plan: &Plan) -> Option<String> {
    let alternative = plan.alternative.as_ref()?;
    let would = match alternative.disposition {
        Disposition::Delete => "to have it deleted",
        Disposition::Clean => "to have it cleaned",
        Disposition::Retain => return None,
    };
    Some(format!(
        "{would} all the same: kubectl annotate project {name} --overwrite {}={}",
        keys::CONFIRM,
        alternative.digest
    ))
}

/// The claims that count, for the audit log.
pub(crate) fn claims(plan: &Plan) -> String {
    let told = |claim: &Claim| format!("{}>={}", claim.source.as_str(), claim.at_least);
    let all: Vec<_> = plan.claims.iter().chain(&plan.presumptions).map(told).collect();
    all.join(",")
}
