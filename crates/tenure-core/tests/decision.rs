//! The decision: its whole domain, its laws, and its table.

use std::collections::BTreeSet;

use proptest::prelude::*;

use tenure_core::policy::Demands;
use tenure_core::{
    CrdState, Decision, Disposition, Keep, Lien, NamespaceState, NearMiss, NotOwned, Origin,
    Profile, Snapshot, Statements, Tenancy, Uid, Wish, decide,
};

fn keeps() -> [Keep; 4] {
    [Keep::Absent, Keep::No, Keep::Yes, Keep::Illegible("\"True\"".to_owned())]
}

fn wishes() -> [Wish; 4] {
    [
        Wish::Absent,
        Wish::AtLeast(Disposition::Clean),
        Wish::AtLeast(Disposition::Retain),
        Wish::Illegible("\"retain\"".to_owned()),
    ]
}

fn tenancies() -> [Tenancy; 8] {
    [
        Tenancy::Owned(Origin::Created),
        Tenancy::Owned(Origin::Adopted),
        Tenancy::Unrecorded(Origin::Created),
        Tenancy::NotOwned(NotOwned::Unlabelled { recorded: false }),
        Tenancy::NotOwned(NotOwned::Unlabelled { recorded: true }),
        Tenancy::NotOwned(NotOwned::OtherProject(Uid::new("other"))),
        Tenancy::NotOwned(NotOwned::Replaced { bound: Uid::new("bound") }),
        Tenancy::NotOwned(NotOwned::Illegible("tenure.dev/origin is missing".to_owned())),
    ]
}

fn liens(held: bool) -> Vec<Lien> {
    let lien = Lien { name: "audit".to_owned(), reason: "not closed".to_owned() };
    if held { vec![lien] } else { Vec::new() }
}

fn near_misses(there: bool) -> Vec<NearMiss> {
    let miss = NearMiss { key: "kargo.akuity.io/keepnamespace".to_owned(), label: false };
    if there { vec![miss] } else { Vec::new() }
}

fn statements() -> Vec<Statements> {
    let mut all = Vec::new();
    for keep in keeps() {
        for wish in wishes() {
            for held in [false, true] {
                for missed in [false, true] {
                    all.push(Statements {
                        keep: keep.clone(),
                        wish: wish.clone(),
                        liens: liens(held),
                        near_misses: near_misses(missed),
                    });
                }
            }
        }
    }
    all
}

/// Every snapshot there can be, up to the wording of values.
fn domain() -> impl Iterator<Item = Snapshot> {
    let statements = statements();
    let mut namespaces = vec![NamespaceState::Absent, NamespaceState::Terminating];
    for tenancy in tenancies() {
        for said in &statements {
            let (tenancy, statements) = (tenancy.clone(), said.clone());
            namespaces.push(NamespaceState::Active { tenancy, statements });
        }
    }
    let rest = move |project: Statements| {
        let namespaces = namespaces.clone();
        namespaces.into_iter().flat_map(move |namespace| {
            let project = project.clone();
            [Profile::Protective, Profile::Kargo].into_iter().flat_map(move |profile| {
                let (project, namespace) = (project.clone(), namespace.clone());
                [CrdState::Established, CrdState::Terminating, CrdState::Unusable]
                    .into_iter()
                    .flat_map(move |crd| {
                        let (project, namespace) = (project.clone(), namespace.clone());
                        [false, true].map(move |system| Snapshot {
                            system,
                            project: project.clone(),
                            namespace: namespace.clone(),
                            crd,
                            profile,
                            demands: Demands::default(),
                            foreign: BTreeSet::new(),
                            discharged: false,
                        })
                    })
            })
        })
    };
    statements.into_iter().flat_map(rest)
}

fn protects(said: &Statements) -> Disposition {
    let keep = match said.keep {
        Keep::Absent | Keep::No => Disposition::Delete,
        Keep::Yes | Keep::Illegible(_) => Disposition::Retain,
    };
    let wish = match &said.wish {
        Wish::Absent => Disposition::Delete,
        Wish::AtLeast(at_least) => *at_least,
        Wish::Illegible(_) => Disposition::Retain,
    };
    let missed =
        if said.near_misses.is_empty() { Disposition::Delete } else { Disposition::Retain };
    keep.max(wish).max(missed)
}

/// The decision of the whole domain is what each part alone demands, joined. This is the table
/// of rules written a second time, as briefly as can be.
#[test]
fn the_whole_domain_decides_as_the_rules_say() {
    let mut seen = 0;
    for snapshot in domain() {
        let decision = decide(&snapshot);
        let system = if snapshot.system { Disposition::Retain } else { Disposition::Delete };
        let mut expected = system.max(protects(&snapshot.project));
        let mut gated = false;
        if let NamespaceState::Active { tenancy, statements } = &snapshot.namespace {
            let belonging = match (tenancy, snapshot.profile) {
                (Tenancy::Owned(Origin::Created), _) => Disposition::Delete,
                (Tenancy::Owned(Origin::Adopted), Profile::Kargo) => Disposition::Delete,
                _ => Disposition::Retain,
            };
            expected = expected.max(belonging).max(protects(statements));
            gated = !snapshot.project.liens.is_empty()
                || !statements.liens.is_empty()
                || snapshot.crd != CrdState::Established;
        }
        assert_eq!(decision.disposition, expected, "{snapshot:?}");
        assert_eq!(!decision.gates.is_empty(), gated, "{snapshot:?}");
        let explained = decision.disposition == Disposition::Delete || decision.winner().is_some();
        assert!(explained, "{snapshot:?}");
        seen += 1;
    }
    // 64 statements of the Project × (2 + 8 tenancies × 64 statements) × 2 × 3 × 2.
    assert_eq!(seen, 64 * (2 + 8 * 64) * 12);
}

/// A person reads this table when a rule changes.
#[test]
fn the_table_of_decisions() {
    let mut table = format!(
        "{:<12} {:<12} {:<20} {:<10} {:<11} {}\n",
        "project", "namespace", "tenancy", "profile", "decision", "because"
    );
    let none = Statements::default();
    let said = |keep: Keep| Statements { keep, ..none.clone() };
    let wished = |wish: Wish| Statements { wish, ..none.clone() };
    let lines: Vec<(Statements, Statements)> = keeps()
        .into_iter()
        .flat_map(|on_project| {
            keeps().map(|on_namespace| (said(on_project.clone()), said(on_namespace)))
        })
        .chain(wishes().map(|wish| (wished(wish.clone()), none.clone())))
        .chain(wishes().map(|wish| (none.clone(), wished(wish))))
        .collect();
    for tenancy in tenancies() {
        for profile in [Profile::Protective, Profile::Kargo] {
            for (project, namespace) in &lines {
                let decision = decide(&Snapshot {
                    system: false,
                    project: project.clone(),
                    namespace: NamespaceState::Active {
                        tenancy: tenancy.clone(),
                        statements: namespace.clone(),
                    },
                    crd: CrdState::Established,
                    profile,
                    demands: Demands::default(),
                    foreign: BTreeSet::new(),
                    discharged: false,
                });
                let because: Vec<_> = decision
                    .claims
                    .iter()
                    .chain(&decision.presumptions)
                    .map(|claim| format!("{}≥{}", claim.source.as_str(), claim.at_least))
                    .collect();
                table.push_str(&format!(
                    "{:<12} {:<12} {:<20} {:<10} {:<11} {}\n",
                    short(project),
                    short(namespace),
                    whose(&tenancy),
                    format!("{profile:?}"),
                    decision.disposition,
                    because.join(" ")
                ));
            }
        }
    }
    insta::assert_snapshot!(table);
}

fn short(said: &Statements) -> String {
    let keep = match &said.keep {
        Keep::Absent => "",
        Keep::No => "keep=false",
        Keep::Yes => "keep=true",
        Keep::Illegible(_) => "keep=True",
    };
    let wish = match &said.wish {
        Wish::Absent => "",
        Wish::AtLeast(Disposition::Clean) => "Clean",
        Wish::AtLeast(_) => "Retain",
        Wish::Illegible(_) => "retain",
    };
    let both = format!("{keep}{wish}");
    if both.is_empty() { "-".to_owned() } else { both }
}

fn whose(tenancy: &Tenancy) -> &'static str {
    match tenancy {
        Tenancy::Owned(Origin::Created) => "Created",
        Tenancy::Owned(Origin::Adopted) => "Adopted",
        Tenancy::Unrecorded(_) => "Unrecorded",
        Tenancy::NotOwned(NotOwned::Unlabelled { recorded: false }) => "Unlabelled",
        Tenancy::NotOwned(NotOwned::Unlabelled { recorded: true }) => "Unlabelled,recorded",
        Tenancy::NotOwned(NotOwned::OtherProject(_)) => "OtherProject",
        Tenancy::NotOwned(NotOwned::Replaced { .. }) => "Replaced",
        Tenancy::NotOwned(NotOwned::Illegible(_)) => "Illegible",
    }
}

fn annotations() -> impl Strategy<Value = Vec<(String, String)>> {
    let key = prop_oneof![
        Just("kargo.akuity.io/keep-namespace".to_owned()),
        Just("tenure.dev/disposition".to_owned()),
        Just("hold.tenure.dev/a".to_owned()),
        Just("kargo.akuity.io/keepNamespace".to_owned()),
        "[a-z./-]{0,30}",
    ];
    let value = prop_oneof![
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("Clean".to_owned()),
        Just("Retain".to_owned()),
        ".{0,60}",
    ];
    proptest::collection::vec((key, value), 0..6)
}

fn active(project: Statements, namespace: Statements) -> Snapshot {
    Snapshot {
        system: false,
        project,
        namespace: NamespaceState::Active {
            tenancy: Tenancy::Owned(Origin::Created),
            statements: namespace,
        },
        crd: CrdState::Established,
        profile: Profile::Protective,
        demands: Demands::default(),
        foreign: BTreeSet::new(),
        discharged: false,
    }
}

fn read(annotations: &[(String, String)]) -> Statements {
    let none: [(&String, &String); 0] = [];
    Statements::read(annotations.iter().map(|(key, value)| (key, value)), none)
}

fn without_order(decision: Decision) -> (Disposition, usize, usize, usize) {
    let Decision { disposition, claims, presumptions, gates, warnings: _ } = decision;
    (disposition, claims.len(), presumptions.len(), gates.len())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn the_order_of_annotations_does_not_matter(said in annotations().prop_shuffle()) {
        // One key stands once on an object.
        let mut once: Vec<_> = Vec::new();
        for (key, value) in said {
            if once.iter().all(|(seen, _)| *seen != key) {
                once.push((key, value));
            }
        }
        let forwards = decide(&active(read(&once), Statements::default()));
        once.reverse();
        let backwards = decide(&active(read(&once), Statements::default()));
        prop_assert_eq!(without_order(forwards), without_order(backwards));
    }

    #[test]
    fn saying_more_never_protects_less(
        project in annotations(),
        namespace in annotations(),
        more in annotations(),
    ) {
        // What is added stands beside what was there: a new key, or one on the other object.
        let (before_project, before_namespace) = (read(&project), read(&namespace));
        let mut after = read(&namespace);
        let added = read(&more);
        if after.keep == Keep::Absent { after.keep = added.keep; }
        if after.wish == Wish::Absent { after.wish = added.wish; }
        after.liens.extend(added.liens);
        after.near_misses.extend(added.near_misses);
        let before = decide(&active(before_project.clone(), before_namespace));
        let after = decide(&active(before_project, after));
        prop_assert!(after.disposition >= before.disposition);
        prop_assert!(after.gates.len() >= before.gates.len());
    }

    #[test]
    fn no_illegible_value_yields_delete(value in ".{0,80}") {
        prop_assume!(value != "true" && value != "false");
        let said = read(&[("kargo.akuity.io/keep-namespace".to_owned(), value.clone())]);
        let none = Statements::default;
        for snapshot in [active(said.clone(), none()), active(none(), said)] {
            let decision = decide(&snapshot);
            prop_assert_eq!(decision.disposition, Disposition::Retain);
            prop_assert!(!decision.warnings.is_empty());
        }
        let wished = read(&[("tenure.dev/disposition".to_owned(), value.clone())]);
        let decision = decide(&active(wished, none()));
        let clean = value == "Clean";
        prop_assert_eq!(decision.disposition == Disposition::Retain, !clean);
    }
}
