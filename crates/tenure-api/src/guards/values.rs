//! Annotations that decide about the Namespace have values that can be read.
//!
//! What nobody can read retains, and is refused where it would be written. An object that has such
//! a value from before may be changed elsewhere: there is one rule for each key, and it concerns
//! who changes the value.

use serde_json::{Value, json};
use tenure_core::plan::PlanDigest;
use tenure_core::{Cancel, Disposition, Keep, Wish, keys};

use super::{Action, Policy, cel, not_break_glass, not_tenure};
use crate::install::Installation;

/// One key, and what may stand there.
struct Rule {
    key: &'static str,
    /// Name of the variable that has the value.
    variable: &'static str,
    /// Whether the value is legal.
    legal: String,
    /// What the value has to be.
    must: String,
    /// What to do, for which `KEY-` takes the annotation off.
    fix: String,
    /// Whether it is read on Projects only, and so means nothing on Namespaces.
    projects_only: bool,
}

/// Whoever makes a Project anew, or a Namespace by a template, carries on what others wrote: what
/// Tenure does is not refused.
pub(super) fn policy(installation: &Installation) -> Policy {
    let rules = [keep(), disposition(), cancel(), confirm()];
    let says = format!(
        "has(object.metadata.annotations) && {}.exists(key, key in object.metadata.annotations)",
        cel::list(rules.iter().map(|rule| rule.key)),
    );
    let conditions = [json!({"name": "says-something", "expression": says})]
        .into_iter()
        .chain([not_tenure(installation)])
        .chain(not_break_glass(installation));
    let before = json!({"name": "before", "expression": cel::annotations("oldObject")});
    let said = json!({"name": "said", "expression": "object.metadata.annotations"});
    let variables = [said, before].into_iter().chain(rules.iter().map(Rule::variable));
    let spec = json!({
        "matchConstraints": {"resourceRules": [
            {
                "apiGroups": [keys::KARGO_GROUP], "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"], "resources": ["projects"],
            },
            {
                "apiGroups": [""], "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"], "resources": ["namespaces"],
            },
        ]},
        "matchConditions": conditions.collect::<Vec<_>>(),
        "variables": variables.collect::<Vec<_>>(),
        "validations": rules.iter().map(Rule::validation).collect::<Vec<_>>(),
    });
    Policy { name: "tenure-values", spec, action: Action::Deny }
}

fn keep() -> Rule {
    Rule {
        key: keys::KEEP_NAMESPACE,
        variable: "keep",
        legal: format!("variables.keep in {}", cel::list(Keep::LEGAL)),
        must: Keep::LEGAL.map(cel::literal).join(" or "),
        fix: format!(
            "to keep the namespace, write it as --overwrite {}={}",
            keys::KEEP_NAMESPACE,
            keys::TRUE
        ),
        projects_only: false,
    }
}

fn disposition() -> Rule {
    let legal = Wish::LEGAL.map(Disposition::as_str);
    Rule {
        key: keys::DISPOSITION,
        variable: "disposition",
        legal: format!("variables.disposition in {}", cel::list(legal)),
        must: legal.join(" or "),
        fix: format!(
            "to keep every object, write it as --overwrite {}={}",
            keys::DISPOSITION,
            Disposition::Retain
        ),
        projects_only: false,
    }
}

fn cancel() -> Rule {
    Rule {
        key: keys::CANCEL,
        variable: "cancel",
        legal: format!("variables.cancel in {}", cel::list(Cancel::LEGAL)),
        must: Cancel::LEGAL.map(cel::literal).join(" or "),
        fix: format!(
            "to call the deletion off, write it as --overwrite {}={}",
            keys::CANCEL,
            keys::TRUE
        ),
        projects_only: true,
    }
}

fn confirm() -> Rule {
    let pattern = cel::literal(PlanDigest::PATTERN);
    Rule {
        key: keys::CONFIRM,
        variable: "confirm",
        // A pattern is tried on no more than a digest's length.
        legal: format!(
            "size(variables.confirm) == {} && variables.confirm.matches({pattern})",
            PlanDigest::LENGTH
        ),
        must: format!("{} and 64 digits of 0-9 and a-f", PlanDigest::PREFIX),
        fix:
            "copy spec.decision.digest of the DeletionPlan, or of what `kubectl tenure plan` prints"
                .to_owned(),
        projects_only: true,
    }
}

impl Rule {
    fn variable(&self) -> Value {
        let key = cel::literal(self.key);
        let value = format!("{key} in variables.said ? variables.said[{key}] : ''");
        json!({"name": self.variable, "expression": value})
    }

    fn validation(&self) -> Value {
        let (key, variable) = (cel::literal(self.key), self.variable);
        let elsewhere = if self.projects_only { "request.kind.kind != 'Project' || " } else { "" };
        let field = format!("metadata.annotations[{}]", self.key);
        let demand =
            format!("must be {}; {}, or take it off with {}-", self.must, self.fix, self.key);
        json!({
            "expression": format!(
                "{elsewhere}!({key} in variables.said) || ({}) \
                 || ({key} in variables.before && variables.before[{key}] == variables.{variable})",
                self.legal
            ),
            "message": format!("{field} {demand}"),
            "messageExpression": format!(
                "{} + {} + {}",
                cel::literal(&format!("{field}: ")),
                cel::quoted(&format!("variables.{variable}")),
                cel::literal(&format!(" {demand}"))
            ),
        })
    }
}
