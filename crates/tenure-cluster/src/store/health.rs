//! Numbers of Warehouses and Stages, by Namespace.

use std::collections::HashMap;

use tenure_core::status::{Health, Stats};

use super::Store;

/// The Warehouses and Stages of one Namespace, each with whether it is healthy; Stages that
/// only direct freight are not among them.
#[derive(Debug, Default)]
pub(super) struct Counts {
    warehouses: HashMap<Box<str>, bool>,
    stages: HashMap<Box<str>, bool>,
}

impl Counts {
    pub(super) fn stats(&self) -> Stats {
        Stats { warehouses: health(&self.warehouses), stages: health(&self.stages) }
    }

    fn of(&mut self, kind: &str) -> &mut HashMap<Box<str>, bool> {
        if kind == "Stage" { &mut self.stages } else { &mut self.warehouses }
    }
}

fn health(objects: &HashMap<Box<str>, bool>) -> Health {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    Health {
        count: count(objects.len()),
        healthy: count(objects.values().filter(|healthy| **healthy).count()),
    }
}

impl Store {
    /// Starts counting, now that the kinds exist.
    pub fn count_health(&self) {
        self.lock().health.get_or_insert_default();
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
        let Some(health) = inner.health.as_mut() else { return false };
        let counts = health.entry(namespace.into()).or_default();
        let objects = counts.of(kind);
        match healthy {
            Some(healthy) => objects.insert(name.into(), healthy) != Some(healthy),
            None => objects.remove(name).is_some(),
        }
    }

    /// Forgets all objects of a kind, before they are listed anew. The Namespaces that had any.
    pub fn clear_health(&self, kind: &str) -> Vec<String> {
        let mut inner = self.lock();
        let Some(health) = inner.health.as_mut() else { return Vec::new() };
        let had = health.iter().filter_map(|(namespace, counts)| {
            let objects = if kind == "Stage" { &counts.stages } else { &counts.warehouses };
            (!objects.is_empty()).then(|| namespace.to_string())
        });
        let had = had.collect();
        for counts in health.values_mut() {
            counts.of(kind).clear();
        }
        had
    }
}
