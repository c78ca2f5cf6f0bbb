//! Requests per Project: counted in the audit log, exact.

use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tenure_api::Project;
use tenure_testbed::ControlPlane;
use tenure_testbed::audit::{AuditLog, Entry};

use super::report::Row;
use super::subject::{Subject, create, delete, until_ready, wait};

/// Projects measured, one after the other; the most that any of them took counts.
pub(super) const PROJECTS: usize = 5;

/// Requests for one Project.
#[derive(Clone, Copy, Default)]
struct Requests {
    create_writes: usize,
    create_reads: usize,
    delete_writes: usize,
    delete_reads: usize,
    kept_writes: usize,
    events: usize,
}

pub(crate) async fn measure(
    plane: &ControlPlane,
    ours: &Subject,
    kargo_profile: &Subject,
    peer: Option<&Subject>,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let count = |n: usize| n as f64;
    let tenure = of(plane, ours, "req-a").await?;
    let like_kargo = of(plane, kargo_profile, "req-b").await?;
    let peer = match peer {
        Some(peer) => Some(of(plane, peer, "req-c").await?),
        None => None,
    };
    let beside = |pick: fn(&Requests) -> usize| peer.as_ref().map(|peer| count(pick(peer)));
    let row = |name: &str, pick: fn(&Requests) -> usize| {
        Row::new(name, "requests", count(pick(&tenure))).beside(beside(pick))
    };
    rows.push(row("writes, create to Ready", |r| r.create_writes).at_most(17.0));
    rows.push(row("reads, create to Ready", |r| r.create_reads));
    rows.push(row("writes, delete with its record", |r| r.delete_writes).at_most(8.0));
    rows.push(row("reads, delete", |r| r.delete_reads));
    rows.push(row("writes, delete but kept", |r| r.kept_writes).at_most(10.0));
    rows.push(
        Row::new(
            "writes, delete but kept, profile kargo",
            "requests",
            count(like_kargo.kept_writes),
        )
        .beside(beside(|r| r.kept_writes))
        .at_most(7.0),
    );
    rows.push(row("Events per deletion", |r| r.events).at_most(3.0));
    Ok(())
}

async fn of(plane: &ControlPlane, subject: &Subject, prefix: &str) -> anyhow::Result<Requests> {
    println!("counting the requests of {}", subject.name);
    let running = subject.start(plane)?;
    let projects: Api<Project> = Api::all(plane.admin()?);
    let mut most = Requests::default();
    // The first warms up: what is asked once at the start is no Project's.
    for n in 0..=PROJECTS {
        let requests = of_one(plane, subject, &projects, &format!("{prefix}-{n}")).await?;
        if n > 0 {
            most = Requests {
                create_writes: most.create_writes.max(requests.create_writes),
                create_reads: most.create_reads.max(requests.create_reads),
                delete_writes: most.delete_writes.max(requests.delete_writes),
                delete_reads: most.delete_reads.max(requests.delete_reads),
                kept_writes: most.kept_writes.max(requests.kept_writes),
                events: most.events.max(requests.events),
            };
        }
    }
    drop(running);
    Ok(most)
}

async fn of_one(
    plane: &ControlPlane,
    subject: &Subject,
    projects: &Api<Project>,
    name: &str,
) -> anyhow::Result<Requests> {
    let kept = format!("{name}-kept");
    let mut requests = Requests::default();
    let asked = coming(plane, subject, projects, name).await?;
    requests.create_writes = writes(&asked);
    requests.create_reads = asked.iter().filter(|e| !e.is_write()).count();

    let audit = plane.audit();
    delete(projects, &[name.to_owned()]).await?;
    let (asked, events) = until_gone(&audit, subject, projects, name).await?;
    requests.delete_writes = writes(&asked);
    requests.delete_reads = asked.iter().filter(|e| !e.is_write()).count();
    requests.events = events;

    create(projects, std::slice::from_ref(&kept)).await?;
    until_ready(projects, &kept, 1).await?;
    let keep = json!({"metadata": {"annotations": {"kargo.akuity.io/keep-namespace": "true"}}});
    projects.patch(&kept, &PatchParams::default(), &Patch::Merge(keep)).await?;
    // What follows from the annotation is no part of the deletion.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let audit = plane.audit();
    delete(projects, std::slice::from_ref(&kept)).await?;
    let (asked, _) = until_gone(&audit, subject, projects, &kept).await?;
    requests.kept_writes = writes(&asked);
    Ok(requests)
}

/// What is asked for a Project, from its creation until it is ready.
pub(super) async fn coming(
    plane: &ControlPlane,
    subject: &Subject,
    projects: &Api<Project>,
    name: &str,
) -> anyhow::Result<Vec<Entry>> {
    let audit = plane.audit();
    create(projects, &[name.to_owned()]).await?;
    until_ready(projects, name, 1).await?;
    Ok(audit.of(&subject.user, name))
}

async fn until_gone(
    audit: &AuditLog,
    subject: &Subject,
    projects: &Api<Project>,
    name: &str,
) -> anyhow::Result<(Vec<Entry>, usize)> {
    wait("gone", async || Ok(projects.get_opt(name).await?.is_none())).await?;
    // The last Event follows the last write.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let asked = audit.of(&subject.user, name);
    let events = asked.iter().filter(|e| e.is_write() && e.resource() == "events").count();
    Ok((asked, events))
}

fn writes(entries: &[Entry]) -> usize {
    entries.iter().filter(|e| e.is_write() && e.resource() != "events").count()
}
