//! `completion`: scripts for shells, and what kubectl asks for.
//!
//! kubectl runs `kubectl_complete-tenure WORD…` with what was typed, and reads candidates, one a
//! line, and a number that says what else to do: nothing, for names of files are among them where
//! they are any.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate, complete};
use clap_complete::{Shell, generate};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::config::Kubeconfig;
use kube::{Api, Client, Resource, ResourceExt as _};
use tenure_api::{DeletionPlan, Project};

use crate::arguments::{CompletionAct, GlobalArguments, command};
use crate::exit::{Failure, Outcome};
use crate::printer::Printer;
use crate::session::Session;
use crate::text::Text;

/// The program that kubectl asks.
const ASKED: &str = "kubectl_complete-tenure";
/// How long somebody who pressed a key waits for names.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most names that are offered.
const MOST: u32 = 500;
/// Says to kubectl that names of files are no candidates but those that are given.
const NO_FILES: &str = ":4";
/// The same, and that a candidate is not the end of the word: a directory is none.
const GOES_ON: &str = ":6";

/// What an argument names, by command.
const NAMED: [(&[&str], &str, Named); 24] = [
    (&[], "context", Named::Contexts),
    (&[], "cluster", Named::Clusters),
    (&[], "user", Named::Users),
    (&[], "tenure_namespace", Named::Namespaces),
    (&["list"], "namespace", Named::Namespaces),
    (&["plan"], "target", Named::Both),
    (&["plan"], "namespace", Named::Namespaces),
    (&["why"], "target", Named::Projects),
    (&["why"], "namespace", Named::Namespaces),
    (&["delete"], "targets", Named::Projects),
    (&["keep"], "targets", Named::Both),
    (&["hold"], "targets", Named::Both),
    (&["confirm"], "target", Named::Projects),
    (&["cancel"], "target", Named::Projects),
    (&["plans"], "name", Named::Plans),
    (&["plans"], "namespace", Named::Namespaces),
    (&["approve"], "name", Named::Plans),
    (&["adopt"], "namespace", Named::Namespaces),
    (&["release"], "namespace", Named::Namespaces),
    (&["doctor"], "target", Named::NamespacesByKind),
    (&["doctor"], "namespace", Named::Namespaces),
    (&["audit", "show"], "name", Named::Plans),
    (&["audit", "verify"], "name", Named::Plans),
    (&["audit", "export"], "name", Named::Plans),
];

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// `project/NAME`, or `NAME`.
    Projects,
    /// `project/NAME`, or `NAME`, and `namespace/NAME`.
    Both,
    /// `NAME` of a namespace.
    Namespaces,
    /// `namespace/NAME`, or `NAME`.
    NamespacesByKind,
    /// `NAME` of a plan, or of a Project.
    Plans,
    /// Of the kubeconfig.
    Contexts,
    /// Of the kubeconfig.
    Clusters,
    /// Of the kubeconfig.
    Users,
}

pub(crate) fn run(act: &CompletionAct, printer: &Printer) -> Outcome {
    let shell = match act {
        CompletionAct::Bash => Shell::Bash,
        CompletionAct::Zsh => Shell::Zsh,
        CompletionAct::Fish => Shell::Fish,
        CompletionAct::PowerShell => Shell::PowerShell,
        CompletionAct::Install { dir } => return install(dir.as_deref(), printer),
    };
    printer.raw(&script(shell))
}

/// The script for a shell.
fn script(shell: Shell) -> String {
    const PROGRAM: &str = "kubectl-tenure";
    let written = |name: &str| {
        let mut script = Vec::new();
        generate(shell, &mut command(), name, &mut script);
        String::from_utf8_lossy(&script).into_owned()
    };
    if shell != Shell::Bash {
        return written(PROGRAM);
    }
    // What clap writes for bash knows nothing below the commands of a program that has a hyphen in
    // its name, and offers what is hidden. So it is written for another name, and for ours in the
    // one place where bash is told whose it is.
    let other = PROGRAM.replace('-', "_");
    let registered = |line: &str| match line.trim_start().starts_with("complete -F") {
        true => line
            .strip_suffix(&other)
            .map_or_else(|| line.to_owned(), |line| format!("{line}{PROGRAM}")),
        false => line.replace(" __complete ", " ").replace(" __complete\"", "\""),
    };
    written(&other).lines().map(|line| registered(line) + "\n").collect()
}

/// Writes the program that kubectl asks, next to this one unless it is said where.
fn install(dir: Option<&Path>, printer: &Printer) -> Outcome {
    let failed =
        |what: &str, error: std::io::Error| Failure::error(format!("failed to {what}: {error}"));
    let program = std::env::current_exe().map_err(|e| failed("find this program", e))?;
    let dir = match dir {
        Some(dir) => dir.to_owned(),
        None => program.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let path = dir.join(ASKED);
    let theirs = fs::read_to_string(&path).is_ok_and(|text| !text.contains(MARK));
    if theirs || path.is_dir() {
        let why = format!("{} is there, and not from here; nothing was written", path.display());
        return Err(Failure::refused(why));
    }
    let doing = format!("write {}", path.display());
    let script = format!("#!/bin/sh\n{MARK}\nexec {} __complete -- \"$@\"\n", quoted(&program)?);
    // Beside it first, so that nobody runs half of it.
    let beside = dir.join(format!(".{ASKED}.{}", std::process::id()));
    let write = || {
        let mut file = fs::File::create_new(&beside)?;
        file.write_all(script.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(0o755))?;
        fs::rename(&beside, &path)
    };
    if let Err(error) = write() {
        drop(fs::remove_file(&beside));
        return Err(failed(&doing, error));
    }
    printer.line(&Text::plain(path.display().to_string()))?;
    if !on_path(&dir) {
        printer.warn(format!("{} is not on the PATH, where kubectl looks for it", dir.display()));
    }
    Ok(())
}

/// What tells a script of ours.
const MARK: &str = "# Asked by kubectl; written by `kubectl tenure completion install`.";

fn quoted(program: &Path) -> Outcome<String> {
    let text =
        program.to_str().ok_or_else(|| Failure::error("this program's path is not UTF-8"))?;
    Ok(format!("'{}'", text.replace('\'', "'\\''")))
}

fn on_path(dir: &Path) -> bool {
    let wanted = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .any(|on| fs::canonicalize(&on).is_ok_and(|on: PathBuf| on == wanted))
}

/// Answers kubectl. Whatever goes wrong, there are just no candidates.
pub(crate) fn answer(words: &[OsString], printer: &Printer) -> Outcome {
    let last = words.last().cloned().unwrap_or_default();
    let mut definition = with_names(command(), &global(words), &last);
    let mut typed = vec![OsString::from("kubectl-tenure")];
    typed.extend(words.iter().cloned());
    if words.is_empty() {
        typed.push(OsString::new());
    }
    let last = typed.len() - 1;
    // Who has not begun to type an option wants names.
    let options = typed[last].to_string_lossy().starts_with('-');
    let dir = std::env::current_dir().ok();
    let candidates = complete(&mut definition, typed, last, dir.as_deref()).unwrap_or_default();
    let mut goes_on = false;
    for candidate in candidates.iter().filter(|candidate| !candidate.is_hide_set()) {
        let value = candidate.get_value().to_string_lossy();
        if value.starts_with('-') && !options {
            continue;
        }
        goes_on |= value.ends_with('/');
        let line = match candidate.get_help() {
            Some(help) => {
                let help = help.to_string();
                // Between the two stands a tab, which would be shown if it were part of a text.
                format!(
                    "{}\t{}",
                    Text::plain(value),
                    Text::plain(help.lines().next().unwrap_or_default())
                )
            }
            None => Text::plain(value).to_string(),
        };
        printer.raw(&format!("{line}\n"))?;
    }
    printer.raw(&format!("{}\n", if goes_on { GOES_ON } else { NO_FILES }))
}

/// The options by which a cluster is chosen, as far as they were typed.
fn global(words: &[OsString]) -> GlobalArguments {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let option = |name: &str| {
        words.iter().enumerate().find_map(|(index, word)| {
            let rest = word.strip_prefix(name)?;
            match rest.strip_prefix('=') {
                Some(value) => Some(value.to_owned()),
                None if rest.is_empty() => words.get(index + 1).cloned(),
                None => None,
            }
        })
    };
    GlobalArguments {
        kubeconfig: option("--kubeconfig").map(PathBuf::from),
        context: option("--context"),
        cluster: option("--cluster"),
        user: option("--user"),
        request_timeout: Some(PATIENCE),
        tenure_namespace: option("--tenure-namespace").unwrap_or_default(),
        ..GlobalArguments::default()
    }
}

/// The definition, with names of the cluster and the kubeconfig as candidates for that word.
fn with_names(definition: clap::Command, global: &GlobalArguments, word: &OsStr) -> clap::Command {
    // Who has typed no kind may want a name without one; who has typed nothing sees each once.
    let bare = !word.is_empty() && !word.to_string_lossy().contains('/');
    NAMED.iter().fold(definition, |definition, (path, argument, named)| {
        let global = global.clone();
        let candidates = ArgValueCandidates::new(move || names(*named, bare, &global));
        with_candidates(definition, path, argument, candidates)
    })
}

fn with_candidates(
    definition: clap::Command,
    path: &[&'static str],
    argument: &'static str,
    candidates: ArgValueCandidates,
) -> clap::Command {
    match path {
        [] => definition.mut_arg(argument, |known| known.add(candidates)),
        [sub, rest @ ..] => {
            definition.mut_subcommand(sub, |sub| with_candidates(sub, rest, argument, candidates))
        }
    }
}

fn names(named: Named, bare: bool, global: &GlobalArguments) -> Vec<CompletionCandidate> {
    let names = match named {
        Named::Contexts | Named::Clusters | Named::Users => of_kubeconfig(named, global),
        _ => of_cluster(named, bare, global),
    };
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn of_kubeconfig(named: Named, global: &GlobalArguments) -> Vec<String> {
    let read = match &global.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let Kubeconfig { contexts, clusters, auth_infos, .. } = read.unwrap_or_default();
    match named {
        Named::Contexts => contexts.into_iter().map(|context| context.name).collect(),
        Named::Clusters => clusters.into_iter().map(|cluster| cluster.name).collect(),
        _ => auth_infos.into_iter().map(|user| user.name).collect(),
    }
}

/// Asks on a thread of its own, for whoever wants the candidates does not wait as futures do.
fn of_cluster(named: Named, bare: bool, global: &GlobalArguments) -> Vec<String> {
    let global = global.clone();
    let asked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let asked = runtime.block_on(async {
            let asking = async {
                let session = Session::open(&global).await.ok()?;
                Some(ask(named, bare, session.client()).await)
            };
            tokio::time::timeout(PATIENCE, asking).await
        });
        runtime.shutdown_background();
        asked.ok().flatten()
    });
    asked.join().ok().flatten().unwrap_or_default()
}

async fn ask(named: Named, bare: bool, client: &Client) -> Vec<String> {
    let projects: Api<Project> = Api::all(client.clone());
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let plans: Api<DeletionPlan> = Api::all(client.clone());
    let by_kind = |kind: &str, names: &[String]| {
        names.iter().map(|name| format!("{kind}/{name}")).collect::<Vec<_>>()
    };
    let with_bare = |mut by_kind: Vec<String>, names: Vec<String>| {
        by_kind.extend(names.into_iter().filter(|_| bare));
        by_kind
    };
    match named {
        Named::Projects => {
            let projects = list(&projects).await;
            with_bare(by_kind("project", &projects), projects)
        }
        Named::Both => {
            let (projects, namespaces) = futures::join!(list(&projects), list(&namespaces));
            let mut both = by_kind("project", &projects);
            both.extend(by_kind("namespace", &namespaces));
            with_bare(both, projects)
        }
        Named::NamespacesByKind => {
            let namespaces = list(&namespaces).await;
            with_bare(by_kind("namespace", &namespaces), namespaces)
        }
        Named::Plans => {
            let (mut both, projects) = futures::join!(list(&plans), list(&projects));
            both.extend(projects);
            both
        }
        _ => list(&namespaces).await,
    }
}

/// Names of some objects; of none, where they may not be listed.
async fn list<K>(objects: &Api<K>) -> Vec<String>
where
    K: Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let some = ListParams::default().limit(MOST);
    let listed = objects.list_metadata(&some).await;
    listed.into_iter().flatten().map(|object| object.name_any()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_that_is_given_names_is_there() {
        let definition = command();
        for (path, argument, _) in NAMED {
            let sub = path.iter().try_fold(&definition, |sub, name| sub.find_subcommand(name));
            let mut known = sub.expect("a command").get_arguments();
            assert!(known.any(|known| known.get_id() == argument), "{path:?} {argument}");
        }
    }

    #[test]
    fn the_cluster_is_the_one_that_was_typed() {
        let words = ["plan", "--context", "a", "--kubeconfig=/b", "--user"].map(OsString::from);
        let global = global(&words);
        assert_eq!(global.context.as_deref(), Some("a"));
        assert_eq!(global.kubeconfig, Some(PathBuf::from("/b")));
        assert_eq!((global.user, global.cluster), (None, None));
    }
}
