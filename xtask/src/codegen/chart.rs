//! Templates of the Helm chart, from the objects that `tenure manifests` prints. An object that is
//! added there is in the chart as soon as this has run; nothing here names it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tenure_api::install::{self, Installation, Mode};
use tenure_api::webhooks::{self, Reach};

use super::HEADER;
use super::template::{Tokens, include, template};

/// Where the templates are.
pub(super) const FOLDER: &str = "charts/tenure/templates/generated";
/// The chart's values.
pub(super) const VALUES: &str = "charts/tenure/values.yaml";

/// Stands for the namespace that Tenure runs in.
const OWN: &str = "namespace-of-the-release";
/// Stands for the namespace that Kargo runs in.
const KARGO: &str = "namespace-of-kargo";
/// Stands for the group that the rules let pass. Nobody is in the one without a name.
const BREAK_GLASS: &str = "group-that-breaks-glass";
/// What stands for what.
const TOKENS: Tokens = &[
    (OWN, ".Release.Namespace"),
    (KARGO, ".Values.kargo.namespace"),
    (BREAK_GLASS, ".Values.breakGlassGroup"),
];

/// A template: its name, when it is rendered, and what is in it.
struct Part {
    name: &'static str,
    condition: Option<&'static str>,
    objects: Vec<Value>,
}

pub(super) fn files() -> anyhow::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for Part { name, condition, objects } in parts() {
        let text = template(&objects, condition, TOKENS)?;
        files.insert(format!("{FOLDER}/{name}.yaml"), format!("{HEADER}{text}"));
    }
    Ok(files)
}

/// An installation as the chart's values describe it.
fn installation(mode: Mode) -> Installation {
    Installation {
        mode,
        namespace: OWN.to_owned(),
        kargo_namespace: KARGO.to_owned(),
        break_glass_group: Some(BREAK_GLASS.to_owned()),
        ..Installation::default()
    }
}

fn webhook() -> Vec<Value> {
    let mut objects = install::webhook_manifests(OWN);
    objects.extend(webhooks::manifests(&Reach::Service { namespace: OWN.to_owned() }));
    objects
}

fn parts() -> Vec<Part> {
    let (guards, standalone) = guards_and_access(Mode::Standalone);
    let (mut beside, companion) = guards_and_access(Mode::Companion);
    beside.retain(|guard| !guards.contains(guard));
    let (projects, crds): (Vec<_>, Vec<_>) = install::crds()
        .iter()
        .map(|crd| kept(json!(crd)))
        .partition(|crd| crd["spec"]["names"]["kind"] == "Project");
    let part = |name, condition, objects: Vec<Value>| Part {
        name,
        condition,
        objects: objects.into_iter().map(labelled).map(of_webhooks).collect(),
    };
    vec![
        part("crds", Some(".Values.crds.install"), crds),
        // Beside Kargo it is Kargo's.
        part(
            "crd-projects",
            Some("and .Values.crds.install .Values.crds.projects (eq .Values.mode \"standalone\")"),
            projects,
        ),
        part("rbac-companion", Some("eq .Values.mode \"companion\""), companion),
        part("rbac-standalone", Some("eq .Values.mode \"standalone\""), standalone),
        part("guards", None, guards),
        part("guards-companion", Some("eq .Values.mode \"companion\""), beside),
        part("webhook", Some(".Values.webhook.enabled"), webhook()),
        part("contents", Some(".Values.rbac.contents"), install::contents_manifests(OWN)),
        part("clean", Some(".Values.rbac.clean"), install::clean_manifests(OWN)),
        part("people", Some(".Values.rbac.people"), install::people_manifests()),
        part(
            "uninstall",
            Some(".Values.uninstall.enabled"),
            install::uninstall_manifests(OWN).into_iter().map(before_deletion).collect(),
        ),
    ]
}

/// The rules that the API server evaluates, and what Tenure may do.
fn guards_and_access(mode: Mode) -> (Vec<Value>, Vec<Value>) {
    let manifests = install::manifests(&installation(mode));
    manifests.into_iter().filter(is_the_charts).partition(is_guard)
}

/// Whether the object is for the chart to make. The namespace is the release's, and its
/// ServiceAccount has values of its own.
fn is_the_charts(object: &Value) -> bool {
    let name = &object["metadata"]["name"];
    let namespace = object["kind"] == "Namespace" && name == OWN;
    let account = object["kind"] == "ServiceAccount" && name == install::NAME;
    !(namespace || account)
}

fn is_guard(object: &Value) -> bool {
    object["kind"].as_str().is_some_and(|kind| kind.starts_with("ValidatingAdmissionPolicy"))
}

/// With the chart's labels beside those that mean something.
fn labelled(mut object: Value) -> Value {
    let labels = &mut object["metadata"]["labels"];
    if let Some(labels) = labels.as_object_mut() {
        labels.retain(|key, _| !key.starts_with("app.kubernetes.io/"));
    }
    include(labels, "tenure.labels");
    object
}

/// A CustomResourceDefinition that no uninstall and no upgrade deletes.
fn kept(mut crd: Value) -> Value {
    crd["metadata"]["annotations"]["helm.sh/resource-policy"] = "keep".into();
    crd
}

/// What is made before the release is deleted, for the Job that uninstalls.
fn before_deletion(mut object: Value) -> Value {
    let annotations = &mut object["metadata"]["annotations"];
    *annotations = json!({
        "helm.sh/hook": "pre-delete",
        "helm.sh/hook-weight": "-10",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
    });
    if object["kind"] == "ServiceAccount" {
        include(&mut object["metadata"]["annotations"], "tenure.serviceAccountAnnotations");
    }
    object
}

/// Webhook configurations say who signed the certificate, as the values have it.
fn of_webhooks(mut object: Value) -> Value {
    if object["kind"].as_str().is_some_and(|kind| kind.ends_with("WebhookConfiguration")) {
        include(&mut object["metadata"]["annotations"], "tenure.webhookAnnotations");
        for webhook in object["webhooks"].as_array_mut().into_iter().flatten() {
            include(&mut webhook["clientConfig"], "tenure.webhookAuthority");
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_of_the_code_is_in_one_template_or_left_to_the_chart() {
        let names = |objects: &[Value]| -> Vec<String> {
            objects.iter().map(|o| format!("{} {}", o["kind"], o["metadata"]["name"])).collect()
        };
        let mut wanted = names(&install::manifests(&installation(Mode::Companion)));
        // Of each mode one, but for the guards.
        wanted.extend(names(&guards_and_access(Mode::Standalone).1));
        wanted.retain(|name| {
            *name != format!("\"Namespace\" \"{OWN}\"") && name != "\"ServiceAccount\" \"tenure\""
        });
        wanted.extend(install::crds().iter().flat_map(|crd| names(&[json!(crd)])));
        wanted.extend(names(&webhook()));
        wanted.extend(names(&install::contents_manifests(OWN)));
        wanted.extend(names(&install::clean_manifests(OWN)));
        wanted.extend(names(&install::people_manifests()));
        wanted.extend(names(&install::uninstall_manifests(OWN)));
        let mut found: Vec<_> = parts().iter().flat_map(|part| names(&part.objects)).collect();
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted);
    }

    #[test]
    fn webhook_configurations_say_who_signed_the_certificate() {
        let webhook = json!({
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "tenure"},
            "webhooks": [{"name": "a", "clientConfig": {"service": {"name": "tenure-webhook"}}}],
        });
        let text = template(&[of_webhooks(webhook)], None, TOKENS).expect("a template");
        assert_eq!(
            text,
            "---\n\
             kind: ValidatingWebhookConfiguration\n\
             metadata:\n  annotations:\n    {{- include \"tenure.webhookAnnotations\" . | nindent 4 }}\n  name: tenure\n\
             webhooks:\n- clientConfig:\n    service:\n      name: tenure-webhook\n    {{- include \"tenure.webhookAuthority\" . | nindent 4 }}\n  name: a\n"
        );
    }
}
