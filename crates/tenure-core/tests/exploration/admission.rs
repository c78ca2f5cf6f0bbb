//! What the API server asks Tenure before it deletes a Project or a Namespace, beside Kargo.
//!
//! The deletion of a Project is a sequence of requests, between which anything may happen: the
//! API server reads the Project and asks; Tenure reads, writes the plan and stamps the Project; and
//! what has changed by then is read, and asked about, anew. That of a Namespace is asked about in
//! one look: what it reads, it reads at one moment, and the Namespace goes only as it was then.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use tenure_core::lifecycle::{preview, reopened, still_let};
use tenure_core::plan::Plan;
use tenure_core::{Disposition, Gate, NotOwned, Source, Tenancy, tenancy};

use crate::api_server::{Extent, Request};
use crate::cluster::{Cluster, Namespace, StoredPlan, Version, time};
use crate::controller::Seen;
use crate::model::Config;

/// A request to delete a Project that is on its way.
#[derive(Clone, Debug)]
pub(crate) struct Deletion {
    /// Whether Kargo waits for it.
    pub(crate) by_kargo: bool,
    /// Whether the API server has given it up. Who was asked may go on all the same.
    pub(crate) given_up: bool,
    /// The Project as the API server holds it.
    holds: (u8, Version),
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Asked,
    Halfway(Option<Arc<Namespace>>),
    /// It records what is decided, to let the deletion in, or to refuse it until people agree.
    Records {
        seen: Box<Seen>,
        plan: Arc<Plan>,
        lets_in: bool,
    },
    Reopens {
        seen: Box<Seen>,
        lets_in: bool,
    },
    Stamps(Box<Seen>),
    LetIn,
}

/// What becomes of the request.
pub(crate) enum Answer {
    GoesOn(Deletion),
    /// The Project is being deleted, or gone.
    Deleted,
    Refused,
}

impl Deletion {
    /// Somebody asks for the deletion; `None` if there is no Project.
    pub(crate) fn of(cluster: &Cluster, by_kargo: bool) -> Option<Self> {
        let project = cluster.project.as_ref()?;
        let holds = (project.uid, project.version);
        Some(Self { by_kargo, given_up: false, holds, stage: Stage::Asked })
    }

    pub(crate) fn hash_in<H: Hasher>(&self, cluster: &Cluster, state: &mut H) {
        (self.by_kargo, self.given_up, self.holds.0, self.holds_current(cluster)).hash(state);
        std::mem::discriminant(&self.stage).hash(state);
        match &self.stage {
            Stage::Asked | Stage::LetIn => {}
            Stage::Halfway(namespace) => {
                namespace.hash(state);
                let version = |ns: &Arc<Namespace>| ns.version;
                let same =
                    namespace.as_ref().map(version) == cluster.namespace.as_ref().map(version);
                same.hash(state);
            }
            Stage::Records { seen, plan, lets_in } => {
                seen.hash_in(cluster, state);
                (plan.digest(), lets_in).hash(state);
            }
            Stage::Reopens { seen, lets_in } => {
                seen.hash_in(cluster, state);
                lets_in.hash(state);
            }
            Stage::Stamps(seen) => seen.hash_in(cluster, state),
        }
    }

    fn holds_current(&self, cluster: &Cluster) -> bool {
        let project = cluster.project.as_ref();
        project.is_some_and(|project| (project.uid, project.version) == self.holds)
    }

    /// What the request is at, in a word.
    pub(crate) fn tell(&self) -> &'static str {
        match &self.stage {
            Stage::Asked => "reads Namespace",
            Stage::Halfway(_) => "reads Project and judges",
            Stage::Records { .. } => "records",
            Stage::Reopens { .. } => "reopens",
            Stage::Stamps(_) => "stamps",
            Stage::LetIn => "is let in",
        }
    }

    fn at(mut self, stage: Stage) -> Answer {
        self.stage = stage;
        Answer::GoesOn(self)
    }

    /// The next of its requests.
    pub(crate) fn go_on(mut self, cluster: &mut Cluster, config: &Config) -> Answer {
        match std::mem::replace(&mut self.stage, Stage::Asked) {
            Stage::Asked => self.at(Stage::Halfway(cluster.namespace.clone())),
            Stage::Halfway(namespace) => self.judge(namespace, cluster, config),
            Stage::Records { seen, plan, lets_in } => {
                let ended = ended(&seen, &plan);
                let let_in = (config.records_let_in)(lets_in).then_some(cluster.now);
                match request(*seen, cluster, config, |r| r.record_plan(&plan, let_in)) {
                    None => Answer::Refused,
                    Some(seen) if ended => self.at(Stage::Reopens { seen, lets_in }),
                    Some(seen) => self.recorded(seen, lets_in),
                }
            }
            Stage::Reopens { seen, lets_in } => {
                let Some(plan) = &seen.plan else { return Answer::Refused };
                let status = reopened(&plan.facts, time(cluster.now));
                match request(*seen, cluster, config, |r| r.advance_plan(&status)) {
                    None => Answer::Refused,
                    Some(seen) => self.recorded(seen, lets_in),
                }
            }
            Stage::Stamps(_) if !config.stamps => self.at(Stage::LetIn),
            Stage::Stamps(seen) => match request(*seen, cluster, config, |r| r.stamp()) {
                // Somebody else wrote to it; what it says now is decided by anew.
                None => self.at(Stage::Asked),
                Some(_) => self.at(Stage::LetIn),
            },
            Stage::LetIn if self.given_up => Answer::Refused,
            Stage::LetIn if self.holds_current(cluster) => {
                let project = cluster.project.as_ref();
                cluster.past.let_in = project.map(|project| project.uid);
                cluster.past.called_off =
                    project.filter(|project| project.cancel).map(|project| project.uid);
                cluster.delete_project();
                Answer::Deleted
            }
            Stage::LetIn => match Self::of(cluster, self.by_kargo) {
                None => Answer::Deleted,
                Some(anew) => Answer::GoesOn(anew),
            },
        }
    }

    fn recorded(self, seen: Box<Seen>, lets_in: bool) -> Answer {
        let keeps = seen.project.as_ref().is_some_and(|project| project.says.keep);
        match (lets_in, keeps) {
            (false, _) => Answer::Refused,
            (true, false) => self.at(Stage::Stamps(seen)),
            (true, true) => self.at(Stage::LetIn),
        }
    }

    fn judge(
        self,
        namespace: Option<Arc<Namespace>>,
        cluster: &Cluster,
        config: &Config,
    ) -> Answer {
        let mut seen = Seen { namespace, project: cluster.project.clone(), ..Seen::default() };
        if seen.saw_nothing() {
            seen.namespace.clone_from(&cluster.namespace);
        }
        seen.read_for_outlook(cluster);
        match seen.project.as_ref() {
            Some(project) if project.uid == self.holds.0 => {
                if project.deleting.is_some() {
                    return self.at(Stage::LetIn);
                }
                let former = project.restored_from;
                if former.is_some_and(|former| cluster.to_be_made_anew(former)) {
                    return Answer::Refused;
                }
            }
            _ => return Answer::Refused,
        }
        let observed = seen.observe(config);
        let decided = preview(&observed, time(cluster.now)).expect("contents were looked at");
        let Some(decided) = decided else { return self.recorded(Box::new(seen), true) };
        let interrupted = seen
            .breaker
            .as_ref()
            .is_some_and(|map| map.record.closed.is_none() && map.record.asked_by.is_none());
        let holds = |gate: &&Gate| match gate.source {
            Source::Grace => false,
            Source::Breaker => interrupted,
            _ => true,
        };
        let gates: Vec<_> = decided.gates.iter().filter(holds).collect();
        let asks = |gate: &&Gate| matches!(gate.source, Source::Confirmation | Source::Approvals);
        if !gates.is_empty() && !gates.iter().any(asks) {
            return Answer::Refused;
        }
        let (plan, lets_in) = (decided.plan, gates.is_empty());
        let ended = ended(&seen, &plan);
        let stands = (config.is_recorded)(&observed, &plan, lets_in);
        drop(observed);
        let seen = Box::new(seen);
        match (stands, ended) {
            (true, true) => self.at(Stage::Reopens { seen, lets_in }),
            (true, false) => self.recorded(seen, lets_in),
            (false, _) => self.at(Stage::Records { seen, plan: Arc::new(plan), lets_in }),
        }
    }
}

/// The stored plan of the Project that the plan is of.
fn own<'s>(seen: &'s Seen, plan: &Plan) -> Option<&'s Arc<StoredPlan>> {
    seen.plan.as_ref().filter(|stored| stored.facts.project_uid == plan.project_uid)
}

fn ended(seen: &Seen, plan: &Plan) -> bool {
    own(seen, plan).is_some_and(|stored| stored.facts.status.phase.is_final())
}

/// Sends one request of Tenure's.
fn request(
    seen: Seen,
    cluster: &mut Cluster,
    config: &Config,
    write: impl FnOnce(&mut Request<'_>) -> Option<()>,
) -> Option<Box<Seen>> {
    let mut request = Request { seen, cluster, config, extent: Extent::Whole };
    write(&mut request)?;
    Some(Box::new(request.seen))
}

/// Who would have a Namespace deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Tenure,
    Kargo,
    Person,
}

/// Whether a Project may come now: nobody moves in where somebody was at home until a moment ago.
pub(crate) fn lets_project_come(cluster: &Cluster, config: &Config) -> bool {
    let Some(namespace) = &cluster.namespace else { return true };
    let mut seen = read_for_guard(cluster);
    seen.read_the_rest(cluster);
    let free =
        still_let(&seen.observe(config)).expect("beside Kargo nothing is looked at").is_none();
    free && namespace.labelled && namespace.deleting.is_none()
}

/// Whether the API server lets a deletion of the Namespace pass, as everything stands: by the
/// rules that it knows itself, and by Tenure's word.
pub(crate) fn lets_namespace_go(cluster: &Cluster, config: &Config, by: By) -> bool {
    let Some(namespace) = &cluster.namespace else { return true };
    if namespace.deleting.is_some() || !config.guarded {
        return true;
    }
    if namespace.says.protects() || (by == By::Kargo && !namespace.labelled) {
        return false;
    }
    let is_asked = namespace.labelled || namespace.record.is_some();
    !is_asked || (config.guard)(cluster, config, by)
}

fn read_for_guard(cluster: &Cluster) -> Seen {
    Seen {
        namespace: cluster.namespace.clone(),
        project: cluster.project.clone(),
        as_of: cluster.now,
        ..Seen::default()
    }
}

/// What the webhook says that guards Namespaces.
pub(crate) fn guard(cluster: &Cluster, config: &Config, by: By) -> bool {
    let mut seen = read_for_guard(cluster);
    seen.read_the_rest(cluster);
    if is_carried_out(&seen, config) || by == By::Kargo {
        return is_carried_out(&seen, config);
    }
    let mut seen = read_for_guard(cluster);
    seen.read_for_outlook(cluster);
    let seen = seen.observe(config);
    let (Some(project), Some(namespace)) = (seen.subject(), &seen.namespace) else { return true };
    let anothers = match tenancy(project, namespace) {
        Tenancy::NotOwned(NotOwned::Unlabelled { recorded }) => !recorded,
        Tenancy::NotOwned(NotOwned::OtherProject(other)) => {
            project.restored_from.as_ref() != Some(&other)
        }
        _ => false,
    };
    let decided = preview(&seen, time(cluster.now)).expect("contents were looked at");
    let called_off = seen.is_called_off(project);
    anothers
        || decided.is_none_or(|decided| {
            let deletes = decided.plan.disposition == Disposition::Delete;
            deletes && decided.gates.is_empty() && !called_off
        })
}

fn is_carried_out(seen: &Seen, config: &Config) -> bool {
    let seen = seen.observe(config);
    let (Some(project), Some(namespace)) = (seen.subject(), &seen.namespace) else { return false };
    let begun = seen.plan.as_ref().is_some_and(|plan| {
        plan.project_uid == project.uid
            && plan.namespace_uid == namespace.uid
            && plan.disposition == Disposition::Delete
            && plan.has_begun()
    });
    let said = seen.decide(project);
    begun && said.claims.is_empty() && said.gates.is_empty() && !seen.is_called_off(project)
}
