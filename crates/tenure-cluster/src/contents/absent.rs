//! Kinds of which the whole cluster has no object, so that no Namespace need be asked for them.
//!
//! Of most kinds that are served a cluster has none, and when many Namespaces go at once it would
//! say so for each. Where a Namespace had none, the whole cluster is asked next time, once for all
//! who want to know at that moment. That is a look as good as one into the Namespace: nothing is
//! believed that was not read after it was asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::api::ListParams;
use kube::core::Request;
use tenure_core::contents::Kind;

use super::list::{METADATA, path_of_all};
use super::wire::Page;
use crate::shared::Shared;
use crate::{Cluster, RequestError};

/// For how long the cluster is not asked again for a kind that it has.
const PRESENT: Duration = Duration::from_mins(1);

/// What is remembered of each kind: never whether there is any, only whom to ask first.
#[derive(Debug, Default)]
pub(crate) struct Absence(Mutex<HashMap<Arc<Kind>, Hint>>);

#[derive(Clone, Debug)]
struct Hint {
    /// When the cluster was found to have some.
    present: Option<Instant>,
    /// Whether the cluster has any.
    any: Arc<Shared<bool>>,
}

impl Absence {
    /// How to ask the cluster for the kind, where that is worth a request.
    fn worth_asking(&self, kind: &Kind) -> Option<Arc<Shared<bool>>> {
        let hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hint = hints.get(kind)?;
        let present = hint.present.is_some_and(|since| since.elapsed() < PRESENT);
        (!present).then(|| Arc::clone(&hint.any))
    }

    /// A Namespace had none of the kind.
    pub(super) fn none_seen(&self, kind: &Arc<Kind>) {
        let mut hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !hints.contains_key(kind) {
            let hint = Hint { present: None, any: Arc::default() };
            hints.insert(Arc::clone(kind), hint);
        }
    }

    fn some_seen(&self, kind: &Kind) {
        let mut hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hint) = hints.get_mut(kind) {
            hint.present = Some(Instant::now());
        }
    }
}

impl Cluster {
    /// Whether the whole cluster has no object of the kind. That it has some says nothing about
    /// any one Namespace, nor does it if nobody could tell.
    pub(super) async fn is_absent(&self, kind: &Kind) -> bool {
        let Some(any) = self.commons.absence.worth_asking(kind) else { return false };
        match any.read(|| self.cluster_has(kind)).await {
            Ok(false) => true,
            Ok(true) => {
                self.commons.absence.some_seen(kind);
                false
            }
            Err(error) => {
                tracing::debug!(%error, %kind, "the namespace is asked instead");
                self.commons.absence.some_seen(kind);
                false
            }
        }
    }

    async fn cluster_has(&self, kind: &Kind) -> Result<bool, RequestError> {
        let doing = format!("list {kind} in all namespaces");
        let one = ListParams { limit: Some(1), ..Default::default() };
        let request = Request::new(path_of_all(kind)).list(&one);
        let page: Page = self.ask(doing, request, METADATA).await?;
        // A page may be empty although more follow.
        let more = page.metadata.next.is_some_and(|token| !token.is_empty());
        Ok(more || !page.items.is_empty())
    }
}
