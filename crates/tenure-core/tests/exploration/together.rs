//! What people do beside Kargo, what others may do to a Namespace, and where Kargo and Tenure end
//! together.

use tenure_core::plan::Phase;
use tenure_core::trail::Event;
use tenure_core::{Cancel, Disposition};

use crate::admission::{Answer, By, Deletion, lets_namespace_go, lets_project_come};
use crate::cluster::Cluster;
use crate::controller::Seen;
use crate::kargo::{Kargo, Move};
use crate::model::{Config, State};
use crate::people::Deed;
use crate::properties::Rule;

/// How many requests Kargo may send until it rests.
const MOST_MOVES: usize = 24;

impl Config {
    /// Has a person do something.
    pub(crate) fn does(&self, deed: Deed, state: &mut State) -> Option<()> {
        if !self.beside_kargo() {
            return deed.on(&mut state.cluster);
        }
        match deed {
            Deed::DeleteProject => {
                let by_person = |deletion: &Deletion| !deletion.by_kargo && !deletion.given_up;
                (!state.deletions.iter().any(by_person)).then_some(())?;
                state.cluster.project.as_ref()?.deleting.is_none().then_some(())?;
                state.deletions.push(Deletion::of(&state.cluster, false)?);
                Some(())
            }
            Deed::RefuseDeletion => {
                let under_way = state.deletions.iter_mut().find(|deletion| !deletion.given_up)?;
                under_way.given_up = true;
                if under_way.by_kargo {
                    state.kargo.is_answered(false);
                }
                Some(())
            }
            Deed::DeleteNamespace => {
                lets_namespace_go(&state.cluster, self, By::Person).then_some(())?;
                judge_outsider(&mut state.cluster, self, By::Person);
                deed.on(&mut state.cluster)
            }
            Deed::CreateProject => {
                lets_project_come(&state.cluster, self).then_some(())?;
                deed.on(&mut state.cluster)
            }
            deed => deed.on(&mut state.cluster),
        }
    }
}

/// Lets Kargo do what it would, undisturbed and with fresh caches. Whether that changed anything.
pub(crate) fn kargo_goes_on(cluster: &mut Cluster, config: &Config) -> bool {
    let before = cluster.versions;
    let mut kargo = Kargo::caught_up(cluster);
    let mut deletions = Vec::new();
    for _ in 0..MOST_MOVES {
        if let Some(deletion) = deletions.pop() {
            match Deletion::go_on(deletion, cluster, config) {
                Answer::GoesOn(deletion) => deletions.push(deletion),
                Answer::Deleted => kargo.is_answered(true),
                Answer::Refused => kargo.is_answered(false),
            }
            continue;
        }
        let acts = [Move::Acts, Move::ActsOnNamespace];
        let mut can = acts.into_iter();
        if !can.any(|what| kargo.go_on(what, cluster, config, &mut deletions).is_some()) {
            break;
        }
    }
    cluster.versions != before
}

/// Judges a deletion of the Namespace that Tenure did not ask for, and that was let in as
/// everything stands.
pub(crate) fn judge_outsider(cluster: &mut Cluster, config: &Config, by: By) {
    // What is nobody's people may do with what they like. Kargo deletes nothing but what a plan that
    // is being carried out deletes.
    let standing = cluster.namespace.as_ref().is_some_and(|ns| ns.deleting.is_none());
    let unplanned = by == By::Kargo && standing && !goes_by_plan(cluster);
    cluster.past.broken.unless(!unplanned && !has_to_stay(cluster, config), Rule::Guarded);
}

fn goes_by_plan(cluster: &Cluster) -> bool {
    let mut seen = Seen { project: cluster.project.clone(), ..Seen::default() };
    seen.namespace.clone_from(&cluster.namespace);
    seen.read_for_outlook(cluster);
    let plan = seen.plan.as_ref().map(|plan| &plan.facts);
    plan.is_some_and(|plan| plan.has_begun() && plan.disposition == Disposition::Delete)
}

/// Whether something protects the Namespace from those who would delete it.
fn has_to_stay(cluster: &Cluster, config: &Config) -> bool {
    let Some(namespace) = cluster.namespace.as_ref().filter(|ns| ns.deleting.is_none()) else {
        return false;
    };
    let mut seen = Seen { project: cluster.project.clone(), ..Seen::default() };
    seen.namespace.clone_from(&cluster.namespace);
    seen.read_for_outlook(cluster);
    let Some(project) = seen.subject() else { return namespace.says.protects() };
    let recorded = namespace.is_of(project.uid);
    let its = recorded || (namespace.record.is_none() && namespace.labelled);
    let called_off = project.deleting.is_some()
        && (project.cancel
            || seen.plan.as_ref().is_some_and(|plan| {
                plan.project == project.uid && plan.facts.cancel == Cancel::Yes
            }));
    let confirmed = || {
        let given = &cluster.past.confirmed;
        project.confirm.iter().any(|digest| given.contains(digest))
            || seen.plan.as_ref().is_some_and(|plan| {
                plan.facts.approvals.iter().any(|approval| given.contains(&approval.digest))
            })
    };
    let unconfirmed = config.confirmed(cluster) && !confirmed();
    let says = namespace.says.protects() || (its && project.said().protects());
    says || (its && (!namespace.labelled || called_off || unconfirmed))
}

/// Whether everything is where it should be, as far as people let it.
pub(crate) fn ends_well(cluster: &Cluster, config: &Config) -> Result<(), &'static str> {
    let namespace = cluster.namespace.as_ref();
    let standing = namespace.filter(|ns| ns.deleting.is_none());
    if namespace.is_some() && standing.is_none() {
        return Err("the Namespace never goes");
    }
    if let Some(project) = &cluster.project {
        if project.deleting.is_some() {
            return Err("the Project hangs");
        }
        if project.stamp.is_some() {
            return Err("a stamp is left on a Project that lives");
        }
        let is_its = |plan: &crate::cluster::StoredPlan| plan.project == project.uid;
        let let_in = |plan: &crate::cluster::StoredPlan| {
            plan.recorded.as_ref().is_some_and(|recorded| recorded.deleting.is_some())
        };
        if cluster.plans.iter().any(|plan| !plan.ended() && (!is_its(plan) || let_in(plan))) {
            return Err("a plan is left that nobody carries out");
        }
        let Some(namespace) = standing else { return Err("the Project has no Namespace") };
        if namespace.is_of(project.uid) && namespace.leave {
            return Err("leave is left");
        }
        let unbound = project.bound.is_none_or(|bound| bound == namespace.uid);
        if namespace.labelled && namespace.record.is_none() && unbound {
            return Err("the Namespace has no record");
        }
        return Ok(());
    }
    let open = cluster.breaker.as_ref().is_some_and(|map| map.record.closed.is_none());
    let waits = cluster.plans.iter().find(|plan| !plan.ended());
    if let Some(plan) = waits {
        let held = plan.recorded.as_ref().is_some_and(|recorded| recorded.says.lien)
            || standing.is_some_and(|ns| ns.says.lien);
        let agreed = plan.facts.approvals.iter().any(|a| a.digest == plan.facts.digest)
            || plan
                .recorded
                .as_ref()
                .is_some_and(|r| r.confirm.as_ref() == Some(&plan.facts.digest));
        let asks =
            config.confirmed(cluster) && !agreed || config.approvals() > plan.facts.approvals.len();
        let waits = plan.facts.status.phase == Phase::Waiting;
        // What it may be deleted by is on it until then.
        return if waits && (held || open || asks) { Ok(()) } else { Err("a plan never ends") };
    }
    let Some(namespace) = standing else { return Ok(()) };
    if namespace.record.is_some() || namespace.leave {
        return Err("a record is left behind");
    }
    let had = cluster.past.had.iter().any(|(_, of)| *of == namespace.uid);
    if had && cluster.provided.inside.is_some() {
        return Err("access is left behind");
    }
    let let_in = cluster.past.let_in.and_then(|project| cluster.plan_of(project));
    let forgotten = let_in.is_some_and(|plan| {
        let called_off = |entry: &tenure_core::trail::Entry| entry.event == Event::Cancelled;
        plan.facts.disposition == Disposition::Delete
            && plan.facts.namespace_uid == crate::cluster::namespace_uid(namespace.uid)
            && !plan.facts.status.history.iter().any(called_off)
    });
    if forgotten { Err("what was decided never happens") } else { Ok(()) }
}
