//! `adopt` and `release`: opening a namespace for a Project, and taking that back.

use clap::Args;

use super::WriteArguments;

/// `adopt`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # See what stands in namespace payments, and what adoption would add to it
  kubectl tenure adopt payments --dry-run=client

  # Open it, so that a Project payments can move in
  kubectl tenure adopt payments

  # The same in a script
  kubectl tenure adopt payments --yes

It sets the label kargo.akuity.io/project and records that in tenure.dev/ledger, so that the label
goes again with the Project, or by `kubectl tenure release`. A label that somebody set by hand stays.")]
pub struct AdoptArguments {
    /// NAME of the namespace, or namespace/NAME
    #[arg(value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: String,
    /// What is asked and written.
    #[command(flatten)]
    pub how: HowArguments,
}

/// `release`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # See what adoption added to namespace payments
  kubectl tenure release payments --dry-run=client

  # Take exactly that back
  kubectl tenure release payments

  # A Project lives in it: that goes, and the namespace is released as it is
  kubectl tenure delete project/payments --disposition retain")]
pub struct ReleaseArguments {
    /// NAME of the namespace, or namespace/NAME
    #[arg(value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: String,
    /// What is asked and written.
    #[command(flatten)]
    pub how: HowArguments,
}

/// What is asked and written.
#[derive(Args, Debug)]
pub struct HowArguments {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// How it is written.
    #[command(flatten)]
    pub write: WriteArguments,
}

/// Reads a namespace's name.
fn namespace(text: &str) -> Result<String, String> {
    let name = ["namespace/", "namespaces/", "ns/"]
        .iter()
        .find_map(|kind| text.strip_prefix(kind))
        .unwrap_or(text);
    let parsed = tenure_core::NamespaceName::parse(name);
    parsed.map(|name| name.to_string()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::namespace;

    #[test]
    fn a_namespace_is_named_with_or_without_its_kind() {
        for text in ["payments", "namespace/payments", "ns/payments"] {
            assert_eq!(namespace(text).as_deref(), Ok("payments"));
        }
        for text in ["", "ns/", "project/payments", "pay.ments", "p\u{430}y"] {
            assert!(namespace(text).is_err(), "{text:?}");
        }
    }
}
