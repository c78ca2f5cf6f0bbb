//! `plan`: what would become of a namespace, without a write.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use crate::arguments::{GlobalArguments, PlanArguments, PlanFormat, target_of};
use crate::choice::{self, Writes};
use crate::exit::{Failure, Outcome};
use crate::look::{Extent, Look, outlives};
use crate::printer::{Machine, Printer};
use crate::session::Session;
use crate::target::{Kind, Target};
use crate::text::{FAINT, Text};
use crate::view::json::{self, Document};
use crate::view::plan::{Detail, PlanView, tree};
use crate::view::tree::Branch;

pub(crate) async fn run(
    arguments: &PlanArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let machine = match arguments.output {
        PlanFormat::Json => Some(Machine::Json),
        PlanFormat::Yaml => Some(Machine::Yaml),
        PlanFormat::Tree | PlanFormat::Wide | PlanFormat::Digest => None,
    };
    printer.for_programs(machine);
    let target = target_of(arguments.target.as_ref(), arguments.namespace.as_deref())?;
    let session = Session::open(global).await?;
    let (known, who) = futures::join!(session.known(&arguments.assumed), session.who());
    let who = who?;
    // What is folded is counted, kind by kind, and so has to be known.
    let counted = matches!(arguments.output, PlanFormat::Tree | PlanFormat::Wide);
    let extent = if arguments.full || counted { Extent::All } else { Extent::Most };
    let mut look = Look::at(&target.name, &session, &known, &who, extent, printer).await?;
    exists(&target, &look, &session).await?;
    let writes = match arguments.disposition {
        Some(_) if look.outlived().is_some() => return Err(look.no_project(&session).await),
        Some(choice) => choice::choose(&mut look, choice.into())?,
        None => Writes::default(),
    };
    for why in &look.advisory {
        printer.warn(format!("this plan is advice only: {why}"));
    }
    if let Some(plan) = look.outlived() {
        printer.warn(outlives(&look.name, plan));
    }
    let view = Document::of(PlanView::of(&look, &writes, &session, &who.user));
    if let Some(path) = &arguments.out {
        save(path, &view)?;
    }
    if let Some(machine) = machine {
        return printer.document(machine, &view);
    }
    if arguments.output == PlanFormat::Digest {
        return digest(&look, printer);
    }
    let wide = arguments.output == PlanFormat::Wide;
    let mut tree = tree(&look, Detail { full: arguments.full, wide });
    let shown = writes.shown();
    let annotations = if shown.len() == 1 { "an annotation" } else { "annotations" };
    let mut takes =
        Branch::new(Text::plain(format!("this choice takes {annotations} on the Project")));
    for annotation in shown {
        takes.push(Text::styled(FAINT, annotation));
    }
    tree.push_unless_bare(takes);
    printer.raw(&tree.render())
}

/// What is asked for has to be there; of what goes with it, it is told if it is not.
async fn exists(target: &Target, look: &Look, session: &Session) -> Outcome {
    match target.kind {
        // What becomes of the namespace of one that is gone is told as long as that can change.
        Kind::Project if look.outlived().is_some() && look.preview.is_some() => Ok(()),
        Kind::Project if look.world.project().is_none() => Err(look.no_project(session).await),
        Kind::Namespace if look.world.namespace().is_none() => {
            Err(Failure::error(format!("{target} is not there")))
        }
        Kind::Project | Kind::Namespace => Ok(()),
    }
}

fn digest(look: &Look, printer: &Printer) -> Outcome {
    match &look.preview {
        Some(preview) => printer.line(&Text::plain(preview.plan.digest().as_str())),
        None => match look.settled() {
            Some(plan) => printer.line(&Text::plain(plan.digest.as_str())),
            None => Err(Failure::error(format!("there is nothing to decide about {}", look.name))),
        },
    }
}

fn save(path: &Path, document: &Document<PlanView<'_>>) -> Outcome {
    let written = File::create(path)
        .and_then(|file| json::write(BufWriter::new(file), Machine::Json, document));
    written.map_err(|error| Failure::error(format!("failed to write {}: {error}", path.display())))
}
