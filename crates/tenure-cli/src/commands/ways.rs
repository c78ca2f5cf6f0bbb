//! What leads to another outcome: how a claim is taken away or added, and what is confirmed against.
//!
//! A way to less never leads to less than is wanted of it.

use schemars::JsonSchema;
use serde::Serialize;
use tenure_core::Disposition;
use tenure_core::plan::Plan;

use super::why::Reason;
use crate::look::Look;
use crate::remedy;

/// A way to another outcome.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Way {
    /// The outcome.
    pub(super) to: &'static str,
    /// The commands, or who can do it.
    pub(super) by: Vec<String>,
}

/// What leads to each other outcome, as far as it can be told.
pub(super) fn ways(look: &Look, plan: &Plan, claims: &[Reason]) -> Vec<Way> {
    let name = &look.name;
    let mut ways = Vec::new();
    for to in [Disposition::Delete, Disposition::Clean, Disposition::Retain] {
        let by = if to == plan.disposition {
            continue;
        } else if to > plan.disposition {
            let mut by = remedy::protects(name, &look.world, to);
            let presumed = plan.presumptions.iter().map(|claim| claim.at_least).max();
            if plan.discharged && presumed == Some(to) {
                by.extend(remedy::takes_back(name, &look.world));
            }
            by
        } else {
            // They are told in the order in which they are claimed.
            let told = plan.claims.iter().zip(claims);
            let stronger = told.filter(|(claim, _)| claim.at_least > to);
            let mut by: Vec<_> = stronger.flat_map(|(_, reason)| withdrawal(reason)).collect();
            let presumed = plan.presumptions.iter().any(|claim| claim.at_least > to);
            let against = plan.alternative.as_ref().is_some_and(|a| a.disposition == to);
            // Without them less may be left than is wanted.
            let less = without(plan, to) < to;
            if look.world.project().is_none() {
                by.extend(
                    remedy::against_presumptions(name, &look.world, plan).filter(|_| against),
                );
                if less {
                    // It can be deleted at any time: what is wanted is said before.
                    by.splice(..0, remedy::protects(name, &look.world, to));
                }
            } else if presumed || against || less {
                by.push(remedy::choice(name, to));
            }
            by
        };
        if !by.is_empty() {
            ways.push(Way { to: to.as_str(), by });
        }
    }
    ways
}

/// What would be decided if every claim to more than that were taken away.
fn without(plan: &Plan, to: Disposition) -> Disposition {
    let presumed = plan.presumptions.iter().filter(|_| !plan.discharged);
    let left = plan.claims.iter().filter(|claim| claim.at_least <= to).chain(presumed);
    left.map(|claim| claim.at_least).max().unwrap_or(Disposition::Delete)
}

/// How a claim is taken away, or who would have to.
fn withdrawal(reason: &Reason) -> Vec<String> {
    if reason.withdraw.is_empty() {
        vec![format!("whoever is behind {}: {}", reason.source, reason.reason)]
    } else {
        reason.withdraw.clone()
    }
}
