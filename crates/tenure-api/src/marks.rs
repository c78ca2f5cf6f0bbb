//! What of an object's metadata tells whose it is.

use kube::core::ObjectMeta;
use tenure_core::contents::{Kind, Marks};

/// The marks of an object of that kind, be it a Project or a Namespace.
pub fn marks<'a>(kind: &'a Kind, meta: &'a ObjectMeta) -> Marks<'a> {
    let owners = meta.owner_references.iter().flatten();
    let managed = meta.managed_fields.iter().flatten();
    Marks {
        kind,
        namespace: meta.namespace.as_deref(),
        name: meta.name.as_deref().unwrap_or_default(),
        labels: meta.labels.as_ref(),
        annotations: meta.annotations.as_ref(),
        field_managers: managed.filter_map(|fields| fields.manager.as_deref()).collect(),
        owner_groups: owners
            .map(|owner| owner.api_version.split_once('/').map_or("", |(group, _)| group))
            .collect(),
        secret_type: None,
    }
}

#[cfg(test)]
mod tests {
    use tenure_core::Settings;
    use tenure_core::contents::attribute;

    use super::*;

    #[test]
    fn a_project_is_told_by_its_metadata_whose_it_is_as_its_contents_are() {
        let kind = Kind::new("kargo.akuity.io", "v1alpha1", "Project", "projects");
        let meta: ObjectMeta = serde_json::from_value(serde_json::json!({
            "name": "payments",
            "annotations": {"argocd.argoproj.io/tracking-id": "shop:kargo.akuity.io/Project:/payments"},
            "ownerReferences": [
                {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": "x", "uid": "u"},
            ],
            "managedFields": [{"manager": "kubectl-edit"}],
        }))
        .unwrap();
        let found = attribute(&marks(&kind, &meta), &Settings::default()).managers();
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["Kargo", "Argo CD shop", "cert-manager"]);
    }
}
