//! One request: its body is read as a whole before the router sees it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures::FutureExt as _;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt as _;

use super::Limits;

/// Answers requests with a router.
#[derive(Clone)]
pub(super) struct Answerer {
    router: Router,
    /// Bytes of small bodies that may yet be at hand.
    room: Arc<Semaphore>,
    /// Large bodies that may yet be at hand.
    lanes: Arc<Semaphore>,
    small: usize,
    longest: usize,
    patience: Duration,
}

/// A body, and the room that it takes.
struct Whole {
    bytes: Bytes,
    room: Option<OwnedSemaphorePermit>,
}

/// Why a request is not answered by the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    TooLarge,
    TooSlow,
    NoRoom,
    Broken,
}

impl Refusal {
    fn response(self) -> Response<Body> {
        let (status, why) = match self {
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the request is too large\n"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the request took too long\n"),
            Self::NoRoom => (StatusCode::SERVICE_UNAVAILABLE, "there are too many requests\n"),
            Self::Broken => (StatusCode::BAD_REQUEST, "the request is broken\n"),
        };
        (status, why).into_response()
    }
}

impl Answerer {
    pub(super) fn new(router: Router, limits: &Limits) -> Self {
        Self {
            // How long a body may be is said here, and nowhere else.
            router: router.layer(DefaultBodyLimit::disable()),
            room: Arc::new(Semaphore::new(limits.small_bytes_at_hand)),
            lanes: Arc::new(Semaphore::new(limits.large_at_hand)),
            small: limits.small_body_bytes,
            longest: limits.body_bytes,
            patience: limits.body,
        }
    }

    /// The answer, whatever happens. A panic is answered with 500, if panics unwind at all.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let version = parts.version;
        let declared = parts.headers.get(CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let whole = match self.read(body, declared).await {
            Ok(whole) => whole,
            Err(refusal) => {
                tracing::debug!(?refusal, "refused a request");
                return last_one(refusal.response(), version);
            }
        };
        // The bytes go as soon as they were read; the room that they take, once all is answered, for
        // what was made of them takes some, too.
        let Whole { bytes, room: _held } = whole;
        let request = Request::from_parts(parts, Body::from(bytes));
        let answer = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind();
        match answer.await {
            Ok(Ok(response)) => response,
            Err(_) => {
                tracing::error!("a handler panicked");
                (StatusCode::INTERNAL_SERVER_ERROR, "the webhook failed\n").into_response()
            }
        }
    }

    /// Reads a body as a whole, within the time and the room there is.
    async fn read(&self, mut body: Incoming, declared: Option<u64>) -> Result<Whole, Refusal> {
        let longest = u64::try_from(self.longest).unwrap_or(u64::MAX);
        if declared.is_some_and(|declared| declared > longest) {
            return Err(Refusal::TooLarge);
        }
        let deadline = Instant::now() + self.patience;
        let (mut bytes, mut room) = (Vec::new(), None::<OwnedSemaphorePermit>);
        let mut is_large = false;
        loop {
            let frame = timeout_at(deadline, body.frame()).await.map_err(|_| Refusal::TooSlow)?;
            let Some(frame) = frame else { break };
            let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else { continue };
            let length = bytes.len() + data.len();
            if length > self.longest {
                return Err(Refusal::TooLarge);
            }
            // Room is taken for what came, not for what was announced: that costs nothing to say.
            if length > self.small && !is_large {
                is_large = true;
                // Until there is a lane it keeps the room that it has; nobody who has a lane waits
                // for room.
                room = Some(take(&self.lanes, 1, deadline).await?);
                let announced = declared.and_then(|declared| usize::try_from(declared).ok());
                bytes.reserve_exact(announced.unwrap_or(self.longest).saturating_sub(bytes.len()));
            } else if !is_large {
                let more = take(&self.room, data.len(), deadline).await?;
                match &mut room {
                    Some(room) => room.merge(more),
                    None => room = Some(more),
                }
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Whole { bytes: bytes.into(), room })
    }
}

async fn take(
    from: &Arc<Semaphore>,
    many: usize,
    deadline: Instant,
) -> Result<OwnedSemaphorePermit, Refusal> {
    let many = u32::try_from(many).map_err(|_| Refusal::TooLarge)?;
    let taken = timeout_at(deadline, from.clone().acquire_many_owned(many)).await;
    taken.ok().and_then(Result::ok).ok_or(Refusal::NoRoom)
}

/// After this response nothing more is read: the rest of the body was not.
fn last_one(mut response: Response<Body>, version: Version) -> Response<Body> {
    if version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
