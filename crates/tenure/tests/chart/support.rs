//! Running Helm, and values to run it with.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// Where the chart is.
pub(crate) const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/tenure");
/// The release, and its namespace.
pub(crate) const RELEASE: [&str; 3] = ["tenure", "--namespace", "tenure-system"];

/// Helm, with nothing of the user's.
pub(crate) fn helm(arguments: &[&str]) -> Command {
    let mut helm = Command::new(tenure_testbed::helm().expect("Helm"));
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("helm");
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        helm.env(variable, &home);
    }
    helm.args(arguments).env("KUBECONFIG", "/dev/null");
    helm
}

/// Runs Helm with those values; what it printed, or what it said was wrong.
pub(crate) fn with_values(mut helm: Command, values: &Value) -> Result<String, String> {
    helm.args(["--values", "-"]);
    with_input(helm, &values.to_string())
}

/// Runs a command with that input.
pub(crate) fn with_input(mut command: Command, input: &str) -> Result<String, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("start it");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(input.as_bytes()).expect("write");
    drop(stdin);
    outcome(&child.wait_with_output().expect("its output"))
}

pub(crate) fn outcome(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// What the chart renders in its own namespace.
pub(crate) fn render(values: &Value) -> String {
    let rendered =
        with_values(helm(&[&["template", RELEASE[0], CHART], &RELEASE[1..]].concat()), values);
    rendered.expect("it renders")
}

/// The documents of what was rendered, as text.
pub(crate) fn documents(rendered: &str) -> Vec<&str> {
    let documents = rendered.split("---\n").map(str::trim);
    documents.filter(|text| text.lines().any(|line| !line.starts_with('#'))).collect()
}

/// The objects of what was rendered.
pub(crate) fn objects(rendered: &str) -> Vec<Value> {
    let read = |text: &str| serde_saphyr::from_str(text).expect("YAML");
    documents(rendered).into_iter().map(read).collect()
}

/// The one object of that kind and name.
pub(crate) fn object(rendered: &str, kind: &str, name: &str) -> Value {
    let is = |object: &Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects(rendered).into_iter().find(is).expect("it is rendered")
}

/// Everything that can be switched on, and every value set.
pub(crate) fn everything() -> Value {
    json!({
        "kargo": {"namespace": "kargo"},
        "systemNamespaces": ["platform", "007"],
        "ignoredKinds": ["*.metrics.k8s.io", "things.example.com"],
        "argocdInstanceLabel": "example.com/app",
        "breakGlassGroup": "platform:break-glass",
        "breaker": {"atLeast": 2_000_000, "percent": 5, "window": "10m"},
        "archive": {"url": "s3://trails/a b", "required": true},
        "env": [{"name": "AWS_REGION", "value": "eu-central-1"}],
        "envFrom": [{"secretRef": {"name": "archive"}}],
        "volumes": [{"name": "more", "emptyDir": {}}],
        "volumeMounts": [{"name": "more", "mountPath": "/more"}],
        "log": {"format": "human", "filter": "info,kube=debug"},
        "rbac": {"clean": true},
        "directDeletion": {"restrict": true, "users": ["ann", "bob"], "groups": ["platform"]},
        "webhook": {
            "certificate": {"mode": "certManager"},
            "frontEnds": ["system:serviceaccount:kargo:kargo-api", "portal"],
            "persons": ["system:serviceaccount:ops:anna"],
            "checkRequester": true,
        },
        "image": {"digest": format!("sha256:{:064}", 7), "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "registry"}],
        "replicas": 3,
        "serviceAccount": {"annotations": {"example.com/role": "archive"}},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
            "weight": 1,
            "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}},
        }]}},
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "DoNotSchedule",
        }],
        "podLabels": {"team": "platform"},
        "podAnnotations": {"example.com/note": "{{ not an action }}"},
        "commonLabels": {"cost-center": "42"},
        "networkPolicy": {
            "apiServerPorts": [16443],
            "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
        },
        "serviceMonitor": {"enabled": true, "labels": {"release": "prometheus"}},
    })
}

/// Everything that can be switched off.
pub(crate) fn bare() -> Value {
    json!({
        "crds": {"install": false},
        "profile": "kargo",
        "rbac": {"contents": false, "people": false},
        "webhook": {"enabled": false},
        "replicas": 1,
        "leaderElect": false,
        "resources": {},
        "podDisruptionBudget": {"enabled": false},
        "networkPolicy": {"enabled": false},
        "uninstall": {"enabled": false},
    })
}

/// A certificate from elsewhere, on a cluster of IPv6 alone, and no metrics.
pub(crate) fn existing_secret() -> Value {
    json!({
        "listenAddress": "[::]",
        "crds": {"projects": false},
        "networkPolicy": {"metricsFrom": []},
        "webhook": {"certificate": {
            "mode": "existingSecret",
            "existingSecret": {"name": "our-certificate", "caBundle": "LS0tLS1CRUdJTg=="},
        }},
    })
}

/// A certificate of cert-manager's, by an issuer that is there.
pub(crate) fn issuer() -> Value {
    json!({"webhook": {"certificate": {
        "mode": "certManager",
        "certManager": {"issuer": {"name": "company", "kind": "ClusterIssuer"}},
    }}})
}

/// Where Kargo's management controller does not run.
pub(crate) fn standalone() -> Value {
    json!({"mode": "standalone"})
}

/// The value sets besides the default, by name.
pub(crate) fn sets() -> [(&'static str, Value); 5] {
    [
        ("standalone", standalone()),
        ("everything", everything()),
        ("bare", bare()),
        ("existing-secret", existing_secret()),
        ("issuer", issuer()),
    ]
}
