//! Listing one kind, page by page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use http::HeaderValue;
use http::header::ACCEPT;
use kube::api::{GetParams, ListParams};
use kube::core::Request;
use serde::de::DeserializeOwned;
use tenure_core::contents::{Kind, Object, Reclaim};

use super::reduce::{is_claim, is_secret, is_service, reduce};
use super::wire::{Item, Page, PageMeta, Table};
use super::{AT_ONCE, Counter};
use crate::error::Failure;
use crate::{Category, Cluster, RequestError};

/// Objects of a page: some megabytes, where they carry much metadata.
const PAGE: u32 = 500;
/// How often a list is begun, when what it continues is forgotten before it is through.
const BEGINNINGS: usize = 3;

/// Metadata only; a server behind the API server that cannot leave the rest out may send it.
pub(super) const METADATA: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// Rows of columns and metadata, and nothing else will do.
const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";
const OBJECTS: &str = "application/json";

impl Cluster {
    /// Lists the objects of a kind in a Namespace. Where the API server forgets meanwhile what
    /// is being continued, the list begins anew.
    pub(super) async fn list_kind(
        &self,
        namespace: &str,
        kind: &Arc<Kind>,
        counter: &Counter<'_>,
    ) -> Result<Vec<Object>, RequestError> {
        let mut beginnings = 1;
        let mut objects = Vec::new();
        let mut attributions = BTreeSet::new();
        let mut next = None;
        loop {
            let (items, meta) = match self.page(namespace, kind, next.take()).await {
                Ok(page) => page,
                Err(error) if is_expired(&error) && beginnings < BEGINNINGS => {
                    beginnings += 1;
                    objects.clear();
                    continue;
                }
                Err(error) => return Err(error),
            };
            counter.count(0, items.len());
            // Room that doubles would be half empty where it is largest.
            objects.reserve_exact(items.len());
            if is_claim(kind) {
                objects.extend(self.claims(items, kind, namespace).await?);
            } else {
                let reduced =
                    |item| reduce(item, kind, namespace, Reclaim::Unknown, &self.settings);
                // Shared at once: a page is small, and a list is not.
                let shared = |object: Object| object.share(&mut attributions);
                objects.extend(items.into_iter().map(reduced).map(shared));
            }
            next = meta.next.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(objects);
            }
        }
    }

    async fn page(
        &self,
        namespace: &str,
        kind: &Kind,
        next: Option<String>,
    ) -> Result<(Vec<Item>, PageMeta), RequestError> {
        let doing = format!("list {kind} in {namespace}");
        let params = ListParams { limit: Some(PAGE), continue_token: next, ..Default::default() };
        let request = Request::new(path(namespace, kind)).list(&params);
        if is_secret(kind) {
            let table: Table = self.ask(doing, request, TABLE).await?;
            let meta = PageMeta { next: table.metadata.next.clone() };
            return Ok((table.into_items(), meta));
        }
        let whole = is_claim(kind) || is_service(kind);
        let page: Page = self.ask(doing, request, if whole { OBJECTS } else { METADATA }).await?;
        Ok((page.items, page.metadata))
    }

    /// Asks for something of our own shape. (The client's own way to do so logs what it cannot
    /// read, and that may be a secret.)
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        doing: String,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
        accept: &'static str,
    ) -> Result<T, RequestError> {
        let mut request = request
            .map_err(|error| RequestError::new(doing.as_str(), kube::Error::BuildRequest(error)))?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        let text = self.within(doing.as_str(), self.client.request_text(request)).await?;
        serde_json::from_str(&text).map_err(|error| {
            let what = format!("the answer cannot be read at column {}", error.column());
            RequestError { doing, failure: Failure::Nonsense(what) }
        })
    }

    /// Reduces claims, with what becomes of the volumes they are bound to. Where that may not be
    /// read it is unknown, and stays so; where it could not be read now, nothing was seen: it would
    /// be another plan the next time.
    async fn claims(
        &self,
        items: Vec<Item>,
        kind: &Arc<Kind>,
        namespace: &str,
    ) -> Result<Vec<Object>, RequestError> {
        let volume = |item: &Item| item.spec.as_ref()?.volume_name.clone();
        let volumes: Vec<String> =
            items.iter().filter_map(volume).filter(|name| !name.is_empty()).collect();
        let mut policies = BTreeMap::new();
        let mut reads = futures::stream::iter(volumes)
            .map(|name| async move {
                let policy = self.reclaim(&name).await;
                (name, policy)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((name, policy)) = reads.next().await {
            match policy {
                Ok(policy) => drop(policies.insert(name, policy)),
                Err(error) if error.is_not_found() => {}
                Err(error) if error.category() == Category::Refused => {
                    tracing::debug!(%error, "what becomes of volumes is unknown");
                    // The others will be refused as well.
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let reduced = |item: Item| {
            let policy = volume(&item).and_then(|name| policies.get(&name).copied());
            reduce(item, kind, namespace, policy.unwrap_or(Reclaim::Unknown), &self.settings)
        };
        Ok(items.into_iter().map(reduced).collect())
    }

    async fn reclaim(&self, volume: &str) -> Result<Reclaim, RequestError> {
        let request = Request::new("/api/v1/persistentvolumes").get(volume, &GetParams::default());
        let doing = format!("read persistentvolume {volume}");
        let volume: Item = self.ask(doing, request, OBJECTS).await?;
        let policy = volume.spec.and_then(|spec| spec.persistent_volume_reclaim_policy);
        Ok(policy.map_or(Reclaim::Unknown, |policy| Reclaim::parse(&policy)))
    }
}

/// Where objects of the kind are.
pub(crate) fn path(namespace: &str, kind: &Kind) -> String {
    format!("{}/namespaces/{namespace}/{}", root(kind), kind.plural)
}

/// Where objects of the kind are, of all Namespaces.
pub(super) fn path_of_all(kind: &Kind) -> String {
    format!("{}/{}", root(kind), kind.plural)
}

fn root(kind: &Kind) -> String {
    let root = if kind.group.is_empty() { "api" } else { "apis" };
    format!("/{root}/{}", kind.api_version())
}

/// Whether the API server does not know any more what we are continuing.
fn is_expired(error: &RequestError) -> bool {
    matches!(&error.failure, Failure::Refused(status) if status.code == 410)
}
