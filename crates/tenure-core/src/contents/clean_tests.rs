use super::super::testing::{Sketch, owned, plain};
use super::*;

const PROJECT: &str = "project-uid";

fn selected(scope: Scope, objects: &[Object]) -> Vec<(String, Wave)> {
    let selection = select(scope, objects);
    let of = |wave| {
        selection.to_ask(wave).map(move |target| (format!("{}/{}", target.kind, target.name), wave))
    };
    Wave::ALL.into_iter().flat_map(of).collect()
}

fn select(scope: Scope, objects: &[Object]) -> Selection {
    let mut there = Collector::default();
    objects.iter().for_each(|object| there.add(object.clone()));
    Cleaning::new(scope, Uid::new(PROJECT)).select(there)
}

fn wave(object: &str, wave: Wave) -> (String, Wave) {
    (object.to_owned(), wave)
}

/// One object for each thing that a rule of selection may be about.
fn everything() -> Vec<Object> {
    let credential = || Sketch::default().label("kargo.akuity.io/cred-type", "git");
    let rbac = |plural: &str| format!("{plural}.rbac.authorization.k8s.io");
    vec![
        plain("warehouses.kargo.akuity.io", "w"),
        plain("stages.kargo.akuity.io", "s"),
        plain("promotions.kargo.akuity.io", "p"),
        Sketch::default().argo_cd("shop").object("stages.kargo.akuity.io", "s-argo"),
        credential().object("secrets", "git"),
        credential().argo_cd("shop").object("secrets", "git-argo"),
        credential()
            .annotation("cert-manager.io/certificate-name", "x")
            .object("secrets", "git-certificate"),
        plain("secrets", "own"),
        plain("configmaps", "own-map"),
        plain("configmaps", "kube-root-ca.crt"),
        plain("serviceaccounts", "default"),
        plain("serviceaccounts", "robot"),
        Sketch::default().label(keys::PROJECT_UID, PROJECT).object("serviceaccounts", "ours"),
        Sketch::default().label(keys::PROJECT_UID, PROJECT).object(&rbac("roles"), "our-role"),
        plain(&rbac("roles"), "role"),
        plain("resourcequotas", "quota"),
        plain("limitranges", "limits"),
        plain("networkpolicies.networking.k8s.io", "deny"),
        plain("deployments.apps", "web"),
        plain("endpoints", "web-endpoints"),
    ]
}

#[test]
fn the_projects_scope_takes_what_is_kargos_and_nobody_elses() {
    assert_eq!(
        selected(Scope::Project, &everything()),
        [
            wave("stages.kargo.akuity.io/s", Wave::First),
            wave("warehouses.kargo.akuity.io/w", Wave::First),
            wave("promotions.kargo.akuity.io/p", Wave::Second),
            wave("secrets/git", Wave::Second),
        ]
    );
}

#[test]
fn all_takes_everything_but_kubernetes_own_what_is_provisioned_and_kinds_to_keep() {
    assert_eq!(
        selected(Scope::All, &everything()),
        [
            wave("stages.kargo.akuity.io/s", Wave::First),
            wave("stages.kargo.akuity.io/s-argo", Wave::First),
            wave("warehouses.kargo.akuity.io/w", Wave::First),
            wave("deployments.apps/web", Wave::Second),
            wave("promotions.kargo.akuity.io/p", Wave::Second),
            wave("configmaps/own-map", Wave::Third),
            wave("secrets/git", Wave::Third),
            wave("secrets/git-argo", Wave::Third),
            wave("secrets/git-certificate", Wave::Third),
            wave("secrets/own", Wave::Third),
            wave("serviceaccounts/robot", Wave::Third),
        ]
    );
}

#[test]
fn what_was_provisioned_for_a_project_long_gone_is_left_to_nobody_when_all_is_cleaned() {
    let stale = Sketch::default().label(keys::PROJECT_UID, "another").object("secrets", "stale");
    assert_eq!(selected(Scope::Project, std::slice::from_ref(&stale)), []);
    assert_eq!(selected(Scope::All, &[stale]), [wave("secrets/stale", Wave::Third)]);
}

#[test]
fn a_kind_to_keep_is_kept_in_either_scope() {
    let mut cleaning = Cleaning::new(Scope::Project, Uid::new(PROJECT));
    cleaning.keep_kinds = BTreeSet::from(["*.kargo.akuity.io".to_owned()]);
    for scope in [Scope::Project, Scope::All] {
        cleaning.scope = scope;
        let mut there = Collector::default();
        there.add(plain("stages.kargo.akuity.io", "s"));
        assert!(cleaning.select(there).remaining().is_done());
    }
    assert!(!cleaning.concerns_group("kargo.akuity.io"));
}

#[test]
fn what_an_object_owns_goes_with_it_in_its_wave_and_is_awaited() {
    let objects = [
        plain("deployments.apps", "web"),
        owned(plain("replicasets.apps", "web-1"), &["web"]),
        owned(plain("secrets", "web-token"), &["web-1"]),
    ];
    assert_eq!(selected(Scope::All, &objects), [wave("deployments.apps/web", Wave::Second)]);
    let remaining = select(Scope::All, &objects).remaining();
    assert_eq!(remaining.waves, [WaveCount { wave: Wave::Second, objects: 3, to_ask: 1 }]);
}

#[test]
fn what_is_owned_by_something_that_stays_is_asked_itself() {
    let objects =
        [plain("resourcequotas", "quota"), owned(plain("configmaps", "below"), &["quota"])];
    assert_eq!(selected(Scope::All, &objects), [wave("configmaps/below", Wave::Third)]);
}

#[test]
fn what_hangs_below_an_object_of_a_deploying_tool_is_not_kargos_alone() {
    let objects = [
        Sketch::default().argo_cd("shop").object("stages.kargo.akuity.io", "s"),
        owned(plain("promotions.kargo.akuity.io", "p"), &["s"]),
    ];
    assert_eq!(selected(Scope::Project, &objects), []);
}

#[test]
fn what_is_owned_by_something_that_was_not_looked_for_is_not_kargos_alone() {
    let mut below_kargo = owned(plain("freights.kargo.akuity.io", "below-kargo"), &["elsewhere"]);
    below_kargo.owners[0].kargo = true;
    let objects = [owned(plain("promotions.kargo.akuity.io", "p"), &["elsewhere"]), below_kargo];
    let expected = [wave("freights.kargo.akuity.io/below-kargo", Wave::Second)];
    assert_eq!(selected(Scope::Project, &objects), expected);
}

#[test]
fn what_refuses_to_go_is_named_first_with_its_finalizers() {
    let mut stuck = plain("stages.kargo.akuity.io", "stuck");
    stuck.deleting = true;
    stuck.finalizers = [Box::from("kargo.akuity.io/finalizer")].into();
    let mut objects: Vec<_> =
        (0..100).map(|n| plain("stages.kargo.akuity.io", &format!("a-{n}"))).collect();
    objects.push(stuck);
    objects.push(plain("promotions.kargo.akuity.io", "p"));
    let selection = select(Scope::Project, &objects);
    assert_eq!(selection.to_ask(Wave::First).count(), 100);
    let remaining = selection.remaining();
    assert_eq!((remaining.objects.len(), remaining.objects()), (MOST_NAMED, 102));
    assert_eq!(remaining.wave(), Some(Wave::First));
    assert_eq!(remaining.objects[0].object, "stages.kargo.akuity.io/stuck");
    assert_eq!(remaining.objects[0].finalizers, ["kargo.akuity.io/finalizer"]);
    let stored = serde_json::to_value(&remaining).unwrap();
    assert_eq!(serde_json::from_value::<Remaining>(stored).unwrap(), remaining);
}

#[test]
fn what_could_not_be_seen_is_not_done() {
    let mut there = Collector::default();
    let why = "forbidden".to_owned();
    there.unseen(Unseen { kind: "stages.kargo.akuity.io".to_owned(), why, temporary: false });
    let remaining = Cleaning::new(Scope::Project, Uid::new(PROJECT)).select(there).remaining();
    assert_eq!((remaining.wave(), remaining.is_done()), (None, false));
}

#[test]
fn what_was_made_since_the_cleaning_began_stays_and_what_may_be_older_goes() {
    let second = |second: i64| Timestamp::from_second(1_800_000_000 + second).expect("a time");
    let made = |at| Object { created: Some(second(at)), ..plain("stages.kargo.akuity.io", "s") };
    let mut cleaning = Cleaning::new(Scope::Project, Uid::new(PROJECT));
    cleaning.made_before = Some(second(10));
    let goes = |object: Object| cleaning.wave_of(&object, &BTreeSet::new(), &[]).is_some();
    assert!(goes(made(9)));
    assert!(goes(made(10)));
    // It may have been there when the cleaning began: clocks are told in whole seconds.
    assert!(goes(made(11)));
    assert!(!goes(made(12)));
}
