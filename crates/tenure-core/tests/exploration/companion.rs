//! What is different beside Kargo: what the controller knows, the steps that it takes, and what
//! is Kargo's.

use std::sync::Arc;

use tenure_core::plan::PlanFacts;
use tenure_core::{ProjectFacts, ResourceVersion, Step};

use crate::api_server::Request;
use crate::cluster::{Cluster, Project, READ, StoredPlan};
use crate::controller::Seen;
use crate::model::Config;
use crate::properties::Rule;

impl Seen {
    /// What the plan recorded of a Project whose deletion was let in.
    fn record(&self) -> Option<&Arc<Project>> {
        let recorded = self.plan.as_ref()?.recorded.as_ref()?;
        Some(recorded).filter(|recorded| recorded.deleting.is_some())
    }

    /// The same, as the lifecycle sees it.
    pub(crate) fn recorded(&self) -> Option<ProjectFacts> {
        self.record().map(|recorded| ProjectFacts { keeps: true, ..recorded.facts() })
    }

    /// The Project; or what is recorded of one that is gone while its plan is unfinished.
    pub(crate) fn subject(&self) -> Option<&Arc<Project>> {
        let unfinished = || self.plan.as_ref().is_some_and(|p| !p.facts.status.phase.is_final());
        self.project.as_ref().or_else(|| self.record().filter(|_| unfinished()))
    }

    /// Whether the plan records the Project as it was read.
    pub(crate) fn has_current_record(&self) -> bool {
        let recorded = self.plan.as_ref().and_then(|plan| plan.recorded.as_ref());
        let version = |project: &Arc<Project>| project.version;
        recorded.is_some_and(|recorded| {
            self.project.as_ref().is_none_or(|project| version(project) == version(recorded))
        })
    }

    /// Whether the Namespace has to be read again, now that the plan was.
    pub(crate) fn wants_namespace_again(&self, config: &Config) -> bool {
        let ended = |plan: &Arc<StoredPlan>| plan.facts.status.phase.is_final();
        !self.plan.as_ref().is_none_or(ended) && self.observe(config).wants_namespace_again()
    }

    /// The plan, as the lifecycle sees it.
    pub(crate) fn plan_facts(&self) -> Option<PlanFacts> {
        let stored = self.plan.as_ref()?;
        let mut facts = stored.facts.clone();
        if stored.recorded.is_some() && !self.has_current_record() {
            facts.project_version = ResourceVersion::new("of another time");
        }
        debug_assert!(stored.recorded.is_some() || facts.project_version.as_str() == READ);
        Some(facts)
    }
}

/// What is recorded of a Project, whose deletion was let in at that time, if it was.
pub(crate) fn recorded(project: &Project, let_in: Option<u8>) -> Arc<Project> {
    Arc::new(Project {
        deleting: project.deleting.or(let_in),
        says: project.said(),
        ours: 0,
        foreign: false,
        stamp: None,
        ..project.clone()
    })
}

impl Request<'_> {
    /// Takes a step that is taken beside Kargo alone.
    pub(crate) fn write_beside_kargo(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::StampProject(_) => self.stamp(),
            Step::WithdrawStamp => self.patch_project(true, |project| {
                project.says.keep = project.said().keep;
                project.stamp = None;
            }),
            Step::GiveLeave(_) => self.patch_namespace(true, |ns| ns.leave = true),
            Step::TakeLeave => {
                self.cluster.namespace.as_ref()?.leave.then_some(())?;
                self.patch_namespace(false, |ns| ns.leave = false)
            }
            Step::RecordProject => {
                let recorded = recorded(self.seen.project.as_ref()?, None);
                self.note_deletion();
                self.patch_plan(|stored| stored.recorded = Some(recorded))
            }
            other => unreachable!("{} is not in these lives", other.name()),
        }
    }

    /// Remembers the Project if it was seen to be deleted.
    pub(crate) fn note_deletion(&mut self) {
        let going = self.seen.project.as_ref().filter(|project| project.deleting.is_some());
        if let Some(project) = going.filter(|_| self.config.beside_kargo()) {
            self.cluster.past.let_in = Some(project.uid);
        }
    }

    /// Stamps the Project as it was read.
    pub(crate) fn stamp(&mut self) -> Option<()> {
        let now = self.cluster.now;
        self.patch_project(true, |project| {
            project.says.keep = true;
            project.stamp = Some(now);
        })
    }
}

/// The rule that a step breaks by what it is, beside Kargo.
pub(crate) fn trespasses(step: &Step, cluster: &Cluster, config: &Config) -> Option<Rule> {
    let held = cluster.project.as_ref().is_some_and(|project| {
        project.ours > 0 && cluster.namespace.as_ref().is_some_and(|ns| ns.is_of(project.uid))
    });
    let kargos = match step {
        Step::HoldProject
        | Step::LetGoOfProject
        | Step::DeleteProject(_)
        | Step::ReportStatus(_)
        | Step::CreateNamespace { .. }
        | Step::AddNamespaceFinalizer
        | Step::RemoveNamespaceFinalizer
        | Step::Provision(_)
        | Step::Repair(_) => true,
        Step::RecordNamespace { finalizer, .. } => finalizer.is_some(),
        Step::ReleaseNamespace(_) | Step::RemoveAccess(_) | Step::CleanWave(..) => held,
        _ => false,
    };
    (config.beside_kargo() && kargos).then_some(Rule::Kargos)
}
