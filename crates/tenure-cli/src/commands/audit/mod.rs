//! `audit`: the trails of deletions, as plans hold them and as an archive does.
//!
//! A trail is judged by the core, as the server judges it before it goes on with a plan. What does
//! not verify is shown all the same, and told.

mod export;
mod read;
mod verify;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use tenure_core::trail::Entry;

use super::plans::shortened;
use crate::arguments::{
    AuditAct, AuditArguments, AuditListArguments, AuditShowArguments, GlobalArguments, Since,
    TableFormat,
};
use crate::exit::Outcome;
use crate::printer::Printer;
use crate::text::{BAD, FAINT, GOOD, STRONG, Text};
use crate::view::json::{Document, Says};
use crate::view::table::{Rows, age};
use crate::view::tree::Branch;
use read::{Trail, find, of_archive, of_plans};

pub use verify::{Verdict, Verification};

/// Trails.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Trails {
    /// One for each plan, by name.
    items: Vec<TrailView>,
}

/// The trail of a plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrailView {
    /// Whose trail it is: the plan's name.
    subject: String,
    /// The Project.
    project: String,
    /// How far the plan is; null where only an archive was read.
    phase: Option<String>,
    /// The head, `SUBJECT SEQUENCE sha256:…`, to be kept elsewhere; null if it does not verify.
    head: Option<String>,
    /// Why it does not verify; null if it does.
    fault: Option<String>,
    /// What happened, as it is stored.
    #[schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    entries: Vec<Entry>,
}

impl Says for Trails {
    const KIND: &'static str = "Trails";
}

pub(crate) async fn run(
    arguments: &AuditArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    match &arguments.act {
        AuditAct::List(arguments) => list(arguments, global, printer).await,
        AuditAct::Show(arguments) => show(arguments, global, printer).await,
        AuditAct::Verify(arguments) => verify::run(arguments, global, printer).await,
        AuditAct::Export(arguments) => export::run(arguments, global, printer).await,
    }
}

/// Trails from the archive that is named, or else from the plans of the cluster; and the time.
async fn trails(
    archive: Option<&str>,
    global: &GlobalArguments,
) -> Outcome<(Vec<Trail>, Timestamp)> {
    match archive {
        Some(url) => Ok((of_archive(url).await?, Timestamp::now())),
        None => of_plans(global).await,
    }
}

async fn list(
    arguments: &AuditListArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let AuditListArguments { selector, project, since, from, output } = arguments;
    printer.for_programs(output.machine());
    let (mut trails, now) = trails(from.archive.as_deref(), global).await?;
    let since = since.map(|since| match since {
        Since::Ago(ago) => now.saturating_sub(ago).unwrap_or(Timestamp::MIN),
        Since::At(at) => at,
    });
    trails.retain(|trail| {
        project.as_ref().is_none_or(|name| trail.project == *name)
            && selector.as_ref().is_none_or(|selector| trail.has_labels(&selector.0))
            && since.is_none_or(|since| trail.last().is_some_and(|last| last.at >= since))
    });
    if let Some(machine) = output.machine() {
        let items = trails.iter().map(TrailView::of).collect();
        return printer.document(machine, &Document::of(Trails { items }));
    }
    if *output == TableFormat::Name {
        return trails.iter().try_for_each(|trail| {
            printer.line(&Text::plain(format!("deletionplan/{}", trail.subject)))
        });
    }
    if trails.is_empty() {
        printer.tell(&Text::plain("there are no trails"));
        return Ok(());
    }
    printer.raw(&table(&trails, *output == TableFormat::Wide, now))
}

fn table(trails: &[Trail], wide: bool, now: Timestamp) -> String {
    let mut columns = vec!["NAME", "PROJECT", "ENTRIES", "LAST", "WHOLE"];
    if wide {
        columns.push("HEAD");
    }
    columns.push("AGE");
    let mut rows = Rows::of(&columns);
    for trail in trails {
        let judged = trail.judge();
        let mut cells = vec![
            if wide { &trail.subject } else { shortened(&trail.subject) }.to_owned(),
            trail.project.clone(),
            trail.entries.len().to_string(),
            trail.last().map(|last| last.event.as_str().to_owned()).unwrap_or_default(),
            if judged.is_ok() { "yes" } else { "no" }.to_owned(),
        ];
        if wide {
            cells.push(judged.map(|head| head.digest.to_string()).unwrap_or_default());
        }
        cells.push(age(trail.last().map(|last| last.at), now));
        rows.push(&cells);
    }
    rows.render()
}

async fn show(
    arguments: &AuditShowArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let AuditShowArguments { name, from, output } = arguments;
    printer.for_programs(output.machine());
    let (trails, _) = trails(from.archive.as_deref(), global).await?;
    let trail = find(&trails, name)?;
    if let Some(machine) = output.machine() {
        let items = vec![TrailView::of(trail)];
        return printer.document(machine, &Document::of(Trails { items }));
    }
    printer.raw(&timeline(trail).render())
}

fn timeline(trail: &Trail) -> Branch {
    let mut tree = Branch::new(Text::styled(STRONG, format!("deletionplan/{}", trail.subject)));
    tree.push(Text::plain("Project: ").with(STRONG, &trail.project));
    if let Some(phase) = &trail.phase {
        tree.push(format!("phase: {phase}"));
    }
    for entry in &trail.entries {
        let Entry { sequence, at, event, by, message, .. } = entry;
        let by = by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
        let line = Text::plain(format!("{sequence} {at:.0} ")).with(STRONG, event.as_str());
        tree.push(line.and(format!("{by}: {message}")));
    }
    tree.push(match trail.judge() {
        Ok(head) => Text::styled(GOOD, "whole; its head: ").with(FAINT, head.to_string()),
        Err(why) => Text::styled(BAD, "not whole: ").and(why),
    });
    tree
}

impl TrailView {
    fn of(trail: &Trail) -> Self {
        let judged = trail.judge();
        Self {
            subject: trail.subject.clone(),
            project: trail.project.clone(),
            phase: trail.phase.clone(),
            head: judged.as_ref().ok().map(ToString::to_string),
            fault: judged.err(),
            entries: trail.entries.clone(),
        }
    }
}
