//! Tenure's own authority: keeps the Secret, the webhook configurations and what is served as
//! [`rotation`](super::rotation) says.
//!
//! Nothing is written while nothing is due. Every poll is three reads of one object each, so a
//! replica asks less than once in three seconds. What they tell is true when it is told, which a
//! watch does not promise, and which the rotation relies on.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, Client};
use tenure_api::install::WEBHOOK_TLS;
use tenure_cluster::{Category, Clock, RequestError};

use super::configurations::{Configuration, Configurations};
use super::pair::Pair;
use super::rotation::{Action, Generation, View, next_action, takes_current};
use super::secret::Kept;
use super::{CertificateError, ServingCertificate, Terms};

/// How long an answer of the API server is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many writes may follow each other before a pause. A rotation needs four, and somebody who
/// keeps undoing them must not be raced.
const AT_ONCE: usize = 8;

/// What it takes for Tenure to look after its own certificates.
#[derive(Clone)]
pub struct Own {
    /// The client, whose rights are those of
    /// [`webhook_manifests`](tenure_api::install::webhook_manifests).
    pub client: Client,
    /// The time, which should be what the API server tells.
    pub clock: Clock,
    /// Where the Secret is: Tenure's namespace.
    pub namespace: String,
    /// The names and addresses that the certificate is to be good for.
    pub names: Vec<String>,
    /// How long certificates last.
    pub terms: Terms,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { client: _, clock: _, namespace, names, terms } = self;
        formatter
            .debug_struct("Own")
            .field("namespace", namespace)
            .field("names", names)
            .field("terms", terms)
            .finish_non_exhaustive()
    }
}

impl Own {
    /// With the name by which the API server calls Tenure's Service, and the usual terms.
    pub fn of_service(client: Client, clock: Clock, namespace: &str) -> Self {
        let service = tenure_api::install::WEBHOOK;
        let names = vec![format!("{service}.{namespace}.svc")];
        Self { client, clock, namespace: namespace.to_owned(), names, terms: Terms::default() }
    }

    /// Keeps the certificate up to date for as long as it is polled.
    pub(super) async fn keep(self, certificate: ServingCertificate) {
        let poll = self.terms.poll;
        let mut keeper = Keeper {
            secrets: Api::namespaced(self.client.clone(), &self.namespace),
            configurations: Configurations::new(&self.client),
            in_use: None,
            certificate,
            own: self,
        };
        let mut told = String::new();
        loop {
            match keeper.settle().await {
                Ok(()) => told.clear(),
                Err(error) => {
                    let error = error.to_string();
                    if error != told {
                        tracing::warn!(error, "could not look after the webhook's certificate");
                        told = error;
                    }
                }
            }
            tokio::time::sleep(poll).await;
        }
    }
}

struct Keeper {
    own: Own,
    secrets: Api<Secret>,
    configurations: Configurations,
    in_use: Option<Generation>,
    certificate: ServingCertificate,
}

impl Keeper {
    /// Looks, and writes until there is nothing to write. Whoever lost a race looks again.
    async fn settle(&mut self) -> Result<(), CertificateError> {
        let mut lost = Ok(());
        for _ in 0..AT_ONCE {
            lost = match self.advance().await {
                Ok(false) => return Ok(()),
                Ok(true) => Ok(()),
                Err(error) if lost_a_race(&error) => {
                    tracing::debug!(%error, "looks again");
                    Err(error)
                }
                Err(error) => return Err(error),
            };
        }
        lost
    }

    /// Looks, takes into use what may be, and writes once. Whether it wrote.
    async fn advance(&mut self) -> Result<bool, CertificateError> {
        let read =
            answered(format!("read secret {WEBHOOK_TLS}"), self.secrets.get_opt(WEBHOOK_TLS));
        let kept = Kept::read(read.await?, &self.own.names);
        let configurations = self.configurations.read().await?;
        let mut view = View {
            stored: kept.stored.clone(),
            published: configurations.iter().map(|c| c.published.clone()).collect(),
            in_use: self.in_use.clone(),
        };
        let now = self.own.clock.now();
        if takes_current(&view, &self.own.terms, now) {
            self.take(&kept);
            view.in_use.clone_from(&self.in_use);
        }
        let action = next_action(&view, &self.own.terms, now);
        if action == Action::Rest {
            return Ok(false);
        }
        self.write(action, &kept, &configurations).await?;
        Ok(true)
    }

    fn take(&mut self, kept: &Kept) {
        let (Some(pair), Some(generation)) = (&kept.current, &kept.stored.current) else { return };
        tracing::info!(not_after = %generation.not_after, "serves a new certificate");
        self.certificate.replace(pair);
        self.in_use = Some(generation.clone());
    }

    async fn write(
        &self,
        action: Action,
        kept: &Kept,
        configurations: &[Configuration],
    ) -> Result<(), CertificateError> {
        match action {
            Action::Rest => Ok(()),
            Action::Publish { configuration, trusted } => {
                self.configurations.publish(&configurations[configuration], &trusted).await
            }
            Action::Introduce { mut trusted } => {
                if kept.is_illegible() {
                    tracing::warn!(secret = WEBHOOK_TLS, "it holds no certificate of use");
                }
                let now = self.own.clock.now();
                let (pair, authority) = Pair::make(&self.own.names, &self.own.terms, now)?;
                trusted.insert(authority);
                self.store(kept, kept.introduce(&pair, &trusted)).await?;
                tracing::info!(not_after = %pair.not_after, "made a certificate");
                Ok(())
            }
            Action::Promote { trusted } => self.store(kept, kept.promote(&trusted)).await,
        }
    }

    async fn store(&self, kept: &Kept, secret: Secret) -> Result<(), CertificateError> {
        let params = PostParams::default();
        let doing = format!("write secret {WEBHOOK_TLS}");
        if kept.is_absent() {
            answered(doing, self.secrets.create(&params, &secret)).await?;
        } else {
            answered(doing, self.secrets.replace(WEBHOOK_TLS, &params, &secret)).await?;
        }
        Ok(())
    }
}

/// What the API server answers, if it does in time.
pub(super) async fn answered<T>(
    doing: String,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, CertificateError> {
    match tokio::time::timeout(PATIENCE, request).await {
        Ok(answer) => answer.map_err(|error| RequestError::new(doing, error).into()),
        Err(_) => Err(CertificateError::Silence { doing, seconds: PATIENCE.as_secs() }),
    }
}

fn lost_a_race(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Request(error) if error.category() == Category::Conflict)
}
