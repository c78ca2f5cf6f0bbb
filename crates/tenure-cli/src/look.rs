//! What would become of one namespace: what was read, what is decided, and how sure that is.

use indicatif::{ProgressBar, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use kube::Api;
use tenure_api::{DeletionPlan, Project};
use tenure_cluster::{Cluster, Outlook, Progress, Supposed, World};
use tenure_core::contents::{Contents, MOST_TOLD};
use tenure_core::lifecycle::{Preview, preview};
use tenure_core::plan::{self, Plan, PlanDigest, PlanFacts, Requester};
use tenure_core::status::condition_type::{RECONCILING, STALLED};
use tenure_core::{Disposition, Mode, Observation, Settings, Source};

use crate::exit::{Failure, Outcome};
use crate::printer::Printer;
use crate::remedy;
use crate::session::{Known, Session, Who};
use crate::view::contents::many;

/// How often what is drawn moves.
const TICK: Duration = Duration::from_millis(100);

/// What whoever reads a plan that nobody heeds has to know.
const UNHEEDED: &str = "where no server of Tenure runs, Kargo deletes the namespace all the same, \
                        unless kargo.akuity.io/keep-namespace is \"true\"";

/// How much of the contents is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What matters most.
    Most,
    /// Everything.
    All,
}

/// What would become of one namespace.
pub(crate) struct Look {
    /// Name of the Project and its namespace.
    pub(crate) name: String,
    /// What was read.
    pub(crate) world: World,
    /// What would be decided; `None` if there is nothing to decide.
    pub(crate) preview: Option<Preview>,
    /// The plan of a Project that is being deleted, where nothing is left to decide: its namespace is
    /// gone or going. Not everybody may read it.
    past: Option<PlanFacts>,
    /// What is in a namespace that no Project has, where nothing is decided by it.
    pub(crate) alone: Option<Contents>,
    /// What it was decided by.
    pub(crate) known: Known,
    /// Why it is no more than advice.
    pub(crate) advisory: Vec<String>,
    /// What objects of each kind are called.
    pub(crate) kinds: BTreeMap<String, String>,
    /// When it was decided.
    pub(crate) at: Timestamp,
}

impl Look {
    /// Looks, without a write.
    pub(crate) async fn at(
        name: &str,
        session: &Session,
        known: &Known,
        who: &Who,
        extent: Extent,
        printer: &Printer,
    ) -> Outcome<Self> {
        let spinner = spinner(printer, &format!("looking into namespace {name}"));
        let most = if extent == Extent::All { usize::MAX } else { MOST_TOLD };
        let drawn = spinner.clone();
        let cluster = session.cluster(known).telling(most, move |seen| {
            drawn.set_message(looked_at(&seen));
        });
        let requester = Requester::of(&who.user, &known.settings.accounts);
        let looked = Box::pin(cluster.outlook(name, Some(requester), Duration::MAX)).await;
        let outlook = looked.inspect_err(|_| spinner.finish_and_clear())?;
        let (there, project) = (outlook.world.namespace(), outlook.world.project());
        let alone = match (project, there) {
            (None, Some(_)) if outlook.preview.is_none() => {
                Some(Box::pin(cluster.look_into(name, &BTreeSet::new())).await)
            }
            _ => None,
        };
        spinner.finish_and_clear();
        let looked = Box::pin(Self::of(name, outlook, alone.transpose()?, known, &cluster)).await?;
        Ok(match looked.world.project().filter(|_| looked.is_past()) {
            Some(project) => {
                let plans: Api<DeletionPlan> = Api::all(session.client().clone());
                let plan = plans.get_opt(&plan::name(name, &project.uid)).await.ok().flatten();
                Self { past: plan.and_then(|plan| plan.facts().ok()), ..looked }
            }
            None => looked,
        })
    }

    /// What would become of it if one of the objects said something else: nothing is written.
    pub(crate) async fn supposing(self, supposed: Supposed, session: &Session) -> Outcome<Self> {
        let Self { name, world, known, .. } = self;
        let cluster = session.cluster(&known);
        let outlook = cluster.suppose(world, supposed).await?;
        Box::pin(Self::of(&name, outlook, None, &known, &cluster)).await
    }

    async fn of(
        name: &str,
        outlook: Outlook,
        alone: Option<Contents>,
        known: &Known,
        cluster: &Cluster,
    ) -> Outcome<Self> {
        let Outlook { world, mut preview, .. } = outlook;
        if preview.is_some() && is_asked_for(&world) {
            preview = again(&world, &known.settings, cluster.now()).or(preview);
        }
        let mut advisory = known.advisory.clone();
        let decided = preview.as_ref().and_then(|preview| preview.plan.contents.as_deref());
        let contents = decided.or(alone.as_ref());
        advisory.extend(contents.and_then(blind));
        if preview.as_ref().is_some_and(|preview| is_unheeded(&preview.plan, known)) {
            advisory.push(UNHEEDED.to_owned());
        }
        // Only where something is told by kind; it was asked for then, and is remembered.
        let kinds = match contents {
            Some(_) => cluster.kind_names().await?,
            None => BTreeMap::new(),
        };
        let known = known.clone();
        let at = cluster.now();
        let (name, past) = (name.to_owned(), None);
        Ok(Self { name, world, preview, past, alone, known, advisory, kinds, at })
    }

    /// The plan of a Project that is gone, while it has yet to be carried out: beside Kargo, which
    /// lets go of Projects at once.
    pub(crate) fn outlived(&self) -> Option<&PlanFacts> {
        let beside_kargo = self.known.settings.mode == Mode::Companion;
        let plan = self.world.plan().filter(|_| beside_kargo && self.world.project().is_none())?;
        (!plan.status.phase.is_final()).then_some(plan)
    }

    /// Whether the Project is being deleted, and nothing is left to decide: its namespace is gone or
    /// going.
    pub(crate) fn is_past(&self) -> bool {
        let deleting = self.world.project().is_some_and(|project| project.deleting.is_some());
        deleting && self.preview.is_none()
    }

    /// The plan that is carried out, whatever the Project says now.
    pub(crate) fn settled(&self) -> Option<&PlanFacts> {
        self.outlived().or(self.past.as_ref())
    }

    /// The plan of a deletion that was asked for.
    pub(crate) fn under_way(&self) -> Option<&PlanFacts> {
        let own = || {
            let project = self.world.project().filter(|project| project.deleting.is_some())?;
            let plan = self.world.plan().filter(|plan| plan.project_uid == project.uid)?;
            (!plan.status.phase.is_final()).then_some(plan)
        };
        self.settled().or_else(own)
    }

    /// Whether somebody has confirmed that, on the Project or its plan.
    pub(crate) fn is_confirmed(&self, digest: &PlanDigest) -> bool {
        let on_project = self.world.project().and_then(|project| project.confirm.as_ref());
        let approvals = self.under_way().into_iter().flat_map(|plan| &plan.approvals);
        on_project == Some(digest) || approvals.into_iter().any(|a| a.digest == *digest)
    }

    /// What a namespace that is going waits for, by word and reason: its plan says so, or the
    /// Project.
    pub(crate) fn going_waits(&self) -> Vec<(String, String)> {
        let Some(namespace) = self.world.namespace().filter(|ns| ns.deleting.is_some()) else {
            return Vec::new();
        };
        let by_plan = self.settled().filter(|plan| plan.namespace_uid == namespace.uid);
        let by_plan = by_plan.map(|plan| plan.status.waiting.clone()).unwrap_or_default();
        if !by_plan.is_empty() {
            return by_plan;
        }
        let project = self.world.project();
        let conditions = project.iter().flat_map(|project| &project.conditions);
        let held = conditions.filter(|c| [STALLED, RECONCILING].contains(&&*c.kind) && c.status);
        held.map(|c| (c.reason.clone(), c.message.clone())).collect()
    }

    /// That nothing that is said now changes what becomes of the namespace, as it is gone or going
    /// while the Project goes.
    pub(crate) fn too_late(&self) -> Option<Failure> {
        let going = match self.world.namespace() {
            Some(namespace) if namespace.deleting.is_some() => true,
            None if self.is_past() => false,
            Some(_) | None => return None,
        };
        let plan = self.settled().map(|plan| plan.name.as_str());
        Some(remedy::too_late(&self.name, going, plan))
    }

    /// The Project is not there: because it is gone and its plan is not done, or never was.
    pub(crate) async fn no_project(&self, session: &Session) -> Failure {
        if let Some(plan) = self.outlived() {
            return Failure::refused(outlives(&self.name, plan))
                .next(format!("kubectl tenure plans {}", plan.name));
        }
        let failure = session.absent::<Project>(format!("project/{}", self.name)).await;
        if self.world.namespace().is_some() { alone(failure, &self.name) } else { failure }
    }

    /// As the lifecycle sees it.
    pub(crate) fn observe(&self) -> Observation<'_> {
        observe(&self.world, &self.known.settings)
    }

    /// Whether it is no more than advice.
    pub(crate) fn is_advisory(&self) -> bool {
        !self.advisory.is_empty()
    }

    /// What is in the namespace, as far as anybody looked.
    pub(crate) fn contents(&self) -> Option<&Contents> {
        let decided = self.preview.as_ref().and_then(|preview| preview.plan.contents.as_deref());
        decided.or(self.alone.as_ref())
    }
}

/// Adds that a namespace of that name stands, without a Project.
pub(crate) fn alone(failure: Failure, name: &str) -> Failure {
    let message = format!("{}; namespace/{name} stands without one", failure.message);
    Failure { message, ..failure }.next(format!("kubectl tenure plan namespace/{name}"))
}

/// Whether the deletion of the Project was asked for.
fn is_asked_for(world: &World) -> bool {
    world.project().is_none_or(|project| project.deleting.is_some())
}

/// As the lifecycle sees it: once a deletion was asked for, that was whoever the plan says, and not
/// who looks.
fn observe<'a>(world: &'a World, settings: &'a Settings) -> Observation<'a> {
    let mut seen = world.observe(settings, None);
    if is_asked_for(world) {
        seen.requester = None;
    }
    seen
}

/// What is decided by whoever asked. The contents that it takes were read.
fn again(world: &World, settings: &Settings, now: Timestamp) -> Option<Preview> {
    preview(&observe(world, settings), now).ok().flatten()
}

/// That a Project is gone, and its plan is not done.
pub(crate) fn outlives(name: &str, plan: &PlanFacts) -> String {
    format!("Project {name} is gone, and {}", how_far(plan))
}

/// How far a plan is, and what it waits for.
pub(crate) fn how_far(plan: &PlanFacts) -> String {
    let phase = plan.status.phase.as_str();
    let waiting: Vec<_> = plan.status.waiting.iter().map(|(source, _)| source.as_str()).collect();
    let waits = match waiting.as_slice() {
        [] => String::new(),
        sources => format!(", for {}", sources.join(", ")),
    };
    format!("deletionplan/{} is {phase}{waits}", plan.name)
}

/// Whether nobody would see to what is planned: where no server of Tenure runs, Kargo deletes the
/// namespace unless it is told to keep it in its own words.
pub(crate) fn is_unheeded(plan: &Plan, known: &Known) -> bool {
    let kargo_keeps = plan
        .claims
        .iter()
        .any(|claim| matches!(claim.source, Source::KeepOnProject | Source::KeepOnNamespace));
    known.published.is_none() && plan.disposition != Disposition::Delete && !kargo_keeps
}

/// What the person who asks may not see, and the server may: it then decides by more.
fn blind(contents: &Contents) -> Option<String> {
    let refused: Vec<_> = contents.unseen.iter().filter(|unseen| !unseen.temporary).collect();
    let first = refused.first()?;
    let more = match refused.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more kinds"),
    };
    Some(format!("{}{more} could not be seen by you, and the server may see them", first.kind))
}

/// How far a look into a namespace is.
pub(crate) fn looked_at(seen: &Progress) -> String {
    let Progress { kinds_done, kinds, objects } = seen;
    format!("{kinds_done} of {kinds} kinds, {}", many(*objects, "object"))
}

/// What is drawn while something is awaited, if it can be.
pub(crate) fn spinner(printer: &Printer, doing: &str) -> ProgressBar {
    if !printer.can_draw() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    // The template is a constant, and names only what there is.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(doing.to_owned());
    bar.enable_steady_tick(TICK);
    bar
}
