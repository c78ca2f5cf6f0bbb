//! Which requests meet which fault.

use std::ops::RangeInclusive;
use std::time::Duration;

use http::header::USER_AGENT;
use http::{Method, Request};

/// What happens to a request. What [`crate::fault::Fault`] has too means the same there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with that status, and not forwarded.
    Answer(u16),
    /// The connection is closed before it is forwarded.
    Drop,
    /// It is carried out, but the connection is closed before the answer comes.
    LostAnswer,
    /// It is neither forwarded nor answered until the client gives up.
    HangBefore,
    /// It is carried out, and not answered until the client gives up.
    HangAfter,
    /// It is forwarded that much later.
    Delay(Duration),
    /// It is carried out, and the connection is closed after half of the answer; of a watch,
    /// after half of what comes first.
    Truncate,
    /// A list or get is answered as an equal one was when [`Proxy::freeze`] was called, or when
    /// it first met this fault.
    ///
    /// [`Proxy::freeze`]: super::Proxy::freeze
    Stale,
    /// A watch is told everything twice.
    DuplicateEvents,
    /// A watch is told that where it wants to go on is too long ago.
    Gone,
}

/// Matching requests, and the fault they meet.
#[derive(Clone, Debug)]
pub struct Rule {
    fault: Fault,
    method: Option<Method>,
    path: Option<String>,
    agent: Option<String>,
    watches: Watches,
    window: RangeInclusive<usize>,
    matched: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watches {
    Excluded,
    Included,
    Only,
}

impl Rule {
    /// Every request but watches meets the fault; of the faults that only a watch can meet,
    /// every watch.
    pub fn new(fault: Fault) -> Self {
        let of_watches = matches!(fault, Fault::DuplicateEvents | Fault::Gone);
        Self {
            fault,
            method: None,
            path: None,
            agent: None,
            watches: if of_watches { Watches::Only } else { Watches::Excluded },
            window: 1..=usize::MAX,
            matched: 0,
        }
    }

    /// Only requests of that method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Only requests whose path is like that; `*` stands for anything.
    #[must_use]
    pub fn path(mut self, pattern: impl Into<String>) -> Self {
        self.path = Some(pattern.into());
        self
    }

    /// Only requests of programs that call themselves like that; `*` stands for anything.
    #[must_use]
    pub fn agent(mut self, pattern: impl Into<String>) -> Self {
        self.agent = Some(pattern.into());
        self
    }

    /// Watches, and nothing else.
    #[must_use]
    pub fn only_watches(mut self) -> Self {
        self.watches = Watches::Only;
        self
    }

    /// Watches as well.
    #[must_use]
    pub fn and_watches(mut self) -> Self {
        self.watches = Watches::Included;
        self
    }

    /// Only the n-th request of those that match, counted from 1.
    #[must_use]
    pub fn nth(self, n: usize) -> Self {
        self.window(n..=n)
    }

    /// Only those requests of the ones that match, counted from 1.
    #[must_use]
    pub fn window(mut self, window: RangeInclusive<usize>) -> Self {
        self.window = window;
        self
    }

    /// Counts a request if it matches. The fault it meets.
    pub(super) fn meets<B>(&mut self, request: &Request<B>) -> Option<Fault> {
        if !self.matches(request) {
            return None;
        }
        self.matched += 1;
        self.window.contains(&self.matched).then_some(self.fault)
    }

    pub(super) fn fault(&self) -> Fault {
        self.fault
    }

    fn matches<B>(&self, request: &Request<B>) -> bool {
        let watches = match self.watches {
            Watches::Excluded => !is_watch(request),
            Watches::Included => true,
            Watches::Only => is_watch(request),
        };
        // What is not read cannot be stale.
        let can_meet = self.fault != Fault::Stale || is_read(request);
        watches
            && can_meet
            && self.method.as_ref().is_none_or(|method| method == request.method())
            && self.path.as_ref().is_none_or(|path| like(path, request.uri().path()))
            && self.agent.as_ref().is_none_or(|pattern| like(pattern, agent(request)))
    }
}

pub(super) fn is_watch<B>(request: &Request<B>) -> bool {
    let mut pairs = request.uri().query().unwrap_or_default().split('&');
    pairs.any(|pair| matches!(pair, "watch=true" | "watch=1"))
}

/// Whether it is a list or a get.
pub(super) fn is_read<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET && !is_watch(request)
}

pub(super) fn agent<B>(request: &Request<B>) -> &str {
    let agent = request.headers().get(USER_AGENT);
    agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default()
}

/// Whether a text is like a pattern in which `*` stands for anything.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.any(|at| like(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, uri: &str) -> Request<()> {
        let request = Request::builder().method(method).uri(uri).header(USER_AGENT, "tenure/1");
        request.body(()).unwrap()
    }

    #[test]
    fn a_star_stands_for_anything() {
        assert!(like("/api/*/x", "/api/v1/namespaces/x"));
        assert!(like("/api*", "/api"));
        assert!(!like("/api/*/x", "/api/v1/xy"));
        assert!(!like("/api", "/api/v1"));
    }

    #[test]
    fn only_what_matches_is_counted() {
        let mut rule = Rule::new(Fault::Drop).method(Method::GET).path("/a*").nth(2);
        assert_eq!(rule.meets(&request(Method::GET, "/a")), None);
        assert_eq!(rule.meets(&request(Method::PUT, "/a")), None);
        assert_eq!(rule.meets(&request(Method::GET, "/b")), None);
        assert_eq!(rule.meets(&request(Method::GET, "/a?limit=1&watch=true")), None);
        assert_eq!(rule.meets(&request(Method::GET, "/ab")), Some(Fault::Drop));
        assert_eq!(rule.meets(&request(Method::GET, "/ab")), None);
    }

    #[test]
    fn programs_are_told_apart() {
        let request = request(Method::GET, "/a");
        assert_eq!(Rule::new(Fault::Drop).agent("tenure*").meets(&request), Some(Fault::Drop));
        assert_eq!(Rule::new(Fault::Drop).agent("kubectl*").meets(&request), None);
    }

    #[test]
    fn watches_meet_what_only_they_can_meet() {
        let watch = request(Method::GET, "/a?watch=true");
        let list = request(Method::GET, "/a");
        assert_eq!(Rule::new(Fault::Gone).meets(&watch), Some(Fault::Gone));
        assert_eq!(Rule::new(Fault::Gone).meets(&list), None);
        assert_eq!(Rule::new(Fault::Drop).only_watches().meets(&list), None);
        assert_eq!(Rule::new(Fault::Drop).and_watches().meets(&watch), Some(Fault::Drop));
        assert_eq!(Rule::new(Fault::Drop).and_watches().meets(&list), Some(Fault::Drop));
    }
}
