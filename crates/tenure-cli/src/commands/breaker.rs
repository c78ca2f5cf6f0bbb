//! `breaker`: whether deletions are carried out, and how a person says that they are meant.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use schemars::JsonSchema;
use serde::Serialize;
use tenure_api::PublishedBreaker;
use tenure_api::install::BREAKER;
use tenure_cluster::{ObjectPatch, breaker_record};
use tenure_core::keys;
use tenure_core::plan::BreakerRecord;

use super::say::{Said, sending};
use crate::arguments::{
    AssumedArguments, BreakerAct, BreakerArguments, DryRun, GlobalArguments, ResultFormat,
    WriteArguments,
};
use crate::exit::{Failure, Outcome};
use crate::printer::Printer;
use crate::session::Session;
use crate::text::{BAD, CAREFUL, FAINT, GOOD, Text};
use crate::view::json::{Document, Says};
use crate::view::tree::Branch;

/// The breaker.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakerState {
    /// Closed: deletions are carried out. Open: none is. Closing: a person said that they are meant,
    /// and the next one closes it. Absent: no server of Tenure is known here.
    state: &'static str,
    /// When it opened last.
    #[schemars(with = "Option<String>")]
    opened_at: Option<Timestamp>,
    /// Why.
    why: Option<String>,
    /// When it was closed.
    #[schemars(with = "Option<String>")]
    closed_at: Option<Timestamp>,
    /// Who closed it, or asks for that.
    closed_by: Option<String>,
    /// Why they did.
    because: Option<String>,
    /// How many deletions are too many, if the server said so.
    limit: Option<Limit>,
}

/// How many deletions are too many.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    /// This many are always allowed.
    at_least: usize,
    /// And this part of all Projects, in hundredths.
    percent: usize,
    /// Within so many seconds.
    window_seconds: u64,
}

impl Says for BreakerState {
    const KIND: &'static str = "Breaker";
}

pub(crate) async fn run(
    arguments: &BreakerArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let output = match &arguments.act {
        Some(BreakerAct::Close { write, .. }) => write.output,
        None => arguments.output,
    };
    printer.for_programs(output.machine());
    let session = Session::open(global).await?;
    let maps: Api<ConfigMap> = Api::namespaced(session.client().clone(), &session.tenure_namespace);
    let map = maps.get_opt(BREAKER).await;
    let map = map.map_err(|e| Failure::of_request("read the breaker", &e))?;
    match &arguments.act {
        None => {
            let known = session.known(&AssumedArguments::default()).await;
            for why in &known.advisory {
                printer.warn(why);
            }
            let limit = known.published.map(|published| published.breaker);
            show(&BreakerState::of(map.as_ref(), limit), output, printer)
        }
        Some(BreakerAct::Close { reason, write }) => {
            close(reason, map.as_ref(), &maps, &session, write, printer).await
        }
    }
}

async fn close(
    reason: &str,
    map: Option<&ConfigMap>,
    maps: &Api<ConfigMap>,
    session: &Session,
    how: &WriteArguments,
    printer: &mut Printer,
) -> Outcome {
    let who = session.who().await?;
    session.announce(&who, printer);
    let said = Said::new(format!("configmap/{BREAKER}"), "Closed", &who);
    let open = map.filter(|map| breaker_record(map).closed.is_none());
    let Some(map) = open else {
        return said.nothing().tell("the breaker is not open; nothing was written", how, printer);
    };
    printer.tell(&Text::styled(CAREFUL, "the breaker is open: ").and(breaker_record(map).why));
    // Who closes what they have not seen closes nothing: it holds for the version that was read.
    let patch = ObjectPatch::of(&map.metadata)
        .at_this_version()
        .annotate(&[(keys::CLOSED_BY, &who.user), (keys::CLOSED_BECAUSE, reason)])
        .build();
    if how.dry_run != DryRun::Client {
        let written = maps.patch(BREAKER, &sending(how.dry_run), &patch).await;
        written.map_err(|e| Failure::of_request("close the breaker", &e))?;
    }
    let message = format!("{} closes it; the next deletion goes on", who.user);
    said.tell(&message, how, printer)
}

impl BreakerState {
    fn of(map: Option<&ConfigMap>, limit: Option<PublishedBreaker>) -> Self {
        let record: Option<BreakerRecord> = map.map(breaker_record);
        let annotations = map.and_then(|map| map.metadata.annotations.as_ref());
        let because = annotations.and_then(|map| map.get(keys::CLOSED_BECAUSE)).cloned();
        let state = match &record {
            Some(BreakerRecord { closed: None, asked_by: None, .. }) => "Open",
            Some(BreakerRecord { closed: None, asked_by: Some(_), .. }) => "Closing",
            None if limit.is_none() => "Absent",
            _ => "Closed",
        };
        let closed = record.as_ref().and_then(|record| record.closed.clone());
        let by = closed.as_ref().map(|(_, by)| by.clone());
        Self {
            state,
            opened_at: record.as_ref().map(|record| record.opened),
            why: record.as_ref().map(|record| record.why.clone()),
            closed_at: closed.map(|(at, _)| at),
            closed_by: by.or_else(|| record.and_then(|record| record.asked_by)),
            because,
            limit: limit.map(|PublishedBreaker { at_least, percent, window_seconds }| Limit {
                at_least,
                percent,
                window_seconds,
            }),
        }
    }
}

fn show(state: &BreakerState, output: ResultFormat, printer: &mut Printer) -> Outcome {
    if let Some(machine) = output.machine() {
        return printer.document(machine, &Document::of(state));
    }
    let (style, means) = match state.state {
        "Open" => (BAD, "no namespace is deleted until a person closes it"),
        "Closing" => (CAREFUL, "the next deletion closes it"),
        "Absent" => (CAREFUL, "no server of Tenure is known here"),
        _ => (GOOD, "deletions are carried out"),
    };
    let mut tree =
        Branch::new(Text::plain("breaker: ").with(style, state.state).and(format!(", {means}")));
    if let (Some(at), Some(why)) = (&state.opened_at, &state.why) {
        tree.push(Text::plain(format!("opened at {at:.0}: {why}")));
    }
    if let Some(by) = &state.closed_by {
        let at = state.closed_at.as_ref().map(|at| format!(" at {at:.0}")).unwrap_or_default();
        let because =
            state.because.as_ref().map(|why| format!(", because {why}")).unwrap_or_default();
        tree.push(Text::plain(format!("closed by {by}{at}{because}")));
    }
    if state.state == "Open" {
        tree.push(Text::styled(FAINT, "kubectl tenure breaker close --reason REASON"));
    }
    if let Some(Limit { at_least, percent, window_seconds }) = &state.limit {
        tree.push(Text::plain(format!(
            "it opens when {at_least} namespaces, and {percent} of a hundred Projects, are deleted \
             within {window_seconds} s"
        )));
    }
    printer.raw(&tree.render())
}
