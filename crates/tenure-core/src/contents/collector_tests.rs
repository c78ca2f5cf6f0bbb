use proptest::prelude::*;

use super::super::testing::{Sketch, owned, plain};
use super::super::{Detail, Reclaim, Tool, Volume};
use super::*;
use crate::Uid;

fn contents(objects: Vec<Object>) -> Contents {
    contents_beside(objects, &BTreeSet::new())
}

fn contents_beside(objects: Vec<Object>, managers: &BTreeSet<Manager>) -> Contents {
    let mut collector = Collector::default();
    objects.into_iter().for_each(|object| collector.add(object));
    collector.finish(managers)
}

fn names(contents: &Contents) -> Vec<&str> {
    contents.roots.iter().map(|root| &*root.name).collect()
}

fn argo() -> Sketch {
    Sketch::default().argo_cd("shop")
}

#[test]
fn children_are_counted_under_the_root_of_their_chain_and_are_its_managers() {
    let found = contents(vec![
        owned(plain("pods", "web-1-x"), &["web-1"]),
        owned(plain("replicasets.apps", "web-1"), &["web"]),
        argo().object("deployments.apps", "web"),
    ]);
    assert_eq!(names(&found), ["web"]);
    assert_eq!(found.roots[0].children, 2);
    let expected = ManagerCount { manager: Manager::instance(Tool::ArgoCd, "shop"), objects: 3 };
    assert_eq!(found.managers, [expected]);
    assert_eq!(found.objects, 3);
}

#[test]
fn an_object_whose_owner_is_not_here_is_a_root() {
    let found = contents(vec![owned(plain("pods", "lost"), &["elsewhere"])]);
    assert_eq!((names(&found), found.roots[0].children), (vec!["lost"], 0));
}

#[test]
fn owners_in_a_circle_neither_loop_nor_lose_anybody() {
    let found = contents(vec![
        owned(plain("pods", "a"), &["b"]),
        owned(plain("pods", "b"), &["c"]),
        owned(plain("pods", "c"), &["a"]),
        owned(plain("pods", "below"), &["c"]),
        owned(plain("pods", "self"), &["self"]),
    ]);
    assert_eq!(names(&found), ["a", "self"]);
    assert_eq!(found.roots[0].children, 3);
}

#[test]
fn the_owner_that_controls_comes_before_the_one_that_is_named_first() {
    let mut shared = owned(plain("pods", "shared"), &["first", "second"]);
    shared.owners[0].controller = false;
    shared.owners[1].controller = true;
    let found = contents(vec![plain("jobs", "first"), plain("jobs", "second"), shared]);
    let children: Vec<_> = found.roots.iter().map(|root| root.children).collect();
    assert_eq!((names(&found), children), (vec!["first", "second"], vec![0, 1]));
}

#[test]
fn an_object_that_is_listed_twice_is_counted_once() {
    let found = contents(vec![
        plain("ingresses.extensions", "web"),
        plain("ingresses.networking.k8s.io", "web"),
        plain("pods", "p"),
        plain("pods", "p"),
    ]);
    assert_eq!(found.objects, 2);
}

#[test]
fn foreign_roots_come_first_then_losses_then_the_rest_and_kubernetes_last() {
    let everything = || {
        vec![
            plain("configmaps", "kube-root-ca.crt"),
            plain("configmaps", "a-plain"),
            plain("secrets", "b-lost"),
            argo().object("services", "c-argo"),
            Sketch::default().label("kapp.k14s.io/app", "1").object("services", "d-kapp"),
        ]
    };
    let found = contents(everything());
    assert_eq!(names(&found), ["c-argo", "d-kapp", "b-lost", "a-plain", "kube-root-ca.crt"]);
    let ours = BTreeSet::from([Manager::instance(Tool::ArgoCd, "shop")]);
    let found = contents_beside(everything(), &ours);
    assert_eq!(names(&found), ["d-kapp", "b-lost", "a-plain", "c-argo", "kube-root-ca.crt"]);
    assert_eq!(found.foreign(&ours), [&Manager::instance(Tool::Kapp, "1")]);
}

#[test]
fn no_more_roots_are_told_of_than_a_reader_can_bear_and_the_losses_come_first() {
    let mut objects: Vec<_> =
        (0..400).map(|n| plain("configmaps", &format!("plain-{n:03}"))).collect();
    objects.extend((0..10).map(|n| plain("secrets", &format!("secret-{n}"))));
    let found = contents(objects);
    assert_eq!((found.roots.len(), found.roots_left_out), (MOST_TOLD, 110));
    assert!(found.roots[..10].iter().all(|root| *root.kind == *"secrets"));
    assert_eq!(found.losses.len(), 10);
    let short = found.shortened(4);
    assert_eq!((short.losses.len(), short.losses_left_out), (4, 6));
    assert_eq!((short.roots.len(), short.roots_left_out), (4, 406));
    assert_eq!(short.objects, found.objects);
}

fn claim(name: &str, reclaim: Option<Reclaim>) -> Object {
    let mut claim = plain("persistentvolumeclaims", name);
    claim.detail = Detail::Claim(reclaim.map(|reclaim| Volume { name: "pv".into(), reclaim }));
    claim
}

fn lost(found: &Contents) -> Vec<(&str, LossKind)> {
    found.losses.iter().map(|loss| (loss.uid.as_str(), loss.kind)).collect()
}

#[test]
fn a_claim_is_lost_unless_its_volume_is_known_to_stay() {
    let found = contents(vec![
        claim("deleted", Some(Reclaim::Delete)),
        claim("retained", Some(Reclaim::Retain)),
        claim("unbound", None),
        claim("unknown", Some(Reclaim::Unknown)),
    ]);
    assert_eq!(lost(&found), [("deleted", LossKind::Volume), ("unknown", LossKind::Volume)]);
    assert_eq!(Reclaim::parse("Recycle"), Reclaim::Delete);
}

#[test]
fn a_load_balancer_is_given_back() {
    let mut service = plain("services", "web");
    service.detail = Detail::LoadBalancer;
    assert_eq!(lost(&contents(vec![service])), [("web", LossKind::LoadBalancer)]);
}

#[test]
fn a_secret_is_lost_where_nothing_can_make_it_again() {
    let typed = |of: &str| Sketch { secret_type: Some(of.to_owned()), ..Sketch::default() };
    let owned_by = |group: &str| {
        let owner_groups = vec![group.to_owned()];
        Sketch { owner_groups, ..Sketch::default() }.object("secrets", group)
    };
    let found = contents(vec![
        plain("secrets", "lost"),
        typed("Opaque").object("secrets", "lost-opaque"),
        Sketch::default().label("kargo.akuity.io/cred-type", "git").object("secrets", "lost-git"),
        argo().object("secrets", "argo"),
        typed("helm.sh/release.v1").object("secrets", "release"),
        typed("kubernetes.io/service-account-token").object("secrets", "token"),
        owned_by("external-secrets.io"),
        owned_by("bitnami.com"),
        Sketch::default()
            .annotation("cert-manager.io/certificate-name", "web")
            .object("secrets", "certificate"),
        Sketch::default()
            .annotation("kargo.akuity.io/replicated-from", "shared")
            .object("secrets", "copy"),
    ]);
    let expected = ["lost", "lost-git", "lost-opaque"].map(|name| (name, LossKind::Secret));
    assert_eq!(lost(&found), expected);
    assert_eq!(found.lost_for_good().len(), 3);
}

#[test]
fn a_secret_that_a_deployed_operator_made_up_is_lost_though_its_root_comes_again() {
    let found = contents(vec![
        argo().object("clusters.postgresql.example.com", "db"),
        owned(plain("secrets", "db-password"), &["db"]),
    ]);
    assert_eq!(lost(&found), [("db-password", LossKind::Secret)]);
    let expected = BTreeSet::from([LossKind::Secret, LossKind::Recreated]);
    assert_eq!(found.roots[0].hazards, expected);
}

#[test]
fn helms_keep_is_a_loss_and_what_argo_cd_makes_anew_a_note() {
    let found = contents(vec![
        Sketch::default().annotation("helm.sh/resource-policy", "keep").object("jobs", "kept"),
        argo().object("configmaps", "again"),
    ]);
    assert_eq!(lost(&found), [("kept", LossKind::HelmKeep)]);
    let notes: Vec<_> = found.notes.iter().map(|note| note.explanation.as_str()).collect();
    assert_eq!(notes, ["Argo CD shop may make it anew"]);
}

#[test]
fn a_finalizer_whose_controller_seems_to_live_in_the_same_namespace_is_noted() {
    let waiting = |name: &str, finalizer: &str| {
        let mut object = plain("topics.kafka.example.com", name);
        object.finalizers = [Box::from(finalizer)].into();
        object
    };
    let found = contents(vec![
        waiting("a", "strimzi.example.com/topic"),
        waiting("b", "other.example.com/topic"),
        waiting("c", "kubernetes.io/pvc-protection"),
        waiting("d", "foregroundDeletion"),
        plain("deployments.apps", "strimzi-cluster-operator"),
        plain("deployments.apps", "kubernetes-dashboard"),
    ]);
    let noted: Vec<_> = found.notes.iter().map(|note| note.uid.as_str()).collect();
    assert_eq!(noted, ["a"]);
    assert!(found.notes[0].explanation.contains("deployments.apps/strimzi-cluster-operator"));
}

#[test]
fn what_is_kubernetes_own_is_nobodys_loss() {
    let found = contents(vec![
        plain("configmaps", "kube-root-ca.crt"),
        plain("serviceaccounts", "default"),
        Sketch::default()
            .annotation("helm.sh/resource-policy", "keep")
            .object("leases.coordination.k8s.io", "lease"),
        plain("deployments.apps", "web"),
    ]);
    assert_eq!((found.objects, found.losses.len(), found.notes.len()), (4, 0, 0));
}

#[test]
fn contents_read_back_as_they_were_stored() {
    let mut collector = Collector::default();
    collector.add(argo().object("configmaps", "again"));
    collector.add(plain("secrets", "lost"));
    let unseen =
        Unseen { kind: "*.example.com".to_owned(), why: "gone".to_owned(), temporary: true };
    collector.unseen(unseen.clone());
    collector.unseen(unseen);
    let found = collector.finish(&BTreeSet::new());
    assert_eq!(found.unseen.len(), 1);
    let stored = serde_json::to_value(&found).unwrap();
    assert_eq!(stored["managers"][0]["tool"], "ArgoCd");
    assert_eq!(stored["rootsLeftOut"], 0);
    assert_eq!(serde_json::from_value::<Contents>(stored).unwrap(), found);
}

/// Objects with owners anywhere among them, beside them, in circles.
fn tangles() -> impl Strategy<Value = Vec<Object>> {
    let object = (0..40_usize, proptest::collection::vec(0..50_usize, 0..3), 0..4_usize);
    proptest::collection::vec(object, 0..40).prop_map(|objects| {
        let objects = objects.into_iter().map(|(name, owners, kind)| {
            let resource = ["pods", "secrets", "deployments.apps", "leases.coordination.k8s.io"];
            let sketch = if name % 3 == 0 { argo() } else { Sketch::default() };
            let owners: Vec<String> = owners.iter().map(|n| format!("o{n}")).collect();
            let owners: Vec<&str> = owners.iter().map(String::as_str).collect();
            owned(sketch.object(resource[kind], &format!("o{name}")), &owners)
        });
        objects.collect()
    })
}

proptest! {
    #[test]
    fn every_object_is_counted_once_and_belongs_to_one_root(objects in tangles()) {
        let distinct: BTreeSet<Uid> = objects.iter().map(|object| object.uid.clone()).collect();
        let found = contents(objects);
        prop_assert_eq!(found.objects as usize, distinct.len());
        let by_kind: u64 = found.kinds.iter().map(|counted| counted.objects).sum();
        prop_assert_eq!(by_kind, found.objects);
        let by_root: u64 = found.roots.iter().map(|root| root.children + 1).sum();
        prop_assert_eq!(by_root, found.objects);
        let roots: BTreeSet<_> = found.roots.iter().map(|root| &root.uid).collect();
        prop_assert_eq!(roots.len(), found.roots.len());
    }

    #[test]
    fn the_order_in_which_objects_come_says_nothing(
        (objects, shuffled) in tangles().prop_flat_map(|objects| {
            // Of two objects of one UID either may stay, so each has its own here.
            let mut distinct: Vec<Object> = Vec::new();
            for object in objects {
                if distinct.iter().all(|other| other.uid != object.uid) {
                    distinct.push(object);
                }
            }
            (Just(distinct.clone()), Just(distinct).prop_shuffle())
        })
    ) {
        prop_assert_eq!(contents(objects), contents(shuffled));
    }
}
