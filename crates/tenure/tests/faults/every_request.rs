//! A fault at the n-th request, for every n.

use futures::StreamExt as _;
use serde_json::json;
use tenure_testbed::audit::AuditLog;
use tenure_testbed::fault::{Fault, Plan};
use tenure_testbed::{Repetitions, unique_name};

use crate::support::{Bed, KEEP};

/// Everything that can happen to a request.
const FAULTS: [Fault; 9] = [
    Fault::CrashBefore,
    Fault::CrashAfter,
    Fault::LostAnswer,
    Fault::Answer(403),
    Fault::Answer(404),
    Fault::AnotherNotFound,
    Fault::Answer(409),
    Fault::Answer(429),
    Fault::Answer(500),
];
/// Cases at once. Most of the time they wait, for the namespace controller or for a retry.
const AT_ONCE: usize = 24;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scenario {
    Create,
    Delete,
    Keep,
    Clean,
    CleanAll,
    Confirmed,
    CalledOff,
}

impl Scenario {
    fn word(self) -> &'static str {
        match self {
            Self::Create => "fc",
            Self::Delete => "fd",
            Self::Keep => "fk",
            Self::Clean => "fl",
            Self::CleanAll => "fa",
            Self::Confirmed => "fy",
            Self::CalledOff => "fo",
        }
    }

    /// Brings the Project to where the faults begin.
    async fn prepare(self, bed: &Bed, name: &str) {
        let annotations: &[(&str, &str)] = match self {
            Self::Keep => &[(KEEP, "true")],
            Self::Clean => &[("tenure.dev/disposition", "Clean")],
            _ => &[],
        };
        match self {
            Self::Confirmed | Self::CalledOff => {
                bed.policy(name, json!({"confirmation": "Required"})).await;
            }
            // Argo CD deploys there too, which would retain everything.
            Self::Clean => bed.policy(name, json!({"shared": "Delete"})).await,
            Self::CleanAll => {
                let everything = json!({"scope": "All"});
                let demanded = json!({"floor": "Clean", "clean": everything, "shared": "Delete"});
                bed.policy(name, demanded).await;
            }
            _ => {}
        }
        bed.create(name, annotations).await;
        if self == Self::Create {
            return;
        }
        let driver = bed.controller();
        driver.until("ready", name, async || bed.is_ready(name).await).await;
        if matches!(self, Self::Clean | Self::CleanAll) {
            bed.fill(name).await;
        }
        if self == Self::CleanAll {
            bed.let_clean(name).await;
        }
        bed.delete(name).await;
        if matches!(self, Self::CleanAll | Self::Confirmed | Self::CalledOff) {
            driver.until("waiting", name, async || bed.plan(name).await.is_some()).await;
            let digest = bed.plan(name).await.expect("a plan").spec.decision.digest;
            let said = match self {
                Self::CalledOff => json!({"tenure.dev/cancel": "true"}),
                _ => json!({"tenure.dev/confirm": digest}),
            };
            bed.annotate(name, said).await;
        }
    }

    async fn is_over(self, bed: &Bed, name: &str) -> bool {
        match self {
            Self::Create => bed.is_ready(name).await,
            Self::CalledOff => {
                let old = bed.plan(name).await.map(|plan| plan.spec.project.uid);
                let project = bed.project(name).await;
                project.is_some_and(|p| p.metadata.uid != old) && bed.is_ready(name).await
            }
            Self::Delete | Self::Keep | Self::Clean | Self::CleanAll | Self::Confirmed => {
                bed.project(name).await.is_none()
            }
        }
    }

    /// What happens to each request. What refuses a request is met by the deletions that neither
    /// clean nor wait; the others differ from them in what is done, not in how refusals are taken.
    fn faults(self) -> &'static [Fault] {
        match self {
            Self::Create | Self::Delete | Self::Keep => &FAULTS,
            Self::Clean => &[
                Fault::CrashBefore,
                Fault::CrashAfter,
                Fault::LostAnswer,
                Fault::Answer(404),
                Fault::Answer(409),
            ],
            Self::CleanAll | Self::Confirmed | Self::CalledOff => {
                &[Fault::CrashAfter, Fault::LostAnswer, Fault::Answer(404), Fault::Answer(409)]
            }
        }
    }

    /// What of the content that was put there is left.
    fn leaves(self) -> &'static [&'static str] {
        if self == Self::Clean { &["somebody-elses", "not-kargos"] } else { &[] }
    }

    /// The oracle: what must hold at the end, whatever happened on the way.
    async fn judge(self, bed: &Bed, audit: &AuditLog, name: &str, case: &str) {
        let asked = bed.asked(audit, name);
        let deletions: Vec<_> = asked.iter().filter(|e| e.short() == "delete namespaces").collect();
        let accepted = deletions.iter().filter(|e| e.succeeded()).count();
        for deletion in &deletions {
            let body = deletion.request_object.as_ref().expect("a body");
            for precondition in ["uid", "resourceVersion"] {
                assert!(body["preconditions"][precondition].is_string(), "{case}: {body}");
            }
        }
        let namespace = bed.namespace(name).await;
        match self {
            Self::Create => {
                assert_eq!(accepted, 0, "{case}");
                let namespace = namespace.expect("a namespace");
                let record = namespace.metadata.annotations.unwrap_or_default();
                let project = bed.project(name).await.expect("a project").metadata;
                assert_eq!(record.get("tenure.dev/project-uid"), project.uid.as_ref(), "{case}");
                assert_eq!(bed.left_behind(name).await.len(), 14, "{case}");
            }
            Self::Delete | Self::Confirmed => {
                assert_eq!(accepted, 1, "{case}");
                assert!(namespace.is_none(), "{case}: the Project went before its namespace");
                assert_eq!(bed.left_behind(name).await, Vec::<String>::new(), "{case}");
            }
            Self::CalledOff => {
                assert_eq!(deletions.len(), 0, "{case}");
                let namespace = namespace.expect("left alone").metadata;
                assert!(namespace.deletion_timestamp.is_none(), "{case}");
                let record = namespace.annotations.unwrap_or_default();
                let project = bed.project(name).await.expect("made anew").metadata;
                assert_eq!(record.get("tenure.dev/project-uid"), project.uid.as_ref(), "{case}");
                assert_eq!(bed.left_behind(name).await.len(), 14, "{case}");
            }
            Self::Keep | Self::Clean | Self::CleanAll => {
                assert_eq!(deletions.len(), 0, "{case}");
                assert_eq!(bed.content(name).await, self.leaves(), "{case}");
                let meta = namespace.expect("a kept namespace").metadata;
                assert!(meta.deletion_timestamp.is_none(), "{case}");
                assert_eq!((meta.annotations, meta.finalizers), (None, None), "{case}");
                assert!(!meta.labels.unwrap_or_default().contains_key("kargo.akuity.io/project"));
                // By it everything may be cleaned, and access is what scope All leaves.
                let mut left = bed.left_behind(name).await;
                left.retain(|path| !path.ends_with("/rolebindings/clean"));
                assert_eq!(left, Vec::<String>::new(), "{case}");
            }
        }
        if self != Self::Create {
            bed.judge_plan(audit, name, case).await;
        }
        let writes = bed.plane.audit();
        bed.controller().look(name).await;
        if self != Self::Create {
            let more = bed.asked(&writes, name).iter().filter(|e| e.is_write()).count();
            assert_eq!(more, 0, "{case}: it writes after the end");
        }
    }
}

/// Runs a scenario without faults: for each request, whether it lists what is in the namespace.
async fn requests(bed: &Bed, scenario: Scenario) -> Vec<bool> {
    let name = unique_name(scenario.word());
    scenario.prepare(bed, &name).await;
    let plan = Plan::none();
    let driver = bed.faulty(&plan);
    driver.look(&name).await;
    let within = format!("/namespaces/{name}/");
    let listing = |asked: &String| asked.starts_with("GET ") && asked.contains(&within);
    let mut asked: Vec<bool> = plan.asked().iter().map(listing).collect();
    driver.until("over", &name, async || scenario.is_over(bed, &name).await).await;
    // And some of one more look, which lets the Project go once its namespace is gone.
    let requests = asked.len();
    asked.resize(requests + 8, false);
    asked
}

/// Runs a scenario in which the n-th request meets a fault.
async fn run(bed: &Bed, scenario: Scenario, n: usize, fault: Fault) {
    let name = unique_name(scenario.word());
    let case = format!("{} with {fault:?} at request {n}", scenario.word());
    scenario.prepare(bed, &name).await;
    let audit = bed.plane.audit();
    let plan = Plan::at(n, fault);
    let faulty = bed.faulty(&plan);
    tokio::select! {
        () = plan.crashed() => {}
        () = faulty.until(&case, &name, async || scenario.is_over(bed, &name).await) => {}
    }
    drop(faulty);
    // Another controller, which knows nothing of the first.
    bed.controller().until(&case, &name, async || scenario.is_over(bed, &name).await).await;
    scenario.judge(bed, &audit, &name, &case).await;
}

async fn run_all(scenario: Scenario) {
    let bed = Bed::start().await;
    let requests = requests(&bed, scenario).await;
    // What is in a namespace is listed kind by kind, and each list is like the next: one fault for
    // each of them, and every fault for every other request. Cleaning everything is cleaning with
    // more of the same requests: one fault for each of those, too.
    let cases = requests.iter().enumerate().flat_map(|(index, lists)| {
        let all = scenario.faults().iter().copied().enumerate();
        let one = *lists || scenario == Scenario::CleanAll;
        let chosen = all.filter(move |(n, _)| !one || index % scenario.faults().len() == *n);
        chosen.map(move |(_, fault)| (index + 1, fault))
    });
    // No number of faults a request is divisible by five: the requests meet different ones.
    let cases = Repetitions::wanted().one_in(5, cases.collect());
    let requests = requests.len();
    let done = futures::stream::iter(cases)
        .map(|(n, fault)| run(&bed, scenario, n, fault))
        .buffer_unordered(AT_ONCE)
        .count()
        .await;
    println!("{}: {done} cases over {requests} requests", scenario.word());
    assert!(done >= 20, "only {done} cases");
}

#[tokio::test]
async fn every_request_of_a_creation() {
    run_all(Scenario::Create).await;
}

#[tokio::test]
async fn every_request_of_a_deletion() {
    run_all(Scenario::Delete).await;
}

#[tokio::test]
async fn every_request_of_a_kept_deletion() {
    run_all(Scenario::Keep).await;
}

#[tokio::test]
async fn every_request_of_a_cleaning() {
    run_all(Scenario::Clean).await;
}

#[tokio::test]
async fn every_request_of_a_cleaning_of_everything() {
    run_all(Scenario::CleanAll).await;
}

#[tokio::test]
async fn every_request_of_a_confirmed_deletion() {
    run_all(Scenario::Confirmed).await;
}

#[tokio::test]
async fn every_request_of_a_deletion_that_is_called_off() {
    run_all(Scenario::CalledOff).await;
}
