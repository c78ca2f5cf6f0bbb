//! As much of S3 as an archive asks for, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use crate::Archive;

/// The secret key that archives of the stand-in use.
pub(super) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/EXAMPLE";

/// How the stand-in takes requests.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mood {
    Obliging,
    /// Says no, and repeats the secret while at it.
    Refusing,
    /// Never answers.
    Silent,
    /// Does the next thing that it is asked for, and answers as if it had not.
    LosingOneAnswer,
}

struct Bucket {
    objects: BTreeMap<String, Bytes>,
    mood: Mood,
}

type Shared = Arc<Mutex<Bucket>>;

pub(super) struct StandIn {
    bucket: Shared,
    endpoint: String,
    server: tokio::task::JoinHandle<()>,
}

impl StandIn {
    pub(super) async fn start() -> Self {
        let bucket: Shared =
            Arc::new(Mutex::new(Bucket { objects: BTreeMap::new(), mood: Mood::Obliging }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&bucket));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        Self { bucket, endpoint, server }
    }

    pub(super) fn be(&self, mood: Mood) {
        self.bucket.lock().expect("not poisoned").mood = mood;
    }

    /// The archive at this URL, if the stand-in were S3.
    pub(super) fn archive(&self, url: &str) -> Archive {
        let options = [
            ("AWS_ENDPOINT", self.endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
        ];
        Archive::open(url, options).expect("open")
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    State(bucket): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let query: BTreeMap<String, String> = pairs.into_owned().collect();
    let mood = bucket.lock().expect("not poisoned").mood;
    match mood {
        Mood::Refusing => {
            return (StatusCode::FORBIDDEN, format!("not with {SECRET}")).into_response();
        }
        Mood::Silent => std::future::pending().await,
        Mood::Obliging | Mood::LosingOneAnswer => {}
    }
    let mut bucket = bucket.lock().expect("not poisoned");
    let key = uri.path().trim_start_matches("/bucket").trim_start_matches('/').to_owned();
    let response = match method {
        Method::PUT
            if headers.contains_key("if-none-match") && bucket.objects.contains_key(&key) =>
        {
            StatusCode::PRECONDITION_FAILED.into_response()
        }
        Method::PUT => {
            bucket.objects.insert(key, body);
            [("etag", "\"1\"")].into_response()
        }
        Method::POST => {
            delete(&mut bucket.objects, &String::from_utf8_lossy(&body)).into_response()
        }
        Method::GET if query.contains_key("list-type") => {
            list(&bucket.objects, &query).into_response()
        }
        Method::GET => match bucket.objects.get(&key) {
            Some(content) => {
                ([("etag", "\"1\""), ("last-modified", WHEN)], content.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    };
    if mood == Mood::LosingOneAnswer {
        bucket.mood = Mood::Obliging;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    response
}

const WHEN: &str = "Mon, 23 Nov 2026 08:00:00 GMT";

/// DeleteObjects.
fn delete(objects: &mut BTreeMap<String, Bytes>, request: &str) -> String {
    let keys = request.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
    let deleted: String = keys
        .inspect(|key| drop(objects.remove(*key)))
        .map(|key| format!("<Deleted><Key>{key}</Key></Deleted>"))
        .collect();
    format!("<DeleteResult>{deleted}</DeleteResult>")
}

/// ListObjectsV2, all on one page.
fn list(objects: &BTreeMap<String, Bytes>, query: &BTreeMap<String, String>) -> String {
    let prefix = query.get("prefix").map_or("", String::as_str);
    let below = |key: &&String| key.starts_with(prefix);
    let mut contents = String::new();
    let mut folders = BTreeSet::new();
    for key in objects.keys().filter(below) {
        if let (true, Some((folder, _))) =
            (query.contains_key("delimiter"), key[prefix.len()..].split_once('/'))
        {
            folders.insert(format!(
                "<CommonPrefixes><Prefix>{prefix}{folder}/</Prefix></CommonPrefixes>"
            ));
        } else {
            let size = objects[key].len();
            contents.push_str(&format!(
                "<Contents><Key>{key}</Key><Size>{size}</Size>\
                 <LastModified>2026-11-23T08:00:00.000Z</LastModified><ETag>1</ETag></Contents>"
            ));
        }
    }
    let folders: String = folders.into_iter().collect();
    format!(
        "<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{folders}</ListBucketResult>"
    )
}
