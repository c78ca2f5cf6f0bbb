//! What the server's decisions depend on besides the cluster, published by the server that leads,
//! so that whoever plans on a client plans as it does.
//!
//! It is told, and nothing more: the server reads none of it back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use serde::{Deserialize, Serialize};
use tenure_core::plan::BreakerLimit;
use tenure_core::{Accounts, Mode, Profile, Settings};

use crate::install::{SETTINGS, named};

/// The key of the ConfigMap's data under which everything is.
const KEY: &str = "settings.json";

/// What the server's decisions depend on, and what else is worth knowing of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// The server's version.
    pub version: String,
    /// How it runs.
    pub mode: PublishedMode,
    /// What adopted and shared namespaces are presumed to deserve.
    pub profile: PublishedProfile,
    /// The namespace that Kargo runs in.
    pub kargo_namespace: String,
    /// Namespaces that no Project may own, besides `default`, `kube-*` and Kargo's.
    pub system_namespaces: BTreeSet<String>,
    /// Kinds that are not missed.
    pub ignored_kinds: BTreeSet<String>,
    /// The label by which Argo CD tracks what it manages, where it uses one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argocd_instance_label: Option<String>,
    /// For how many seconds a confirmation holds.
    pub confirmation_holds_seconds: u64,
    /// For how many seconds a plan is kept after it has ended.
    pub plan_retention_seconds: u64,
    /// How many deletions are too many.
    pub breaker: PublishedBreaker,
    /// Whether trails are kept in an archive, too.
    pub archive: bool,
    /// Whether they have to be.
    pub archive_required: bool,
    /// Whether the API server asks it before Projects and their namespaces come or go.
    pub admission: bool,
    /// Accounts that act for people, besides every ServiceAccount.
    #[serde(default)]
    pub front_ends: BTreeSet<String>,
    /// Accounts that are persons although they look like programs.
    #[serde(default)]
    pub persons: BTreeSet<String>,
    /// Whether a Project may be deleted only by who may delete its namespace.
    #[serde(default)]
    pub check_requester: bool,
}

/// A mode, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PublishedMode {
    /// Beside Kargo's management controller.
    Companion,
    /// In its place.
    Standalone,
}

impl From<Mode> for PublishedMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Companion => Self::Companion,
            Mode::Standalone => Self::Standalone,
        }
    }
}

impl From<PublishedMode> for Mode {
    fn from(mode: PublishedMode) -> Self {
        match mode {
            PublishedMode::Companion => Self::Companion,
            PublishedMode::Standalone => Self::Standalone,
        }
    }
}

/// A profile, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PublishedProfile {
    /// They are retained.
    Protective,
    /// They are deleted.
    Kargo,
}

/// How many deletions are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedBreaker {
    /// This many are always allowed.
    pub at_least: usize,
    /// And this part of all Projects, in hundredths.
    pub percent: usize,
    /// Within so many seconds.
    pub window_seconds: u64,
}

impl Published {
    /// What is published of those settings; the rest is for the server to say.
    pub fn of(settings: &Settings, version: &str) -> Self {
        Self {
            version: version.to_owned(),
            mode: settings.mode.into(),
            profile: match settings.profile {
                Profile::Protective => PublishedProfile::Protective,
                Profile::Kargo => PublishedProfile::Kargo,
            },
            kargo_namespace: settings.kargo_namespace.clone(),
            system_namespaces: settings.system_namespaces.clone(),
            ignored_kinds: settings.ignored_kinds.clone(),
            argocd_instance_label: settings.argocd_instance_label.clone(),
            confirmation_holds_seconds: settings.confirmation_holds.as_secs(),
            plan_retention_seconds: 0,
            breaker: PublishedBreaker {
                at_least: settings.breaker.at_least,
                percent: settings.breaker.percent,
                window_seconds: settings.breaker.window.as_secs(),
            },
            archive: false,
            archive_required: settings.archive_required,
            admission: false,
            front_ends: settings.accounts.front_ends.clone(),
            persons: settings.accounts.persons.clone(),
            check_requester: false,
        }
    }

    /// The settings to decide by as the server of that namespace does.
    pub fn settings(&self, tenure_namespace: &str) -> Settings {
        Settings {
            mode: self.mode.into(),
            profile: match self.profile {
                PublishedProfile::Protective => Profile::Protective,
                PublishedProfile::Kargo => Profile::Kargo,
            },
            kargo_namespace: self.kargo_namespace.clone(),
            tenure_namespace: tenure_namespace.to_owned(),
            system_namespaces: self.system_namespaces.clone(),
            ignored_kinds: self.ignored_kinds.clone(),
            argocd_instance_label: self.argocd_instance_label.clone(),
            confirmation_holds: Duration::from_secs(self.confirmation_holds_seconds),
            breaker: BreakerLimit {
                window: Duration::from_secs(self.breaker.window_seconds),
                at_least: self.breaker.at_least,
                percent: self.breaker.percent,
            },
            archive_required: self.archive_required,
            accounts: Accounts {
                front_ends: self.front_ends.clone(),
                persons: self.persons.clone(),
            },
            ..Settings::default()
        }
    }

    /// The ConfigMap in that namespace that says so.
    ///
    /// # Panics
    /// Never: what is published serializes.
    #[expect(clippy::expect_used, reason = "words and numbers serialize")]
    pub fn config_map(&self, namespace: &str) -> ConfigMap {
        let text = serde_json::to_string_pretty(self).expect("it serializes");
        ConfigMap {
            metadata: named(SETTINGS, Some(namespace)),
            data: Some(BTreeMap::from([(KEY.to_owned(), text)])),
            ..Default::default()
        }
    }

    /// Reads what the ConfigMap says. What a newer server says besides is not missed.
    ///
    /// # Errors
    /// Says what about it cannot be read.
    pub fn read(map: &ConfigMap) -> Result<Self, String> {
        let text = map.data.as_ref().and_then(|data| data.get(KEY));
        let text = text.ok_or_else(|| format!("it has no {KEY}"))?;
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published() -> Published {
        let settings = Settings {
            profile: Profile::Kargo,
            argocd_instance_label: Some("argocd/instance".to_owned()),
            system_namespaces: ["t", "vault"].map(str::to_owned).into(),
            ..Settings::default()
        };
        Published { admission: true, ..Published::of(&settings, "0.1.0") }
    }

    #[test]
    fn who_reads_it_decides_by_the_same_settings() {
        let read = Published::read(&published().config_map("t")).expect("legible");
        assert_eq!(read, published());
        let settings = read.settings("t");
        assert_eq!(settings.profile, Profile::Kargo);
        assert_eq!(settings.tenure_namespace, "t");
        assert!(settings.is_system("vault"));
        assert_eq!(Published::of(&settings, "0.1.0").breaker, published().breaker);
    }

    #[test]
    fn what_cannot_be_read_is_no_setting() {
        let mut map = published().config_map("t");
        let data = map.data.get_or_insert_default();
        let text = data[KEY].replace("\"kargo\",\n", "\"strict\",\n");
        data.insert(KEY.to_owned(), text);
        let why = Published::read(&map).expect_err("illegible");
        assert!(why.contains("strict"), "{why}");
        assert!(Published::read(&ConfigMap::default()).is_err());
    }
}
