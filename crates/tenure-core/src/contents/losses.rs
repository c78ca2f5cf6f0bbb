//! What the deletion of objects destroys for good, and what else is worth a note.

use std::collections::BTreeSet;

use super::object::words;
use super::{Detail, LossKind, Manager, Object, Reclaim};

/// What the deletion of an object means, in words that follow its name. `managers` are those of
/// its root and its own.
pub(super) fn losses_of(object: &Object, managers: &BTreeSet<Manager>) -> Vec<(LossKind, String)> {
    let mut losses = Vec::new();
    if object.is_kubernetes() {
        return losses;
    }
    match &object.detail {
        Detail::Claim(Some(volume)) if volume.reclaim == Reclaim::Delete => losses.push((
            LossKind::Volume,
            format!("its volume {} is deleted with what is on it", volume.name),
        )),
        Detail::Claim(Some(volume)) if volume.reclaim == Reclaim::Unknown => losses.push((
            LossKind::Volume,
            format!("its volume {} may be deleted: its reclaim policy cannot be read", volume.name),
        )),
        Detail::LoadBalancer => losses
            .push((LossKind::LoadBalancer, "its load balancer and address are given back".into())),
        Detail::Secret { remade } if !remade && !can_be_made_again(object, managers) => {
            losses.push((LossKind::Secret, "nothing that is known can make it again".into()));
        }
        Detail::Claim(_) | Detail::Secret { .. } | Detail::Workload(_) | Detail::Plain => {}
    }
    if object.helm_keeps {
        let why = "Helm is told to keep it, which does not keep it from going with its namespace";
        losses.push((LossKind::HelmKeep, why.into()));
    }
    losses
}

/// Who will likely make an object anew, in words that follow its name.
pub(super) fn recreated(object: &Object) -> Option<String> {
    let by = object.attribution.strong.iter().find(|manager| manager.tool.recreates())?;
    Some(format!("{by} may make it anew"))
}

/// Whether somebody keeps elsewhere what the Secret was made of. What merely hangs below an
/// object that a tool deploys was made by a controller, which would make up another.
fn can_be_made_again(object: &Object, managers: &BTreeSet<Manager>) -> bool {
    object.attribution.any(|tool| tool.deploys() || tool.makes_secrets())
        || managers.iter().any(|manager| manager.tool.makes_secrets())
}

/// Workloads of the Namespace, and the words they go by.
#[derive(Default)]
pub(super) struct Workloads<'a>(Vec<(&'a Object, &'a BTreeSet<Box<str>>)>);

impl<'a> Workloads<'a> {
    pub(super) fn among(objects: &'a [Object]) -> Self {
        let words = |object: &'a Object| match &object.detail {
            Detail::Workload(words) => Some((object, words)),
            _ => None,
        };
        Self(objects.iter().filter_map(words).collect())
    }

    /// Whether what takes a finalizer off seems to run in the same Namespace, where it goes at
    /// the same time. A guess: a finalizer has its owner's domain, and a workload goes by its
    /// owner's name, so a word that both have connects them.
    pub(super) fn behind(&self, finalizer: &str) -> Option<String> {
        let domain = finalizer.split('/').next().unwrap_or_default();
        let of_kubernetes = domain == "kubernetes.io" || domain.ends_with(".kubernetes.io");
        if of_kubernetes || !finalizer.contains(['.', '/']) {
            return None;
        }
        let workload = self.0.iter().find(|(_, known)| words(domain).any(|w| known.contains(w)))?;
        Some(format!(
            "its finalizer {finalizer} seems to be taken off by {}, which goes at the same time \
             (a guess, by their names)",
            workload.0.reference()
        ))
    }
}
