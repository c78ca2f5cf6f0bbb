//! A Project's Namespace, or the CustomResourceDefinition of Projects, is about to be deleted.

use tenure_api::install::{CANARY, management_controller};
use tenure_cluster::{Outlook, RequestError, World};
use tenure_core::{CrdState, Disposition, NotOwned, ProjectFacts, Tenancy, keys, tenancy};

use super::canary;
use super::review::{Request, Target};
use super::verdict::Verdict;
use super::{Admission, CONTENTS_WITHIN};

impl Admission {
    /// Decides whether a Project's Namespace may be deleted. Nobody is exempt by name: Tenure's own
    /// deletions pass because a plan that is being carried out says so.
    pub(super) async fn delete_namespace(&self, request: &Request) -> Verdict {
        let target = match request.deleted() {
            Ok(target) => target,
            Err(error) => return Verdict::senseless(error.to_string()),
        };
        if target.name == CANARY {
            return canary::verdict(request);
        }
        let verdict = self.judge_namespace(request, target).await;
        if self.breaks_glass(request) {
            return verdict.overruled(&request.user_info.username);
        }
        verdict
    }

    async fn judge_namespace(&self, request: &Request, target: Target<'_>) -> Verdict {
        let Target { name, meta } = target;
        if meta.deletion_timestamp.is_some() {
            return Verdict::allowed();
        }
        match self.is_carried_out(name).await {
            Ok(true) => return Verdict::allowed().note("plan", "executing"),
            Ok(false) => {}
            Err(error) => return undecided(name, &error),
        }
        let kargo = management_controller(&self.cluster.settings().kargo_namespace);
        if request.user_info.username == kargo {
            // It deletes namespaces with their Projects, goes by what it remembers of both, and
            // asks nobody. It comes again, and is told by then to leave the namespace alone.
            return Verdict::forbidden(format!(
                "namespace {name} is not Kargo's to delete: Tenure decides what becomes of it, and \
                 no plan that deletes it is being carried out"
            ));
        }
        let requester = request.requester(&self.cluster.settings().accounts);
        let looking = self.cluster.outlook(name, Some(requester), CONTENTS_WITHIN).await;
        let Outlook { world, preview, .. } = match looking {
            Ok(outlook) => outlook,
            Err(error) => return undecided(name, &error),
        };
        let Some(namespace) = world.namespace() else { return Verdict::allowed() };
        if meta.uid.as_deref().is_some_and(|uid| uid != namespace.uid.as_str()) {
            return Verdict::conflict(format!("another namespace {name} stands in its place"));
        }
        let Some(project) = world.subject(self.cluster.settings()) else {
            return without_project(name, &world);
        };
        let tenancy = tenancy(&project, namespace);
        if is_anothers(&tenancy, &project) {
            // Whosever it is, it is not the Project's, and so not for us to say.
            return Verdict::allowed();
        }
        let Some(preview) = preview else { return Verdict::allowed() };
        let plan = &preview.plan;
        let called_off = world.observe(self.cluster.settings(), None).is_called_off(&project);
        if plan.disposition == Disposition::Delete && preview.gates.is_empty() && !called_off {
            return Verdict::allowed()
                .warn(format!("Project {name} is deleted with its namespace"));
        }
        let mut why = format!(
            "namespace {name} is Project {name}'s, and is not deleted now: {}",
            plan.explain()
        );
        if called_off {
            why.push_str("\n  the deletion was called off");
        }
        for gate in &preview.gates {
            why.push_str(&format!("\n  {}: {}", gate.source.as_str(), gate.reason));
        }
        if matches!(tenancy, Tenancy::NotOwned(_)) {
            why.push_str(&format!(
                "\nif it is not, take Tenure's record and the label {} off it first",
                keys::PROJECT_LABEL
            ));
        }
        Verdict::forbidden(why)
    }

    /// Whether a plan that deletes that very Namespace is being carried out, and neither object
    /// says by now that it must not be.
    async fn is_carried_out(&self, name: &str) -> Result<bool, RequestError> {
        let world = self.cluster.gather(name).await?;
        let subject = world.subject(self.cluster.settings());
        let (Some(namespace), Some(project)) = (world.namespace(), subject) else {
            return Ok(false);
        };
        let begun = world.plan().is_some_and(|plan| {
            plan.project_uid == project.uid
                && plan.namespace_uid == namespace.uid
                && plan.disposition == Disposition::Delete
                && plan.has_begun()
        });
        let seen = world.observe(self.cluster.settings(), None);
        let said = seen.decide(&project);
        let holds = seen.is_called_off(&project) || !said.gates.is_empty();
        Ok(begun && said.claims.is_empty() && !holds)
    }

    /// Refuses to delete the definition while there are Projects: they would go without anybody
    /// being asked, and an unwary controller would delete the namespace of each.
    pub(super) async fn delete_definition(&self, request: &Request) -> Verdict {
        let name = match request.deleted() {
            Ok(target) => target.name,
            Err(error) => return Verdict::senseless(error.to_string()),
        };
        if name != keys::PROJECT_CRD {
            return Verdict::allowed();
        }
        let verdict = match self.cluster.any_project().await {
            Ok(false) => Verdict::allowed(),
            Ok(true) => Verdict::forbidden(format!(
                "there are Projects, which would go with the CustomResourceDefinition {name} \
                 without anybody being asked about their namespaces; delete them first: kubectl \
                 get projects"
            )),
            Err(error) => Verdict::undecided(format!("failed to {error}; try again")),
        };
        if self.breaks_glass(request) {
            return verdict.overruled(&request.user_info.username);
        }
        verdict
    }
}

fn undecided(name: &str, error: &RequestError) -> Verdict {
    Verdict::undecided(format!(
        "whether namespace {name} may go cannot be decided now: failed to {error}; try again"
    ))
}

/// Whether the Namespace has nothing to do with the Project but its name. One whose record was
/// changed may still be the Project's.
fn is_anothers(tenancy: &Tenancy, project: &ProjectFacts) -> bool {
    match tenancy {
        Tenancy::NotOwned(NotOwned::Unlabelled { recorded }) => !recorded,
        Tenancy::NotOwned(NotOwned::OtherProject(other)) => {
            project.restored_from.as_ref() != Some(other)
        }
        _ => false,
    }
}

/// What its Project said can no longer be asked. That it is gone is known only while Projects are
/// served.
fn without_project(name: &str, world: &World) -> Verdict {
    if world.crd() == CrdState::Established {
        return Verdict::allowed();
    }
    Verdict::forbidden(format!(
        "namespace {name} is a Project's, and whether there is one cannot be told: the \
         CustomResourceDefinition {} is going, gone or not served; install it again, or take \
         Tenure's record and the label {} off the namespace first",
        keys::PROJECT_CRD,
        keys::PROJECT_LABEL
    ))
}
