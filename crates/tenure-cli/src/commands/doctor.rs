//! `doctor`: why a namespace hangs, or would, and whether Tenure itself is as it should be.
//!
//! Looking is all it does. Whoever asks sees with their own rights, and is told what they could not
//! see.

use futures::future::join_all;
use tenure_cluster::Cluster;
use tenure_core::doctor::{Severity, diagnose, examine_installation};

use crate::arguments::{AssumedArguments, DoctorArguments, GlobalArguments, target_of};
use crate::exit::{Failure, Outcome};
use crate::look::spinner;
use crate::printer::Printer;
use crate::session::Session;
use crate::text::Text;
use crate::view::doctor::{Diagnosis, NamespaceDiagnosis, TenureDiagnosis};
use crate::view::json::Document;

/// Namespaces that are looked at when none is named: each is as much work as one that is.
const MOST: usize = 20;

pub(crate) async fn run(
    arguments: &DoctorArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let machine = arguments.output.machine();
    printer.for_programs(machine);
    let DoctorArguments { target, namespace, .. } = arguments;
    let named = match (target, namespace) {
        (None, None) => None,
        (target, namespace) => Some(target_of(target.as_ref(), namespace.as_deref())?.name),
    };
    let session = Session::open(global).await?;
    let known = session.known(&AssumedArguments::default()).await;
    let cluster = session.cluster(&known);
    let diagnosis = match named {
        Some(name) => Diagnosis {
            namespaces: vec![Box::pin(one(&cluster, &name, printer)).await?],
            not_looked_at: Vec::new(),
            tenure: None,
        },
        None => everything(&cluster, printer).await?,
    };
    match machine {
        Some(machine) => printer.document(machine, &Document::of(&diagnosis))?,
        None => tell(&diagnosis, printer)?,
    }
    judge(&diagnosis)
}

async fn one(cluster: &Cluster, name: &str, printer: &Printer) -> Outcome<NamespaceDiagnosis> {
    let spinner = spinner(printer, &format!("looking into namespace {name}"));
    let drawn = spinner.clone();
    let examined = Box::pin(cluster.examine(name, move |seen| {
        drawn.set_message(format!(
            "{} of {} kinds, {} objects",
            seen.kinds_done, seen.kinds, seen.objects
        ));
    }));
    let examined = examined.await;
    spinner.finish_and_clear();
    let Some(facts) = examined? else {
        return Err(Failure::error(format!("namespace/{name} is not there")));
    };
    let findings = diagnose(&facts);
    Ok(NamespaceDiagnosis::of(&facts, &findings))
}

async fn everything(cluster: &Cluster, printer: &Printer) -> Outcome<Diagnosis> {
    let mut going = cluster.terminating().await?;
    let not_looked_at = going.split_off(going.len().min(MOST));
    let looks = going.iter().map(|name| Box::pin(one(cluster, name, printer)));
    let (namespaces, (facts, unseen)) =
        futures::join!(join_all(looks), Box::pin(cluster.examine_installation()));
    // One that went while it was looked at needs nobody any more.
    let namespaces = namespaces.into_iter().flatten().collect();
    let findings = examine_installation(&facts);
    let tenure = TenureDiagnosis::of(&facts, &findings, &unseen);
    Ok(Diagnosis { namespaces, not_looked_at, tenure: Some(tenure) })
}

fn tell(diagnosis: &Diagnosis, printer: &Printer) -> Outcome {
    if let (true, Some(_)) = (diagnosis.namespaces.is_empty(), &diagnosis.tenure) {
        printer.line(&Text::plain("no namespace is terminating"))?;
    }
    for tree in diagnosis.trees() {
        printer.raw(&tree.render())?;
    }
    if !diagnosis.not_looked_at.is_empty() {
        let names = diagnosis.not_looked_at.join(", ");
        printer.warn(format!("these are terminating too, and were not looked at: {names}"));
    }
    Ok(())
}

/// What holds something up is no success.
fn judge(diagnosis: &Diagnosis) -> Outcome {
    let blocking = diagnosis.findings().filter(|finding| finding.severity >= Severity::Likely);
    match blocking.count() {
        0 => Ok(()),
        1 => Err(Failure::refused("1 finding holds something up, or would")),
        more => Err(Failure::refused(format!("{more} findings hold something up, or would"))),
    }
}
