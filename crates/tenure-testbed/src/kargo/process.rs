//! The stand-in as a process of its own, and what a test may ask of it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use super::{CONTROLLER, Delays, WEBHOOK, install, install_webhook};
use crate::process::{Process, Stopped};
use crate::{ControlPlane, KARGO_NAMESPACE, built, eventually, free_port, unique_name};

/// Names a program that is run in place of the stand-in, with `KUBECONFIG` set to its account's: the
/// real controller, to see whether the stand-in is honest. It gets no delays and no webhook.
pub const COMMAND_VARIABLE: &str = "TENURE_TESTBED_KARGO";

/// How the stand-in runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How late its caches are.
    pub delays: Delays,
    /// Whether it serves the webhook too.
    pub webhook: bool,
}

/// A stand-in that runs until this is dropped.
#[derive(Debug)]
pub struct Running {
    process: Process,
    log: PathBuf,
}

impl Running {
    /// Gives it its accounts, starts it, and waits until it acts. There should be only one on a
    /// control plane.
    ///
    /// # Errors
    /// If it cannot be built or started, or something is refused.
    pub async fn start(plane: &ControlPlane, options: Options) -> anyhow::Result<Self> {
        let admin = plane.admin()?;
        install(&admin).await?;
        let name = unique_name("kargo-stand-in");
        let file = |end: &str| plane.dir().join(format!("{name}{end}"));
        let (kubeconfig, log, certificate) = (file(".kubeconfig"), file(".log"), file(".pem"));
        plane.write_service_account_kubeconfig(&kubeconfig, KARGO_NAMESPACE, CONTROLLER).await?;
        if let Some(other) = std::env::var_os(COMMAND_VARIABLE) {
            let mut command = Command::new(other);
            command.env("KUBECONFIG", &kubeconfig);
            return Ok(Self { process: Process::start(&name, command, plane.dir())?, log });
        }
        let milliseconds = |delay: Duration| delay.as_millis().to_string();
        let mut command = Command::new(built("tenure-testbed", "kargo-stand-in")?);
        command
            .args(["--kargo-namespace", KARGO_NAMESPACE])
            .args(["--delay-projects", &milliseconds(options.delays.projects)])
            .args(["--delay-namespaces", &milliseconds(options.delays.namespaces)])
            .arg("--kubeconfig")
            .arg(&kubeconfig);
        let address = format!("127.0.0.1:{}", free_port()?);
        if options.webhook {
            let kubeconfig = file("-webhook.kubeconfig");
            plane.write_service_account_kubeconfig(&kubeconfig, KARGO_NAMESPACE, WEBHOOK).await?;
            command.args(["--webhook", &address, "--webhook-kubeconfig"]).arg(&kubeconfig);
            command.arg("--webhook-certificate").arg(&certificate);
        }
        let process = Process::start(&name, command, plane.dir())?;
        let running = Self { process, log };
        eventually("the stand-in runs", async || running.says("running").then_some(())).await;
        if options.webhook {
            let certificate =
                std::fs::read_to_string(&certificate).context("read its certificate")?;
            install_webhook(&admin, &format!("https://{address}"), &certificate).await?;
        }
        Ok(running)
    }

    /// The errors it logged so far, as `project NAME: what went wrong`.
    pub fn errors(&self) -> Vec<String> {
        self.lines("error ")
    }

    /// The requests it made so far, as `METHOD PATH STATUS`; a status of 0 is no answer.
    pub fn requests(&self) -> Vec<String> {
        self.lines("request ")
    }

    /// Has it do nothing until what is given back is dropped.
    pub fn stop(&self) -> Stopped<'_> {
        self.process.stop()
    }

    fn says(&self, line: &str) -> bool {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().any(|found| found == line)
    }

    fn lines(&self, start: &str) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter_map(|line| line.strip_prefix(start)).map(str::to_owned).collect()
    }
}
