//! What is asked about namespaces that are no Project's: nothing.

use std::time::Duration;

use anyhow::ensure;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use tenure_api::install::CANARY;
use tenure_testbed::audit::AuditLog;

use super::super::report::Row;
use super::super::subject::wait;
use super::Bed;

const NAMESPACES: usize = 20;
/// How long what is under way may take to arrive.
const SETTLE: Duration = Duration::from_secs(2);

pub(super) async fn measure(bed: &Bed, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let namespaces: Api<Namespace> = Api::all(bed.plane.admin()?);
    let audit = bed.plane.audit();
    let before = bed.proxy.questions();
    for n in 0..NAMESPACES {
        let metadata = ObjectMeta { name: Some(format!("foreign-{n}")), ..Default::default() };
        let namespace = Namespace { metadata, ..Default::default() };
        namespaces.create(&PostParams::default(), &namespace).await?;
    }
    for n in 0..NAMESPACES {
        namespaces.delete(&format!("foreign-{n}"), &DeleteParams::default()).await?;
    }
    wait("gone", async || {
        let all = namespaces.list_metadata(&Default::default()).await?;
        let foreign =
            |name: &Option<String>| name.as_ref().is_some_and(|n| n.starts_with("foreign-"));
        Ok(!all.items.iter().any(|namespace| foreign(&namespace.metadata.name)))
    })
    .await?;
    tokio::time::sleep(SETTLE).await;
    let asked = bed.proxy.questions() - before;
    let tried = has_tried(&bed.subject.user, &audit);
    ensure!(tried.is_none(), "the server tried its guard meanwhile: measure again");

    // A question is counted: that none was is worth nothing otherwise.
    let before = bed.proxy.questions();
    let dry = DeleteParams { dry_run: true, ..Default::default() };
    ensure!(namespaces.delete(CANARY, &dry).await.is_err(), "the webhook is not asked");
    tokio::time::sleep(SETTLE).await;
    ensure!(bed.proxy.questions() > before, "a question was not counted");
    let name = format!("reviews, {NAMESPACES} foreign namespaces come and go");
    rows.push(Row::new(&name, "reviews", asked as f64).at_most(0.0));
    Ok(())
}

/// Whether the server tried its guard since, and found that what has to pass passes.
pub(super) fn has_tried(user: &str, audit: &AuditLog) -> Option<bool> {
    let all = audit.of(user, CANARY);
    let mut tries = all.iter().filter(|entry| entry.verb == "delete").peekable();
    tries.peek()?;
    Some(tries.any(|entry| entry.succeeded()))
}
