//! Each fault does what it says, to kube's own client, before a real API server.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use http::Method;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Config, ResourceExt as _};
use tenure_testbed::proxy::{Fault, Proxy, Rule};
use tenure_testbed::{ControlPlane, TENURE_NAMESPACE, eventually, unique_name};

/// What is waited for to see that nothing comes.
const A_WHILE: Duration = Duration::from_millis(500);
/// How long something that must come may take.
const LONG: Duration = Duration::from_secs(30);

/// ConfigMaps of one test, through the proxy and past it.
struct Bed {
    plane: Arc<ControlPlane>,
    proxy: Proxy,
    through: Api<ConfigMap>,
    past: Api<ConfigMap>,
    name: String,
}

impl Bed {
    async fn start() -> Self {
        let plane = ControlPlane::shared().await;
        let proxy = Proxy::start(&plane.kubeconfig()).await.expect("a proxy");
        let admin = plane.user("admin", &["system:masters"]).expect("an administrator");
        let mut config = proxy.config(&admin).expect("a configuration");
        config.default_retry = false;
        let client = Client::try_from(config).expect("a client");
        Self {
            through: Api::namespaced(client, "default"),
            past: Api::namespaced(plane.admin().expect("an administrator"), "default"),
            name: unique_name("proxied"),
            plane,
            proxy,
        }
    }

    fn map(&self) -> ConfigMap {
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..Default::default() };
        ConfigMap { metadata, ..Default::default() }
    }

    async fn create(&self) -> kube::Result<ConfigMap> {
        self.through.create(&PostParams::default(), &self.map()).await
    }

    async fn create_past(&self) -> ConfigMap {
        self.past.create(&PostParams::default(), &self.map()).await.expect("create")
    }

    async fn exists(&self) -> bool {
        self.past.get_opt(&self.name).await.expect("read").is_some()
    }

    /// Only this test's object.
    fn path(&self) -> String {
        format!("/api/v1/namespaces/default/configmaps/{}", self.name)
    }

    /// What the proxy has seen, as method, status and fault.
    fn seen(&self) -> Vec<(Method, Option<u16>, Option<Fault>)> {
        self.proxy.seen().into_iter().map(|seen| (seen.method, seen.status, seen.fault)).collect()
    }

    fn watch_params(&self) -> WatchParams {
        WatchParams::default().fields(&format!("metadata.name={}", self.name)).disable_bookmarks()
    }
}

/// The status that an error tells of.
fn code<T: std::fmt::Debug>(result: kube::Result<T>) -> u16 {
    match result {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("no status: {other:?}"),
    }
}

/// The next event of a watch.
async fn next<T>(events: &mut (impl Stream<Item = T> + Unpin)) -> T {
    let next = tokio::time::timeout(LONG, events.next()).await;
    next.expect("no event came").expect("the watch ended")
}

/// That the connection broke.
fn assert_broken<T: std::fmt::Debug>(result: kube::Result<T>) {
    assert!(!matches!(result, Ok(_) | Err(kube::Error::Api(_))), "{result:?}");
}

#[tokio::test]
async fn what_meets_no_fault_passes_unchanged() {
    let bed = Bed::start().await;
    let created = bed.create().await.unwrap();
    assert_eq!(bed.through.get(&bed.name).await.unwrap(), created);
    bed.through.delete(&bed.name, &DeleteParams::default()).await.unwrap();
    assert!(!bed.exists().await);
    let statuses: Vec<_> = bed.proxy.seen().into_iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [Some(201), Some(200), Some(200)]);
}

#[tokio::test]
async fn a_token_is_who_the_client_is_and_a_kubeconfig_leads_through() {
    let bed = Bed::start().await;
    let dir = tempfile::tempdir().unwrap();
    let (direct, through) = (dir.path().join("direct"), dir.path().join("through"));
    let account = (TENURE_NAMESPACE, "tenure");
    bed.plane.write_service_account_kubeconfig(&direct, account.0, account.1).await.unwrap();
    let proxy = Proxy::start(&direct).await.unwrap();
    proxy.write_kubeconfig(&through).unwrap();
    let kubeconfig = kube::config::Kubeconfig::read_from(&through).unwrap();
    let from_file = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    let token = bed.plane.service_account(account.0, account.1).await.unwrap();
    // The other proxy has an administrator's certificate, which a token comes before.
    for config in [from_file, bed.proxy.config(&token).unwrap()] {
        let audit = bed.plane.audit();
        let client = Client::try_from(config).unwrap();
        let maps: Api<ConfigMap> = Api::namespaced(client, "default");
        let name = unique_name("who");
        assert_eq!(code(maps.get(&name).await), 403);
        let asked = eventually("the request is logged", async || {
            audit.entries().into_iter().find(|entry| entry.name() == name)
        })
        .await;
        assert_eq!(asked.user.username, "system:serviceaccount:tenure-system:tenure");
    }
}

#[tokio::test]
async fn an_answer_comes_instead_of_the_servers() {
    let bed = Bed::start().await;
    for status in [403, 409, 429, 500, 503] {
        let rule = bed.proxy.add(Rule::new(Fault::Answer(status)));
        let started = Instant::now();
        assert_eq!(code(bed.create().await), status);
        assert!(started.elapsed() < Duration::from_secs(5));
        bed.proxy.remove(rule);
    }
    assert!(!bed.exists().await);
}

#[tokio::test]
async fn a_client_that_is_refused_waits_as_long_as_it_is_asked_to() {
    let bed = Bed::start().await;
    let url = format!("{}/version", bed.proxy.url());
    for (status, patience) in [(429, Some("1")), (503, Some("1")), (500, None)] {
        bed.proxy.add(Rule::new(Fault::Answer(status)).path("/version").nth(1));
        let client =
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
        let client = client.build_http::<http_body_util::Full<bytes::Bytes>>();
        let answer = client.get(url.parse().unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers().get("retry-after").map(|v| v.to_str().unwrap()), patience);
        bed.proxy.remove_all();
    }
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_did_happen() {
    let bed = Bed::start().await;
    bed.proxy.add(Rule::new(Fault::LostAnswer).method(Method::POST));
    assert_broken(bed.create().await);
    assert!(bed.exists().await);
    assert_eq!(bed.seen(), [(Method::POST, None, Some(Fault::LostAnswer))]);
}

#[tokio::test]
async fn a_create_that_was_dropped_did_not_happen() {
    let bed = Bed::start().await;
    bed.proxy.add(Rule::new(Fault::Drop).method(Method::POST));
    assert_broken(bed.create().await);
    assert!(!bed.exists().await);
    assert_eq!(bed.seen(), [(Method::POST, None, Some(Fault::Drop))]);
}

#[tokio::test]
async fn what_hangs_is_never_answered_and_happened_or_not() {
    let bed = Bed::start().await;
    let before = bed.proxy.add(Rule::new(Fault::HangBefore).method(Method::POST));
    assert!(tokio::time::timeout(A_WHILE, bed.create()).await.is_err());
    assert!(!bed.exists().await);
    bed.proxy.remove(before);
    bed.proxy.add(Rule::new(Fault::HangAfter).method(Method::POST));
    assert!(tokio::time::timeout(A_WHILE, bed.create()).await.is_err());
    eventually("it happened", async || bed.exists().await.then_some(())).await;
}

#[tokio::test]
async fn only_the_nth_of_those_that_match_is_delayed() {
    let bed = Bed::start().await;
    bed.create_past().await;
    bed.proxy.add(Rule::new(Fault::Delay(A_WHILE)).path(bed.path()).nth(2));
    let mut took = Vec::new();
    for _ in 0..3 {
        let started = Instant::now();
        bed.through.get(&bed.name).await.unwrap();
        bed.through.list(&ListParams::default().limit(1)).await.unwrap();
        took.push(started.elapsed() >= A_WHILE);
    }
    let delayed = bed.proxy.seen().iter().filter(|seen| seen.fault.is_some()).count();
    assert_eq!((took[1], delayed), (true, 1), "{took:?}");
}

#[tokio::test]
async fn half_an_answer_is_an_error_and_not_less() {
    let bed = Bed::start().await;
    bed.create_past().await;
    bed.proxy.add(Rule::new(Fault::Truncate));
    assert_broken(bed.through.get(&bed.name).await);
    assert_broken(bed.through.list(&ListParams::default()).await);
    let statuses: Vec<_> = bed.proxy.seen().into_iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [Some(200), Some(200)]);
}

#[tokio::test]
async fn what_is_frozen_stays_while_the_object_is_gone() {
    let bed = Bed::start().await;
    bed.create_past().await;
    let only = ListParams::default().fields(&format!("metadata.name={}", bed.name));
    let look = async || {
        let got = bed.through.get_opt(&bed.name).await.unwrap().is_some();
        (got, bed.through.list(&only).await.unwrap().items.len())
    };
    // A list that is asked for a first time after it was frozen is recorded then.
    assert!(bed.through.get_opt(&bed.name).await.unwrap().is_some());
    bed.proxy.freeze("/api/v1/namespaces/default/configmaps").await.unwrap();
    assert_eq!(look().await, (true, 1));
    bed.through.delete(&bed.name, &DeleteParams::default()).await.unwrap();
    assert!(!bed.exists().await);
    assert_eq!(look().await, (true, 1));
    let stale = bed.proxy.seen().iter().filter(|seen| seen.fault == Some(Fault::Stale)).count();
    assert_eq!(stale, 4);
    bed.proxy.thaw();
    assert_eq!(look().await, (false, 0));
}

#[tokio::test]
async fn what_is_frozen_is_as_it_was_then_and_not_as_it_was_last_seen() {
    let bed = Bed::start().await;
    assert!(bed.through.get_opt(&bed.name).await.unwrap().is_none());
    bed.create_past().await;
    bed.proxy.freeze(&bed.path()).await.unwrap();
    bed.past.delete(&bed.name, &DeleteParams::default()).await.unwrap();
    assert!(bed.through.get_opt(&bed.name).await.unwrap().is_some());
}

#[tokio::test]
async fn a_watch_streams_through_as_things_happen() {
    let bed = Bed::start().await;
    let mut events = pin!(bed.through.watch(&bed.watch_params(), "0").await.unwrap());
    let mut direct = pin!(bed.past.watch(&bed.watch_params(), "0").await.unwrap());
    let mut later = Vec::new();
    for _ in 0..20 {
        bed.create_past().await;
        next(&mut direct).await.unwrap();
        let started = Instant::now();
        assert!(matches!(next(&mut events).await.unwrap(), WatchEvent::Added(_)));
        later.push(started.elapsed());
        bed.past.delete(&bed.name, &DeleteParams::default()).await.unwrap();
        next(&mut direct).await.unwrap();
        assert!(matches!(next(&mut events).await.unwrap(), WatchEvent::Deleted(_)));
    }
    later.sort_unstable();
    println!("behind a direct watch: median {:?}, longest {:?}", later[10], later[19]);
    assert!(later[10] < Duration::from_millis(20), "{later:?}");
}

#[tokio::test]
async fn a_watch_can_be_told_everything_twice() {
    let bed = Bed::start().await;
    bed.create_past().await;
    bed.proxy.add(Rule::new(Fault::DuplicateEvents));
    let mut events = pin!(bed.through.watch(&bed.watch_params(), "0").await.unwrap());
    bed.past.delete(&bed.name, &DeleteParams::default()).await.unwrap();
    let mut kinds = Vec::new();
    while kinds.len() < 4 {
        kinds.push(match next(&mut events).await.unwrap() {
            WatchEvent::Added(_) => "added",
            WatchEvent::Deleted(_) => "deleted",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(kinds, ["added", "added", "deleted", "deleted"]);
}

#[tokio::test]
async fn a_watch_that_is_cut_goes_on_where_it_was() {
    let bed = Bed::start().await;
    let config = watcher::Config::default().fields(&format!("metadata.name={}", bed.name));
    let mut events = pin!(watcher::watcher(bed.through.clone(), config));
    assert!(matches!(next(&mut events).await.unwrap(), Event::Init));
    assert!(matches!(next(&mut events).await.unwrap(), Event::InitDone));
    bed.create_past().await;
    assert!(matches!(next(&mut events).await.unwrap(), Event::Apply(_)));
    bed.proxy.cut_watches();
    bed.past.delete(&bed.name, &DeleteParams::default()).await.unwrap();
    assert!(matches!(next(&mut events).await.unwrap(), Event::Delete(_)));
    let lists = bed.proxy.seen().iter().filter(|seen| !seen.watch).count();
    assert_eq!((lists, bed.proxy.seen().len()), (1, 3), "it listed again, or watched on");
}

#[tokio::test]
async fn a_watch_whose_past_is_forgotten_lists_again() {
    let bed = Bed::start().await;
    bed.create_past().await;
    bed.proxy.add(Rule::new(Fault::Gone).nth(1));
    let config = watcher::Config::default().fields(&format!("metadata.name={}", bed.name));
    let events = watcher::watcher(bed.through.clone(), config);
    let events: Vec<_> = tokio::time::timeout(LONG, events.take(7).collect()).await.unwrap();
    let [_, _, _, gone, _, again, done] = &events[..] else { panic!("{events:?}") };
    assert!(matches!(gone, Err(watcher::Error::WatchError(s)) if s.code == 410), "{gone:?}");
    assert!(matches!(again, Ok(Event::InitApply(map)) if map.name_any() == bed.name), "{again:?}");
    assert!(matches!(done, Ok(Event::InitDone)), "{done:?}");
    let lists = bed.proxy.seen().iter().filter(|seen| !seen.watch).count();
    assert_eq!(lists, 2);
}

#[tokio::test]
async fn a_watch_can_break_within_an_event() {
    let bed = Bed::start().await;
    bed.create_past().await;
    bed.proxy.add(Rule::new(Fault::Truncate).only_watches());
    let events = bed.through.watch(&bed.watch_params(), "0").await.unwrap();
    let events: Vec<_> = tokio::time::timeout(LONG, events.collect()).await.unwrap();
    assert!(events.iter().all(Result::is_err), "{events:?}");
}

#[tokio::test]
async fn watches_meet_only_faults_that_are_meant_for_them() {
    let bed = Bed::start().await;
    bed.proxy.add(Rule::new(Fault::Answer(500)));
    drop(bed.through.watch(&bed.watch_params(), "0").await.unwrap());
    bed.proxy.add(Rule::new(Fault::Answer(503)).only_watches());
    assert_eq!(code(bed.through.watch(&bed.watch_params(), "0").await.map(drop)), 503);
    assert_eq!(code(bed.through.get(&bed.name).await), 500);
}
