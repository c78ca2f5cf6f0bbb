//! `cancel`: a deletion is called off, as long as its namespace stands.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _};
use tenure_api::{DeletionPlan, Project};
use tenure_cluster::ObjectPatch;
use tenure_core::{Mode, Uid, keys, plan};

use super::plans::{all, facts, find};
use super::say::{Said, annotate_project, changed, of_project, sending};
use crate::arguments::{CancelArguments, DryRun, GlobalArguments};
use crate::exit::{Failure, Outcome};
use crate::look::alone;
use crate::printer::Printer;
use crate::remedy;
use crate::session::Session;

/// What calls a deletion off.
const MARK: (&str, &str) = (keys::CANCEL, keys::TRUE);

pub(crate) async fn run(
    arguments: &CancelArguments,
    global: &GlobalArguments,
    printer: &mut Printer,
) -> Outcome {
    printer.for_programs(arguments.write.output.machine());
    let name = of_project(&arguments.target, "called off")?;
    let (session, known, who) = Session::announced(global, printer).await?;
    let project = session.project(name).await?;
    if let Some(project) = &project
        && project.metadata.deletion_timestamp.is_none()
    {
        return Err(Failure::refused(format!("project/{name} is not being deleted")));
    }
    let dry_run = arguments.write.dry_run;
    let object = match project {
        Some(project) if known.settings.mode == Mode::Standalone => {
            let plans: Api<DeletionPlan> = Api::all(session.client().clone());
            let uid = project.uid().unwrap_or_default();
            let plan = plans.get_opt(&plan::name(name, &Uid::new(uid))).await.ok().flatten();
            is_in_time(&session, name, plan.as_ref()).await?;
            annotate_project(&session, name, project.uid(), MARK, dry_run).await?;
            format!("project/{name}")
        }
        // Beside Kargo a Project that is going is heard by nobody, and soon it is gone.
        project => call_off_plan(&session, name, project, dry_run).await?,
    };
    Said::new(object, "CalledOff", &who).tell(
        &format!(
            "the deletion is called off; Project {name} is made anew and keeps its namespace, \
             unless that is gone or going already"
        ),
        &arguments.write,
        printer,
    )
}

/// Whether a deletion can still be called off: the namespace stands, or that cannot be seen.
async fn is_in_time(session: &Session, name: &str, plan: Option<&DeletionPlan>) -> Outcome {
    let namespaces: Api<Namespace> = Api::all(session.client().clone());
    let Ok(there) = namespaces.get_metadata_opt(name).await else { return Ok(()) };
    // Another one of its name is not what was to be deleted.
    let same = |uid: Option<String>| {
        plan.is_none_or(|plan| uid.as_ref() == Some(&plan.spec.namespace.uid))
    };
    let there = there.filter(|namespace| same(namespace.uid()));
    let going = there.as_ref().is_some_and(|ns| ns.metadata.deletion_timestamp.is_some());
    if there.is_some() && !going {
        return Ok(());
    }
    let plan = plan.map(|plan| plan.name_any());
    Err(remedy::too_late(name, going, plan.as_deref()))
}

/// Calls the deletion off on its plan, which outlives the Project; gives back what was written to.
async fn call_off_plan(
    session: &Session,
    name: &str,
    project: Option<Project>,
    dry_run: DryRun,
) -> Outcome<String> {
    let absent = async || {
        let failure = session.absent::<Project>(format!("project/{name}")).await;
        let namespaces: Api<Namespace> = Api::all(session.client().clone());
        let there = namespaces.get_metadata_opt(name).await.ok().flatten();
        if there.is_some() { alone(failure, name) } else { failure }
    };
    let plans = match all(session).await {
        Ok(plans) => plans,
        // Of a cluster without Tenure that there is no such Project says more.
        Err(failure) => return Err(if project.is_some() { failure } else { absent().await }),
    };
    let uid = project.and_then(|project| project.metadata.uid);
    let of = |plan: &DeletionPlan| {
        plan.spec.project.name == name
            && uid.as_ref().is_none_or(|uid| plan.spec.project.uid == *uid)
    };
    let plans: Vec<_> = plans.into_iter().filter(of).collect();
    if plans.is_empty() {
        return Err(match uid {
            Some(_) => Failure::error(format!(
                "the deletion of project/{name} has no plan yet, to call it off on; try again"
            )),
            None => absent().await,
        });
    }
    let plan = find(plans, &format!("project/{name}"))?;
    let read = facts(&plan)?;
    let object = format!("deletionplan/{}", read.name);
    if read.status.phase.is_final() {
        let ended = read.status.phase.as_str();
        return Err(Failure::refused(format!(
            "project/{name} is not there, and its deletion has ended: {object} is {ended}"
        ))
        .next(format!("kubectl tenure plans {}", read.name)));
    }
    is_in_time(session, name, Some(&plan)).await?;
    if dry_run == DryRun::Client {
        return Ok(object);
    }
    let patch = ObjectPatch::of(&plan.metadata).annotate(&[MARK]).build();
    let plans: Api<DeletionPlan> = Api::all(session.client().clone());
    let written = plans.patch_metadata(&read.name, &sending(dry_run), &patch).await;
    written.map_err(|error| changed(&format!("annotate {object}"), error, &read.name))?;
    Ok(object)
}
