//! What is generated renders to the objects that the code has, whatever the namespaces are called.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};
use tenure_api::install::{self, Installation};
use tenure_core::Mode;

use crate::support::{CHART, helm, objects, with_values};

/// The object without what the chart adds: labels and annotations of its own.
fn bare(mut object: Value) -> Value {
    if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
        labels.retain(|key, _| {
            !key.starts_with("app.kubernetes.io/") && !key.starts_with("helm.sh/")
        });
    }
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.retain(|key, _| !key.starts_with("helm.sh/"));
    }
    for map in ["labels", "annotations"] {
        let empty = object["metadata"][map].as_object().is_none_or(serde_json::Map::is_empty);
        if let Some(metadata) = object["metadata"].as_object_mut().filter(|_| empty) {
            metadata.remove(map);
        }
    }
    object
}

#[test]
fn every_object_of_the_code_is_rendered_as_the_code_has_it() {
    // Names that are numbers, unless they are quoted.
    let (own, kargo) = ("123", "0x10");
    for mode in [Mode::Companion, Mode::Standalone] {
        let template = helm(&["template", "release", CHART, "--namespace", own]);
        let values = json!({
            "mode": mode.as_str(), "kargo": {"namespace": kargo}, "rbac": {"clean": true},
        });
        let rendered = with_values(template, &values).expect("it renders");
        let rendered: Vec<_> = objects(&rendered).into_iter().map(bare).collect();
        every_object_is_among(&rendered, mode, own, kargo);
    }
}

fn every_object_is_among(rendered: &[Value], mode: Mode, own: &str, kargo: &str) {
    let is_kargos = |crd: &CustomResourceDefinition| crd.spec.names.kind == "Project";
    let has_projects = rendered.iter().any(|object| {
        object["kind"] == "CustomResourceDefinition" && object["spec"]["names"]["kind"] == "Project"
    });
    assert_eq!(has_projects, mode == Mode::Standalone, "beside Kargo it is Kargo's");
    let ours = install::crds().into_iter().filter(|crd| !is_kargos(crd));
    let mut wanted: Vec<Value> = ours.map(|crd| json!(crd)).collect();
    let installation = Installation {
        mode,
        namespace: own.to_owned(),
        kargo_namespace: kargo.to_owned(),
        break_glass_group: Some(String::new()),
        ..Installation::default()
    };
    let manifests = install::manifests(&installation).into_iter();
    wanted.extend(manifests.filter(|o| o["kind"] != "Namespace"));
    wanted.extend(install::webhook_manifests(own));
    wanted.extend(install::contents_manifests(own));
    wanted.extend(install::clean_manifests(own));
    wanted.extend(install::people_manifests());
    wanted.extend(install::uninstall_manifests(own));
    for object in wanted.into_iter().map(bare) {
        let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
        let same = |o: &&Value| {
            ["name", "namespace"].iter().all(|key| o["metadata"][key] == object["metadata"][key])
                && o["kind"] == object["kind"]
        };
        let found = rendered.iter().find(same).unwrap_or_else(|| panic!("{name} is not rendered"));
        assert_eq!(*found, object, "{name}");
    }
}
