//! `tenure plan`: what would become of a namespace, without a write.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tenure_api::plan::PlannedDecision;
use tenure_cluster::{Clock, Cluster, Store};
use tenure_core::Gate;
use tenure_core::lifecycle::Preview;

use crate::arguments::PlanArguments;

/// Exit code where there is nothing to decide.
const NOTHING: u8 = 3;

pub(crate) fn run(arguments: &PlanArguments) -> anyhow::Result<ExitCode> {
    let preview = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?
        .block_on(preview(arguments))?;
    let Some(preview) = preview else {
        eprintln!(
            "nothing to decide: there is no Project {0}, or no namespace {0}, or it is going already",
            arguments.name
        );
        return Ok(ExitCode::from(NOTHING));
    };
    crate::print(std::iter::once(describe(&arguments.name, &preview)))?;
    Ok(ExitCode::SUCCESS)
}

async fn preview(arguments: &PlanArguments) -> anyhow::Result<Option<Preview>> {
    let clock = Clock::default();
    let client = arguments.cluster.client(&clock).await?;
    let settings = arguments.decision.settings();
    let cluster =
        Cluster::new(client, Arc::new(settings), Arc::new(Store::default())).with_clock(clock);
    let outlook = cluster.outlook(&arguments.name, None, Duration::MAX).await.context("plan")?;
    Ok(outlook.preview)
}

/// What would be decided, in the words of the DeletionPlan that would be made, and what would be
/// awaited.
fn describe(name: &str, preview: &Preview) -> Value {
    let Preview { plan, gates } = preview;
    let waiting: Vec<_> = gates
        .iter()
        .map(|Gate { source, reason }| json!({"for": source.as_str(), "why": reason}))
        .collect();
    json!({
        "project": {"name": name, "uid": plan.project_uid.as_str()},
        "namespace": {"uid": plan.namespace_uid.as_str(), "origin": plan.origin.map(|o| o.as_str())},
        "decision": PlannedDecision::from(plan),
        "waiting": waiting,
    })
}
