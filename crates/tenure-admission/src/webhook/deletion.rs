//! A Project is about to be deleted: what becomes of its Namespace is decided and recorded before.
//!
//! The API server may ask several times for one deletion, for it asks inside its compare-and-swap;
//! what is written is the same each time. Beside Kargo it always does: the stamp changes the Project,
//! so that it is read, and asked about, once more, and Kargo's first sight of the deleted Project
//! has the stamp on it.

use tenure_cluster::{Asker, Category, Outlook, RequestError, World};
use tenure_core::lifecycle::Preview;
use tenure_core::{Disposition, Gate, NamespaceName, ProjectFacts, Source};

use super::review::{Request, Target, User};
use super::verdict::Verdict;
use super::{Admission, CONTENTS_WITHIN, wording};

/// How often a deletion is judged whose Project changes meanwhile.
const ATTEMPTS: u32 = 3;

impl Admission {
    /// Decides whether the Project may be deleted now.
    pub(super) async fn delete_project(&self, request: &Request) -> Verdict {
        let target = match request.deleted() {
            Ok(target) => target,
            Err(error) => return Verdict::senseless(error.to_string()),
        };
        let mut attempts = 0;
        let verdict = loop {
            attempts += 1;
            match self.judge_deletion(request, target).await {
                Ok(verdict) => break verdict,
                // Others write to the Project, too; what it says now is decided by anew.
                Err(error) if attempts < ATTEMPTS && error.category() == Category::Conflict => {}
                Err(error) => {
                    let name = target.name;
                    break Verdict::undecided(format!(
                        "Kargo could not be told to leave namespace {name} to Tenure: failed to \
                         {error}; try again"
                    ));
                }
            }
        };
        if self.breaks_glass(request) {
            return verdict.overruled(&request.user_info.username);
        }
        verdict
    }

    /// Decides, and where the deletion is let in beside Kargo, tells Kargo to leave the Namespace
    /// alone: whatever is decided, and also where there is nothing to decide, for by the time that
    /// Kargo comes to it something else may stand there.
    async fn judge_deletion(
        &self,
        request: &Request,
        target: Target<'_>,
    ) -> Result<Verdict, RequestError> {
        // All that is looked at is too large to be part of every future that asks.
        let (verdict, world) = Box::pin(self.judge(request, target)).await;
        let lets_in = verdict.is_allowed() || self.breaks_glass(request);
        if let Some(mut world) = world.filter(|_| lets_in && !request.is_dry_run()) {
            self.cluster.stamp(&mut world).await?;
        }
        Ok(verdict)
    }

    /// Decides, and records it. What was read comes along, if the Project that is to be deleted was.
    async fn judge(&self, request: &Request, target: Target<'_>) -> (Verdict, Option<World>) {
        let name = target.name;
        if self.cluster.settings().is_system(name) || NamespaceName::parse(name).is_err() {
            let verdict = Verdict::allowed().warn(format!("no namespace is Project {name}'s"));
            return match self.cluster.gather(name).await {
                Ok(world) => (verdict, Some(world)),
                Err(error) => (Verdict::undecided(format!("failed to {error}; try again")), None),
            };
        }
        let requester = request.requester(&self.cluster.settings().accounts);
        let looking = self.cluster.outlook(name, Some(requester), CONTENTS_WITHIN);
        let Outlook { mut world, preview, hurried } = match looking.await {
            Ok(outlook) => outlook,
            Err(error) => {
                let why = format!("what becomes of namespace {name} cannot be decided now");
                let why = format!("{why}: failed to {error}; try again");
                return (Verdict::undecided(why), None);
            }
        };
        let Some(project) = world.project() else {
            let why = format!("Project {name} cannot be found now; try again");
            return (Verdict::undecided(why), None);
        };
        if target.meta.uid.as_deref().is_some_and(|uid| uid != project.uid.as_str()) {
            let why = format!("another Project {name} stands in its place");
            return (Verdict::conflict(why), None);
        }
        if project.deleting.is_some() {
            // It was let in before; what holds it now is for the controller to say.
            return (Verdict::allowed(), None);
        }
        if let Some(why) = self.still_made_anew(name, project, preview.is_none()).await {
            // Who breaks the glass goes on all the same, and Kargo is told.
            return (Verdict::undecided(why), Some(world));
        }
        let Some(preview) = preview else {
            // Nothing is left to protect, and a refusal could hold a terminating Namespace for ever.
            let verdict = Verdict::allowed().warn(match world.namespace() {
                Some(_) => format!("namespace {name} is being deleted already"),
                None => format!("there is no namespace {name}"),
            });
            return (verdict, Some(world));
        };
        let glass = self.breaks_glass(request);
        if !glass && let Some(verdict) = self.lacks_the_right(request, name, &preview).await {
            return (verdict, None);
        }
        let holds = |gate: &&Gate| holds(gate, &world, hurried);
        let gates: Vec<_> = preview.gates.iter().filter(holds).collect();
        let verdict = if gates.is_empty() {
            announce(name, &preview)
        } else {
            Verdict::forbidden(wording::refusal(name, &preview, &gates))
        };
        let lets_in = gates.is_empty() || glass;
        let recorded = lets_in || gates.iter().any(|gate| asks_people(gate));
        let verdict = annotate(verdict, &preview);
        if request.is_dry_run() || !recorded {
            return (verdict, Some(world));
        }
        // Before the Project goes, it is known what was decided, and who asked.
        match self.cluster.record(&preview.plan, lets_in, &mut world).await {
            Ok(()) => (verdict, Some(world)),
            Err(error) => {
                let why = format!("the plan for Project {name} could not be recorded");
                (Verdict::undecided(format!("{why}: failed to {error}; try again")), Some(world))
            }
        }
    }

    /// Why a Project that was made anew cannot go yet, if so: that is still to be written on the plan
    /// of the one before, which asks for it once more until then. Where nothing is left to protect,
    /// blindness refuses nothing.
    async fn still_made_anew(
        &self,
        name: &str,
        project: &ProjectFacts,
        nothing_left: bool,
    ) -> Option<String> {
        match self.cluster.awaits_restoration(name, project.restored_from.as_ref()?).await {
            Ok(false) => None,
            Err(_) if nothing_left => None,
            Ok(true) => Some(format!(
                "Project {name} was made anew just now, for its deletion was called off; that is \
                 being recorded; try again in a moment"
            )),
            Err(error) => Some(format!("failed to {error}; try again")),
        }
    }

    /// Refuses those who may delete the Project and not its Namespace, if that is asked for.
    async fn lacks_the_right(
        &self,
        request: &Request,
        name: &str,
        preview: &Preview,
    ) -> Option<Verdict> {
        let user = &request.user_info.username;
        let deletes = preview.plan.disposition == Disposition::Delete;
        if !self.options.check_requester
            || !deletes
            || self.cluster.settings().accounts.front_ends.contains(user)
        {
            return None;
        }
        let User { username, uid, groups, extra } = &request.user_info;
        let asker = Asker { user: username, uid, groups, extra };
        match self.cluster.may_delete_namespace(&asker, name).await {
            Ok(true) => None,
            Ok(false) => Some(Verdict::forbidden(format!(
                "with Project {name} namespace {name} would be deleted, and {user} may not delete \
                 it; have somebody delete the Project who may, or keep the namespace: kubectl \
                 annotate project {name} {}=true",
                tenure_core::keys::KEEP_NAMESPACE
            ))),
            Err(error) => Some(Verdict::undecided(format!("failed to {error}; try again"))),
        }
    }
}

/// Whether the deletion is refused for it. Grace begins with the deletion. A breaker that is about
/// to open is opened by what runs into it, or nobody would ever be asked about it. What takes too
/// long to see here is looked at by the controller, which waits for whatever there is to wait for;
/// a digest that was made without it is nothing to agree to.
fn holds(gate: &Gate, world: &World, hurried: bool) -> bool {
    match gate.source {
        Source::Grace => false,
        Source::Breaker => world.breaker_holds(),
        Source::Contents | Source::Confirmation | Source::Approvals => !hurried,
        _ => true,
    }
}

/// Whether people agree to a plan to open the gate, so that there has to be one.
fn asks_people(gate: &Gate) -> bool {
    matches!(gate.source, Source::Confirmation | Source::Approvals)
}

fn announce(name: &str, preview: &Preview) -> Verdict {
    let mut verdict = Verdict::allowed().warn(wording::fate(name, &preview.plan));
    for gate in &preview.gates {
        verdict = verdict.warn(format!("it waits: {}", gate.reason));
    }
    if let Some(how) = wording::alternative(name, &preview.plan) {
        verdict = verdict.warn(how);
    }
    for warning in &preview.plan.warnings {
        verdict = verdict.warn(warning);
    }
    verdict
}

fn annotate(verdict: Verdict, preview: &Preview) -> Verdict {
    let plan = &preview.plan;
    verdict
        .note("disposition", plan.disposition.as_str())
        .note("digest", plan.digest().to_string())
        .note("claims", wording::claims(plan))
}
