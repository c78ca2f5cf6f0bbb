//! What policies have a deletion wait for, as far as that is known without a plan: for lists, which
//! look into no namespace.

use super::Consent;
use crate::contents::clean::Scope;
use crate::policy::Demands;
use crate::{Disposition, Gate, Source};

/// What would be awaited before that is done to a Namespace that stands. Who agreed counts as far as
/// a plan was recorded that they agreed to; whether a confirmation is of what is decided now, only a
/// plan tells.
pub fn awaited(demands: &Demands, disposition: Disposition, consent: &Consent<'_>) -> Vec<Gate> {
    let terms = &demands.terms;
    if disposition == Disposition::Retain {
        return Vec::new();
    }
    let mut gates = Vec::new();
    let all = disposition == Disposition::Clean && demands.scope() == Scope::All;
    let digest = consent.stored.map(|plan| &plan.digest);
    let confirmed = consent.confirm.is_some() || digest.is_some_and(|d| consent.confirms(d));
    if (terms.confirmation || all) && !confirmed {
        gates.push(Gate {
            source: Source::Confirmation,
            reason: "it has to be confirmed".to_owned(),
        });
    }
    let missing = terms.approvals.iter().filter(|wanted| {
        wanted.count > 0 && digest.is_none_or(|digest| consent.more(wanted, digest).is_some())
    });
    gates.extend(missing.map(|wanted| Gate {
        source: Source::Approvals,
        reason: format!("so many have to agree: {}", wanted.count),
    }));
    if !terms.grace_period.is_zero() {
        let seconds = terms.grace_period.as_secs();
        gates.push(Gate {
            source: Source::Grace,
            reason: format!("the namespace is left alone for {seconds} s first"),
        });
    }
    gates
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Accounts;
    use crate::plan::PlanDigest;
    use crate::policy::Approvals;

    fn demands() -> Demands {
        let mut demands = Demands::default();
        demands.terms.confirmation = true;
        demands.terms.approvals.insert(Approvals { count: 2, groups: Default::default() });
        demands.terms.grace_period = Duration::from_secs(60);
        demands
    }

    fn sources(demands: &Demands, disposition: Disposition, consent: &Consent<'_>) -> Vec<Source> {
        awaited(demands, disposition, consent).iter().map(|gate| gate.source).collect()
    }

    #[test]
    fn what_policies_demand_is_awaited_where_anything_is_destroyed() {
        let accounts = Accounts::default();
        let nobody = Consent { confirm: None, stored: None, requester: None, accounts: &accounts };
        let all = [Source::Confirmation, Source::Approvals, Source::Grace];
        assert_eq!(sources(&demands(), Disposition::Delete, &nobody), all);
        assert_eq!(sources(&demands(), Disposition::Clean, &nobody), all);
        assert!(sources(&demands(), Disposition::Retain, &nobody).is_empty());
        assert!(sources(&Demands::default(), Disposition::Delete, &nobody).is_empty());
        let digest = PlanDigest::new("sha256:0");
        let said = Consent { confirm: Some(&digest), ..nobody };
        let rest = [Source::Approvals, Source::Grace];
        assert_eq!(sources(&demands(), Disposition::Delete, &said), rest);
    }

    #[test]
    fn a_cleaning_of_everything_has_to_be_confirmed() {
        let accounts = Accounts::default();
        let nobody = Consent { confirm: None, stored: None, requester: None, accounts: &accounts };
        let mut demands = Demands::default();
        demands.terms.scope = Some(Scope::All);
        assert_eq!(sources(&demands, Disposition::Clean, &nobody), [Source::Confirmation]);
        assert!(sources(&demands, Disposition::Delete, &nobody).is_empty());
    }
}
