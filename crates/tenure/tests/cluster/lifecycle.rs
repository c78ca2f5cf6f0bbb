//! A Project and its Namespace, from creation to the end.

use tenure_testbed::audit::tally;
use tenure_testbed::unique_name;

use crate::support::{SERVER, Test};

#[tokio::test]
async fn a_created_namespace_goes_with_its_project() {
    let test = Test::start().await;
    let name = unique_name("created");
    let audit = test.bed.plane.audit();
    test.create_ready(&name, &[]).await;
    println!("create {:#?}", tally(&audit.of(SERVER, &name)));
    let audit = test.bed.plane.audit();
    test.delete_and_wait(&name).await;
    assert!(test.namespace(&name).await.is_none(), "the Project went before its namespace");
    println!("delete {:#?}", tally(&audit.of(SERVER, &name)));
}

#[tokio::test]
async fn a_kept_namespace_is_released() {
    let test = Test::start().await;
    let name = unique_name("kept");
    test.create_ready(&name, &[("kargo.akuity.io/keep-namespace", "true")]).await;
    println!("{:#?}", test.projects.get(&name).await.unwrap());
    let audit = test.bed.plane.audit();
    test.delete_and_wait(&name).await;
    println!("kept {:#?}", tally(&audit.of(SERVER, &name)));
    let namespace = test.namespace(&name).await.expect("kept");
    println!("{namespace:#?}");
}
