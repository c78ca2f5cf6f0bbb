//! What people do, each a number of times in a run.

use std::sync::Arc;

use tenure_core::plan::{Approval, PlanDigest};
use tenure_core::{Cancel as Called, Origin};

use crate::cluster::{Cluster, Namespace, Project, Record};

/// Something that a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    KeepProject,
    UnkeepProject,
    KeepNamespace,
    UnkeepNamespace,
    LienOnProject,
    UnlienProject,
    LienOnNamespace,
    UnlienNamespace,
    WishCleanOnProject,
    UnwishCleanOnProject,
    Unlabel,
    /// Confirms the plan as it is shown.
    Confirm,
    /// Confirms what is shown as the alternative.
    ConfirmAlternative,
    /// Puts the first digest that was ever confirmed on the Project that is there now.
    Replay,
    Approve,
    Cancel,
    /// Calls a deletion off that nobody asked for yet, or that is on its way.
    CancelAhead,
    Uncancel,
    /// Calls the deletion off on the plan, where the Project may be gone.
    CancelPlan,
    DeleteProject,
    /// The same, while nobody asks Tenure.
    DeleteProjectUnasked,
    /// Somebody else refuses a deletion that is under way, or the API server gives it up.
    RefuseDeletion,
    CreateProject,
    /// Asks for a Project where there is neither: admission makes its Namespace.
    AskForProject,
    /// The Project that was asked for is stored. (That may as well never be.)
    StoreProject,
    DeleteNamespace,
    /// The same, going around whoever would refuse it.
    ForceDeleteNamespace,
    /// Creates it anew, with the label and the annotations of the one before.
    CopyNamespace,
    /// Takes our finalizer off the Project.
    StripFinalizer,
    CloseBreaker,
}

impl Deed {
    /// Does it; `None` where it cannot be done, or changes nothing.
    pub(crate) fn on(self, cluster: &mut Cluster) -> Option<()> {
        match self {
            Self::KeepProject => say_project(cluster, |p| set(&mut p.says.keep, true)),
            Self::UnkeepProject => say_project(cluster, |p| set(&mut p.says.keep, false)),
            Self::LienOnProject => say_project(cluster, |p| set(&mut p.says.lien, true)),
            Self::UnlienProject => say_project(cluster, |p| set(&mut p.says.lien, false)),
            Self::KeepNamespace => say(cluster, |ns| set(&mut ns.says.keep, true)),
            Self::UnkeepNamespace => say(cluster, |ns| set(&mut ns.says.keep, false)),
            Self::LienOnNamespace => say(cluster, |ns| set(&mut ns.says.lien, true)),
            Self::UnlienNamespace => say(cluster, |ns| set(&mut ns.says.lien, false)),
            Self::WishCleanOnProject => say_project(cluster, |p| set(&mut p.says.clean, true)),
            Self::UnwishCleanOnProject => say_project(cluster, |p| set(&mut p.says.clean, false)),
            Self::Unlabel => say(cluster, |ns| set(&mut ns.labelled, false)),
            Self::Confirm => {
                let digest = shown(cluster)?;
                cluster.past.confirmed.insert(digest.clone());
                confirm(cluster, digest)
            }
            Self::ConfirmAlternative => {
                let of = cluster.project.as_ref()?.uid;
                let digest = cluster.plan_of(of)?.alternative.clone()?;
                cluster.past.confirmed.insert(digest.clone());
                confirm(cluster, digest)
            }
            Self::Replay => {
                let digest = cluster.past.confirmed.first()?.clone();
                confirm(cluster, digest)
            }
            Self::Approve => approve(cluster),
            Self::Cancel => {
                cluster.project.as_ref()?.deleting?;
                say_project(cluster, |p| set(&mut p.cancel, true))
            }
            Self::CancelAhead => {
                cluster.project.as_ref()?.deleting.is_none().then_some(())?;
                say_project(cluster, |p| set(&mut p.cancel, true))
            }
            Self::CancelPlan => {
                let of = cluster.unfinished()?;
                let plan = cluster.plan_of(of)?;
                let under_way = plan.facts.cancel == Called::No && plan.recorded.is_some();
                under_way.then_some(())?;
                cluster.on_plan(of, |plan| plan.facts.cancel = Called::Yes);
                Some(())
            }
            Self::Uncancel => say_project(cluster, |p| set(&mut p.cancel, false)),
            Self::CloseBreaker => {
                let map = cluster.breaker.as_ref().filter(|map| map.record.closed.is_none())?;
                let mut map = (**map).clone();
                map.record.asked_by = Some("anna".to_owned());
                map.version = cluster.next_version();
                cluster.breaker = Some(Arc::new(map));
                Some(())
            }
            come_or_go => come_or_go.come_or_go(cluster),
        }
    }

    fn come_or_go(self, cluster: &mut Cluster) -> Option<()> {
        match self {
            Self::DeleteProject | Self::DeleteProjectUnasked => {
                cluster.project.as_ref()?.deleting.is_none().then_some(())?;
                cluster.delete_project();
            }
            Self::CreateProject => {
                cluster.project.is_none().then_some(())?;
                create_project(cluster);
            }
            Self::AskForProject => {
                (cluster.project.is_none() && cluster.namespace.is_none()).then_some(())?;
                admit_project(cluster);
            }
            Self::StoreProject => {
                // Those who are asked as well do not take for ever.
                let soon = cluster.namespace.as_ref().is_none_or(|ns| ns.created == cluster.now);
                (cluster.project.is_none() && soon).then_some(())?;
                let uid = cluster.admitted.take()?;
                let (version, created) = (cluster.next_version(), cluster.now);
                // Admission has put the finalizer on it.
                let project = Project { uid, version, created, ours: 1, ..Project::default() };
                cluster.project = Some(Arc::new(project));
            }
            Self::DeleteNamespace | Self::ForceDeleteNamespace => {
                cluster.namespace.as_ref()?.deleting.is_none().then_some(())?;
                cluster.delete_namespace();
            }
            Self::CopyNamespace => {
                cluster.namespace.is_none().then_some(())?;
                create_namespace(cluster);
            }
            Self::StripFinalizer => {
                (cluster.project.as_ref()?.ours > 0).then_some(())?;
                cluster.on_project(|project| project.ours = 0);
            }
            _ => return None,
        }
        Some(())
    }
}

fn set(what: &mut bool, to: bool) -> bool {
    std::mem::replace(what, to) != to
}

fn say_project(cluster: &mut Cluster, change: impl Fn(&mut Project) -> bool) -> Option<()> {
    let mut copy = (**cluster.project.as_ref()?).clone();
    change(&mut copy).then_some(())?;
    cluster.on_project(|project| {
        change(project);
    });
    Some(())
}

fn say(cluster: &mut Cluster, change: impl Fn(&mut Namespace) -> bool) -> Option<()> {
    let mut copy = (**cluster.namespace.as_ref()?).clone();
    change(&mut copy).then_some(())?;
    cluster.on_namespace(|namespace| {
        change(namespace);
    });
    Some(())
}

/// The Project whose plan people look at: beside Kargo it may be gone.
fn planned(cluster: &Cluster) -> Option<u8> {
    let recorded = || {
        let of = cluster.unfinished()?;
        cluster.plan_of(of)?.recorded.as_ref().map(|_| of)
    };
    cluster.project.as_ref().map(|project| project.uid).or_else(recorded)
}

/// The digest that the plan of the Project shows.
fn shown(cluster: &Cluster) -> Option<PlanDigest> {
    let of = planned(cluster)?;
    cluster.plan_of(of).map(|plan| plan.facts.digest.clone())
}

fn confirm(cluster: &mut Cluster, digest: PlanDigest) -> Option<()> {
    (cluster.project.as_ref()?.confirm.as_ref() != Some(&digest)).then_some(())?;
    cluster.on_project(|project| project.confirm = Some(digest));
    Some(())
}

fn approve(cluster: &mut Cluster) -> Option<()> {
    let of = planned(cluster)?;
    let digest = shown(cluster)?;
    cluster.past.confirmed.insert(digest.clone());
    cluster.on_plan(of, |plan| {
        let user = format!("user-{}", plan.facts.approvals.len());
        plan.facts.approvals.push(Approval { user, groups: Vec::new(), digest });
    });
    Some(())
}

pub(crate) fn create_project(cluster: &mut Cluster) {
    cluster.projects += 1;
    let (uid, created) = (cluster.projects, cluster.now);
    let version = cluster.next_version();
    cluster.project = Some(Arc::new(Project { uid, version, created, ..Project::default() }));
}

/// Makes the Namespace of a Project that is being created, recorded as its own.
fn admit_project(cluster: &mut Cluster) {
    cluster.projects += 1;
    cluster.namespaces += 1;
    let (project, namespace) = (cluster.projects, cluster.namespaces);
    cluster.admitted = Some(project);
    let home = Namespace {
        uid: namespace,
        version: cluster.next_version(),
        created: cluster.now,
        ours: 1,
        labelled: true,
        by_controller: true,
        record: Some(Record { project, origin: Origin::Created, label: true, on: None }),
        ..Namespace::default()
    };
    cluster.namespace = Some(Arc::new(home));
    cluster.past.had.push((project, namespace));
}

/// Creates the Namespace with the label, as an invitation, and with what an earlier one said.
pub(crate) fn create_namespace(cluster: &mut Cluster) {
    cluster.namespaces += 1;
    let namespace = Namespace {
        uid: cluster.namespaces,
        version: cluster.next_version(),
        created: cluster.now,
        labelled: true,
        record: cluster.past.record.clone(),
        other: true,
        ..Namespace::default()
    };
    cluster.namespace = Some(Arc::new(namespace));
}
