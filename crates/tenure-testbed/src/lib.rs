//! A real Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager as child
//! processes, with RBAC and the audit log on.
//!
//! [`ControlPlane::shared`] gives all tests of a process, or of a whole `cargo xtask test`, the
//! same one. What it starts ends with the process that started it, even if that is killed.

mod asking;
pub mod audit;
mod binaries;
mod built;
mod control_plane;
pub mod fault;
mod fixtures;
mod go;
mod helm;
pub mod kargo;
mod pki;
mod ports;
mod process;
pub mod proxy;
mod repetitions;
mod self_signed;
mod users;
mod waiting;
mod webhook;

pub use asking::Asking;
pub use binaries::{Binaries, binaries, cache_dir};
pub use built::{built, cargo};
pub use control_plane::{ControlPlane, DIR_VARIABLE};
pub use fixtures::{
    BREAK_GLASS_GROUP, KARGO_NAMESPACE, TENURE_NAMESPACE, apply, create_as, filled_namespace,
    install_tenure,
};
pub use helm::helm;
pub use ports::free_port;
pub use process::{Process, Stopped};
pub use repetitions::{ALL_VARIABLE, Repetitions, SEED_VARIABLE};
pub use self_signed::self_signed;
pub use users::write_token_kubeconfig;
pub use waiting::{eventually, unique_name};
pub use webhook::{install_webhook, patient, wait_for_guard};
