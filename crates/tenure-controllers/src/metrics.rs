//! Metrics in the Prometheus text format. Counters carry no object names.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// What the controllers count.
#[derive(Clone, Debug)]
pub struct Metrics {
    steps: Family<StepLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
    decisions: Family<DecisionLabels, Counter>,
    watch_restarts: Counter<u64, AtomicU64>,
    seconds: Histogram,
    projects: Gauge<i64, AtomicI64>,
    leader: Gauge<i64, AtomicI64>,
    guard: Gauge<i64, AtomicI64>,
    mode: Gauge<i64, AtomicI64>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FailureLabels {
    step: &'static str,
    category: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DecisionLabels {
    disposition: &'static str,
    because: &'static str,
}

impl Metrics {
    /// Registers every metric.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            steps: Family::default(),
            failures: Family::default(),
            decisions: Family::default(),
            watch_restarts: Counter::default(),
            seconds: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
            projects: Gauge::default(),
            leader: Gauge::default(),
            guard: Gauge::default(),
            mode: Gauge::default(),
        };
        registry.register("tenure_steps", "Steps carried out", metrics.steps.clone());
        registry.register("tenure_step_failures", "Steps that failed", metrics.failures.clone());
        registry.register(
            "tenure_decisions",
            "Decisions that were carried out, by disposition and by what decided",
            metrics.decisions.clone(),
        );
        registry.register(
            "tenure_watch_restarts",
            "Watches that failed and were started again",
            metrics.watch_restarts.clone(),
        );
        registry.register(
            "tenure_reconcile_seconds",
            "Time from the first read for a project to rest",
            metrics.seconds.clone(),
        );
        registry.register("tenure_projects", "Projects known", metrics.projects.clone());
        registry.register("tenure_leader", "1 while this replica acts", metrics.leader.clone());
        registry.register(
            "tenure_guard_effective",
            "1 while the API server was last seen to ask Tenure before it deletes",
            metrics.guard.clone(),
        );
        registry.register(
            "tenure_mode_fits",
            "1 while how Tenure runs was last seen to fit who else looks after Projects",
            metrics.mode.clone(),
        );
        metrics
    }

    pub(crate) fn step(&self, step: &'static str) {
        self.steps.get_or_create(&StepLabels { step }).inc();
    }

    pub(crate) fn failure(&self, step: &'static str, category: &'static str) {
        self.failures.get_or_create(&FailureLabels { step, category }).inc();
    }

    pub(crate) fn decision(&self, disposition: &'static str, because: &'static str) {
        self.decisions.get_or_create(&DecisionLabels { disposition, because }).inc();
    }

    pub(crate) fn watch_restart(&self) {
        self.watch_restarts.inc();
    }

    pub(crate) fn seconds(&self, seconds: f64) {
        self.seconds.observe(seconds);
    }

    pub(crate) fn projects(&self, count: usize) {
        self.projects.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Says whether the API server was seen to ask before it deletes.
    pub fn guard(&self, effective: bool) {
        self.guard.set(i64::from(effective));
    }

    /// Says whether the mode fits who else looks after Projects.
    pub fn mode(&self, fits: bool) {
        self.mode.set(i64::from(fits));
    }

    /// Says whether this replica acts.
    pub fn leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }
}

/// The registry in the text format.
pub(crate) fn text(registry: &Registry) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    encode(&mut text, registry).unwrap_or_default();
    text
}
