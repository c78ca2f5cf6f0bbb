//! Names of Projects.

use kube::api::PostParams;
use tenure_api::Project;
use tenure_api::install::Installation;
use tenure_core::NamespaceName;
use tenure_testbed::unique_name;

use crate::support::{Bed, On, table};

#[tokio::test]
async fn a_name_whose_namespace_a_project_can_never_have_is_refused_with_the_fix() {
    let bed = Bed::start().await;
    let settings = Installation::default().settings();
    let long = "n".repeat(253);
    let mut rows = Vec::new();
    for name in [
        "default",
        "kube-system",
        "kube-anything",
        "kargo",
        "tenure-system",
        "pay.ments",
        "kube-system.old",
        &long[..64],
        &long,
        &long[..63],
        "kube",
        "kargo-demo",
        "my-default",
        "0",
    ] {
        let answer = bed.anna.create(On::Project, name, &[], true).await;
        let can = !settings.is_system(name) && NamespaceName::parse(name).is_ok();
        assert_eq!(answer.is_ok(), can, "{name}");
        rows.push((name.to_owned(), answer));
        let around = bed.around.create(On::Project, name, &[], true).await;
        assert_eq!(around, Ok(()), "the break-glass group may");
    }
    insta::assert_snapshot!(table(&rows, "no-such-name"));
}

#[tokio::test]
async fn a_generated_name_is_judged_by_what_comes_out() {
    let bed = Bed::start().await;
    let dry = PostParams { dry_run: true, ..Default::default() };
    for (prefix, can) in [("kube-", false), ("pay.", false), ("payments-", true)] {
        let mut project = Project::named("");
        project.metadata.name = None;
        project.metadata.generate_name = Some(prefix.to_owned());
        let answer = bed.anna.projects.create(&dry, &project).await;
        assert_eq!(answer.is_ok(), can, "{prefix}: {answer:?}");
    }
}

#[tokio::test]
async fn a_project_that_has_such_a_name_already_can_be_changed_and_deleted() {
    let bed = Bed::start().await;
    let name = unique_name("dotted.name");
    bed.stands(On::Project, &name, &[]).await;
    let label = serde_json::json!({"labels": {"team": "a"}});
    assert_eq!(bed.anna.patch(On::Project, &name, label).await, Ok(()));
    assert_eq!(bed.anna.delete(On::Project, &name, false).await, Ok(()));
}
