//! `plan`, and what it assumes where no server says.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tenure_core::{Disposition, Profile, Settings};

use crate::target::Target;

/// `plan`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # What becomes of namespace payments, and why
  kubectl tenure plan project/payments

  # The same for a namespace, with every object
  kubectl tenure plan namespace/payments --full

  # What it takes to have it deleted although it is presumed to be kept
  kubectl tenure plan payments --disposition delete

  # Look now, act on exactly that later
  kubectl tenure plan payments --out payments.plan.json
  kubectl tenure delete payments --plan payments.plan.json

  # The digest alone, for scripts
  kubectl tenure plan payments -o digest

It exits with 3 if claims forbid what --disposition asks for.")]
pub struct PlanArguments {
    /// project/NAME or namespace/NAME; a NAME alone is a Project's
    #[arg(value_name = "KIND/NAME", required_unless_present = "namespace")]
    pub target: Option<Target>,
    /// The same as namespace/NAME
    #[arg(short, long, value_name = "NAME", conflicts_with = "target")]
    pub namespace: Option<String>,
    /// Plan another choice: what it would take, or what forbids it
    #[arg(long, value_enum, value_name = "CHOICE", ignore_case = true)]
    pub disposition: Option<Choice>,
    /// How to print it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: PlanFormat,
    /// Name every object, instead of counting those of a kind
    #[arg(long)]
    pub full: bool,
    /// Also write the plan to this file, for `delete --plan FILE`
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// What to assume where the server does not say.
    #[command(flatten)]
    pub assumed: AssumedArguments,
}

/// What becomes of the namespace, as a person asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// Every object stays.
    Retain,
    /// What is the Project's alone goes.
    Clean,
    /// The namespace goes, and everything in it.
    Delete,
}

impl From<Choice> for Disposition {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Retain => Self::Retain,
            Choice::Clean => Self::Clean,
            Choice::Delete => Self::Delete,
        }
    }
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// As a tree
    #[default]
    Tree,
    /// As a tree, with sources, policies and UIDs
    Wide,
    /// As JSON
    Json,
    /// As YAML
    Yaml,
    /// Its digest alone
    Digest,
}

/// What to assume where no server says what it decides by.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Where the server does not publish its settings")]
pub struct AssumedArguments {
    /// What adopted and shared namespaces are presumed to deserve
    #[arg(long, value_enum)]
    pub profile: Option<ProfileName>,
    /// Namespace that Kargo runs in
    #[arg(long, value_name = "NAME")]
    pub kargo_namespace: Option<String>,
    /// A namespace that no Project may own. Can be given several times
    #[arg(long, value_name = "NAME")]
    pub system_namespace: Vec<String>,
    /// A kind that is not missed, as plural.group or *.group. Can be given several times
    #[arg(long, value_name = "KIND")]
    pub ignored_kind: Vec<String>,
    /// The label by which Argo CD tracks what it manages
    #[arg(long, value_name = "KEY")]
    pub argocd_instance_label: Option<String>,
}

/// A profile's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProfileName {
    /// Retain them.
    Protective,
    /// Delete them, as Kargo does.
    Kargo,
}

impl AssumedArguments {
    /// Whether anything is assumed.
    pub fn any(&self) -> bool {
        let Self {
            profile,
            kargo_namespace,
            system_namespace,
            ignored_kind,
            argocd_instance_label,
        } = self;
        profile.is_some()
            || kargo_namespace.is_some()
            || !system_namespace.is_empty()
            || !ignored_kind.is_empty()
            || argocd_instance_label.is_some()
    }

    /// The settings with what is assumed.
    pub fn applied_to(&self, mut settings: Settings) -> Settings {
        if let Some(profile) = self.profile {
            settings.profile = match profile {
                ProfileName::Protective => Profile::Protective,
                ProfileName::Kargo => Profile::Kargo,
            };
        }
        if let Some(namespace) = &self.kargo_namespace {
            settings.kargo_namespace.clone_from(namespace);
        }
        settings.system_namespaces.extend(self.system_namespace.iter().cloned());
        if !self.ignored_kind.is_empty() {
            settings.ignored_kinds = self.ignored_kind.iter().cloned().collect::<BTreeSet<_>>();
        }
        if let Some(label) = &self.argocd_instance_label {
            settings.argocd_instance_label = Some(label.clone());
        }
        settings
    }
}
