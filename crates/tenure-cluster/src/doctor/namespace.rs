//! The Namespace itself, what is left in it, and who writes to that.

use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::Request;
use tenure_core::contents::{Detail, Manager, Object, Tool};
use tenure_core::doctor::{Facts, Left, Reported, Sync};

use super::{AT_ONCE, list, told};
use crate::contents::path;
use crate::{Cluster, Progress};

/// Objects that are told of.
const MOST_LEFT: usize = 100;
/// Objects of which it is looked up who wrote to them when.
const MOST_SYNCS: usize = 30;
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// What the Namespace says of itself.
pub(super) fn facts(namespace: &Namespace, now: Timestamp) -> Facts {
    let status = namespace.status.as_ref();
    let conditions = status.and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    let reported = conditions.iter().filter(|c| c.status == "True").map(|c| Reported {
        condition: c.type_.clone(),
        message: c.message.clone().unwrap_or_default(),
    });
    let spec = namespace.spec.as_ref();
    Facts {
        name: namespace.metadata.name.clone().unwrap_or_default(),
        now,
        deleting: namespace.metadata.deletion_timestamp.as_ref().map(|time| time.0),
        finalizers: namespace.metadata.finalizers.clone().unwrap_or_default(),
        spec_finalizers: spec.and_then(|spec| spec.finalizers.clone()).unwrap_or_default(),
        any_condition: !conditions.is_empty(),
        reported: reported.collect(),
        ..Facts::default()
    }
}

impl Cluster {
    /// Looks at what is in the Namespace: of one that is going everything that is left, else what
    /// carries finalizers.
    pub(super) async fn see_objects(
        &self,
        facts: &mut Facts,
        progress: &(impl Fn(Progress) + std::marker::Sync),
    ) -> Vec<Object> {
        let (objects, unseen) = match self.read_objects_in(&facts.name, progress).await {
            Ok(seen) => seen,
            Err(error) => (Vec::new(), vec![told("*", &error)]),
        };
        facts.unseen.extend(unseen);
        facts.objects = objects.len() as u64;
        facts.kinds = objects.iter().map(|object| object.kind.to_string()).collect();
        let matters = |object: &&Object| {
            let going = facts.deleting.is_some() && !object.is_kubernetes();
            going || !object.finalizers.is_empty()
        };
        let mut left: Vec<_> = objects.iter().filter(matters).map(reduced).collect();
        // Those that wait for somebody first.
        left.sort_by_key(|object| object.finalizers.is_empty());
        facts.left_out = left.len().saturating_sub(MOST_LEFT) as u64;
        left.truncate(MOST_LEFT);
        facts.left = left;
        objects
    }

    /// Who makes things anew, and wrote to some of them when. An object that cannot be read tells
    /// nothing, and is among those that could not be listed, or is gone.
    pub(super) async fn read_syncs(&self, namespace: &str, objects: &[Object]) -> Vec<Sync> {
        let synced = objects.iter().filter_map(|object| {
            let by = object.attribution.strong.iter().find(|manager| manager.tool.recreates())?;
            Some((object, by))
        });
        let reads = synced
            .take(MOST_SYNCS)
            .map(|(object, by)| async move { self.read_sync(namespace, object, by).await });
        let read: Vec<_> = futures::stream::iter(reads).buffered(AT_ONCE).collect().await;
        read.into_iter().flatten().collect()
    }

    async fn read_sync(&self, namespace: &str, object: &Object, by: &Manager) -> Option<Sync> {
        let request =
            Request::new(path(namespace, &object.kind)).get(&object.name, &Default::default());
        let doing = format!("read {} in {namespace}", object.reference());
        let read: list::Meta = match self.ask(doing, request, METADATA).await {
            Ok(read) => read,
            Err(error) => {
                tracing::debug!(%error, "who wrote to it is unknown");
                return None;
            }
        };
        let written = read.metadata.managed_fields.unwrap_or_default();
        let by_tool = written.iter().filter(|fields| {
            fields.manager.as_deref().is_some_and(|name| writes_as(by.tool, name))
        });
        let at = by_tool.filter_map(|fields| fields.time.as_ref()).map(|time| time.0).max()?;
        Some(Sync { by: by.to_string(), object: object.reference(), at })
    }
}

/// Whether a tool writes under that name.
fn writes_as(tool: Tool, field_manager: &str) -> bool {
    match tool {
        Tool::ArgoCd => field_manager.starts_with("argocd"),
        Tool::Flux => matches!(field_manager, "kustomize-controller" | "helm-controller" | "flux"),
        _ => false,
    }
}

fn reduced(object: &Object) -> Left {
    Left {
        kind: object.kind.to_string(),
        name: object.name.to_string(),
        finalizers: object.finalizers.iter().map(ToString::to_string).collect(),
        deleting: object.deleting,
        load_balancer: object.detail == Detail::LoadBalancer,
    }
}
