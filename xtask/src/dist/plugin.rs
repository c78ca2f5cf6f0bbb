//! `kubectl tenure` for release: its man pages, an archive, and the manifest by which krew
//! installs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::cargo::{root, run, target};

/// The program, and what kubectl calls it.
const PROGRAM: &str = "kubectl-tenure";
const NAME: &str = "tenure";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Packs the program, and describes for krew what was packed; gives back where both are.
pub(super) fn pack(binary: &Path, base: &str) -> anyhow::Result<[PathBuf; 2]> {
    let arch = go_arch(std::env::consts::ARCH)?;
    let dist = target().join("dist");
    let staged = dist.join(PROGRAM);
    if staged.exists() {
        fs::remove_dir_all(&staged).with_context(|| format!("remove {}", staged.display()))?;
    }
    man_pages(&staged.join("man"))?;
    fs::copy(binary, staged.join(PROGRAM)).context("copy the program")?;
    fs::copy(root().join("LICENSE"), staged.join("LICENSE")).context("copy the licence")?;
    let name = format!("{PROGRAM}-v{VERSION}-linux-{arch}.tar.gz");
    let archive = dist.join(&name);
    let mut tar = Command::new("tar");
    // The same files make the same archive.
    tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"])
        .args(["--use-compress-program=gzip -n", "-cf"])
        .arg(&archive)
        .arg("-C")
        .arg(&staged)
        .args(["LICENSE", PROGRAM, "man"]);
    run(tar)?;
    let bytes = fs::read(&archive).with_context(|| format!("read {}", archive.display()))?;
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let manifest = manifest(base, &format!("{base}/v{VERSION}/{name}"), arch, &digest);
    let described = dist.join(format!("{NAME}.yaml"));
    fs::write(&described, serde_saphyr::to_string(&manifest)?)
        .with_context(|| format!("write {}", described.display()))?;
    Ok([archive, described])
}

/// Writes a page for each command.
fn man_pages(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    clap_mangen::generate_to(kubectl_tenure::command(), dir).context("write the man pages")
}

/// The manifest, `v1alpha2`.
fn manifest(base: &str, uri: &str, arch: &str, sha256: &str) -> Value {
    let file = |name: &str| json!({"from": name, "to": "."});
    json!({
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": NAME},
        "spec": {
            "version": format!("v{VERSION}"),
            "homepage": base,
            "shortDescription": "Ask what a Kargo Project takes with it",
            "description": "Says what becomes of a namespace when the Kargo Project that lives in it \
                is deleted, asks, and does exactly that; and why a namespace hangs in Terminating.\n",
            "caveats": "For completions, which krew does not install:\n  kubectl tenure completion \
                install --dir DIR-ON-YOUR-PATH\n",
            "platforms": [{
                "selector": {"matchLabels": {"os": "linux", "arch": arch}},
                "uri": uri,
                "sha256": sha256,
                "bin": PROGRAM,
                "files": [file(PROGRAM), file("LICENSE")],
            }],
        },
    })
}

/// An architecture, as Go and krew call it.
fn go_arch(arch: &str) -> anyhow::Result<&'static str> {
    match arch {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("krew has no word for {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_as_krew_wants_it() {
        let manifest = manifest(
            "https://example.com",
            "https://example.com/v0/a.tar.gz",
            "amd64",
            &"0".repeat(64),
        );
        let spec = &manifest["spec"];
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let name = text(&manifest["metadata"]["name"]);
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !name.starts_with("kube")
        );
        let version = text(&spec["version"]);
        let parts: Vec<_> = version.strip_prefix('v').expect("v").split('.').collect();
        assert!(parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok()));
        assert!(text(&spec["shortDescription"]).len() <= 50);
        let platform = &spec["platforms"][0];
        let sha256 = text(&platform["sha256"]);
        assert!(sha256.len() == 64 && sha256.chars().all(|c| c.is_ascii_hexdigit()));
        assert!(text(&platform["uri"]).ends_with(".tar.gz"));
        let files = platform["files"].as_array().expect("files");
        assert!(files.iter().any(|file| file["from"] == platform["bin"]));
        assert!(files.iter().any(|file| file["from"] == "LICENSE"));
    }

    #[test]
    fn every_command_has_a_man_page_and_what_nobody_types_has_none() {
        let dir = tempfile::tempdir().expect("a directory");
        man_pages(dir.path()).expect("pages");
        let root = kubectl_tenure::command();
        for sub in root.get_subcommands() {
            let page = dir.path().join(format!("{PROGRAM}-{}.1", sub.get_name()));
            assert_eq!(page.exists(), !sub.is_hide_set(), "{}", page.display());
        }
        let plan = fs::read_to_string(dir.path().join("kubectl-tenure-plan.1")).expect("a page");
        assert!(plan.contains("Examples:"), "{plan}");
    }
}
