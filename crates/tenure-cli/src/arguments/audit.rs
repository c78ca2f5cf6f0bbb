//! `audit`: the trails of deletions, in plans and in an archive.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use kube::core::Expression;
use tenure_core::trail::Head;

use super::{TableFormat, TreeFormat};

/// `audit`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # What was decided, and what became of it, in the last week
  kubectl tenure audit list --since 168h

  # One deletion, entry by entry
  kubectl tenure audit show payments

  # Whether every trail is whole, and the plans say what the archive says
  kubectl tenure audit verify --archive s3://audit/tenure

  # Whether a trail goes on from the head that was kept elsewhere
  kubectl tenure audit verify --anchor \"payments.1f0c 3 sha256:…\"

  # Everything, as JSON lines, with the heads to keep elsewhere
  kubectl tenure audit export --archive file:///var/lib/tenure/trail --out trail.jsonl

verify exits with 3 if anything is wrong with a trail, and names the first entry for which it is.")]
pub struct AuditArguments {
    /// What to do with the trails.
    #[command(subcommand)]
    pub act: AuditAct,
}

/// What to do with the trails.
#[derive(Debug, Subcommand)]
pub enum AuditAct {
    /// List trails: of which Project, how many entries, what happened last
    List(AuditListArguments),
    /// Show one trail as a timeline
    Show(AuditShowArguments),
    /// Say whether trails are whole, and name the first entry that is changed, missing or forked
    Verify(AuditVerifyArguments),
    /// Write entries and heads as JSON lines
    Export(AuditExportArguments),
}

/// Where trails are read.
#[derive(Args, Clone, Debug)]
pub struct ArchiveArguments {
    /// The archive to read: file:///PATH, s3://BUCKET/PREFIX, gs://… or az://…; credentials come
    /// from the environment, as for the server
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url)]
    pub archive: Option<String>,
}

/// `audit list`.
#[derive(Args, Debug)]
pub struct AuditListArguments {
    /// Only Projects that had these labels: key=value, key!=value, key or !key, with commas between
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = selector,
          conflicts_with = "archive")]
    pub selector: Option<SelectorArgument>,
    /// Only Projects of this name
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only what went on since then: a time such as 24h ago, or 2026-11-23T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<Since>,
    /// Where to read.
    #[command(flatten)]
    pub from: ArchiveArguments,
    /// How to print it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: TableFormat,
}

/// `audit show`.
#[derive(Args, Debug)]
pub struct AuditShowArguments {
    /// NAME of a plan, the beginning of it, or of a Project: then of its newest plan
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where to read.
    #[command(flatten)]
    pub from: ArchiveArguments,
    /// How to print it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: TreeFormat,
}

/// `audit verify`.
#[derive(Args, Debug)]
pub struct AuditVerifyArguments {
    /// NAME of a plan, the beginning of it, or of a Project; without it, every trail
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// A head that was kept elsewhere: SUBJECT SEQUENCE sha256:…. Can be given several times
    #[arg(long, value_name = "HEAD")]
    pub anchor: Vec<Head>,
    /// Read the archive alone, and not the plans of the cluster
    #[arg(long, requires = "archive")]
    pub offline: bool,
    /// Where to read.
    #[command(flatten)]
    pub from: ArchiveArguments,
    /// How to print it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: TreeFormat,
}

/// `audit export`.
#[derive(Args, Debug)]
pub struct AuditExportArguments {
    /// NAME of a plan, the beginning of it, or of a Project; without it, every trail
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Where to write; standard output if it is not given
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Where to read.
    #[command(flatten)]
    pub from: ArchiveArguments,
}

/// Since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So long ago.
    Ago(SignedDuration),
    /// At that time.
    At(Timestamp),
}

/// Labels that are asked for.
#[derive(Clone, Debug)]
pub struct SelectorArgument(pub Vec<Expression>);

fn since(text: &str) -> Result<Since, String> {
    if let Ok(at) = text.parse() {
        return Ok(Since::At(at));
    }
    let ago: SignedDuration = text.parse().map_err(|_| {
        "it is neither a time such as 24h nor one such as 2026-11-23T08:00:00Z".to_owned()
    })?;
    if ago.is_negative() { Err("it must not be negative".to_owned()) } else { Ok(Since::Ago(ago)) }
}

fn selector(text: &str) -> Result<SelectorArgument, String> {
    let one = |part: &str| {
        let part = part.trim();
        let pair = |(key, value): (&str, &str)| (key.trim().to_owned(), value.trim().to_owned());
        let expression = if let Some((key, value)) = part.split_once("!=").map(pair) {
            Expression::NotEqual(key, value)
        } else if let Some((key, value)) =
            part.split_once("==").or_else(|| part.split_once('=')).map(pair)
        {
            Expression::Equal(key, value)
        } else if let Some(key) = part.strip_prefix('!') {
            Expression::DoesNotExist(key.trim().to_owned())
        } else {
            Expression::Exists(part.to_owned())
        };
        let legal = !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '(');
        legal.then_some(expression).ok_or_else(|| format!("{part:?} is no part of a selector"))
    };
    text.split(',').map(one).collect::<Result<_, _>>().map(SelectorArgument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_given_as_long_ago_or_as_it_is() {
        assert_eq!(since("24h"), Ok(Since::Ago(SignedDuration::from_hours(24))));
        let at = "2026-11-23T08:00:00Z";
        assert_eq!(since(at), Ok(Since::At(at.parse().expect("a time"))));
        for text in ["", "yesterday", "-1h"] {
            assert!(since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_selector_is_read_as_kubectl_reads_the_simple_ones() {
        let read = selector("team=a,tier!=b,gone,!old").expect("legible");
        let said: Vec<_> = read.0.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["team=a", "tier!=b", "gone", "!old"]);
        for text in ["", "a=b,", "a in (b)"] {
            assert!(selector(text).is_err(), "{text}");
        }
    }
}
