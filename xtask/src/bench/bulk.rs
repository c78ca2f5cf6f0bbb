//! Three hundred Projects at once: until all are ready, and until all are gone.

use std::time::Instant;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::{Api, ResourceExt as _};
use tenure_api::Project;
use tenure_testbed::ControlPlane;

use super::report::Row;
use super::subject::{Subject, create, delete, from_cache, until_ready, wait};

const PROJECTS: usize = 300;
/// Times each is measured, alternating; the best counts.
const ROUNDS: usize = 2;
/// Projects a second that Kargo's controller makes ready here when its client does not throttle
/// it; measured on the same kind of machine.
const UNTHROTTLED: f64 = 35.0;
/// Share of the peer's time that may be taken until Projects are ready.
const SHARE: f64 = 0.4;
/// Share of the peer's time that planned deletions may take which look at contents.
const WITH_CONTENTS: f64 = 1.5;
/// The same of those that do not.
const WITHOUT_CONTENTS: f64 = 1.2;

#[derive(Clone, Copy)]
struct Times {
    ready: f64,
    gone: f64,
}

pub(crate) async fn measure(
    plane: &ControlPlane,
    ours: &Subject,
    kargo_profile: &Subject,
    peer: Option<&Subject>,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let mut best: Option<Times> = None;
    let mut like_kargo: Option<Times> = None;
    let mut best_of_peer: Option<Times> = None;
    for round in 0..ROUNDS {
        best = better(best, of(plane, ours, &format!("bulk-a{round}")).await?);
        let times = of(plane, kargo_profile, &format!("bulk-c{round}")).await?;
        like_kargo = better(like_kargo, times);
        if let Some(peer) = peer {
            best_of_peer = better(best_of_peer, of(plane, peer, &format!("bulk-b{round}")).await?);
        }
    }
    let (Some(best), Some(like_kargo)) = (best, like_kargo) else { return Ok(()) };
    let ready = Row::new("300 Projects until Ready", "s", best.ready)
        .beside(best_of_peer.map(|peer| peer.ready));
    rows.push(match best_of_peer {
        Some(peer) => ready.at_most(SHARE * peer.ready),
        None => ready,
    });
    rows.push(
        Row::new("Projects made Ready a second", "1/s", PROJECTS as f64 / best.ready)
            .beside(best_of_peer.map(|peer| PROJECTS as f64 / peer.ready))
            .at_least(UNTHROTTLED),
    );
    for (profile, times, most) in
        [("protective", best, WITH_CONTENTS), ("kargo", like_kargo, WITHOUT_CONTENTS)]
    {
        let name = format!("300 planned deletions, profile {profile}");
        let gone = Row::new(&name, "s", times.gone).beside(best_of_peer.map(|peer| peer.gone));
        rows.push(match best_of_peer {
            Some(peer) => gone.at_most(most * peer.gone),
            None => gone,
        });
    }
    Ok(())
}

fn better(one: Option<Times>, other: Times) -> Option<Times> {
    Some(one.map_or(other, |one| Times {
        ready: one.ready.min(other.ready),
        gone: one.gone.min(other.gone),
    }))
}

async fn of(plane: &ControlPlane, subject: &Subject, prefix: &str) -> anyhow::Result<Times> {
    println!("300 Projects at once: {}", subject.name);
    let running = subject.start(plane)?;
    let client = plane.admin()?;
    let projects: Api<Project> = Api::all(client.clone());
    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(client);
    // One before the clock runs, so that its start is not measured.
    let first = format!("first-{prefix}");
    create(&projects, std::slice::from_ref(&first)).await?;
    until_ready(&projects, &first, 1).await?;
    let names: Vec<_> = (0..PROJECTS).map(|n| format!("{prefix}-{n}")).collect();
    let clock = Instant::now();
    create(&projects, &names).await?;
    until_ready(&projects, prefix, PROJECTS).await?;
    let ready = clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    delete(&projects, &names).await?;
    wait("gone", async || {
        let any = |name: String| name.starts_with(prefix);
        let left = projects.list(&from_cache()).await?.iter().any(|p| any(p.name_any()));
        Ok(!left && !namespaces.list(&from_cache()).await?.iter().any(|ns| any(ns.name_any())))
    })
    .await?;
    let gone = clock.elapsed().as_secs_f64();
    delete(&projects, std::slice::from_ref(&first)).await?;
    wait("gone", async || Ok(projects.get_opt(&first).await?.is_none())).await?;
    drop(running);
    Ok(Times { ready, gone })
}
