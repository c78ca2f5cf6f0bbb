//! A reverse proxy between a program and the API server, at which requests meet faults.
//!
//! It speaks HTTP/1.1 without TLS to clients on this machine, and TLS to the API server. What
//! clients say of themselves passes unchanged, and so the audit log still tells who asked. A
//! client certificate cannot pass: who comes without a token is to the API server the user whose
//! certificate the kubeconfig holds.
//!
//! Answers pass as they come. Rules can be changed at any time and hold for requests that come
//! later; a watch that is running goes on as it began, until [`Proxy::cut_watches`].

mod body;
mod exchange;
mod rule;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use http::Method;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use exchange::Exchange;
pub use rule::{Fault, Rule};

/// A request that came to the proxy.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Method.
    pub method: Method,
    /// Path, without the query.
    pub path: String,
    /// Whether it is a watch.
    pub watch: bool,
    /// The program, as it calls itself.
    pub agent: String,
    /// What the client was answered, if it was.
    pub status: Option<u16>,
    /// The fault it met.
    pub fault: Option<Fault>,
}

/// Names a rule, to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleId(usize);

/// A running proxy. It ends, and every connection through it, when dropped.
pub struct Proxy {
    address: SocketAddr,
    kubeconfig: Kubeconfig,
    exchange: Arc<Exchange>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy to the API server of a kubeconfig. No request meets a fault yet.
    ///
    /// # Errors
    /// If the kubeconfig cannot be read, or there is nothing to listen on.
    pub async fn start(kubeconfig: &Path) -> anyhow::Result<Self> {
        let kubeconfig = Kubeconfig::read_from(kubeconfig)
            .with_context(|| format!("read kubeconfig {}", kubeconfig.display()))?;
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await?;
        let exchange = Arc::new(Exchange::with(&config)?);
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
        let address = listener.local_addr()?;
        let listening = tokio::spawn(listen(listener, exchange.clone()));
        Ok(Self { address, kubeconfig, exchange, listening })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Writes the kubeconfig it was started with, leading through the proxy.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_kubeconfig(&self, path: &Path) -> anyhow::Result<()> {
        let mut through = self.kubeconfig.clone();
        for named in &mut through.clusters {
            if let Some(cluster) = &mut named.cluster {
                cluster.server = Some(self.url());
            }
        }
        crate::users::write(path, &through)
    }

    /// The same credentials, leading through the proxy.
    ///
    /// # Errors
    /// If the URL is not one.
    pub fn config(&self, config: &Config) -> anyhow::Result<Config> {
        let mut through = config.clone();
        through.cluster_url = self.url().parse()?;
        Ok(through)
    }

    /// From now on, requests that match meet the fault. Of several rules, the first whose window
    /// a request is in counts; each counts what matches it.
    pub fn add(&self, rule: Rule) -> RuleId {
        self.exchange.state().add(rule)
    }

    /// Takes a rule back. What hangs goes on hanging.
    pub fn remove(&self, rule: RuleId) {
        self.exchange.state().rules.retain(|(id, _)| *id != rule);
    }

    /// Takes all rules back.
    pub fn remove_all(&self) {
        self.exchange.state().rules.clear();
    }

    /// Breaks the connections of all watches that are running.
    pub fn cut_watches(&self) {
        self.exchange.cut_watches();
    }

    /// From now on, lists and gets whose path begins like that are answered as they would be
    /// now, whoever asks. What was never asked for before is answered as it is the first time.
    /// Watches go on.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub async fn freeze(&self, path_prefix: &str) -> anyhow::Result<()> {
        self.exchange.record(path_prefix).await?;
        self.add(Rule::new(Fault::Stale).path(format!("{path_prefix}*")));
        Ok(())
    }

    /// Ends all staleness.
    pub fn thaw(&self) {
        let mut state = self.exchange.state();
        state.rules.retain(|(_, rule)| rule.fault() != Fault::Stale);
        state.recorded.clear();
    }

    /// Everything that came so far, in the order in which it came.
    pub fn seen(&self) -> Vec<Seen> {
        self.exchange.state().seen.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Serves connections. They end with the task that this is.
async fn listen(listener: TcpListener, exchange: Arc<Exchange>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Without it small events would wait for acknowledgements of earlier ones.
        drop(stream.set_nodelay(true));
        let exchange = exchange.clone();
        connections.spawn(async move {
            let service = service_fn(|request| exchange.answer(request));
            // A connection that breaks is what this is for.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
        while connections.try_join_next().is_some() {}
    }
}
