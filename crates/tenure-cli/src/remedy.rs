//! What a person can do about a claim or a gate: commands, as they are typed.

use tenure_cluster::World;
use tenure_core::plan::{self, Plan};
use tenure_core::{Claim, Disposition, Gate, Source, Statements, Wish, keys};

use crate::exit::Failure;

/// Commands that open the gate, or say who can. Once a Project is gone, only its plan can be
/// written to.
pub(crate) fn opens(gate: &Gate, name: &str, world: &World, plan: &Plan) -> Vec<String> {
    let digest = plan.digest();
    let of_plan = plan::name(name, &plan.project_uid);
    let gone = world.project().is_none();
    let asked = gone || world.project().is_some_and(|project| project.deleting.is_some());
    let stored = world.plan().filter(|stored| stored.project_uid == plan.project_uid);
    let recorded = stored.is_some_and(|stored| !stored.status.phase.is_final());
    let delete = || format!("kubectl tenure delete project/{name} --digest {digest}");
    let approve = || format!("kubectl tenure approve {of_plan} --digest {digest}");
    match gate.source {
        // What it said then stands.
        Source::LienOnProject if gone => vec![format!("kubectl tenure cancel project/{name}")],
        Source::LienOnProject => {
            liens("project", name, world.project().map(|project| &project.statements))
        }
        Source::LienOnNamespace => {
            liens("namespace", name, world.namespace().map(|namespace| &namespace.statements))
        }
        Source::Confirmation if !gone => vec![delete()],
        // Who asks for the deletion has it recorded, and is refused until they have agreed.
        Source::Approvals if !recorded && !gone => vec![delete(), approve()],
        Source::Confirmation | Source::Approvals => vec![approve()],
        Source::Grace if asked => vec![format!("kubectl tenure cancel project/{name}")],
        Source::Breaker => vec!["kubectl tenure breaker close --reason REASON".to_owned()],
        Source::Cancel if gone => {
            vec![format!("kubectl annotate deletionplan {of_plan} {}-", keys::CANCEL)]
        }
        Source::Cancel => vec![format!("kubectl annotate project {name} {}-", keys::CANCEL)],
        _ => Vec::new(),
    }
}

/// Commands that take the claim away. What follows from what was found has none but to say
/// otherwise; and what a Project said that is gone stands.
pub(crate) fn withdraws(claim: &Claim, name: &str, world: &World) -> Vec<String> {
    let gone = world.project().is_none();
    match claim.source {
        Source::KeepOnProject | Source::DispositionOnProject if gone => Vec::new(),
        Source::KeepOnProject => vec![format!("kubectl tenure keep project/{name} --remove")],
        Source::KeepOnNamespace => vec![format!("kubectl tenure keep namespace/{name} --remove")],
        // What was only chosen does not stand there.
        Source::DispositionOnProject
            if world.project().is_some_and(|p| p.statements.wish == Wish::Absent) =>
        {
            Vec::new()
        }
        Source::DispositionOnProject => {
            vec![format!("kubectl annotate project {name} {}-", keys::DISPOSITION)]
        }
        Source::DispositionOnNamespace => {
            vec![format!("kubectl annotate namespace {name} {}-", keys::DISPOSITION)]
        }
        Source::NearMiss => {
            let project = world.project().map(|project| &project.statements);
            let namespace = world.namespace().map(|namespace| &namespace.statements);
            near_misses("project", name, project)
                .chain(near_misses("namespace", name, namespace))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// How to take back what was confirmed against the presumptions, as far as it stands on the Project.
pub(crate) fn takes_back(name: &str, world: &World) -> Vec<String> {
    let stands = world.project().filter(|project| project.confirm.is_some());
    stands
        .map(|_| format!("kubectl annotate project {name} {}-", keys::CONFIRM))
        .into_iter()
        .collect()
}

/// How to find out what keeps a namespace that is going.
pub(crate) fn finds_out(name: &str) -> String {
    format!("kubectl tenure doctor namespace/{name}")
}

/// That nothing that is said now changes what becomes of a namespace, for it is gone or `going`; and
/// how to see what does, by the name of the plan.
pub(crate) fn too_late(name: &str, going: bool, plan: Option<&str>) -> Failure {
    let how = if going { "is being deleted" } else { "is gone" };
    let why = format!("it is too late: namespace {name} {how}; nothing was written");
    let plan = plan.map(|plan| format!("kubectl tenure plans {plan}"));
    let next = plan.into_iter().chain(going.then(|| finds_out(name)));
    next.fold(Failure::refused(why), Failure::next)
}

/// How to have what a person may confirm against the presumptions.
pub(crate) fn against_presumptions(name: &str, world: &World, plan: &Plan) -> Option<String> {
    let alternative = plan.alternative.as_ref()?;
    if world.project().is_none() {
        let of_plan = plan::name(name, &plan.project_uid);
        return Some(format!("kubectl tenure approve {of_plan} --digest {}", alternative.digest));
    }
    Some(choice(name, alternative.disposition))
}

/// Commands that have more of the namespace protected.
pub(crate) fn protects(name: &str, world: &World, to: Disposition) -> Vec<String> {
    match (to, world.project()) {
        (Disposition::Retain, None) => {
            vec![format!("kubectl tenure keep namespace/{name} --reason REASON")]
        }
        (_, None) => vec![format!("kubectl annotate namespace {name} {}={to}", keys::DISPOSITION)],
        (Disposition::Retain, Some(_)) => {
            vec![choice(name, to), format!("kubectl tenure keep project/{name} --reason REASON")]
        }
        (_, Some(_)) => vec![choice(name, to)],
    }
}

/// The deletion that states that choice.
pub(crate) fn choice(name: &str, to: Disposition) -> String {
    let choice = to.as_str().to_ascii_lowercase();
    format!("kubectl tenure delete project/{name} --disposition {choice}")
}

fn liens(kind: &str, name: &str, statements: Option<&Statements>) -> Vec<String> {
    let liens = statements.into_iter().flat_map(|statements| &statements.liens);
    liens
        .map(|lien| format!("kubectl tenure hold {kind}/{name} --name {} --remove", lien.name))
        .collect()
}

fn near_misses<'a>(
    kind: &'a str,
    name: &'a str,
    statements: Option<&'a Statements>,
) -> impl Iterator<Item = String> + 'a {
    let misses = statements.into_iter().flat_map(|statements| &statements.near_misses);
    misses.map(move |miss| {
        let verb = if miss.label { "label" } else { "annotate" };
        format!("kubectl {verb} {kind} {name} {}-", miss.key)
    })
}
