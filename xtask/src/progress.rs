//! A line every few seconds while something takes long, so that it is not taken for a hang.

use std::future::Future;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(4);

/// Says how long it has taken, again and again, until it is done.
pub(crate) async fn telling<T>(what: &str, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(EVERY, &mut work).await {
            Ok(done) => return done,
            Err(_) => println!("     {what}: {} s", started.elapsed().as_secs()),
        }
    }
}
