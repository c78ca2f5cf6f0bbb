//! Numbers of Warehouses and Stages, by Namespace.

use std::collections::HashMap;

use tenure_core::status::{Health, Stats};

use super::Store;

/// Which objects of a kind there are in each Namespace, and whether each is healthy; Stages that
/// only direct freight are not among them.
pub type HealthByNamespace = HashMap<Box<str>, HashMap<Box<str>, bool>>;

/// Both kinds. `None` is one that does not exist on this cluster, or was not listed yet: numbers
/// that are not known are not reported.
#[derive(Debug, Default)]
pub(super) struct Tally {
    warehouses: Option<HealthByNamespace>,
    stages: Option<HealthByNamespace>,
}

impl Tally {
    pub(super) fn stats(&self, namespace: &str) -> Option<Stats> {
        let (warehouses, stages) = (self.warehouses.as_ref()?, self.stages.as_ref()?);
        Some(Stats {
            warehouses: health(warehouses.get(namespace)),
            stages: health(stages.get(namespace)),
        })
    }

    fn of(&mut self, kind: &str) -> &mut Option<HealthByNamespace> {
        if kind == "Stage" { &mut self.stages } else { &mut self.warehouses }
    }
}

fn health(objects: Option<&HashMap<Box<str>, bool>>) -> Health {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    objects.map_or_else(Health::default, |objects| Health {
        count: count(objects.len()),
        healthy: count(objects.values().filter(|healthy| **healthy).count()),
    })
}

impl Store {
    /// Puts a complete list of a kind. The Namespaces whose numbers it changed; all that have
    /// any, the first time.
    pub fn put_all_health(&self, kind: &str, listed: HealthByNamespace) -> Vec<String> {
        let mut inner = self.lock();
        let old = inner.health.of(kind).replace(listed).unwrap_or_default();
        let Some(new) = inner.health.of(kind) else { return Vec::new() };
        let changed = |namespace: &str| health(old.get(namespace)) != health(new.get(namespace));
        let mut concerned: Vec<_> = old
            .keys()
            .chain(new.keys())
            .filter(|namespace| changed(namespace))
            .map(ToString::to_string)
            .collect();
        concerned.sort();
        concerned.dedup();
        concerned
    }

    /// Puts the health of a Warehouse or Stage, or takes it away. Whether the numbers changed.
    pub fn put_health(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        healthy: Option<bool>,
    ) -> bool {
        let mut inner = self.lock();
        let Some(all) = inner.health.of(kind) else { return false };
        let Some(healthy) = healthy else {
            let Some(objects) = all.get_mut(namespace) else { return false };
            let removed = objects.remove(name).is_some();
            if objects.is_empty() {
                all.remove(namespace);
            }
            return removed;
        };
        all.entry(namespace.into()).or_default().insert(name.into(), healthy) != Some(healthy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(objects: &[(&str, &str, bool)]) -> HealthByNamespace {
        let mut all = HealthByNamespace::new();
        for (namespace, name, healthy) in objects {
            all.entry((*namespace).into()).or_default().insert((*name).into(), *healthy);
        }
        all
    }

    #[test]
    fn numbers_are_unknown_until_both_kinds_were_listed() {
        let store = Store::default();
        assert_eq!(store.put_all_health("Warehouse", list(&[("a", "w", true)])), ["a"]);
        assert_eq!(store.stats("a"), None);
        store.put_all_health("Stage", list(&[]));
        assert_eq!(store.stats("a").map(|s| s.warehouses.healthy), Some(1));
        assert_eq!(store.stats("b").map(|s| s.warehouses.count), Some(0));
    }

    #[test]
    fn a_list_that_says_the_same_again_concerns_nobody() {
        let store = Store::default();
        store.put_all_health("Stage", list(&[("a", "s", true), ("b", "s", false)]));
        assert!(
            store.put_all_health("Stage", list(&[("a", "s", true), ("b", "s", false)])).is_empty()
        );
        assert_eq!(store.put_all_health("Stage", list(&[("a", "s", true)])), ["b"]);
    }
}
