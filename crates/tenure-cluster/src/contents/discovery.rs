//! Which kinds of objects a Namespace can hold.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::core::discovery::v2::{APIGroupDiscovery, APIGroupDiscoveryList, APIResourceDiscovery};
use tenure_core::contents::{Kind, Unseen};
use tokio::sync::Mutex;

use crate::error::Failure;
use crate::{Cluster, RequestError};

/// How long it is remembered which kinds are served. They are some hundred kilobytes, and are
/// asked for anew for every Namespace when many go at once; a kind that is served only since
/// moments ago has hardly any objects that somebody could miss.
const REMEMBERED: Duration = Duration::from_secs(10);

/// The kinds that are served.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// Those that hold content of Namespaces.
    pub(super) kinds: Vec<Arc<Kind>>,
    /// Versions of groups of which nobody knows what they hold.
    pub(super) stale: Vec<Stale>,
}

/// A version of a group whose server does not tell what it serves.
#[derive(Debug)]
pub(super) struct Stale {
    pub(super) group: String,
    version: String,
}

impl Stale {
    pub(super) fn unseen(&self) -> Unseen {
        let why = format!(
            "the server behind {}/{} does not tell what it serves; see the APIService {}.{}",
            self.group, self.version, self.version, self.group
        );
        Unseen { kind: format!("*.{}", self.group), why, temporary: true }
    }
}

/// The kinds that are served, as they were last asked for, and when.
#[derive(Debug, Default)]
pub(crate) struct ServedCache(Mutex<Option<(Instant, Arc<Served>)>>);

impl ServedCache {
    /// Has them asked for anew next time.
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

impl Cluster {
    /// The kinds that are served. Whoever asks while somebody else does waits for the answer.
    pub(super) async fn served(&self) -> Result<Arc<Served>, RequestError> {
        let mut cache = self.commons.served.0.lock().await;
        if let Some((since, served)) = &*cache
            && since.elapsed() < REMEMBERED
        {
            return Ok(Arc::clone(served));
        }
        let doing = "ask which kinds are served";
        let core = self.within(doing, self.client.list_core_api_versions_aggregated()).await?;
        let groups = self.within(doing, self.client.list_api_groups_aggregated()).await?;
        if core.items.is_empty() || groups.items.is_empty() {
            let what = "the API server does not tell its kinds in the aggregated form".to_owned();
            return Err(RequestError { doing: doing.into(), failure: Failure::Nonsense(what) });
        }
        let served = Arc::new(read(core, groups));
        *cache = Some((Instant::now(), Arc::clone(&served)));
        Ok(served)
    }
}

fn read(core: APIGroupDiscoveryList, groups: APIGroupDiscoveryList) -> Served {
    let mut served = Served::default();
    for group in core.items.into_iter().chain(groups.items) {
        read_group(group, &mut served);
    }
    served
}

/// Versions come in the order of preference, and each kind is listed in the first that has it.
fn read_group(group: APIGroupDiscovery, served: &mut Served) {
    let name = group.metadata.and_then(|meta| meta.name).unwrap_or_default();
    let mut known = BTreeSet::new();
    for version in group.versions {
        let number = version.version.unwrap_or_default();
        if version.freshness.as_deref() == Some("Stale") {
            // What it lists, if anything, is what there once was.
            served.stale.push(Stale { group: name.clone(), version: number });
            continue;
        }
        for resource in version.resources.into_iter().filter(|of| is_content(&name, of)) {
            let plural = resource.resource.unwrap_or_default();
            let kind = resource.response_kind.and_then(|kind| kind.kind).unwrap_or_default();
            if known.insert(plural.clone()) {
                served.kinds.push(Arc::new(Kind::new(&name, &number, &kind, &plural)));
            }
        }
    }
}

/// Whether objects of the kind are content. As for the namespace controller, that is what can be
/// deleted: what cannot, like metrics, is a view of something else. Events are not, for they go
/// by themselves. (Subresources are told apart from resources, and not looked at.)
fn is_content(group: &str, resource: &APIResourceDiscovery) -> bool {
    let can = |verb: &str| resource.verbs.iter().any(|known| known == verb);
    let events =
        resource.resource.as_deref() == Some("events") && matches!(group, "" | "events.k8s.io");
    resource.scope.as_deref() == Some("Namespaced") && can("list") && can("delete") && !events
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn resource(plural: &str, kind: &str, scope: &str, verbs: &[&str]) -> Value {
        json!({
            "resource": plural, "scope": scope, "verbs": verbs,
            "responseKind": {"group": "", "version": "", "kind": kind},
        })
    }

    fn read_all(groups: &Value) -> Served {
        let list = |items: &Value| {
            serde_json::from_value::<APIGroupDiscoveryList>(json!({"items": items})).unwrap()
        };
        read(list(&json!([])), list(groups))
    }

    #[test]
    fn a_kind_is_listed_once_in_the_version_the_server_prefers() {
        let verbs = ["list", "delete"];
        let served = read_all(&json!([{
            "metadata": {"name": "autoscaling"},
            "versions": [
                {"version": "v2", "freshness": "Current", "resources": [
                    resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "Namespaced", &verbs),
                ]},
                {"version": "v1", "freshness": "Current", "resources": [
                    resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "Namespaced", &verbs),
                    resource("olds", "Old", "Namespaced", &verbs),
                ]},
            ],
        }]));
        let kinds: Vec<_> = served.kinds.iter().map(|k| (k.to_string(), &*k.version)).collect();
        let expected = [("horizontalpodautoscalers.autoscaling", "v2"), ("olds.autoscaling", "v1")];
        assert_eq!(kinds, expected.map(|(kind, version)| (kind.to_owned(), version)));
    }

    #[test]
    fn what_a_namespace_does_not_hold_cannot_lose_or_forgets_by_itself_is_no_content() {
        let both = ["list", "delete"];
        let served = read_all(&json!([{
            "metadata": {"name": ""},
            "versions": [{"version": "v1", "resources": [
                resource("events", "Event", "Namespaced", &both),
                resource("nodes", "Node", "Cluster", &both),
                resource("bindings", "Binding", "Namespaced", &["create"]),
                resource("views", "View", "Namespaced", &["get", "list"]),
            ]}],
        }]));
        assert!(served.kinds.is_empty() && served.stale.is_empty());
    }

    #[test]
    fn a_server_that_does_not_answer_leaves_its_group_unseen() {
        let served = read_all(&json!([{
            "metadata": {"name": "broken.example.com"},
            "versions": [{"version": "v1", "freshness": "Stale", "resources": [
                resource("things", "Thing", "Namespaced", &["list", "delete"]),
            ]}],
        }]));
        assert!(served.kinds.is_empty());
        let unseen = served.stale[0].unseen();
        assert_eq!((unseen.kind.as_str(), unseen.temporary), ("*.broken.example.com", true));
        assert!(unseen.why.contains("v1.broken.example.com"), "{}", unseen.why);
    }
}
