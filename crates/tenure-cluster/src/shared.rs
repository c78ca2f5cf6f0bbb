//! One read for everybody who wants the same at the same time.
//!
//! Many deletions at once each depend on the same few objects. Who asks while a read is under way
//! waits for the next one, which answers all who came in the meantime: every answer was read after
//! it was asked for, exactly as if each had read for themselves.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// Something that several read at the same time.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    /// How many reads have begun.
    begun: AtomicU64,
    /// The number of the last read that ended well, and what it gave. One read at a time.
    last: Mutex<(u64, Option<T>)>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { begun: AtomicU64::new(0), last: Mutex::new((0, None)) }
    }
}

impl<T: Clone> Shared<T> {
    /// What a read gives that begins after this call: somebody else's, or one of our own.
    ///
    /// # Errors
    /// If our own read fails. What others could not read, each tries for themselves.
    pub(crate) async fn read<E, F>(&self, read: impl FnOnce() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let begun_before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let (number, Some(value)) = &*last
            && *number > begun_before
        {
            return Ok(value.clone());
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        // Three of these are part of what gathers, and each future is large.
        let value = Box::pin(read()).await?;
        *last = (number, Some(value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use futures::future::{join, join_all};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn who_asks_while_a_read_is_under_way_gets_the_next_one_together() {
        let (shared, reads) = (Shared::default(), Cell::new(0));
        let (finish, finished) = oneshot::channel::<()>();
        let first = shared.read(async || {
            reads.set(reads.get() + 1);
            finished.await.expect("the test goes on");
            Ok::<_, Infallible>("old")
        });
        let others = async {
            let asking = join_all((0..5).map(|_| {
                shared.read(async || {
                    reads.set(reads.get() + 1);
                    Ok::<_, Infallible>("new")
                })
            }));
            let finishing = async {
                tokio::task::yield_now().await;
                finish.send(()).expect("the first still reads");
            };
            join(asking, finishing).await.0
        };
        let (first, others) = join(first, others).await;
        assert_eq!(first, Ok("old"));
        assert!(others.iter().all(|other| *other == Ok("new")), "{others:?}");
        assert_eq!(reads.get(), 2);
    }

    #[tokio::test]
    async fn who_asks_after_a_read_has_ended_reads_anew() {
        let shared = Shared::default();
        for value in 1..4 {
            assert_eq!(shared.read(async || Ok::<_, Infallible>(value)).await, Ok(value));
        }
    }

    #[tokio::test]
    async fn a_read_that_failed_or_was_given_up_answers_nobody() {
        let shared = Shared::default();
        assert_eq!(shared.read(async || Err::<u8, _>("down")).await, Err("down"));
        let given_up = shared.read(std::future::pending::<Result<u8, &str>>);
        let soon = std::time::Duration::from_millis(1);
        assert!(tokio::time::timeout(soon, given_up).await.is_err());
        assert_eq!(shared.read(async || Ok::<_, &str>(7)).await, Ok(7));
    }
}
