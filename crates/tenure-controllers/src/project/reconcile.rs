//! One pass for one Project: observe, ask the lifecycle, carry out, until there is nothing to do.
//!
//! What the watches know decides only whether to look; everything else is read, uncached. A step
//! that destroys or gives up something is taken only on what was read since the last write.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tenure_cluster::{Category, Cluster, Notice, RequestError};
use tenure_core::lifecycle::{Trouble, Wait};
use tenure_core::plan::Plan;
use tenure_core::{Decision, Disposition, Mode, ProjectFacts, Step, next_step};

use crate::{Metrics, Verdict};

/// Requests for one Project in one pass; more mean that it does not converge.
const MOST_STEPS: usize = 40;
/// How often everything is looked at, if nothing wakes it before: Kargo's interval.
const RESYNC: Duration = Duration::from_mins(5);

/// Failed passes in a row after which a failure is told, whatever its kind: what does not pass
/// by itself in some seconds, somebody should know of.
const TELL_AFTER: u32 = 6;

/// Does what is to be done for a Project.
#[derive(Clone)]
pub struct Reconciler {
    cluster: Cluster,
    metrics: Metrics,
    /// Failed passes in a row, of Projects whose last one failed.
    failures: Arc<Mutex<HashMap<String, u32>>>,
}

impl Reconciler {
    /// Works on that cluster.
    pub fn new(cluster: Cluster, metrics: Metrics) -> Self {
        Self { cluster, metrics, failures: Arc::default() }
    }

    /// Does what is to be done for the Project of that name, and says when to look again.
    pub async fn reconcile(&self, name: &str) -> Verdict {
        let store = self.cluster.store();
        let now = self.cluster.now();
        let known = store.observe(name, self.cluster.settings(), now);
        // The plan of a Project that is gone, or of one before this one: only a read can tell.
        let going = known.project.as_ref().is_some_and(|project| project.deleting.is_some());
        if !going && store.unfinished(name).is_some() {
            return self.look(name).await;
        }
        // Its Namespace may be one that no watch shows, and Kargo comes to it.
        let unstamped = |project: &ProjectFacts| going && project.finalizer && !project.keeps;
        let beside_kargo = self.cluster.settings().mode == Mode::Companion;
        if beside_kargo && known.project.as_ref().is_some_and(unstamped) {
            return self.look(name).await;
        }
        match next_step(&known, now) {
            Step::Done => after_done(known.project.as_ref()),
            Step::Wait(wait) => rest(&wait),
            _ => self.look(name).await,
        }
    }

    /// Does what is to be done, by what is read uncached, whatever the watches know.
    pub async fn look(&self, name: &str) -> Verdict {
        let start = Instant::now();
        let failures = self.failures_of(name);
        // A pass is as large as its largest step, and there are as many as Projects at once.
        let verdict = match Box::pin(self.pass(name, failures)).await {
            Ok(verdict) => verdict,
            Err(error) if failures < TELL_AFTER => {
                tracing::debug!(project = name, %error, "will try again");
                Verdict::Retry
            }
            Err(error) => {
                tracing::warn!(project = name, %error, failures, "fails again and again");
                Verdict::Retry
            }
        };
        self.count(name, verdict);
        self.metrics.seconds(start.elapsed().as_secs_f64());
        verdict
    }

    async fn pass(&self, name: &str, failures: u32) -> Result<Verdict, RequestError> {
        let mut trouble: Option<Trouble> = None;
        let mut world = self.cluster.gather(name).await?;
        for _ in 0..MOST_STEPS {
            let seen = world.observe(self.cluster.settings(), trouble.clone());
            let step = next_step(&seen, self.cluster.now());
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
            self.metrics.step(step.name());
            // Nothing may come between what was read and the step that was decided on it, so what
            // is announced is sent beside it.
            let announcing = self.announce(name, about.as_ref(), &step);
            let executing = self.cluster.execute(&step, &mut world);
            let ((), outcome) = futures::future::join(announcing, executing).await;
            let Err(error) = outcome else {
                self.tell(name, about.as_ref(), &step, world.has_namespace()).await;
                if step == Step::LetGoOfProject {
                    if !world.awaits_restoration() {
                        return Ok(Verdict::Never);
                    }
                    // What follows is another life, with other things to know.
                    world = self.cluster.gather(name).await?;
                }
                continue;
            };
            let category = error.category();
            self.metrics.failure(step.name(), category.as_str());
            let lasting = failures >= TELL_AFTER;
            if trouble.is_some() || !(lasting || category == Category::Refused) {
                return Err(error);
            }
            tracing::warn!(project = name, step = step.name(), %error, "it fails");
            world = self.cluster.gather_again(world).await?;
            let seen = world.observe(self.cluster.settings(), None);
            // What is there now may ask for something else.
            if lasting || next_step(&seen, self.cluster.now()) == step {
                let kind = step.trouble_kind();
                drop(seen);
                trouble = Some(Trouble { kind, what: error.to_string() });
            }
        }
        tracing::error!(project = name, "more than {MOST_STEPS} steps in one pass");
        Ok(Verdict::Retry)
    }

    fn failures_of(&self, name: &str) -> u32 {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(name).copied().unwrap_or_default()
    }

    fn count(&self, name: &str, verdict: Verdict) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if verdict == Verdict::Retry {
            *failures.entry(name.to_owned()).or_default() += 1;
        } else {
            failures.remove(name);
        }
    }

    /// Says what was decided, or what is awaited, beside the step that records it.
    async fn announce(&self, name: &str, project: Option<&ProjectFacts>, step: &Step) {
        let Some(project) = project.filter(|project| project.deleting.is_some()) else { return };
        let notice = match step {
            Step::RecordPlan(plan) => self.decided(name, project, plan),
            Step::AdvancePlan(status) if !status.waiting.is_empty() => {
                let reasons: Vec<_> = status.waiting.iter().map(|(_, why)| why.as_str()).collect();
                let note = format!("nothing happens yet: {}", reasons.join("; "));
                Notice { reason: "DeletionWaits", note, warning: false }
            }
            _ => return,
        };
        self.cluster.publish(name, project, &notice).await;
    }

    fn decided(&self, name: &str, project: &ProjectFacts, plan: &Plan) -> Notice {
        let decision = plan.decision();
        let because = decision.winner().map_or("Nothing", |claim| claim.source.as_str());
        self.metrics.decision(decision.disposition.as_str(), because);
        tracing::info!(
            project = name,
            uid = %project.uid,
            plan = %plan.digest(),
            disposition = decision.disposition.as_str(),
            because,
            considered = considered(&decision),
            warnings = decision.warnings.join("; "),
            "decided"
        );
        let mut note = decision.explain();
        for warning in &decision.warnings {
            note.push_str("; warning: ");
            note.push_str(warning);
        }
        Notice {
            reason: match decision.disposition {
                Disposition::Delete => "NamespaceWillBeDeleted",
                Disposition::Clean => "NamespaceWillBeCleaned",
                Disposition::Retain => "NamespaceWillBeRetained",
            },
            note,
            warning: !decision.warnings.is_empty(),
        }
    }

    /// Says what was done.
    async fn tell(
        &self,
        name: &str,
        project: Option<&ProjectFacts>,
        step: &Step,
        namespace_stays: bool,
    ) {
        tracing::debug!(project = name, step = step.name(), "carried out");
        let Some(project) = project.filter(|project| project.deleting.is_some()) else { return };
        let (reason, note) = match step {
            Step::DeleteNamespace { uid, .. } => (
                "NamespaceDeleted",
                format!("the deletion of namespace {name}, UID {uid}, was accepted"),
            ),
            Step::ReleaseNamespace(_) => (
                "NamespaceReleased",
                format!("what the Project added to namespace {name} was taken back"),
            ),
            Step::LetGoOfProject if namespace_stays => {
                ("ProjectReleased", format!("the Project is gone; namespace {name} stays"))
            }
            Step::LetGoOfProject => {
                ("ProjectReleased", format!("the Project is gone, and so is namespace {name}"))
            }
            _ => return,
        };
        tracing::info!(project = name, uid = %project.uid, reason, "{note}");
        self.cluster.publish(name, project, &Notice { reason, note, warning: false }).await;
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
fn rest(wait: &Wait) -> Verdict {
    match wait {
        Wait::Event | Wait::Retry => Verdict::After(spread(RESYNC)),
        // However long it is said to take: nobody is asked for nothing for longer.
        Wait::AtMost(time) => Verdict::After((*time).min(RESYNC)),
    }
}

/// Spread by a tenth either way, so that what began together does not stay together.
fn spread(time: Duration) -> Duration {
    time.mul_f64(rand::random_range(0.9..1.1))
}
