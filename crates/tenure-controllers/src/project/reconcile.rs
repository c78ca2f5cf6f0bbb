//! One pass for one Project: observe, ask the lifecycle, carry out, until there is nothing to do.
//!
//! What the watches know decides only whether to look; everything else is read, uncached. A step
//! that destroys or gives up something is taken only on what was read since the last write.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tenure_cluster::{Category, Cluster, Notice, NoticeKind, RequestError};
use tenure_core::lifecycle::{Trouble, Wait};
use tenure_core::{Decision, Disposition, ProjectFacts, Step, next_step};

use crate::{Metrics, Verdict};

/// Requests for one Project in one pass; more mean that it does not converge.
const MOST_STEPS: usize = 40;
/// How often everything is looked at, if nothing wakes it before: Kargo's interval.
const RESYNC: Duration = Duration::from_mins(5);

/// Does what is to be done for a Project.
#[derive(Clone)]
pub struct Reconciler {
    cluster: Cluster,
    metrics: Metrics,
}

impl Reconciler {
    /// Works on that cluster.
    pub fn new(cluster: Cluster, metrics: Metrics) -> Self {
        Self { cluster, metrics }
    }

    /// Does what is to be done for the Project of that name, and says when to look again.
    pub async fn reconcile(&self, name: &str) -> Verdict {
        let known = self.cluster.store().observe(name, self.cluster.settings());
        match next_step(&known, Timestamp::now()) {
            Step::Done => after_done(known.project.as_ref()),
            Step::Wait(wait) => rest(&wait),
            _ => self.look(name).await,
        }
    }

    /// Does what is to be done, by what is read uncached, whatever the watches know.
    pub async fn look(&self, name: &str) -> Verdict {
        let start = Instant::now();
        let verdict = match self.pass(name).await {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::debug!(project = name, %error, "will try again");
                Verdict::Retry
            }
        };
        self.metrics.seconds(start.elapsed().as_secs_f64());
        verdict
    }

    async fn pass(&self, name: &str) -> Result<Verdict, RequestError> {
        let mut trouble: Option<Trouble> = None;
        let mut world = self.cluster.gather(name).await?;
        for _ in 0..MOST_STEPS {
            let seen = world.observe(self.cluster.settings(), trouble.clone());
            let step = next_step(&seen, Timestamp::now());
            let decision = seen.project.as_ref().map(|project| seen.decide(project));
            drop(seen);
            match &step {
                Step::Done => return Ok(after_done(world.project())),
                Step::Wait(Wait::Retry) => return Ok(Verdict::Retry),
                Step::Wait(wait) => return Ok(rest(wait)),
                step if step.wants_fresh_reads() && !world.is_fresh() => {
                    world = self.cluster.gather_again(world).await?;
                    continue;
                }
                _ => {}
            }
            let about = world.project().cloned();
            self.announce(name, about.as_ref(), decision.as_ref(), &step).await;
            self.metrics.step(step.name());
            match self.cluster.execute(&step, &mut world).await {
                Ok(()) => self.tell(name, about.as_ref(), decision.as_ref(), &step).await,
                Err(error) => {
                    let category = error.category();
                    self.metrics.failure(step.name(), category.as_str());
                    if category != Category::Refused || trouble.is_some() {
                        return Err(error);
                    }
                    tracing::warn!(project = name, step = step.name(), %error, "refused");
                    trouble = Some(Trouble { kind: step.trouble_kind(), what: error.to_string() });
                    world = self.cluster.gather(name).await?;
                }
            }
        }
        tracing::error!(project = name, "more than {MOST_STEPS} steps in one pass");
        Ok(Verdict::Retry)
    }

    /// Says what was decided, before the first step of it.
    async fn announce(
        &self,
        name: &str,
        project: Option<&ProjectFacts>,
        decision: Option<&Decision>,
        step: &Step,
    ) {
        let (Some(project), Some(decision)) = (project, decision) else { return };
        if project.deleting.is_none()
            || !matches!(step, Step::DeleteNamespace { .. } | Step::ReleaseNamespace(_))
        {
            return;
        }
        let because = decision.winner().map_or("Nothing", |claim| claim.source.as_str());
        self.metrics.decision(decision.disposition.as_str(), because);
        tracing::info!(
            project = name,
            uid = %project.uid,
            disposition = decision.disposition.as_str(),
            because,
            considered = considered(decision),
            warnings = decision.warnings.join("; "),
            "decided"
        );
        let mut note = decision.explain();
        for warning in &decision.warnings {
            note.push_str("; warning: ");
            note.push_str(warning);
        }
        let notice = Notice {
            kind: NoticeKind::Decided,
            reason: match decision.disposition {
                Disposition::Delete => "NamespaceWillBeDeleted",
                Disposition::Clean | Disposition::Retain => "NamespaceWillBeRetained",
            },
            note,
            warning: !decision.warnings.is_empty(),
        };
        self.cluster.publish(name, project, &notice).await;
    }

    /// Says what was done.
    async fn tell(
        &self,
        name: &str,
        project: Option<&ProjectFacts>,
        decision: Option<&Decision>,
        step: &Step,
    ) {
        tracing::debug!(project = name, step = step.name(), "carried out");
        let (Some(project), Some(decision)) = (project, decision) else { return };
        if project.deleting.is_none() {
            return;
        }
        let (kind, reason, note) = match step {
            Step::DeleteNamespace { uid, .. } => (
                NoticeKind::Begun,
                "NamespaceDeleted",
                format!("the deletion of namespace {name}, UID {uid}, was accepted"),
            ),
            Step::ReleaseNamespace(_) => (
                NoticeKind::Begun,
                "NamespaceReleased",
                format!("what the Project added to namespace {name} was taken back"),
            ),
            Step::LetGoOfProject => (
                NoticeKind::Ended,
                "ProjectReleased",
                format!("the Project is gone; at its end, {}", decision.explain()),
            ),
            _ => return,
        };
        tracing::info!(project = name, uid = %project.uid, reason, "{note}");
        let notice = Notice { kind, reason, note, warning: false };
        self.cluster.publish(name, project, &notice).await;
    }
}

fn considered(decision: &Decision) -> String {
    let all = decision.claims.iter().chain(&decision.presumptions);
    let words: Vec<_> =
        all.map(|claim| format!("{} ({})", claim.source.as_str(), claim.at_least)).collect();
    words.join(", ")
}

fn after_done(project: Option<&ProjectFacts>) -> Verdict {
    match project {
        Some(_) => Verdict::After(spread(RESYNC)),
        None => Verdict::Never,
    }
}

/// When to look again at what waits.
pub fn rest(wait: &Wait) -> Verdict {
    match wait {
        Wait::Event | Wait::Retry => Verdict::After(spread(RESYNC)),
        Wait::AtMost(time) => Verdict::After(*time),
    }
}

/// Spread by a tenth either way, so that what began together does not stay together.
fn spread(time: Duration) -> Duration {
    time.mul_f64(rand::random_range(0.9..1.1))
}
