//! Posts one review again and again to some webhooks, a batch to each in turn, and prints how many
//! milliseconds each answer took, as JSON: a list for each webhook.
//!
//! ```console
//! $ cargo run --release -p tenure-testbed --example reviews -- \
//!     review.json 10 50 127.0.0.1:9443 ca.pem 127.0.0.1:9444 certificate.pem
//! ```
//!
//! Ten are posted to each, fifty times over. Each webhook has one connection, which is kept. An
//! answer that does not allow what is asked ends it all.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde_json::Value;
use tenure_testbed::Asking;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [review, batch, rounds, webhooks @ ..] = arguments.as_slice() else {
        anyhow::bail!("give a review, how many are posted at a time, how often, and to whom")
    };
    let review = Bytes::from(std::fs::read(review).with_context(|| format!("read {review}"))?);
    let (batch, rounds): (usize, usize) = (batch.parse()?, rounds.parse()?);
    let mut asking = Vec::new();
    for webhook in webhooks.chunks(2) {
        let [address, roots] = webhook else { anyhow::bail!("give who vouches for {webhook:?}") };
        let roots = std::fs::read(roots).with_context(|| format!("read {roots}"))?;
        asking.push(Asking::start(address.parse()?, &roots).await?);
    }
    let mut milliseconds = vec![Vec::with_capacity(batch * rounds); asking.len()];
    for _ in 0..rounds {
        for (asking, milliseconds) in asking.iter_mut().zip(&mut milliseconds) {
            for _ in 0..batch {
                let clock = Instant::now();
                let (status, answer) = asking.ask("/validate", None, review.clone()).await?;
                milliseconds.push(clock.elapsed().as_secs_f64() * 1_000.0);
                let said: Value = serde_json::from_slice(&answer).unwrap_or_default();
                ensure!(
                    said["response"]["allowed"] == true,
                    "answered with {status}: {}",
                    String::from_utf8_lossy(&answer)
                );
            }
        }
    }
    println!("{}", serde_json::json!(milliseconds));
    Ok(())
}
