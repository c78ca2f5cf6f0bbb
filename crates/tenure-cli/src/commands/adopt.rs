//! `adopt` and `release`: opening a namespace that stands for a Project, and taking exactly that
//! back.
//!
//! What is written holds for the version that was read and shown: if anything about the namespace
//! changes meanwhile, nothing is written.

use k8s_openapi::api::core::v1::{Namespace, ResourceQuota};
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use kube::{Api, ResourceExt as _};
use schemars::JsonSchema;
use serde::Serialize;
use tenure_api::namespace_facts;
use tenure_cluster::{Category, ObjectPatch, RequestError};
use tenure_core::contents::{Contents, MOST_TOLD, Manager, ManagerCount};
use tenure_core::{Ledger, NamespaceFacts, keys};

use super::say::sending;
use crate::arguments::{AdoptArguments, DryRun, GlobalArguments, HowArguments, ReleaseArguments};
use crate::dialog::{Wanted, ask, unless_interrupted};
use crate::exit::{Failure, Kind, Outcome};
use crate::look::{looked_at, spinner};
use crate::printer::Printer;
use crate::session::{Known, Session};
use crate::text::{BAD, FAINT, GOOD, STRONG, Text};
use crate::view::contents::{Told, many};
use crate::view::json::{Document, Says};
use crate::view::tree::Branch;

/// What was added to a namespace, or taken back.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adoption {
    /// The namespace.
    namespace: String,
    /// Its UID.
    uid: String,
    /// Adopted, Released, or Nothing in a dry run.
    done: &'static str,
    /// Labels and annotations, as key=value: added by adoption, and taken back by release.
    marks: Vec<String>,
    /// Who wrote nothing, where it is a dry run: None, Client or Server.
    dry_run: &'static str,
}

impl Says for Adoption {
    const KIND: &'static str = "Adoption";
}

/// A namespace, as it was read.
struct Read {
    object: PartialObjectMeta<Namespace>,
    facts: NamespaceFacts,
    /// Whether there is a Project of its name.
    project: bool,
}

pub(crate) async fn adopt(
    arguments: &AdoptArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let AdoptArguments { namespace: name, how } = arguments;
    printer.for_programs(how.write.output.machine());
    let (session, known, _) = Session::announced(global, printer).await?;
    let read = read(name, &session).await?;
    adoptable(name, &read, &known)?;
    let standing = standing(name, &session, &known, printer).await?;
    for line in standing.render().lines() {
        printer.tell_rendered(line);
    }
    let ledger = Ledger::for_whoever_comes().to_annotation();
    let marks = vec![
        format!("{}={}", keys::PROJECT_LABEL, keys::TRUE),
        format!("{}={ledger}", keys::LEDGER),
    ];
    tell_marks("adoption adds", &marks, printer);
    let question = Text::plain("Open namespace ")
        .with(STRONG, name)
        .and(" for a Project of that name? Nothing that is in it changes.");
    let patch = ObjectPatch::of(&read.object.metadata)
        .label(keys::PROJECT_LABEL, keys::TRUE)
        .annotate(&[(keys::LEDGER, &ledger)]);
    let change = Change { name, verb: "adopt", done: "Adopted", marks, how };
    change.make(&read, patch, &question, &session, printer).await
}

pub(crate) async fn release(
    arguments: &ReleaseArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    let ReleaseArguments { namespace: name, how } = arguments;
    printer.for_programs(how.write.output.machine());
    let session = Session::open(global).await?;
    session.announce(&session.who().await?, printer);
    let read = read(name, &session).await?;
    releasable(name, &read)?;
    let annotations = read.object.annotations();
    let label = read.object.labels().get(keys::PROJECT_LABEL);
    let marks: Vec<_> = label
        .iter()
        .map(|value| format!("{}={value}", keys::PROJECT_LABEL))
        .chain(annotations.get(keys::LEDGER).map(|value| format!("{}={value}", keys::LEDGER)))
        .collect();
    tell_marks("adoption added", &marks, printer);
    let question = Text::plain("Take exactly that off namespace ")
        .with(STRONG, name)
        .and("? Nothing that is in it changes.");
    let patch = ObjectPatch::of(&read.object.metadata)
        .at_this_version()
        .remove_label(keys::PROJECT_LABEL)
        .remove_annotation(keys::LEDGER);
    let change = Change { name, verb: "release", done: "Released", marks, how };
    change.make(&read, patch, &question, &session, printer).await
}

/// What is to be written.
struct Change<'a> {
    name: &'a str,
    verb: &'static str,
    done: &'static str,
    marks: Vec<String>,
    how: &'a HowArguments,
}

impl Change<'_> {
    async fn make(
        self,
        read: &Read,
        patch: ObjectPatch<'_>,
        question: &Text,
        session: &Session,
        printer: &mut Printer,
    ) -> Outcome {
        let Self { name, verb, done, marks, how } = self;
        let mut result = Adoption {
            namespace: name.to_owned(),
            uid: read.facts.uid.to_string(),
            done,
            marks,
            dry_run: how.write.dry_run.word(),
        };
        if how.write.dry_run == DryRun::Client {
            result.done = "Nothing";
            return result.tell(verb, how, printer);
        }
        if how.write.dry_run == DryRun::None && !how.yes {
            if !printer.can_ask() {
                let why = "nobody can be asked without a terminal; nothing was written";
                return Err(
                    Failure::declined(why).next(format!("kubectl tenure {verb} {name} --yes"))
                );
            }
            ask(question, &Wanted::Yes).await?;
        }
        let dry_run = how.write.dry_run == DryRun::Server;
        let namespaces: Api<Namespace> = Api::all(session.client().clone());
        let params = sending(how.write.dry_run);
        unless_interrupted(async {
            let written = namespaces.patch_metadata(name, &params, &patch.build()).await;
            written.map_err(|error| changed(verb, name, error))
        })
        .await?;
        if dry_run {
            result.done = "Nothing";
        }
        result.tell(verb, how, printer)
    }
}

impl Adoption {
    fn tell(self, verb: &str, how: &HowArguments, printer: &mut Printer) -> Outcome {
        if let Some(machine) = how.write.output.machine() {
            return printer.document(machine, &Document::of(self));
        }
        let object = Text::styled(GOOD, format!("namespace/{}", self.namespace));
        printer.line(&match (how.write.dry_run, verb) {
            (DryRun::Client, "adopt") => {
                object.and(": nothing was sent; it would be adopted (dry run)")
            }
            (DryRun::Client, _) => object.and(": nothing was sent; it would be released (dry run)"),
            (DryRun::Server, "adopt") => {
                object.and(": it would be accepted, and adopted (dry run)")
            }
            (DryRun::Server, _) => object.and(": it would be accepted, and released (dry run)"),
            (DryRun::None, "adopt") => object.and(": adopted; a Project of its name can move in"),
            (DryRun::None, _) => object.and(": released; what adoption had added is gone"),
        })
    }
}

async fn read(name: &str, session: &Session) -> Outcome<Read> {
    let namespaces: Api<Namespace> = Api::all(session.client().clone());
    let object = namespaces.get_metadata_opt(name).await;
    let object = object.map_err(|e| Failure::of_request(&format!("read namespace {name}"), &e))?;
    let object = object.ok_or_else(|| Failure::error(format!("namespace/{name} is not there")))?;
    // After the namespace: one that comes in between changes it, and so what is written.
    let project = session.project(name).await?.is_some();
    let facts = namespace_facts(&object.metadata)
        .map_err(|error| Failure::error(format!("failed to read namespace {name}: {error}")))?;
    Ok(Read { object, facts, project })
}

/// What may be opened for a Project.
fn adoptable(name: &str, read: &Read, known: &Known) -> Outcome {
    let refused = |why: String| Err(Failure::refused(format!("namespace/{name} {why}")));
    let facts = &read.facts;
    if known.settings.is_system(name) {
        return refused("belongs to the cluster, to Kargo or to Tenure".to_owned());
    }
    if let Some(since) = facts.deleting {
        return refused(format!("is terminating, since {since}"));
    }
    if let Some(uid) = &facts.project_uid {
        return refused(format!("is a Project's already: its record names the UID {uid}"));
    }
    match &facts.ledger {
        Some(Ok(ledger)) if ledger.opened() && facts.labelled => {
            refused("was adopted already; a Project of its name can move in".to_owned())
        }
        Some(_) => refused(format!(
            "has a record that cannot be read, or is not whole; see its annotation {}",
            keys::LEDGER
        )),
        None if facts.labelled => refused(format!(
            "carries {}={} already, which stays when a Project leaves; a Project of its name can \
             move in",
            keys::PROJECT_LABEL,
            keys::TRUE
        )),
        None => Ok(()),
    }
}

/// What may be taken back.
fn releasable(name: &str, read: &Read) -> Outcome {
    if read.project {
        let why = format!("project/{name} lives in it, or is about to");
        return Err(Failure::refused(why)
            .next(format!("kubectl tenure delete project/{name} --disposition retain")));
    }
    if let Some(uid) = &read.facts.project_uid {
        let why = format!(
            "namespace/{name} is recorded as that of a Project with UID {uid}, which is gone; \
             Tenure's server releases it, with the access that it gave"
        );
        return Err(Failure::refused(why).next("kubectl tenure doctor"));
    }
    match &read.facts.ledger {
        Some(Ok(ledger)) if ledger.opened() => Ok(()),
        Some(_) => Err(Failure::refused(format!(
            "the record of namespace/{name} cannot be read; see its annotation {}",
            keys::LEDGER
        ))),
        None if read.facts.labelled => {
            let why = format!("the label of namespace/{name} did not come by adoption, and stays");
            Err(Failure::refused(why)
                .next(format!("kubectl label namespace {name} {}-", keys::PROJECT_LABEL)))
        }
        None => Err(Failure::refused(format!("nothing was added to namespace/{name}"))),
    }
}

/// What stands in the namespace: whose it is, and what limits it.
async fn standing(
    name: &str,
    session: &Session,
    known: &Known,
    printer: &Printer,
) -> Outcome<Branch> {
    let spinner = spinner(printer, &format!("looking into namespace {name}"));
    let cluster = session.cluster(known).telling(MOST_TOLD, |_| {});
    let drawn = spinner.clone();
    let nobody = std::collections::BTreeSet::new();
    let contents = cluster
        .read_contents(name, &nobody, move |seen| {
            drawn.set_message(looked_at(&seen));
        })
        .await;
    spinner.finish_and_clear();
    let contents = contents?;
    let kinds = cluster.kind_names().await?;
    let quotas = quotas(name, session).await;
    let mut tree = Branch::new(Text::styled(STRONG, format!("namespace/{name}")));
    tree.push(deployers(&contents));
    tree.push(quotas);
    let foreign = |manager: &Manager| manager.tool.deploys();
    let told = Told { contents: &contents, kinds: &kinds, foreign: &foreign, full: false };
    tree.push_unless_bare(Told::spared(&contents.losses.iter().collect::<Vec<_>>()));
    tree.push_unless_bare(told.unseen());
    tree.push(told.objects());
    Ok(tree)
}

fn deployers(contents: &Contents) -> Branch {
    if contents.managers.is_empty() {
        return Branch::new(Text::plain("nobody who can be told by marks deploys into it"));
    }
    let mut branch = Branch::new(Text::plain("who deploys into it"));
    for ManagerCount { manager, objects } in &contents.managers {
        branch.push(format!("{manager}: {}", many(*objects, "object")));
    }
    branch
}

/// What could not be read is told as that.
async fn quotas(name: &str, session: &Session) -> Branch {
    let api: Api<ResourceQuota> = Api::namespaced(session.client().clone(), name);
    let listed = match api.list(&ListParams::default()).await {
        Ok(listed) => listed.items,
        Err(error) => {
            let failure = Failure::of_request("list its quotas", &error);
            return Branch::new(Text::styled(BAD, failure.message));
        }
    };
    if listed.is_empty() {
        return Branch::new(Text::plain("no ResourceQuota limits it"));
    }
    let mut branch = Branch::new(Text::plain("quotas"));
    for quota in listed {
        let hard = quota.spec.iter().flat_map(|spec| spec.hard.iter().flatten());
        let hard: Vec<_> = hard.map(|(what, most)| format!("{what}={}", most.0)).collect();
        branch.push(format!("{}: {}", quota.name_any(), hard.join(", ")));
    }
    branch
}

fn tell_marks(what: &str, marks: &[String], printer: &Printer) {
    printer.tell(&Text::plain(format!("{what}:")));
    for mark in marks {
        printer.tell(&Text::styled(FAINT, "  ").and(mark));
    }
}

fn changed(verb: &str, name: &str, error: kube::Error) -> Failure {
    let error = RequestError::new(format!("{verb} namespace {name}"), error);
    if error.category() == Category::Conflict {
        let why = format!("namespace/{name} changed meanwhile; nothing was written");
        return Failure::new(Kind::PlanChanged, why).next(format!("kubectl tenure {verb} {name}"));
    }
    error.into()
}
