//! What the API server does with the provisioned access.

use tenure_core::access::{AccessKey, AccessKind};

use crate::api_server::Request;
use crate::cluster::Provided;

impl Request<'_> {
    pub(crate) fn read_access(&mut self) {
        let stands = self.seen.namespace.as_ref().is_some_and(|ns| ns.deleting.is_none());
        let inside = self.cluster.provided.inside.filter(|_| stands);
        self.seen.provided = Some(Provided { inside, ..self.cluster.provided });
    }

    pub(crate) fn provision(&mut self, keys: &[AccessKey]) -> Option<()> {
        let tenant = self.seen.tenant();
        let standing = self.cluster.namespace.as_ref().is_some_and(|ns| ns.deleting.is_none());
        let free = |key: &AccessKey| part(&mut self.cluster.provided.clone(), key).is_none();
        let possible = |key: &AccessKey| free(key) && (standing || !key.kind.namespaced());
        let all = keys.iter().all(possible);
        let keys: Vec<_> = keys.iter().filter(|key| possible(key)).cloned().collect();
        (!keys.is_empty()).then_some(())?;
        for key in self.extent.of(keys) {
            *part(&mut self.cluster.provided, &key) = tenant;
        }
        self.mark(all)
    }

    pub(crate) fn repair(&mut self, keys: &[AccessKey]) -> Option<()> {
        let tenant = self.seen.tenant();
        for key in self.extent.of(keys.to_vec()) {
            let now = part(&mut self.cluster.provided, &key);
            if now.is_some() {
                *now = tenant;
            }
        }
        self.seen.provided = None;
        Some(())
    }

    pub(crate) fn remove_access(&mut self, keys: &[AccessKey]) -> Option<()> {
        for key in self.extent.of(keys.to_vec()) {
            let read = *part(self.seen.provided.as_mut()?, &key);
            let now = part(&mut self.cluster.provided, &key);
            if *now == read {
                *now = None;
            }
            *part(self.seen.provided.as_mut()?, &key) = None;
        }
        Some(())
    }

    /// Takes in what was provided; what failed in part is read again.
    fn mark(&mut self, all: bool) -> Option<()> {
        self.seen.provided = all.then_some(self.cluster.provided);
        Some(())
    }
}

fn part<'p>(provided: &'p mut Provided, key: &AccessKey) -> &'p mut Option<u8> {
    match key.kind {
        AccessKind::ClusterRole => &mut provided.role,
        AccessKind::ClusterRoleBinding => &mut provided.binding,
        _ => &mut provided.inside,
    }
}
