//! The test programs of the workspace, as cargo builds them.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::cargo::cargo;

/// One test program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Package and target, as a person would name it: `tenure faults`, `tenure-core lib`.
    pub(super) name: String,
    /// Arguments of `cargo test` that run it alone.
    pub(super) rerun: String,
    pub(super) executable: PathBuf,
    /// The package's directory, in which cargo runs it.
    pub(super) dir: PathBuf,
}

impl Program {
    /// Whether it only computes, and waits for nothing.
    pub(super) fn computes(&self) -> bool {
        self.name.starts_with("tenure-core ")
    }
}

/// Builds every test program and every program that tests start, and lists the former.
pub(super) fn build() -> anyhow::Result<Vec<Program>> {
    let mut build = cargo(&["test", "--locked", "--workspace", "--no-run"]);
    // Examples are checked by the lints; no test runs one.
    build.args(["--lib", "--bins", "--tests", "--message-format=json-render-diagnostics"]);
    let output = build.stderr(Stdio::inherit()).output().context("run cargo")?;
    ensure!(output.status.success(), "the test programs do not build");
    let text = String::from_utf8(output.stdout).context("read what cargo built")?;
    let built = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    Ok(built.filter_map(|message| program(&message)).collect())
}

/// The test program that a message of cargo is about, if it is about one.
fn program(message: &Value) -> Option<Program> {
    let executable = message["executable"].as_str()?;
    message["profile"]["test"].as_bool()?.then_some(())?;
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    let dir = manifest.parent()?.to_owned();
    let package = dir.file_name()?.to_str()?;
    let target = message["target"]["name"].as_str()?;
    let (kind, rerun) = match message["target"]["kind"][0].as_str()? {
        "test" => (target.to_owned(), format!("--test {target}")),
        "bin" => (format!("bin {target}"), format!("--bin {target}")),
        _ => ("lib".to_owned(), "--lib".to_owned()),
    };
    Some(Program {
        name: format!("{package} {kind}"),
        rerun: format!("-p {package} {rerun}"),
        executable: executable.into(),
        dir,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Program, program};

    #[test]
    fn only_test_programs_are_taken_from_what_cargo_says() {
        let built = |test: bool, kind: &str| {
            json!({
                "reason": "compiler-artifact", "executable": "/t/debug/deps/faults-1",
                "manifest_path": "/w/crates/tenure/Cargo.toml", "profile": {"test": test},
                "target": {"name": "faults", "kind": [kind]},
            })
        };
        let expected = |name: &str, rerun: &str| Program {
            name: name.to_owned(),
            rerun: rerun.to_owned(),
            executable: "/t/debug/deps/faults-1".into(),
            dir: "/w/crates/tenure".into(),
        };
        let test = program(&built(true, "test"));
        assert_eq!(test, Some(expected("tenure faults", "-p tenure --test faults")));
        let lib = program(&built(true, "lib"));
        assert_eq!(lib, Some(expected("tenure lib", "-p tenure --lib")));
        assert_eq!(program(&built(false, "bin")), None, "a program that tests start");
        assert_eq!(program(&json!({"reason": "build-finished", "success": true})), None);
    }
}
