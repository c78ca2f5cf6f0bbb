use super::*;

/// A mark that an object may carry.
enum Mark {
    Kind(&'static str, &'static str),
    Owner(&'static str),
    Labels(&'static [(&'static str, &'static str)]),
    Annotations(&'static [(&'static str, &'static str)]),
    SecretType(&'static str, &'static str),
    FieldManager(&'static str),
    Name(&'static str, &'static str, &'static str),
}

fn attributed(mark: &Mark, settings: &Settings) -> Attribution {
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let mut kind = Kind::new("", "v1", "ConfigMap", "configmaps");
    let (mut labels, mut annotations) = (BTreeMap::new(), BTreeMap::new());
    let (mut field_managers, mut owner_groups) = (Vec::new(), Vec::new());
    let (mut secret_type, mut name) = (None, "thing");
    match mark {
        Mark::Kind(plural, group) => kind = Kind::new(group, "v1", "", plural),
        Mark::Owner(group) => owner_groups.push(*group),
        Mark::Labels(pairs) => labels = map(pairs),
        Mark::Annotations(pairs) => annotations = map(pairs),
        Mark::SecretType(of, release) => {
            kind = Kind::new("", "v1", "Secret", "secrets");
            secret_type = Some(*of);
            labels = map(&[("name", release), ("owner", "helm")]);
        }
        Mark::FieldManager(manager) => field_managers.push(*manager),
        Mark::Name(plural, group, of) => (kind, name) = (Kind::new(group, "v1", "", plural), of),
    }
    let marks = Marks {
        kind: &kind,
        namespace: Some("here"),
        name,
        labels: Some(&labels),
        annotations: Some(&annotations),
        field_managers,
        owner_groups,
        secret_type,
    };
    attribute(&marks, settings)
}

/// Each row of the table, and what it says of an object that carries nothing else.
#[rustfmt::skip]
const ROWS: &[(Mark, Tool, Option<&str>)] = {
    use Mark::{Annotations, FieldManager, Kind, Labels, Name, Owner, SecretType};
    &[
        (Kind("stages", "kargo.akuity.io"), Tool::Kargo, None),
        (Owner("kargo.akuity.io"), Tool::Kargo, None),
        (Labels(&[("kargo.akuity.io/cred-type", "git")]), Tool::Kargo, None),
        (Annotations(&[("rbac.kargo.akuity.io/managed", "true")]), Tool::Kargo, None),
        (Annotations(&[("kargo.akuity.io/replicated-from", "shared")]), Tool::Kargo, None),
        (Annotations(&[("argocd.argoproj.io/tracking-id", "shop:apps/Deployment:here/web")]), Tool::ArgoCd, Some("shop")),
        (Annotations(&[("argocd.argoproj.io/tracking-id", "team_shop:/Secret:here/web")]), Tool::ArgoCd, Some("team_shop")),
        (Labels(&[("argocd.argoproj.io/instance", "shop")]), Tool::ArgoCd, Some("shop")),
        (Annotations(&[("meta.helm.sh/release-name", "web"), ("meta.helm.sh/release-namespace", "ops")]), Tool::Helm, Some("ops/web")),
        (SecretType("helm.sh/release.v1", "web"), Tool::Helm, Some("here/web")),
        (Labels(&[("kustomize.toolkit.fluxcd.io/name", "apps"), ("kustomize.toolkit.fluxcd.io/namespace", "flux-system")]), Tool::Flux, Some("flux-system/apps")),
        (Labels(&[("helm.toolkit.fluxcd.io/name", "web"), ("helm.toolkit.fluxcd.io/namespace", "ops")]), Tool::Flux, Some("ops/web")),
        (Labels(&[("kapp.k14s.io/app", "1594")]), Tool::Kapp, Some("1594")),
        (Kind("buckets", "s3.aws.crossplane.io"), Tool::Crossplane, None),
        (Kind("buckets", "s3.aws.upbound.io"), Tool::Crossplane, None),
        (Labels(&[("crossplane.io/composite", "db-x")]), Tool::Crossplane, None),
        (Labels(&[("crossplane.io/claim-name", "db")]), Tool::Crossplane, None),
        (Kind("subscriptions", "operators.coreos.com"), Tool::Olm, None),
        (Labels(&[("olm.owner", "etcd.v1")]), Tool::Olm, None),
        (Labels(&[("olm.managed", "true")]), Tool::Olm, None),
        (Kind("orders", "acme.cert-manager.io"), Tool::CertManager, None),
        (Owner("cert-manager.io"), Tool::CertManager, None),
        (Annotations(&[("cert-manager.io/certificate-name", "web")]), Tool::CertManager, None),
        (Labels(&[("controller.cert-manager.io/fao", "true")]), Tool::CertManager, None),
        (Kind("externalsecrets", "external-secrets.io"), Tool::ExternalSecrets, None),
        (Owner("external-secrets.io"), Tool::ExternalSecrets, None),
        (Labels(&[("reconcile.external-secrets.io/created-by", "x")]), Tool::ExternalSecrets, None),
        (Labels(&[("reconcile.external-secrets.io/managed", "true")]), Tool::ExternalSecrets, None),
        (Annotations(&[("reconcile.external-secrets.io/data-hash", "x")]), Tool::ExternalSecrets, None),
        (Owner("bitnami.com"), Tool::SealedSecrets, None),
        (Annotations(&[("sealedsecrets.bitnami.com/managed", "true")]), Tool::SealedSecrets, None),
        (FieldManager("Terraform"), Tool::Terraform, None),
        (FieldManager("HashiCorp"), Tool::Terraform, None),
        (FieldManager("kubectl-client-side-apply"), Tool::Kubectl, None),
        (Annotations(&[("kubectl.kubernetes.io/last-applied-configuration", "{}")]), Tool::Kubectl, None),
        (Name("configmaps", "", "kube-root-ca.crt"), Tool::Kubernetes, None),
        (Name("serviceaccounts", "", "default"), Tool::Kubernetes, None),
        (Kind("events", ""), Tool::Kubernetes, None),
        (Kind("events", "events.k8s.io"), Tool::Kubernetes, None),
        (Kind("endpoints", ""), Tool::Kubernetes, None),
        (Kind("endpointslices", "discovery.k8s.io"), Tool::Kubernetes, None),
        (Kind("leases", "coordination.k8s.io"), Tool::Kubernetes, None),
    ]
};

#[test]
fn each_row_of_the_table_names_its_tool_and_instance() {
    for (mark, tool, instance) in ROWS {
        let expected = Manager { tool: *tool, instance: instance.map(str::to_owned) };
        let found = attributed(mark, &Settings::default()).managers();
        assert_eq!(found, BTreeSet::from([expected]));
    }
}

#[test]
fn each_rule_has_a_row_in_the_test() {
    // All but the one that a setting switches on.
    for Rule(tool, ..) in RULES {
        assert!(ROWS.iter().any(|(_, of, _)| of == tool), "{tool}");
    }
    let several = |tool: Tool| RULES.iter().filter(|Rule(of, ..)| *of == tool).count();
    for Rule(tool, ..) in RULES {
        let rows = ROWS.iter().filter(|(_, of, _)| of == tool).count();
        let configured = usize::from(*tool == Tool::ArgoCd);
        assert!(rows + configured >= several(*tool), "{tool}");
    }
}

#[test]
fn the_common_instance_label_is_argo_cds_only_when_a_setting_says_so() {
    let mark = Mark::Labels(&[("app.kubernetes.io/instance", "shop")]);
    assert_eq!(attributed(&mark, &Settings::default()), Attribution::default());
    let settings = Settings {
        argocd_instance_label: Some("app.kubernetes.io/instance".to_owned()),
        ..Settings::default()
    };
    let expected = Manager::instance(Tool::ArgoCd, "shop");
    assert_eq!(attributed(&mark, &settings).managers(), BTreeSet::from([expected]));
}

#[test]
fn a_credential_that_argo_cd_made_for_kargo_is_both_s() {
    let kind = Kind::new("", "v1", "Secret", "secrets");
    let labels = BTreeMap::from([("kargo.akuity.io/cred-type".to_owned(), "git".to_owned())]);
    let annotations = BTreeMap::from([(
        "argocd.argoproj.io/tracking-id".to_owned(),
        "shop:/Secret:here/git".to_owned(),
    )]);
    let mut marks = Marks::new(&kind, "git");
    marks.labels = Some(&labels);
    marks.annotations = Some(&annotations);
    let found = attribute(&marks, &Settings::default()).managers();
    let expected = [Manager::of(Tool::Kargo), Manager::instance(Tool::ArgoCd, "shop")];
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn an_edit_by_kubectl_says_nothing_where_a_deploying_tool_left_its_mark() {
    let kind = Kind::new("", "v1", "ConfigMap", "configmaps");
    let labels = BTreeMap::from([("kapp.k14s.io/app".to_owned(), "1".to_owned())]);
    let mut marks = Marks::new(&kind, "c");
    marks.field_managers = vec!["kubectl-edit", "Terraform"];
    let by_traces = attribute(&marks, &Settings::default()).managers();
    let expected = [Manager::of(Tool::Terraform), Manager::of(Tool::Kubectl)];
    assert_eq!(by_traces, BTreeSet::from(expected));
    marks.labels = Some(&labels);
    let by_mark = attribute(&marks, &Settings::default()).managers();
    assert_eq!(by_mark, BTreeSet::from([Manager::instance(Tool::Kapp, "1")]));
}

#[test]
fn a_group_that_only_ends_alike_is_another() {
    for group in ["notcert-manager.io", "mykargo.akuity.io", "cert-manager.io.example.com"] {
        let mark = Mark::Owner(Box::leak(group.to_owned().into_boxed_str()));
        assert_eq!(attributed(&mark, &Settings::default()), Attribution::default(), "{group}");
    }
}

#[test]
fn what_no_tool_would_write_as_an_instance_is_cut() {
    let long: &'static str = Box::leak("x".repeat(100_000).into_boxed_str());
    for (value, expected) in [
        (long, Some(LONGEST_INSTANCE)),
        ("shop\u{1b}[2J:a", Some(4)),
        ("", None),
        (":apps/Deployment", None),
    ] {
        let pairs: &'static [(&str, &str)] =
            Box::leak(Box::new([("argocd.argoproj.io/tracking-id", value)]));
        let found = attributed(&Mark::Annotations(pairs), &Settings::default()).managers();
        let manager = found.first().unwrap();
        assert_eq!(manager.instance.as_ref().map(String::len), expected);
    }
}
