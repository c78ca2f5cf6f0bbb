//! Another choice than what would be decided now: what it takes, or what forbids it.
//!
//! More protection is a claim of one's own. Less is only to be had against what is presumed, by a
//! confirmation; what is claimed is taken away by whoever put it there, and not from here.

use tenure_core::lifecycle::{Preview, preview};
use tenure_core::plan::PlanDigest;
use tenure_core::{Claim, Disposition, Statements, Wish, keys};

use crate::exit::{Failure, Outcome};
use crate::look::Look;
use crate::remedy;

/// What has to be written on the Project for a choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Writes {
    /// The annotation `tenure.dev/disposition`, where it has to say more.
    pub(crate) disposition: Option<Disposition>,
    /// The annotation `tenure.dev/confirm`, where somebody has to confirm against presumptions.
    pub(crate) confirm: Option<PlanDigest>,
}

impl Writes {
    /// As they are shown, `key=value`.
    pub(crate) fn shown(&self) -> Vec<String> {
        let disposition = self.disposition.map(|d| format!("{}={d}", keys::DISPOSITION));
        let confirm = self.confirm.as_ref().map(|digest| format!("{}={digest}", keys::CONFIRM));
        disposition.into_iter().chain(confirm).collect()
    }
}

/// Changes what was looked at to what would become of the namespace by that choice, and says what
/// it takes.
///
/// # Errors
/// If claims forbid it.
pub(crate) fn choose(look: &mut Look, choice: Disposition) -> Outcome<Writes> {
    let Some(now) = &look.preview else { return Ok(Writes::default()) };
    let decided = now.plan.disposition;
    if choice == decided {
        return Ok(Writes::default());
    }
    let writes = if choice > decided {
        Writes { disposition: Some(choice), confirm: None }
    } else {
        less(look, now, choice)?.ok_or_else(|| forbidden(look, now, choice))?
    };
    look.preview = Some(with(look, &writes)?);
    Ok(writes)
}

/// What it takes to have less than what is presumed; `None` if it cannot be had. Where even less
/// would be left without what is presumed, it has to be claimed, too.
fn less(look: &Look, now: &Preview, choice: Disposition) -> Outcome<Option<Writes>> {
    if now.plan.claims.iter().any(|claim| claim.at_least > choice) {
        return Ok(None);
    }
    let against = |preview: &Preview, disposition: Option<Disposition>| {
        let alternative = preview.plan.alternative.as_ref().filter(|a| a.disposition == choice)?;
        Some(Writes { disposition, confirm: Some(alternative.digest.clone()) })
    };
    if let Some(writes) = against(now, None) {
        return Ok(Some(writes));
    }
    let claimed = Writes { disposition: Some(choice), confirm: None };
    Ok(against(&with(look, &claimed)?, claimed.disposition))
}

/// What would be decided if that were written.
fn with(look: &Look, writes: &Writes) -> Outcome<Preview> {
    let mut seen = look.observe();
    if let Some(project) = &mut seen.project {
        if let Some(disposition) = writes.disposition {
            let statements =
                Statements { wish: Wish::AtLeast(disposition), ..project.statements.clone() };
            project.statements = statements;
        }
        if let Some(digest) = &writes.confirm {
            project.confirm = Some(digest.clone());
        }
    }
    // What a claim demands may have made a look at the contents unnecessary, and never the other
    // way round, for claims are only added.
    match preview(&seen, look.at) {
        Ok(Some(preview)) => Ok(preview),
        Ok(None) | Err(_) => Err(Failure::error("failed to plan another choice; look again")),
    }
}

fn forbidden(look: &Look, now: &Preview, choice: Disposition) -> Failure {
    let stronger = |claim: &&Claim| claim.at_least > choice;
    let claims: Vec<_> = now.plan.claims.iter().filter(stronger).collect();
    let message = format!(
        "namespace {} cannot be {}: this demands more",
        look.name,
        match choice {
            Disposition::Delete => "deleted",
            Disposition::Clean => "cleaned",
            Disposition::Retain => "retained",
        }
    );
    let presumed = now.plan.presumptions.iter().filter(stronger).filter(|_| claims.is_empty());
    let mut failure = Failure::refused(message);
    for claim in claims.iter().copied().chain(presumed) {
        failure = failure.detail(format!("{}: {}", claim.at_least, claim.reason));
    }
    for claim in claims {
        for command in remedy::withdraws(claim, &look.name, &look.world) {
            failure = failure.next(command);
        }
    }
    if let Some(command) = remedy::against_presumptions(&look.name, &look.world, &now.plan) {
        failure = failure.next(command);
    }
    failure
}
