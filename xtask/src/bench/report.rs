//! Rows, and how they are shown.

use serde::Serialize;

/// One measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    name: String,
    unit: &'static str,
    value: f64,
    /// What it may be at most, or, of rates, must be at least.
    target: Option<f64>,
    pub(crate) met: Option<bool>,
    peer: Option<f64>,
    ratio: Option<f64>,
}

impl Row {
    /// A measurement without a target.
    pub(crate) fn new(name: &str, unit: &'static str, value: f64) -> Self {
        let name = name.to_owned();
        Self { name, unit, value, target: None, met: None, peer: None, ratio: None }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// It may be this at most.
    pub(crate) fn at_most(mut self, target: f64) -> Self {
        self.target = Some(target);
        self.met = Some(self.value <= target);
        self
    }

    /// It must be this at least.
    pub(crate) fn at_least(mut self, target: f64) -> Self {
        self.target = Some(target);
        self.met = Some(self.value >= target);
        self
    }

    /// The peer's value of the same run.
    pub(crate) fn beside(mut self, peer: Option<f64>) -> Self {
        self.peer = peer;
        self.ratio = peer.filter(|peer| *peer > 0.0).map(|peer| self.value / peer);
        self
    }
}

/// Prints a table.
pub(crate) fn print(rows: &[Row]) {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
    println!(
        "\n{:<55} {:>12} {:>9} {:>9} {:>6} {:>9} {:>7}",
        "measurement", "unit", "value", "target", "met", "peer", "ratio"
    );
    for row in rows {
        let met = match row.met {
            None => "-",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        println!(
            "{:<55} {:>12} {:>9} {:>9} {met:>6} {:>9} {:>7}",
            row.name,
            row.unit,
            short(row.value),
            number(row.target),
            number(row.peer),
            number(row.ratio)
        );
    }
}

fn short(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
