//! The time, as the API server tells it.
//!
//! What a plan waits for is over when the API server's `Date` says so *and* as much time has
//! passed here, by a clock that nobody sets: a server whose clock jumps ahead does not end a
//! grace period, nor does ours.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use http::header::DATE;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use tower::{Layer, Service};

/// The time, as the API server tells it. As a layer of the client it listens to every answer.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    first: Option<Reading>,
    last: Option<Reading>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    told: Timestamp,
    at: Instant,
}

impl Reading {
    /// What the time is by now, if the clock it was read from goes as ours does.
    fn now(self) -> Timestamp {
        let since = SignedDuration::try_from(self.at.elapsed()).unwrap_or(SignedDuration::ZERO);
        self.told.saturating_add(since).unwrap_or(self.told)
    }
}

impl Clock {
    /// The time: the lesser of what the server said last, and of what it said first with the time
    /// that has passed since. Before it said anything, the time of this machine.
    pub fn now(&self) -> Timestamp {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (heard.first, heard.last) {
            (Some(first), Some(last)) => first.now().min(last.now()),
            _ => Timestamp::now(),
        }
    }

    fn hear(&self, told: Timestamp) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = Reading { told, at: Instant::now() };
        heard.first.get_or_insert(reading);
        heard.last = Some(reading);
    }
}

impl<S> Layer<S> for Clock {
    type Service = Listening<S>;

    fn layer(&self, inner: S) -> Listening<S> {
        Listening { inner, clock: self.clone() }
    }
}

/// A service whose answers are listened to.
#[derive(Clone, Debug)]
pub struct Listening<S> {
    inner: S,
    clock: Clock,
}

impl<S, B> Service<Request<Body>> for Listening<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (answer, clock) = (self.inner.call(request), self.clock.clone());
        Box::pin(async move {
            let response = answer.await?;
            let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
            if let Some(told) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) {
                clock.hear(told.timestamp());
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour() -> SignedDuration {
        SignedDuration::from_hours(1)
    }

    #[test]
    fn a_server_whose_clock_jumps_ahead_does_not_make_it_later() {
        let (clock, start) = (Clock::default(), Timestamp::from_second(1_800_000_000));
        let start = start.expect("a time");
        clock.hear(start);
        clock.hear(start + hour());
        assert!(clock.now() < start + SignedDuration::from_secs(10));
    }

    #[test]
    fn a_server_whose_clock_goes_back_is_believed() {
        let (clock, start) = (Clock::default(), Timestamp::from_second(1_800_000_000));
        let start = start.expect("a time");
        clock.hear(start);
        clock.hear(start - hour());
        assert!(clock.now() < start);
    }
}
