//! A Project is about to be deleted: what becomes of its Namespace is decided and recorded before.
//!
//! The API server may ask several times for one deletion, for it asks inside its compare-and-swap;
//! what is written is the same each time.

use tenure_cluster::{Asker, Outlook, World};
use tenure_core::lifecycle::Preview;
use tenure_core::{Disposition, Gate, NamespaceName, Source};

use super::review::{Request, Target, User};
use super::verdict::Verdict;
use super::{Admission, CONTENTS_WITHIN, wording};

impl Admission {
    /// Decides whether the Project may be deleted now.
    pub(super) async fn delete_project(&self, request: &Request) -> Verdict {
        let target = match request.deleted() {
            Ok(target) => target,
            Err(error) => return Verdict::senseless(error.to_string()),
        };
        let verdict = self.judge_deletion(request, target).await;
        if self.breaks_glass(request) {
            return verdict.overruled(&request.user_info.username);
        }
        verdict
    }

    async fn judge_deletion(&self, request: &Request, target: Target<'_>) -> Verdict {
        let name = target.name;
        if self.cluster.settings().is_system(name) || NamespaceName::parse(name).is_err() {
            return Verdict::allowed().warn(format!("no namespace is Project {name}'s"));
        }
        let requester = request.requester(&self.options.front_ends);
        let looking = self.cluster.outlook(name, Some(requester), CONTENTS_WITHIN);
        let Outlook { mut world, preview, hurried } = match looking.await {
            Ok(outlook) => outlook,
            Err(error) => {
                let why = format!("what becomes of namespace {name} cannot be decided now");
                return Verdict::undecided(format!("{why}: failed to {error}; try again"));
            }
        };
        let Some(project) = world.project() else {
            return Verdict::undecided(format!("Project {name} cannot be found now; try again"));
        };
        if target.meta.uid.as_deref().is_some_and(|uid| uid != project.uid.as_str()) {
            return Verdict::conflict(format!("another Project {name} stands in its place"));
        }
        if project.deleting.is_some() {
            // It was let in before; what holds it now is for the controller to say.
            return Verdict::allowed();
        }
        let Some(preview) = preview else {
            // Nothing is left to protect, and a refusal could hold a terminating Namespace for ever.
            return Verdict::allowed().warn(match world.namespace() {
                Some(_) => format!("namespace {name} is being deleted already"),
                None => format!("there is no namespace {name}"),
            });
        };
        let glass = self.breaks_glass(request);
        if !glass && let Some(verdict) = self.lacks_the_right(request, name, &preview).await {
            return verdict;
        }
        let holds = |gate: &&Gate| holds(gate, &world, hurried);
        let gates: Vec<_> = preview.gates.iter().filter(holds).collect();
        let verdict = if gates.is_empty() {
            announce(name, &preview)
        } else {
            Verdict::forbidden(wording::refusal(name, &preview, &gates))
        };
        let recorded = gates.is_empty() || glass || gates.iter().any(|gate| asks_people(gate));
        let verdict = annotate(verdict, &preview);
        if request.is_dry_run() || !recorded {
            return verdict;
        }
        // Before the Project goes, it is known what was decided, and who asked.
        match self.cluster.record(&preview.plan, &mut world).await {
            Ok(()) => verdict,
            Err(error) => Verdict::undecided(format!(
                "the plan for Project {name} could not be recorded: failed to {error}; try again"
            )),
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
        if !self.options.check_requester || !deletes || self.options.front_ends.contains(user) {
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
