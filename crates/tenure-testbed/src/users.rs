//! Clients and kubeconfigs for named users and for ServiceAccounts.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::ControlPlane;
use crate::pki::Authority;

/// Seconds for which a token is good: longer than any test or demo runs.
const TOKEN_SECONDS: i64 = 86_400;

impl ControlPlane {
    /// A configuration for a user in some groups, by certificate.
    ///
    /// # Errors
    /// If the certificate cannot be made.
    pub fn user(&self, name: &str, groups: &[&str]) -> anyhow::Result<Config> {
        config(self.user_kubeconfig(name, groups)?)
    }

    /// A configuration for a ServiceAccount, by token.
    ///
    /// # Errors
    /// If no token can be had.
    pub async fn service_account(&self, namespace: &str, name: &str) -> anyhow::Result<Config> {
        config(self.service_account_kubeconfig(namespace, name).await?)
    }

    /// Writes a kubeconfig for a user.
    ///
    /// # Errors
    /// If it cannot be made or written.
    pub fn write_kubeconfig(&self, path: &Path, name: &str, groups: &[&str]) -> anyhow::Result<()> {
        write(path, &self.user_kubeconfig(name, groups)?)
    }

    /// Writes a kubeconfig for a ServiceAccount.
    ///
    /// # Errors
    /// If it cannot be made or written.
    pub async fn write_service_account_kubeconfig(
        &self,
        path: &Path,
        namespace: &str,
        name: &str,
    ) -> anyhow::Result<()> {
        write(path, &self.service_account_kubeconfig(namespace, name).await?)
    }

    fn user_kubeconfig(&self, name: &str, groups: &[&str]) -> anyhow::Result<Value> {
        let pair = Authority::of(self.dir())?.client(name, groups)?;
        self.kubeconfig_with(&json!({
            "client-certificate-data": base64(&pair.certificate),
            "client-key-data": base64(&pair.key),
        }))
    }

    async fn service_account_kubeconfig(
        &self,
        namespace: &str,
        name: &str,
    ) -> anyhow::Result<Value> {
        let token = token(&self.admin()?, namespace, name).await?;
        self.kubeconfig_with(&json!({ "token": token }))
    }

    fn kubeconfig_with(&self, user: &Value) -> anyhow::Result<Value> {
        let authority = Authority::of(self.dir())?;
        Ok(compose(&self.url(), &authority.certificate, user))
    }
}

/// Writes a kubeconfig for a ServiceAccount of any cluster.
///
/// # Errors
/// If no token can be had, or the file cannot be written.
pub async fn write_token_kubeconfig(
    path: &Path,
    client: &Client,
    config: &Config,
    namespace: &str,
    name: &str,
) -> anyhow::Result<()> {
    let token = token(client, namespace, name).await?;
    let authorities = config.root_cert.iter().flatten();
    let pem: String = authorities
        .map(|der| {
            let body = json!(k8s_openapi::ByteString(der.clone()));
            let body = body.as_str().unwrap_or_default();
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        })
        .collect();
    let user = json!({ "token": token });
    write(path, &compose(&config.cluster_url.to_string(), &pem, &user))
}

fn compose(url: &str, authority: &str, user: &Value) -> Value {
    let mut cluster = json!({ "server": url });
    if !authority.is_empty() {
        cluster["certificate-authority-data"] = base64(authority).into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": "testbed", "user": user}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "testbed"}}],
        "current-context": "testbed",
    })
}

async fn token(client: &Client, namespace: &str, name: &str) -> anyhow::Result<String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            expiration_seconds: Some(TOKEN_SECONDS),
            ..Default::default()
        }),
        ..Default::default()
    };
    let issued = accounts
        .create_token_request(name, &PostParams::default(), &request)
        .await
        .with_context(|| format!("get a token of serviceaccount {namespace}/{name}"))?;
    let token = issued.status.and_then(|status| status.token);
    token.context("the token request was answered without a token")
}

fn config(kubeconfig: Value) -> anyhow::Result<Config> {
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig)?;
    let options = KubeConfigOptions::default();
    // Nothing is read from elsewhere, so nothing is waited for.
    futures::executor::block_on(Config::from_custom_kubeconfig(kubeconfig, &options))
        .context("read the kubeconfig")
}

/// Writes a kubeconfig whole or not at all: tests that run side by side share files, and a program
/// that one of them started must never read what another one has only half written.
pub(crate) fn write(path: &Path, kubeconfig: &impl Serialize) -> anyhow::Result<()> {
    let folder = path.parent().context("a kubeconfig stands in a folder")?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec_pretty(kubeconfig)?)?;
    file.persist(path).with_context(|| format!("write {}", path.display()))?;
    Ok(())
}

fn base64(text: &str) -> String {
    use k8s_openapi::ByteString;
    json!(ByteString(text.as_bytes().to_vec())).as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_that_is_written_again_is_never_read_half_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("shared.kubeconfig");
        let whole = json!({ "current-context": "testbed", "certificate": "c".repeat(1 << 20) });
        write(&path, &whole).expect("written");
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (0..50).for_each(|_| write(&path, &whole).expect("again")));
            while !writer.is_finished() {
                let read = std::fs::read(&path).expect("read");
                assert_eq!(serde_json::from_slice::<Value>(&read).ok().as_ref(), Some(&whole));
            }
        });
    }
}
