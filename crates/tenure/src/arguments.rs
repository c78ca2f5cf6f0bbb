//! The command line. What a Deployment sets can also be given by environment variables, as
//! `--help` says.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tenure_api::install::Installation;
use tenure_core::{Accounts, Mode, Profile, Settings};

/// Decides what becomes of a Kubernetes namespace when the Kargo Project that lives in it goes.
#[derive(Parser)]
#[command(version, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the controllers
    Server(Box<ServerArguments>),
    /// Take Tenure off a cluster, and leave nothing that waits for it: guards and webhooks go, the
    /// server is ended, every finalizer and record is taken back, every plan is ended; no Namespace
    /// and no Project is deleted
    Uninstall(UninstallArguments),
    /// Print the CustomResourceDefinitions, for `kubectl apply -f -`
    Crds,
    /// Print the namespace, the ServiceAccount and the least-privilege roles, for `kubectl apply -f -`
    Manifests(ManifestArguments),
}

/// What decisions depend on besides what is in the cluster. The server publishes it, so that
/// `kubectl tenure plan` goes by the same.
#[derive(Args)]
pub(crate) struct DecisionArguments {
    /// What adopted and shared namespaces are presumed to deserve: `protective` retains them,
    /// `kargo` deletes them as Kargo does
    #[arg(long, env = "TENURE_PROFILE", value_enum, default_value_t = ProfileName::Protective)]
    pub(crate) profile: ProfileName,
    /// Namespace that Tenure runs in, where its Lease is
    #[arg(long, env = "TENURE_NAMESPACE", default_value = "tenure-system")]
    pub(crate) namespace: String,
    /// Namespace that Kargo runs in
    #[arg(long, env = "KARGO_NAMESPACE", default_value = "kargo")]
    pub(crate) kargo_namespace: String,
    /// A namespace that no Project may own, besides default, kube-*, Kargo's and Tenure's. Can be
    /// given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) system_namespace: Vec<String>,
    /// A kind that is no content of a namespace, as `plural.group`, or `*.group`: that it cannot
    /// be listed holds nothing up. Can be given several times
    #[arg(long, value_name = "KIND", default_value = "*.metrics.k8s.io")]
    pub(crate) ignored_kind: Vec<String>,
    /// The label by which Argo CD tracks what it manages, where it uses one of its own
    #[arg(long, value_name = "KEY")]
    pub(crate) argocd_instance_label: Option<String>,
}

#[derive(Args)]
pub(crate) struct UninstallArguments {
    /// How the server ran; by default as it said in the ConfigMap tenure-settings. What Kargo's
    /// management controller holds is left to it where the server ran beside it
    #[arg(long, env = "TENURE_MODE", value_enum)]
    pub(crate) mode: Option<ModeName>,
    /// Namespace that Tenure runs in
    #[arg(long, env = "TENURE_NAMESPACE", default_value = "tenure-system")]
    pub(crate) namespace: String,
    /// The archive that the server was given, if any: plans that are ended are ended there too
    #[arg(long, env = "TENURE_ARCHIVE", value_name = "URL")]
    pub(crate) archive: Option<String>,
    /// How long to wait for the server to end
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    pub(crate) patience: Duration,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
    #[command(flatten)]
    pub(crate) logs: LogArguments,
}

/// Which cluster.
#[derive(Args)]
pub(crate) struct ClusterArguments {
    /// Kubeconfig to use; by default $KUBECONFIG, then the user's, then the pod's ServiceAccount
    #[arg(long)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long)]
    pub(crate) context: Option<String>,
}

#[derive(Args)]
pub(crate) struct ManifestArguments {
    /// How Tenure will run: beside Kargo it needs, and gets, far less
    #[arg(long, env = "TENURE_MODE", value_enum, default_value_t = ModeName::Companion)]
    pub(crate) mode: ModeName,
    /// Namespace that Tenure runs in
    #[arg(long, env = "TENURE_NAMESPACE", default_value = "tenure-system")]
    pub(crate) namespace: String,
    /// Namespace that Kargo runs in
    #[arg(long, env = "KARGO_NAMESPACE", default_value = "kargo")]
    pub(crate) kargo_namespace: String,
    /// A namespace that no Project may own, besides default, kube-*, Kargo's and Tenure's: as the
    /// server is told. Can be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) system_namespace: Vec<String>,
    /// A group whose members may do what the rules about annotations, deletions and names refuse,
    /// for the day on which a rule is in the way. Without it nobody may, but who may change the
    /// rules
    #[arg(long, value_name = "NAME")]
    pub(crate) break_glass_group: Option<String>,
    /// Add the role that lets Tenure clean a namespace of everything that is in it, and not only
    /// of what is Kargo's
    #[arg(long)]
    pub(crate) clean: bool,
    /// Leave out the role that lets Tenure see what is in a namespace: what its deletion destroys,
    /// and what keeps it from going. It reads every kind, Secrets too, though Tenure asks for
    /// metadata only. Without it, profile `protective` deletes nothing
    #[arg(long)]
    pub(crate) no_contents: bool,
}

#[derive(Args)]
pub(crate) struct ServerArguments {
    /// How to run: `companion` decides beside Kargo's management controller what becomes of
    /// namespaces, and leaves the rest to it; `standalone` does all that that controller does for
    /// Projects, on clusters where it does not run
    #[arg(long, env = "TENURE_MODE", value_enum)]
    pub(crate) mode: ModeName,
    #[command(flatten)]
    pub(crate) decision: DecisionArguments,
    /// This many namespaces may be deleted within --breaker-window, whatever their part; more open
    /// the breaker
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub(crate) breaker_at_least: usize,
    /// And this part of all Projects, in hundredths
    #[arg(long, value_name = "PERCENT", default_value_t = 10)]
    pub(crate) breaker_percent: usize,
    /// Within how long, such as 5m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = window)]
    pub(crate) breaker_window: Duration,
    /// How long a confirmation holds while something else is awaited
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub(crate) confirmation_holds: Duration,
    /// How long a DeletionPlan is kept after it has ended
    #[arg(long, value_name = "TIME", default_value = "2160h", value_parser = duration)]
    pub(crate) plan_retention: Duration,
    /// Where to keep every entry of every plan's history too: file:///DIRECTORY, s3://BUCKET/PATH,
    /// gs://BUCKET/PATH or az://CONTAINER/PATH, with credentials from the environment
    #[arg(long, env = "TENURE_ARCHIVE", value_name = "URL")]
    pub(crate) archive: Option<String>,
    /// Delete nothing whose history cannot be kept there
    #[arg(long, env = "TENURE_ARCHIVE_REQUIRED", requires = "archive")]
    pub(crate) archive_required: bool,
    /// Where to answer /healthz, /readyz and /metrics
    #[arg(long, env = "TENURE_LISTEN", default_value = "0.0.0.0:8080")]
    pub(crate) listen: SocketAddr,
    /// Let only the replica that holds the Lease act. Two that act are safe, but do work twice
    #[arg(long, env = "TENURE_LEADER_ELECT", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) leader_elect: bool,
    #[command(flatten)]
    pub(crate) webhook: WebhookArguments,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
    #[command(flatten)]
    pub(crate) logs: LogArguments,
    /// Take every finalizer and record off all Projects and Namespaces, end every plan, delete
    /// nothing, and exit; while no server runs. `tenure uninstall` does this and the rest
    #[arg(long)]
    pub(crate) release_all: bool,
}

/// What the API server asks before a Project or its namespace comes or goes.
#[derive(Args)]
pub(crate) struct WebhookArguments {
    /// Where to answer the API server's admission reviews. Without it nobody is asked, and only
    /// the rules that the API server evaluates itself hold at admission
    #[arg(long, env = "TENURE_WEBHOOK_LISTEN", value_name = "ADDRESS")]
    pub(crate) webhook_listen: Option<SocketAddr>,
    /// Directory with `tls.crt` and `tls.key`, which somebody else keeps up to date. Without it
    /// Tenure makes its own certificates, in the Secret tenure-webhook-tls
    #[arg(long, env = "TENURE_WEBHOOK_CERTIFICATE_DIR", value_name = "DIRECTORY")]
    pub(crate) webhook_certificate_dir: Option<PathBuf>,
    /// A name or address by which the API server calls the webhook, besides the Service
    /// tenure-webhook. Can be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) webhook_host: Vec<String>,
    /// A group whose members are refused nothing at admission, for the day on which a rule is in
    /// the way. That they passed is told and logged; what is decided does not change
    #[arg(long, env = "TENURE_BREAK_GLASS_GROUP", value_name = "GROUP")]
    pub(crate) break_glass_group: Option<String>,
    /// An account that acts for people, besides Kargo's API server and every ServiceAccount. Its
    /// approvals do not count, and a deletion that it asks for needs one approval more. Can be
    /// given several times
    #[arg(long, value_name = "USER")]
    pub(crate) front_end: Vec<String>,
    /// An account that only one person uses, although it is a ServiceAccount or a --front-end: its
    /// approvals count. Can be given several times
    #[arg(long, value_name = "USER")]
    pub(crate) person: Vec<String>,
    /// The pod that this is, in --namespace: whether deletions are guarded is shown as its condition
    /// tenure.dev/GuardEffective, and whether --mode fits who else looks after Projects as
    /// tenure.dev/ModeFits
    #[arg(long, env = "TENURE_POD", value_name = "NAME")]
    pub(crate) pod: Option<String>,
    /// Let a Project whose namespace would be deleted be deleted only by who may delete that
    /// namespace. Front ends are exempt
    #[arg(long, env = "TENURE_CHECK_REQUESTER")]
    pub(crate) check_requester: bool,
}

/// Logs, on standard error.
#[derive(Args)]
pub(crate) struct LogArguments {
    /// How to log
    #[arg(long, env = "TENURE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub(crate) log_format: LogFormat,
    /// What to log, as for RUST_LOG
    #[arg(long, env = "TENURE_LOG", default_value = "info")]
    pub(crate) log: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeName {
    Companion,
    Standalone,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ProfileName {
    Protective,
    Kargo,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Json,
    Human,
}

impl DecisionArguments {
    /// The settings that follow from these arguments; the others at their defaults.
    pub(crate) fn settings(&self) -> Settings {
        let mut system_namespaces: BTreeSet<_> = self.system_namespace.iter().cloned().collect();
        system_namespaces.insert(self.namespace.clone());
        Settings {
            profile: self.profile.into(),
            kargo_namespace: self.kargo_namespace.clone(),
            tenure_namespace: self.namespace.clone(),
            system_namespaces,
            ignored_kinds: self.ignored_kind.iter().cloned().collect(),
            argocd_instance_label: self.argocd_instance_label.clone(),
            ..Settings::default()
        }
    }
}

impl ServerArguments {
    /// Which accounts are persons.
    pub(crate) fn accounts(&self) -> Accounts {
        let kargo_api = format!(
            "{}{}:kargo-api",
            Accounts::SERVICE_ACCOUNT_PREFIX,
            self.decision.kargo_namespace
        );
        let named = self.webhook.front_end.iter().cloned();
        Accounts {
            front_ends: named.chain([kargo_api]).collect(),
            persons: self.webhook.person.iter().cloned().collect(),
        }
    }
}

impl ManifestArguments {
    /// What the manifests depend on.
    pub(crate) fn installation(&self) -> Installation {
        Installation {
            namespace: self.namespace.clone(),
            kargo_namespace: self.kargo_namespace.clone(),
            system_namespaces: self.system_namespace.iter().cloned().collect(),
            break_glass_group: self.break_glass_group.clone(),
            mode: self.mode.into(),
        }
    }
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Companion => Self::Companion,
            ModeName::Standalone => Self::Standalone,
        }
    }
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Protective => Self::Protective,
            ProfileName::Kargo => Self::Kargo,
        }
    }
}

/// Reads a time such as `90s`, `5m` or `24h`.
fn duration(text: &str) -> Result<Duration, String> {
    let read: jiff::SignedDuration =
        text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(read).map_err(|_| "it must not be negative".to_owned())
}

/// Reads how wide the breaker's window is. What is longer ago than a day is not remembered.
fn window(text: &str) -> Result<Duration, String> {
    let read = duration(text)?;
    let longest = Duration::from_hours(24);
    if read > longest { Err("it must not be more than 24h".to_owned()) } else { Ok(read) }
}
