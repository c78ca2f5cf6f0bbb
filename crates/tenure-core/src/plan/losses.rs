//! What a plan takes away of what is in the Namespace, and so what is lost for good by it.

use super::Plan;
use crate::Disposition;
use crate::contents::clean::Scope;
use crate::contents::{Loss, Root, Tool};

impl Plan {
    /// Whether that object goes, as far as its managers tell. In doubt it does: nobody is to be told
    /// that what goes is spared.
    pub fn takes(&self, root: &Root) -> bool {
        match (self.disposition, self.scope) {
            (Disposition::Retain, _) => false,
            (Disposition::Clean, Some(Scope::Project)) => is_kargos(root),
            (Disposition::Delete | Disposition::Clean, _) => true,
        }
    }

    /// What is lost for good by this plan, and what would be if the Namespace went.
    pub fn losses(&self) -> (Vec<&Loss>, Vec<&Loss>) {
        let losses = self.contents.iter().flat_map(|contents| &contents.losses);
        losses.partition(|loss| self.loses(loss))
    }

    fn loses(&self, loss: &Loss) -> bool {
        let Some(contents) = &self.contents else { return false };
        if !self.destroys() {
            return false;
        }
        match contents.roots.iter().find(|root| root.uid == loss.uid) {
            Some(root) => self.takes(root),
            // It hangs below one, which takes it along.
            None if contents.roots_left_out == 0 => {
                let above = |root: &&Root| root.children > 0 && root.hazards.contains(&loss.kind);
                let mut above = contents.roots.iter().filter(above);
                match (self.disposition, self.scope) {
                    // What is Kargo's below what is nobody's goes by itself.
                    (Disposition::Clean, Some(Scope::Project)) => above.any(is_no_others),
                    _ => above.any(|root| self.takes(root)),
                }
            }
            None => true,
        }
    }
}

/// Whether it may be Kargo's and nobody else's.
fn is_kargos(root: &Root) -> bool {
    root.managers.iter().any(|manager| manager.tool == Tool::Kargo) && is_no_others(root)
}

/// Whether no tool but Kargo's says that it is its own.
fn is_no_others(root: &Root) -> bool {
    !root.managers.iter().any(|manager| manager.tool.is_others())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::Uid;
    use crate::contents::{Contents, LossKind, Manager};

    fn root(name: &str, tools: &[Tool]) -> Root {
        let manager = |tool: &Tool| Manager { tool: *tool, instance: None };
        Root {
            kind: "secrets".into(),
            name: name.into(),
            uid: Uid::new(name),
            managers: tools.iter().map(manager).collect::<BTreeSet<_>>().into(),
            children: 0,
            hazards: [LossKind::Secret].into(),
        }
    }

    fn plan(disposition: Disposition, scope: Option<Scope>, contents: Contents) -> Plan {
        Plan {
            project_uid: Uid::new("project"),
            namespace_uid: Uid::new("namespace"),
            origin: None,
            disposition,
            scope,
            keep_kinds: BTreeSet::new(),
            claims: Vec::new(),
            presumptions: Vec::new(),
            discharged: false,
            warnings: Vec::new(),
            policies: BTreeSet::new(),
            foreign: BTreeSet::new(),
            contents: Some(Arc::new(contents)),
            confirmation: false,
            approvals: BTreeSet::new(),
            not_before: None,
            attempt: 0,
            alternative: None,
        }
    }

    fn lost(disposition: Disposition, scope: Option<Scope>, contents: &Contents) -> Vec<String> {
        let plan = plan(disposition, scope, contents.clone());
        let (lost, spared) = plan.losses();
        assert_eq!(lost.len() + spared.len(), contents.losses.len(), "each is told once");
        lost.into_iter().map(|loss| loss.object.clone()).collect()
    }

    fn loss(name: &str) -> Loss {
        Loss {
            kind: LossKind::Secret,
            object: name.to_owned(),
            uid: Uid::new(name),
            explanation: "nothing that is known can make it again".to_owned(),
        }
    }

    #[test]
    fn only_what_goes_is_lost() {
        let (project, all) = (Some(Scope::Project), Some(Scope::All));
        let contents = Contents {
            roots: vec![root("nobodys", &[]), root("kargos", &[Tool::Kargo])],
            losses: vec![loss("nobodys"), loss("kargos")],
            ..Contents::default()
        };
        assert_eq!(lost(Disposition::Delete, None, &contents), ["nobodys", "kargos"]);
        assert_eq!(lost(Disposition::Clean, all, &contents), ["nobodys", "kargos"]);
        assert_eq!(lost(Disposition::Clean, project, &contents), ["kargos"]);
        assert!(lost(Disposition::Retain, None, &contents).is_empty());
    }

    #[test]
    fn what_hangs_below_something_or_was_left_out_is_lost_in_doubt() {
        let project = Some(Scope::Project);
        let below = |owner: Root| Contents {
            roots: vec![Root { children: 1, ..owner }],
            losses: vec![loss("below")],
            ..Contents::default()
        };
        let of_helm = below(root("helms", &[Tool::Helm]));
        assert!(lost(Disposition::Clean, project, &of_helm).is_empty());
        let of_nobody = below(root("nobodys", &[]));
        assert_eq!(lost(Disposition::Clean, project, &of_nobody), ["below"]);
        let of_kargo = below(root("kargos", &[Tool::Kargo]));
        assert_eq!(lost(Disposition::Clean, project, &of_kargo), ["below"]);
        let cut = Contents { roots_left_out: 1, ..of_helm };
        assert_eq!(lost(Disposition::Clean, project, &cut), ["below"]);
    }
}
