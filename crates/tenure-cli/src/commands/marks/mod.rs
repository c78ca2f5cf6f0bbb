//! `keep` and `hold`: what protects is put there without a question; before and after are shown.
//!
//! Several objects are several writes. One that fails stops none of the others: what protects them
//! is not worth less for it.

mod change;

use schemars::JsonSchema;
use serde::Serialize;
use tenure_core::{Disposition, keys};

use crate::arguments::{DryRun, GlobalArguments, HoldArguments, KeepArguments};
use crate::exit::{Failure, Outcome};
use crate::look::Look;
use crate::printer::Printer;
use crate::session::Session;
use crate::target::{self, Target};
use crate::text::{CAREFUL, FAINT, GOOD, STRONG, Text};
use crate::view::json::{Document, FailureView, Says};
use crate::view::plan::style;

use change::{Change, Made};

/// What was put on objects or taken off them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Marks {
    /// One for each object.
    items: Vec<Mark>,
}

/// What was put on an object or taken off it, and how that changes what would be decided.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// The object, as kind/name.
    object: String,
    /// What was done: Set, Removed, or Nothing, for it said so already, is a dry run, or failed.
    done: &'static str,
    /// By whom.
    user: String,
    /// Who wrote nothing, where it is a dry run: None, Client or Server.
    dry_run: &'static str,
    /// The same in words; null if it failed.
    message: Option<String>,
    /// What would have been decided before; null if there was nothing to decide.
    before: Option<Decided>,
    /// What would be decided now, or would be if it were no dry run.
    after: Option<Decided>,
    /// Why it failed.
    failure: Option<FailureView>,
}

/// What would become of the namespace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// Delete, Clean or Retain.
    disposition: &'static str,
    /// Why, as one sentence.
    explanation: String,
    /// The digest of the plan.
    digest: String,
    /// What would be awaited.
    waiting_for: Vec<&'static str>,
    #[serde(skip)]
    style: Disposition,
}

impl Says for Marks {
    const KIND: &'static str = "Marks";
}

pub(crate) async fn keep(
    KeepArguments { targets, reason, how }: &KeepArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let of = |target| {
        let mut change = Change::of(target, how);
        if how.remove {
            change.remove = vec![keys::KEEP_NAMESPACE.to_owned(), keys::KEEP_REASON.to_owned()];
            change.told = match target.kind {
                target::Kind::Project => format!("{target} does not keep the namespace any more"),
                target::Kind::Namespace => {
                    format!("{target} does not say any more that it is kept")
                }
            };
        } else {
            change.set.push((keys::KEEP_NAMESPACE.to_owned(), keys::TRUE.to_owned()));
            let reason = reason.iter().map(|reason| (keys::KEEP_REASON.to_owned(), reason.clone()));
            change.set.extend(reason);
            change.told = match target.kind {
                target::Kind::Project => format!("{target} keeps the namespace"),
                target::Kind::Namespace => format!("{target} is kept, whatever its Project says"),
            };
        }
        change
    };
    Box::pin(each(targets, of, global, printer)).await
}

pub(crate) async fn hold(
    HoldArguments { targets, name, reason, how }: &HoldArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let key = format!("{}{name}", keys::LIEN_PREFIX);
    let of = |target| {
        let mut change = Change::of(target, how);
        change.lien = Some(name);
        if how.remove {
            change.told = format!("{target} is not held by {name} any more");
            change.remove.push(key.clone());
        } else {
            change.told = format!("{target} is held by {name}");
            change.set.push((key.clone(), reason.clone().unwrap_or_default()));
        }
        change
    };
    Box::pin(each(targets, of, global, printer)).await
}

/// Makes the change to each object once, tells how it ended, and ends with the worst.
async fn each<'a>(
    targets: &'a [Target],
    of: impl Fn(&'a Target) -> Change<'a>,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let targets = target::distinct(targets);
    let changes: Vec<_> = targets.iter().copied().map(of).collect();
    printer.for_programs(changes.first().and_then(|change| change.how.write.output.machine()));
    let opened = Session::announced(global, printer).await?;
    let (mut items, mut worst) = (Vec::new(), None);
    for change in &changes {
        let made = Box::pin(change.make(&opened, printer)).await;
        if let Ok(made) = &made
            && printer.machine().is_none()
        {
            if changes.len() > 1 {
                printer.line(&Text::styled(STRONG, change.target.to_string()))?;
            }
            tell(made, change.how.write.dry_run, printer)?;
        }
        items.push(Mark::of(change, made.as_ref(), &opened.2.user));
        if let Err(failure) = made {
            printer.one_of_several(&mut worst, failure);
        }
    }
    if let Some(machine) = printer.machine() {
        printer.document(machine, &Document::of(Marks { items }))?;
    }
    worst.map_or(Ok(()), Err)
}

impl Decided {
    /// By what was looked at.
    pub(super) fn of(look: &Look) -> Option<Self> {
        let preview = look.preview.as_ref()?;
        let mut waiting_for: Vec<_> =
            preview.gates.iter().map(|gate| gate.source.as_str()).collect();
        waiting_for.dedup();
        Some(Self {
            disposition: preview.plan.disposition.as_str(),
            explanation: preview.plan.explain(),
            digest: preview.plan.digest().to_string(),
            waiting_for,
            style: preview.plan.disposition,
        })
    }

    /// What is told of it.
    pub(super) fn text(decided: Option<&Self>, when: &str) -> Text {
        let text = Text::styled(FAINT, format!("{when}: "));
        let Some(Self { explanation, waiting_for, style: disposition, .. }) = decided else {
            return text.and("there is nothing to decide");
        };
        let text = text.with(style(*disposition), explanation);
        if waiting_for.is_empty() {
            return text;
        }
        text.with(CAREFUL, format!("; it would wait for {}", waiting_for.join(", ")))
    }
}

impl Mark {
    fn of(change: &Change<'_>, made: Result<&Made, &Failure>, user: &str) -> Self {
        let dry_run = change.how.write.dry_run;
        let wrote = dry_run == DryRun::None && made.is_ok_and(|made| !made.stood);
        let failure = made.err().map(FailureView::of);
        let made = made.ok();
        Self {
            object: change.target.to_string(),
            done: match change.how.remove {
                _ if !wrote => "Nothing",
                true => "Removed",
                false => "Set",
            },
            user: user.to_owned(),
            dry_run: dry_run.word(),
            message: made.map(|made| made.message.clone()),
            before: made.and_then(|made| made.before.clone()),
            after: made.and_then(|made| made.after.clone()),
            failure,
        }
    }
}

/// Tells how it changed what would be decided.
fn tell(made: &Made, dry_run: DryRun, printer: &Printer) -> Outcome {
    printer.line(&Decided::text(made.before.as_ref(), "before"))?;
    if made.stood {
        printer.tell(&Text::styled(FAINT, &made.message));
        return Ok(());
    }
    printer.line(&Decided::text(made.after.as_ref(), "after"))?;
    let how = if dry_run == DryRun::None { GOOD } else { CAREFUL };
    printer.line(&Text::styled(how, &made.message))
}
