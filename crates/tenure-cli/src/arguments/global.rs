//! Options of every command, as kubectl has them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// Which cluster, who asks, and how it looks.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Options of every command")]
pub struct GlobalArguments {
    /// Kubeconfig to use; by default $KUBECONFIG, then the user's, then the pod's ServiceAccount
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Cluster of the kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// User to impersonate
    #[arg(long = "as", global = true, value_name = "USER", value_hint = clap::ValueHint::Username)]
    pub impersonate: Option<String>,
    /// Group to impersonate. Can be given several times
    #[arg(long = "as-group", global = true, value_name = "GROUP", requires = "impersonate")]
    pub impersonate_groups: Vec<String>,
    /// How long to wait for one answer of the API server, such as 10s
    #[arg(long, global = true, value_name = "TIME", value_parser = super::duration)]
    pub request_timeout: Option<Duration>,
    /// Namespace that Tenure's server runs in
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "TENURE_NAMESPACE",
        default_value = "tenure-system"
    )]
    pub tenure_namespace: String,
    /// No colours
    #[arg(long, global = true)]
    pub no_color: bool,
}
