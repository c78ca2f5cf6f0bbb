//! What it takes to ask `kubectl tenure`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use kube::Client;
use kube::core::ApiResource;
use serde_json::{Value, json};
use tenure_testbed::{ControlPlane, apply, eventually};

use super::contents::{KINDS, LARGE, SMALL, create, define};
use super::report::Row;
use crate::cargo::{cargo, run, target};

/// Times that each is run; the median counts.
const TIMES: usize = 9;
/// How often it is looked how much memory a process has had. The most is kept by the kernel.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

pub(crate) async fn measure(quick: bool, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let binary = binary()?;
    let help = median(TIMES, || wall(Command::new(&binary).arg("--help")))?;
    rows.push(Row::new("kubectl tenure --help", "ms", help).at_most(10.0));
    let plane = ControlPlane::start_temporary().await?;
    println!("kubectl tenure plan of {SMALL} objects of {KINDS} kinds");
    small(&plane, &binary, rows).await?;
    if !quick {
        println!("kubectl tenure plan of {LARGE} objects");
        large(&plane, &binary, rows).await?;
    }
    Ok(())
}

async fn small(plane: &ControlPlane, binary: &Path, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let client = plane.admin()?;
    project(&client, "small").await?;
    let mut kinds = Vec::new();
    for n in 0..KINDS {
        kinds.push(define(&client, n).await?);
    }
    for kind in &kinds {
        let api: kube::Api<kube::api::DynamicObject> =
            kube::Api::namespaced_with(client.clone(), "small", kind);
        eventually("the kind is served", async || api.list(&Default::default()).await.ok()).await;
    }
    create(&client, "small", &kinds, SMALL).await?;
    check(&plan(plane, binary, "small").output()?.stdout, SMALL)?;
    let median = median(TIMES, || wall(&mut plan(plane, binary, "small")))?;
    let name = format!("kubectl tenure plan of {SMALL} objects");
    rows.push(Row::new(&name, "ms", median).at_most(500.0));
    Ok(())
}

async fn large(plane: &ControlPlane, binary: &Path, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let client = plane.admin()?;
    project(&client, "large").await?;
    let configmaps = ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
    create(&client, "large", &[configmaps], LARGE).await?;
    let printed = target().join("bench-plan.json");
    let file = std::fs::File::create(&printed).context("create a file")?;
    let mut command = plan(plane, binary, "large");
    let clock = Instant::now();
    let mut child = command.arg("--full").stdout(file).spawn().context("start the command")?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    let ended = loop {
        if let Some(ended) = child.try_wait().context("wait for the command")? {
            break ended;
        }
        let told = std::fs::read_to_string(&status).unwrap_or_default();
        let most = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = most.and_then(|most| most.trim().trim_end_matches("kB").trim().parse().ok());
        peak = peak.max(kib.unwrap_or(0.0));
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    let seconds = clock.elapsed().as_secs_f64();
    ensure!(ended.success(), "the command failed");
    check(&std::fs::read(&printed).context("read what was printed")?, LARGE)?;
    std::fs::remove_file(&printed).context("remove what was printed")?;
    let name = format!("memory to plan {LARGE} objects as JSON, at most");
    // 60 MB.
    rows.push(Row::new(&name, "MiB", peak / 1024.0).at_most(57.0));
    rows.push(Row::new(&format!("kubectl tenure plan of {LARGE} objects"), "s", seconds));
    Ok(())
}

/// Builds the command for release, and gives its path.
fn binary() -> anyhow::Result<PathBuf> {
    run(cargo(&["build", "--quiet", "--release", "--package", "tenure-cli"]))?;
    Ok(target().join("release/kubectl-tenure"))
}

/// A Project, and the namespace that is its own.
async fn project(client: &Client, name: &str) -> anyhow::Result<()> {
    apply(
        client,
        &json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {"kargo.akuity.io/project": "true"}},
        }),
    )
    .await?;
    let project = json!({
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Project", "metadata": {"name": name},
    });
    apply(client, &project).await.map(drop)
}

fn plan(plane: &ControlPlane, binary: &Path, name: &str) -> Command {
    let mut command = Command::new(binary);
    command
        .args(["plan", name, "-o", "json"])
        .env("KUBECONFIG", plane.kubeconfig())
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// How many milliseconds a command takes, from its start to its end.
fn wall(command: &mut Command) -> anyhow::Result<f64> {
    let clock = Instant::now();
    let output = command.output().context("run the command")?;
    let milliseconds = clock.elapsed().as_secs_f64() * 1_000.0;
    ensure!(output.status.success(), "the command failed");
    Ok(milliseconds)
}

fn median(times: usize, measure: impl Fn() -> anyhow::Result<f64>) -> anyhow::Result<f64> {
    let mut values = (0..times).map(|_| measure()).collect::<Result<Vec<_>, _>>()?;
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("nothing was measured")
}

/// All that was made has to be in the plan, beside the few objects that each namespace has.
fn check(printed: &[u8], made: usize) -> anyhow::Result<()> {
    let plan: Value = serde_json::from_slice(printed).context("read the plan")?;
    let seen = plan["contents"]["objects"].as_u64().unwrap_or_default() as usize;
    ensure!((made..made + 10).contains(&seen), "of {made} objects {seen} were seen");
    Ok(())
}
