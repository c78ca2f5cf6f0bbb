//! The binaries of the control plane: the user's own, or built once from `testbed/controlplane`
//! and kept in the user's cache directory under a key of their sources.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use crate::go;

/// Names that the multi-call binary answers to.
const NAMES: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];
/// Version that the API server reports; that of `k8s.io/kubernetes` in `go.mod`.
const KUBERNETES: &str = "v1.36.3";

/// Where the binaries are.
#[derive(Clone, Debug)]
pub struct Binaries {
    dir: PathBuf,
}

impl Binaries {
    /// The path of a binary.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// Finds the binaries, and builds them if need be, which takes some minutes the first time.
///
/// # Errors
/// If `KUBEBUILDER_ASSETS` names a directory that lacks one, or they cannot be built.
pub fn binaries() -> anyhow::Result<Binaries> {
    if let Some(dir) = std::env::var_os("KUBEBUILDER_ASSETS") {
        let dir = PathBuf::from(dir);
        for name in NAMES {
            ensure!(
                dir.join(name).is_file(),
                "KUBEBUILDER_ASSETS has no {name}; unset it to have one built"
            );
        }
        return Ok(Binaries { dir });
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testbed/controlplane");
    let cache = cache_dir()?;
    fs::create_dir_all(&cache).with_context(|| format!("create {}", cache.display()))?;
    let dir = cache.join(format!("controlplane-{}", key(&sources)?));
    // One builds, the others wait for it.
    let lock = File::create(cache.join("controlplane.lock")).context("create the build lock")?;
    lock.lock().context("wait for another build")?;
    if !dir.join("kubectl").exists() {
        build(&sources, &dir)?;
    }
    Ok(Binaries { dir })
}

/// Where binaries are kept that take long to build.
///
/// # Errors
/// If the environment does not say where.
pub fn cache_dir() -> anyhow::Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    Ok(base.context("neither XDG_CACHE_HOME nor HOME is set")?.join("tenure"))
}

fn key(sources: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(KUBERNETES);
    for file in ["main.go", "go.mod", "go.sum"] {
        let path = sources.join(file);
        hash.update(fs::read(&path).with_context(|| format!("read {}", path.display()))?);
    }
    Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

fn build(sources: &Path, dir: &Path) -> anyhow::Result<()> {
    eprintln!(
        "building the control plane ({KUBERNETES}, about 2,000 packages of Go); once, in 4 to 10 minutes"
    );
    let (major, minor) = ("1", "36");
    let stamp = |key: &str, value: &str| format!("-X k8s.io/component-base/version.{key}={value}");
    // Without a version the server calls itself v0.0.0, and clients refuse it.
    let flags = format!(
        "-s -w {} {} {}",
        stamp("gitVersion", KUBERNETES),
        stamp("gitMajor", major),
        stamp("gitMinor", minor)
    );
    let part = dir.with_extension("part");
    let build = ["build", "-v", "-trimpath", "-ldflags", &flags, "-o"].map(OsStr::new);
    let arguments = build.into_iter().chain([part.as_os_str(), OsStr::new(".")]);
    go::run("the control plane", arguments, sources, &[("CGO_ENABLED", OsStr::new("0"))])?;
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    let binary = dir.join("controlplane");
    fs::rename(&part, &binary).context("put the control plane in its place")?;
    for name in NAMES {
        let link = dir.join(name);
        if !link.exists() {
            fs::hard_link(&binary, &link).with_context(|| format!("link {}", link.display()))?;
        }
    }
    Ok(())
}
