//! What is told where a deletion was asked for, and of a choice before it is.

use tenure_core::plan::Plan;
use tenure_core::{Source, Wish};

use crate::look::{Look, how_far};
use crate::remedy;
use crate::text::{CAREFUL, FAINT, Text};
use crate::view::plan::style;
use crate::view::tree::Branch;

/// Since when the Project is being deleted, if it is.
pub(super) fn since(look: &Look, tree: &mut Branch) {
    if let Some(since) = look.world.project().and_then(|project| project.deleting) {
        tree.push(Text::styled(CAREFUL, format!("the Project is being deleted, since {since:.0}")));
    }
}

/// What is carried out where nothing is left to decide, and what it waits for.
pub(super) fn past(look: &Look, tree: &mut Branch) {
    since(look, tree);
    if let Some(plan) = look.settled() {
        let mut settled = Branch::new(Text::plain(how_far(plan)));
        let what = Text::plain("decision: ");
        settled.push(what.with(style(plan.disposition), plan.disposition.as_str()));
        settled.push(Text::styled(FAINT, format!("kubectl tenure plans {}", plan.name)));
        tree.push(settled);
    }
    let mut waits = Branch::new(Text::styled(CAREFUL, "it waits for"));
    for (source, why) in look.going_waits() {
        let mut reason = Branch::new(Text::styled(CAREFUL, source).and(": ").and(why));
        reason.push(Text::styled(FAINT, remedy::finds_out(&look.name)));
        waits.push(reason);
    }
    tree.push_unless_bare(waits);
}

/// The plan, where a choice that is not written yet is told as a choice.
pub(super) fn as_told(plan: &Plan, look: &Look) -> Plan {
    let mut told = plan.clone();
    let wish = look.world.project().map(|project| &project.statements.wish);
    for claim in &mut told.claims {
        let stands = Wish::AtLeast(claim.at_least);
        let illegible = matches!(wish, Some(Wish::Illegible(_)));
        if claim.source == Source::DispositionOnProject && !illegible && wish != Some(&stands) {
            claim.reason = "by choice".to_owned();
        }
    }
    told
}
