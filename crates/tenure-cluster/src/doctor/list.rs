//! Lists of which little is kept, page by page.

use kube::api::ListParams;
use kube::core::{ObjectMeta, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::Failure;
use crate::{Cluster, RequestError};

/// Objects of a page.
const PAGE: u32 = 500;
/// Objects that are looked at of one kind. A cluster may have more, and whoever waits for a
/// diagnosis may not.
const MOST: usize = 20_000;

/// An object of which only the metadata matters.
#[derive(Deserialize)]
pub(super) struct Meta {
    pub(super) metadata: ObjectMeta,
}

/// One page.
#[derive(Deserialize)]
struct Page<T> {
    metadata: PageMeta,
    items: Vec<T>,
}

#[derive(Deserialize)]
struct PageMeta {
    #[serde(rename = "continue", default)]
    next: Option<String>,
}

impl Cluster {
    /// Everything at that path, reduced as it comes in.
    pub(super) async fn list_everything<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &str,
    ) -> Result<Vec<T>, RequestError> {
        let mut all = Vec::new();
        let mut next = None;
        loop {
            let params =
                ListParams { limit: Some(PAGE), continue_token: next, ..Default::default() };
            let doing = format!("list {what}");
            let request = Request::new(path).list(&params);
            let page: Page<T> = self.ask(doing.clone(), request, "application/json").await?;
            all.extend(page.items);
            next = page.metadata.next.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(all);
            }
            if all.len() >= MOST {
                let why = format!("there are more than {MOST}");
                return Err(RequestError { doing, failure: Failure::Nonsense(why) });
            }
        }
    }
}
