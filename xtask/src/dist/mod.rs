//! `cargo xtask dist`: the server and `kubectl tenure` for release, each one static binary.
//!
//! They need nothing of where they are: no interpreter, no library. On Linux with glibc, since
//! there musl's standard library has to be installed first.

mod plugin;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use object::LittleEndian;
use object::elf::{DT_NEEDED, PT_DYNAMIC, PT_INTERP};
use object::read::elf::{Dyn as _, ElfFile64, ProgramHeader as _};

use crate::cargo::{cargo, run as run_command, target};

/// How the server is built.
const BUILD: [&str; 7] =
    ["build", "--locked", "--release", "--package", "tenure", "--bin", "tenure"];
/// How `kubectl tenure` is.
const BUILD_PLUGIN: [&str; 7] =
    ["build", "--locked", "--release", "--package", "tenure-cli", "--bin", "kubectl-tenure"];
/// What makes them static. With `--target` it is not asked of build scripts and macros.
const FLAGS: &str = "-C target-feature=+crt-static";

/// Builds both, proves them static, and packs `kubectl tenure`, whose archive will be found below
/// that URL.
pub(crate) fn run(base: &str) -> anyhow::Result<()> {
    build(&BUILD)?;
    let plugin = build(&BUILD_PLUGIN)?;
    for made in plugin::pack(&plugin, base.trim_end_matches('/'))? {
        println!("{}", made.display());
    }
    Ok(())
}

fn build(arguments: &[&str]) -> anyhow::Result<PathBuf> {
    let start = Instant::now();
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = cargo(arguments);
    build.args(["--target", &triple]).env("RUSTFLAGS", FLAGS);
    run_command(build)?;
    let name = arguments.last().copied().unwrap_or_default();
    let binary = target().join(&triple).join("release").join(name);
    let read = fs::read(&binary).with_context(|| format!("read {}", binary.display()))?;
    is_static(&read).with_context(|| binary.display().to_string())?;
    answers(&binary)?;
    println!(
        "{}: static, {:.1} MiB, in {:.0} s",
        binary.display(),
        read.len() as f64 / f64::from(1 << 20),
        start.elapsed().as_secs_f64()
    );
    Ok(binary)
}

/// Whether the binary asks for no interpreter and for no library.
fn is_static(binary: &[u8]) -> anyhow::Result<()> {
    let elf = ElfFile64::<LittleEndian>::parse(binary).context("it is no 64-bit ELF file")?;
    let endian = elf.endian();
    for header in elf.elf_program_headers() {
        match header.p_type(endian) {
            PT_INTERP => bail!("it asks for an interpreter, so it is not static"),
            PT_DYNAMIC => {
                let entries = header.dynamic(endian, binary).context("read its dynamic section")?;
                let needs =
                    entries.into_iter().flatten().any(|entry| entry.tag(endian) == DT_NEEDED);
                ensure!(!needs, "it asks for a library, so it is not static");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Runs it with nothing around it.
fn answers(binary: &Path) -> anyhow::Result<()> {
    let output = Command::new(binary).arg("--version").env_clear().current_dir("/").output();
    let output = output.with_context(|| format!("run {}", binary.display()))?;
    ensure!(output.status.success(), "{} --version failed", binary.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::root;

    #[test]
    fn the_image_is_built_by_the_same_command_and_toolchain() {
        let read = |name: &str| fs::read_to_string(root().join(name)).expect("read");
        let dockerfile = read("Dockerfile");
        assert!(dockerfile.contains(&format!("cargo {}", BUILD.join(" "))), "{BUILD:?}");
        assert!(dockerfile.contains(&format!("RUSTFLAGS=\"{FLAGS}\"")), "{FLAGS}");
        let toolchain = read("rust-toolchain.toml");
        let channel = toolchain.split('"').nth(1).expect("a channel");
        assert!(dockerfile.contains(&format!("FROM rust:{channel}-")), "{channel}");
        assert!(dockerfile.contains(&format!("RUSTUP_TOOLCHAIN={channel}\n")), "{channel}");
    }

    #[test]
    fn a_binary_with_an_interpreter_is_not_taken_for_static() {
        let this = fs::read(std::env::current_exe().expect("a path")).expect("read");
        let error = is_static(&this).expect_err("tests are linked dynamically").to_string();
        assert!(error.contains("not static"), "{error}");
    }
}
