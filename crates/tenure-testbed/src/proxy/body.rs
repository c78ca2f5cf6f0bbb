//! Bodies on their way to the client: as they come, cut, or told twice.

use bytes::{Bytes, BytesMut};
use futures::stream::{self, Stream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use tokio::sync::watch;
use tower::BoxError;

/// A body to a client or to the server.
pub(super) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A body that is there already.
pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(BoxError::from).boxed_unsync()
}

/// A body that comes from elsewhere.
pub(super) fn passing<B>(body: B) -> Body
where
    B: hyper::body::Body<Data = Bytes, Error = hyper::Error> + Send + 'static,
{
    body.map_err(BoxError::from).boxed_unsync()
}

/// Ends with a broken connection once `cut` changes.
pub(super) fn until_cut(body: Body, cut: watch::Receiver<()>) -> Body {
    let chunks = body.into_data_stream();
    of(stream::try_unfold((chunks, cut), async |(mut chunks, mut cut)| {
        tokio::select! {
            next = chunks.next() => Ok(next.transpose()?.map(|chunk| (chunk, (chunks, cut)))),
            _ = cut.changed() => Err(broken()),
        }
    }))
}

/// Half of it, and then a broken connection.
pub(super) fn half(bytes: &Bytes) -> Body {
    let half = bytes.slice(..bytes.len() / 2);
    of(stream::iter([Ok(half)]).chain(breaking()))
}

/// Half of what comes first, and then a broken connection.
pub(super) fn half_of_first(body: Body) -> Body {
    let first = body.into_data_stream().take(1);
    let halves = first.map(|chunk| chunk.map(|chunk| chunk.slice(..chunk.len() / 2)));
    of(halves.chain(breaking()))
}

/// Each line twice.
pub(super) fn lines_twice(body: Body) -> Body {
    let state = (body.into_data_stream(), BytesMut::new());
    of(stream::try_unfold(state, async |(mut chunks, mut waiting)| {
        while let Some(chunk) = chunks.next().await.transpose()? {
            waiting.extend_from_slice(&chunk);
            if let Some(end) = waiting.iter().rposition(|byte| *byte == b'\n') {
                let lines = waiting.split_to(end + 1);
                let twice = lines.split_inclusive(|byte| *byte == b'\n').flat_map(|l| [l, l]);
                return Ok(Some((
                    Bytes::from(twice.collect::<Vec<_>>().concat()),
                    (chunks, waiting),
                )));
            }
        }
        Ok(None)
    }))
}

/// The error that makes hyper close the connection.
pub(super) fn broken() -> BoxError {
    BoxError::from("the connection broke, as provoked")
}

/// Breaks the connection once what came before was sent: hyper sends when nothing more is there.
fn breaking() -> impl Stream<Item = Result<Bytes, BoxError>> {
    stream::once(async {
        tokio::task::yield_now().await;
        Err(broken())
    })
}

fn of(chunks: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static) -> Body {
    StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_twice_however_they_were_cut() {
        let chunks = ["a", "b\nc\nd", "e\n"].map(|chunk| Ok(Bytes::from(chunk)));
        let twice = lines_twice(of(stream::iter(chunks))).collect().await.unwrap().to_bytes();
        assert_eq!(twice, "ab\nab\nc\nc\nde\nde\n");
    }
}
