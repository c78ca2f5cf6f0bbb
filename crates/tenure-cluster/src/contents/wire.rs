//! Lists as they come over the wire, of which only what matters is kept.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use tenure_core::keys::LAST_APPLIED;

/// One page of a list.
#[derive(Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    pub(super) metadata: PageMeta,
    /// Not optional, though it may be null: without them the answer is no list.
    #[serde(deserialize_with = "nullable")]
    pub(super) items: Vec<Item>,
}

/// A list that may be written as null, but has to be there.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Item>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// One page of a table.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Table {
    #[serde(default)]
    pub(super) metadata: PageMeta,
    /// Not optional: without them the answer is no table.
    column_definitions: Vec<Column>,
    #[serde(default)]
    rows: Option<Vec<Row>>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

#[derive(Deserialize)]
struct Row {
    cells: Vec<Value>,
    object: Item,
}

/// Where the next page begins.
#[derive(Deserialize, Default)]
pub(super) struct PageMeta {
    #[serde(rename = "continue", default)]
    pub(super) next: Option<String>,
}

/// One object: its metadata, and of a few kinds a little more.
#[derive(Deserialize)]
pub(super) struct Item {
    pub(super) metadata: Meta,
    #[serde(default)]
    pub(super) spec: Option<Spec>,
    /// The type of a Secret, from its row.
    #[serde(skip)]
    pub(super) secret_type: Option<String>,
}

/// What matters of metadata.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta {
    pub(super) name: String,
    pub(super) uid: Option<String>,
    pub(super) labels: Option<BTreeMap<String, String>>,
    #[serde(deserialize_with = "annotations")]
    pub(super) annotations: Option<BTreeMap<String, String>>,
    pub(super) owner_references: Option<Vec<OwnerReference>>,
    pub(super) finalizers: Option<Vec<String>>,
    pub(super) creation_timestamp: Option<jiff::Timestamp>,
    pub(super) deletion_timestamp: Option<IgnoredAny>,
    pub(super) managed_fields: Option<Vec<ManagedFields>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnerReference {
    pub(super) api_version: String,
    pub(super) uid: String,
    #[serde(default)]
    pub(super) controller: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct ManagedFields {
    #[serde(default)]
    pub(super) manager: Option<String>,
}

/// What matters of the spec of a claim, a Service or a volume.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    /// Of a Service.
    #[serde(rename = "type")]
    pub(super) service_type: Option<String>,
    /// Of a claim.
    pub(super) volume_name: Option<String>,
    /// Of a volume.
    pub(super) persistent_volume_reclaim_policy: Option<String>,
}

impl Table {
    /// The rows' objects. A type that is in no column stays unknown.
    pub(super) fn into_items(self) -> Vec<Item> {
        let column = self.column_definitions.iter().position(|column| column.name == "Type");
        let rows = self.rows.unwrap_or_default().into_iter();
        rows.map(|row| {
            let cell = column.and_then(|column| row.cells.get(column)?.as_str());
            Item { secret_type: cell.map(str::to_owned), ..row.object }
        })
        .collect()
    }
}

/// Annotations, without what `kubectl apply` copied of the object; that it did is kept.
fn annotations<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    struct Annotations;

    impl<'de> Visitor<'de> for Annotations {
        type Value = Option<BTreeMap<String, String>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("annotations")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
            let mut annotations = BTreeMap::new();
            while let Some(key) = from.next_key::<String>()? {
                let value = if key == LAST_APPLIED {
                    from.next_value::<IgnoredAny>()?;
                    String::new()
                } else {
                    from.next_value()?
                };
                annotations.insert(key, value);
            }
            Ok(Some(annotations))
        }
    }

    from.deserialize_any(Annotations)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_secret_that_kubectl_applied_nothing_but_that_it_did_is_kept() {
        let table: Table = serde_json::from_value(json!({
            "kind": "Table",
            "columnDefinitions": [{"name": "Name"}, {"name": "Type"}, {"name": "Data"}],
            "rows": [{
                "cells": ["password", "Opaque", 1],
                "object": {"metadata": {
                    "name": "password", "uid": "u",
                    "annotations": {LAST_APPLIED: "{\"data\":{\"p\":\"aHVzaA==\"}}", "a": "b"},
                }},
            }],
        }))
        .unwrap();
        let items = table.into_items();
        let kept = items[0].metadata.annotations.as_ref().unwrap();
        let expected = [(LAST_APPLIED, ""), ("a", "b")];
        assert_eq!(kept, &expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!(items[0].secret_type.as_deref(), Some("Opaque"));
    }

    #[test]
    fn an_answer_that_is_no_table_is_refused_and_a_missing_column_leaves_the_type_unknown() {
        assert!(
            serde_json::from_value::<Table>(json!({"kind": "SecretList", "items": []})).is_err()
        );
        let table: Table = serde_json::from_value(json!({
            "columnDefinitions": [{"name": "Name"}],
            "rows": [{"cells": ["s"], "object": {"metadata": {"name": "s", "annotations": null}}}],
        }))
        .unwrap();
        assert_eq!(table.into_items()[0].secret_type, None);
    }
}
