//! What a Project's coming added to its Namespace, so that release can take exactly that away.
//!
//! Most of it needs no list: what Tenure provisions carries the label `tenure.dev/project-uid`,
//! and that label is the object's entry. The ledger annotation holds the rest.

use serde::{Deserialize, Serialize};

use crate::Uid;

/// The content of the annotation `tenure.dev/ledger`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Whether the label `kargo.akuity.io/project` came with the Project. A label that was
    /// there before is somebody's standing invitation, and stays.
    pub label: bool,
    /// What an earlier Kargo provisioned, which carries no label of ours, as `Kind/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<String>,
    /// UID of the Namespace that the record was written on, where the Project is not bound to it:
    /// beside Kargo, whose Projects carry nothing of Tenure's. A Namespace that came out of a backup
    /// with its annotations is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Uid>,
}

/// The annotation cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read the ledger: {0}")]
pub struct LedgerError(String);

impl Ledger {
    /// Reads the annotation's value.
    ///
    /// # Errors
    /// When it is not what [`Self::to_annotation`] writes.
    pub fn parse(value: &str) -> Result<Self, LedgerError> {
        serde_json::from_str(value).map_err(|e| LedgerError(e.to_string()))
    }

    /// The ledger of a Namespace that a person opened, with the label, for a Project that has yet to
    /// come. It stands alone, without the rest of a record, until then.
    pub fn for_whoever_comes() -> Self {
        Self { label: true, ..Self::default() }
    }

    /// Whether that is what it says, if it stands alone.
    pub fn opened(&self) -> bool {
        *self == Self::for_whoever_comes()
    }

    /// The annotation's value.
    pub fn to_annotation(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_reads_back_as_it_was_written() {
        for ledger in [
            Ledger::default(),
            Ledger { inherited: vec!["Role/kargo-admin".to_owned()], ..Ledger::default() },
            Ledger { label: true, namespace: Some(Uid::new("n")), ..Ledger::default() },
        ] {
            assert_eq!(Ledger::parse(&ledger.to_annotation()), Ok(ledger));
        }
    }

    #[test]
    fn a_ledger_that_says_more_than_we_know_is_illegible() {
        for value in ["", "{}", "{\"label\":true,\"volumes\":[]}", "null", "[]"] {
            assert!(Ledger::parse(value).is_err(), "{value}");
        }
    }
}
