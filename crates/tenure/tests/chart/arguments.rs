//! What the rendered containers are started with is what the binary takes.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{everything, object, render};

/// Options of the server that a pod in the cluster has no use for.
const NOT_FOR_PODS: [&str; 5] = ["context", "help", "kubeconfig", "release-all", "webhook-host"];

/// The arguments of the container.
fn arguments(pod_owner: &Value) -> Vec<String> {
    let arguments = &pod_owner["spec"]["template"]["spec"]["containers"][0]["args"];
    serde_json::from_value(arguments.clone()).expect("arguments")
}

fn tenure(arguments: &[String]) -> Result<String, String> {
    let mut tenure = Command::new(env!("CARGO_BIN_EXE_tenure"));
    // What else the machine has set is no part of this.
    let output = tenure.env_clear().args(arguments).output().expect("run");
    crate::support::outcome(&output)
}

/// The long options that a command says it has.
fn options(command: &str) -> BTreeSet<String> {
    let help = tenure(&[command.to_owned(), "--help".to_owned()]).expect("help");
    let of = |line: &str| {
        let name = line.trim_start().strip_prefix("--")?;
        Some(name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect())
    };
    help.lines().map(|line| line.trim_start().trim_start_matches("-h, ")).filter_map(of).collect()
}

#[test]
fn the_binary_takes_every_argument_that_a_pod_gets() {
    for values in [json!({}), everything()] {
        let rendered = render(&values);
        for (kind, name) in [("Deployment", "tenure"), ("Job", "tenure-uninstall")] {
            let mut arguments = arguments(&object(&rendered, kind, name));
            // What is not understood is said before help is given.
            arguments.push("--help".to_owned());
            let taken = tenure(&arguments);
            assert!(taken.is_ok(), "{kind} {arguments:?}: {taken:?}");
        }
    }
}

#[test]
fn every_option_of_the_server_has_a_value() {
    let rendered = render(&everything());
    let arguments = arguments(&object(&rendered, "Deployment", "tenure"));
    let given: BTreeSet<_> = arguments
        .iter()
        .filter_map(|argument| argument.strip_prefix("--"))
        .map(|argument| argument.split('=').next().unwrap_or_default().to_owned())
        .collect();
    let options = options("server");
    assert!(options.contains("profile") && options.len() > 15, "{options:?}");
    for option in options {
        let there = given.contains(&option) || NOT_FOR_PODS.contains(&option.as_str());
        assert!(there, "--{option} has no value in the chart");
    }
}
