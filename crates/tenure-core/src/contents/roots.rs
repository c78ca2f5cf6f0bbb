//! The roots of ownerReference chains.

use std::collections::BTreeMap;

use super::Object;
use crate::Uid;

/// Says of each object which one is the root of its chain: one that nothing in the Namespace
/// owns. Where owners go round in a circle, the first of them is taken for the root.
///
/// An object with several owners follows the one that controls it, else the first that is there.
pub(super) fn roots(objects: &[Object]) -> Vec<usize> {
    let by_uid: BTreeMap<&Uid, usize> = objects
        .iter()
        .enumerate()
        .filter(|(_, object)| !object.uid.as_str().is_empty())
        .map(|(index, object)| (&object.uid, index))
        .collect();
    let owner = |object: &Object| {
        let there = |controller: bool| {
            let owners = object.owners.iter().filter(move |owner| owner.controller == controller);
            owners.filter_map(|owner| by_uid.get(&owner.uid).copied()).next()
        };
        there(true).or_else(|| there(false))
    };
    let owners: Vec<Option<usize>> = objects.iter().map(owner).collect();
    let mut roots: Vec<Option<usize>> = vec![None; objects.len()];
    let mut seen_in: Vec<usize> = vec![usize::MAX; objects.len()];
    for start in 0..objects.len() {
        let mut path = Vec::new();
        let mut at = start;
        let root = loop {
            if let Some(root) = roots[at] {
                break root;
            }
            if seen_in[at] == start {
                break circle(at, &owners);
            }
            seen_in[at] = start;
            path.push(at);
            match owners[at] {
                Some(owner) => at = owner,
                None => break at,
            }
        };
        for index in path {
            roots[index] = Some(root);
        }
    }
    roots.into_iter().enumerate().map(|(index, root)| root.unwrap_or(index)).collect()
}

/// The first, in the order of the objects, of the circle that this one is in.
fn circle(start: usize, owners: &[Option<usize>]) -> usize {
    let mut first = start;
    let mut at = start;
    while let Some(owner) = owners[at] {
        if owner == start {
            break;
        }
        first = first.min(owner);
        at = owner;
    }
    first
}
