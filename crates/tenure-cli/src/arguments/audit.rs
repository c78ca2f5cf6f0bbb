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
  kubectl tenure audit verify payments -o json > payments.json
  kubectl tenure audit verify --anchor \"$(jq -r '.trails[].head' payments.json)\"

  # Everything, as JSON lines, with the heads to keep elsewhere
  kubectl tenure audit export --archive file:///var/lib/trail --out trail.jsonl

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
    /// Only Projects that had these labels, as for kubectl
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = selector,
          conflicts_with = "archive")]
    pub selector: Option<SelectorArgument>,
    /// Only Projects of this name
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only what went on since then: so long ago, such as 24h, or at 2026-11-23T08:00:00Z
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
    let ago = text.strip_suffix("ago").unwrap_or(text).trim_end();
    let ago: SignedDuration = ago.parse().map_err(|_| {
        "it is neither a time such as 24h nor one such as 2026-11-23T08:00:00Z".to_owned()
    })?;
    if ago.is_negative() { Err("it must not be negative".to_owned()) } else { Ok(Since::Ago(ago)) }
}

/// Reads what kubectl takes behind `-l`.
fn selector(text: &str) -> Result<SelectorArgument, String> {
    // Commas stand between expressions, and between the values of one.
    let mut within = false;
    let parts = text.split(|c: char| {
        within = c == '(' || (within && c != ')');
        c == ',' && !within
    });
    let read = |part: &str| {
        let part = part.trim();
        expression(part).ok_or_else(|| format!("{part:?} is no part of a selector"))
    };
    parts.map(read).collect::<Result<_, _>>().map(SelectorArgument)
}

fn expression(part: &str) -> Option<Expression> {
    if let Some((before, values)) = part.strip_suffix(')').and_then(|part| part.split_once('(')) {
        let (key, operator) = before.trim_end().rsplit_once(char::is_whitespace)?;
        let key = word(key)?;
        let values = values.split(',').map(value).collect::<Option<_>>()?;
        return match operator {
            "in" => Some(Expression::In(key, values)),
            "notin" => Some(Expression::NotIn(key, values)),
            _ => None,
        };
    }
    if let Some((key, said)) = part.split_once("!=") {
        return Some(Expression::NotEqual(word(key)?, value(said)?));
    }
    if let Some((key, said)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Expression::Equal(word(key)?, value(said)?));
    }
    match part.strip_prefix('!') {
        Some(key) => word(key).map(Expression::DoesNotExist),
        None => word(part).map(Expression::Exists),
    }
}

/// The key of a label.
fn word(text: &str) -> Option<String> {
    value(text).filter(|word| !word.is_empty())
}

/// The value of a label, which may be empty.
fn value(text: &str) -> Option<String> {
    let text = text.trim();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    text.chars().all(legal).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_given_as_long_ago_or_as_it_is() {
        for text in ["24h", "24h ago", "24 hours ago"] {
            assert_eq!(since(text), Ok(Since::Ago(SignedDuration::from_hours(24))), "{text}");
        }
        let at = "2026-11-23T08:00:00Z";
        assert_eq!(since(at), Ok(Since::At(at.parse().expect("a time"))));
        for text in ["", "ago", "yesterday", "-1h"] {
            assert!(since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_selector_is_read_as_kubectl_reads_it() {
        let text = "team==a, tier!=b,x in (c, d),y notin (e),example.com/gone,!old,empty=";
        let read = selector(text).expect("legible");
        let said: Vec<_> = read.0.iter().map(ToString::to_string).collect();
        let expected = ["team=a", "tier!=b", "x in (c,d)", "y notin (e)", "example.com/gone"];
        assert_eq!(said[..5], expected);
        assert_eq!(said[5..], ["!old", "empty="]);
        for text in ["", "a=b,", "a in b", "a in (b", "a of (b)", "in (b)", "a b", "=a", "a=b=c"] {
            assert!(selector(text).is_err(), "{text}");
        }
    }
}
