//! What the webhook adds to the coming of a Project.

use kube::Api;
use tenure_api::Project;
use tenure_testbed::audit;

use super::super::report::Row;
use super::super::requests::{PROJECTS, coming};
use super::Bed;

/// Counts as [`requests`](super::super::requests) does without a webhook, and prints what.
pub(super) async fn measure(bed: &Bed, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let projects: Api<Project> = Api::all(bed.plane.admin()?);
    let mut most = Vec::new();
    for n in 0..=PROJECTS {
        let name = format!("come-{n}");
        let mut asked = coming(&bed.plane, &bed.subject, &projects, &name).await?;
        asked.retain(|entry| entry.is_write() && entry.resource() != "events");
        // The first warms up.
        if n > 0 && asked.len() > most.len() {
            most = asked;
        }
    }
    for (write, times) in audit::tally(&most) {
        println!("  {times} x {write}");
    }
    let writes = most.len() as f64;
    rows.push(Row::new("writes, create to Ready, webhook", "requests", writes).at_most(16.0));
    Ok(())
}
