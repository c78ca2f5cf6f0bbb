//! What was found: for people trees, for programs a document.

use anstyle::Style;
use schemars::JsonSchema;
use serde::Serialize;
use tenure_core::contents::Unseen;
use tenure_core::doctor::{Facts, Finding, InstallationFacts, Remedy, Risk, Severity};

use crate::text::{BAD, CAREFUL, FAINT, GOOD, STRONG, Text};
use crate::view::json::Says;
use crate::view::tree::Branch;

/// What holds namespaces up, or would, and what is wrong with Tenure.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// One for each namespace that was looked at.
    pub(crate) namespaces: Vec<NamespaceDiagnosis>,
    /// Namespaces that are terminating and were too many to be looked at.
    pub(crate) not_looked_at: Vec<String>,
    /// Of Tenure itself; null if a namespace was asked about.
    pub(crate) tenure: Option<TenureDiagnosis>,
}

/// What holds one namespace up, or would.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceDiagnosis {
    /// Its name.
    name: String,
    /// Since when it is terminating; null if it is not, and the findings say what would hang.
    terminating_since: Option<String>,
    /// How many objects are in it, as far as they could be seen.
    objects: u64,
    /// What was found: the worst first.
    findings: Vec<FindingView>,
    /// What could not be looked at.
    unseen: Vec<BlindSpot>,
}

/// What is wrong with Tenure.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenureDiagnosis {
    /// The namespace that its server runs in.
    namespace: String,
    /// What was found: the worst first.
    findings: Vec<FindingView>,
    /// What could not be looked at.
    unseen: Vec<BlindSpot>,
}

/// Something that was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingView {
    /// Which cause it is.
    cause: &'static str,
    /// Note, Likely or Blocks.
    #[schemars(with = "String")]
    pub(crate) severity: Severity,
    /// What it is about.
    what: String,
    /// What was seen.
    evidence: Vec<String>,
    /// What to do: the safest first.
    remedies: Vec<RemedyView>,
}

/// Something that a person can do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemedyView {
    /// What is put at risk: None, Mends, GivesUp or Forces.
    #[schemars(with = "String")]
    risk: Risk,
    /// What to do.
    advice: String,
    /// The command for it, if there is one.
    command: Option<String>,
    /// What is given up by it, if anything is.
    costs: Option<String>,
}

/// Something that could not be looked at.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlindSpot {
    /// What, as plural.group.
    kind: String,
    /// Why not.
    why: String,
}

impl Says for Diagnosis {
    const KIND: &'static str = "Diagnosis";
}

impl Diagnosis {
    /// Everything that was found.
    pub(crate) fn findings(&self) -> impl Iterator<Item = &FindingView> {
        let of_tenure = self.tenure.iter().flat_map(|tenure| &tenure.findings);
        self.namespaces.iter().flat_map(|namespace| &namespace.findings).chain(of_tenure)
    }

    /// What people are told.
    pub(crate) fn trees(&self) -> Vec<Branch> {
        let namespaces = self.namespaces.iter().map(NamespaceDiagnosis::tree);
        namespaces.chain(self.tenure.iter().map(TenureDiagnosis::tree)).collect()
    }
}

impl NamespaceDiagnosis {
    /// What was found of what was seen.
    pub(crate) fn of(facts: &Facts, findings: &[Finding]) -> Self {
        Self {
            name: facts.name.clone(),
            terminating_since: facts.deleting.map(|since| since.to_string()),
            objects: facts.objects,
            findings: findings.iter().map(FindingView::of).collect(),
            unseen: facts.unseen.iter().map(BlindSpot::of).collect(),
        }
    }

    fn tree(&self) -> Branch {
        let name = Text::styled(STRONG, format!("namespace/{}", self.name));
        let mut tree = Branch::new(match &self.terminating_since {
            Some(since) => name.and(format!(": terminating since {since}")),
            None => name.and(": not terminating; this is what would hang"),
        });
        if self.findings.is_empty() {
            tree.push(Text::styled(GOOD, "nothing was found that holds it up"));
        }
        told(&self.findings, &self.unseen, &mut tree);
        tree
    }
}

impl TenureDiagnosis {
    /// What was found of what was seen.
    pub(crate) fn of(facts: &InstallationFacts, findings: &[Finding], unseen: &[Unseen]) -> Self {
        Self {
            namespace: facts.namespace.clone(),
            findings: findings.iter().map(FindingView::of).collect(),
            unseen: unseen.iter().map(BlindSpot::of).collect(),
        }
    }

    fn tree(&self) -> Branch {
        let mut tree = Branch::new(
            Text::styled(STRONG, "Tenure").and(format!(", in namespace {}", self.namespace)),
        );
        if self.findings.is_empty() {
            tree.push(Text::styled(GOOD, "nothing was found that is wrong with it"));
        }
        told(&self.findings, &self.unseen, &mut tree);
        tree
    }
}

fn told(findings: &[FindingView], unseen: &[BlindSpot], tree: &mut Branch) {
    for finding in findings {
        tree.push(finding.tree());
    }
    let mut blind = Branch::new(Text::styled(CAREFUL, "could not be seen"));
    for BlindSpot { kind, why } in unseen {
        blind.push(Text::plain(kind).and(": ").and(why));
    }
    tree.push_unless_bare(blind);
}

impl FindingView {
    fn of(finding: &Finding) -> Self {
        Self {
            cause: finding.cause.as_str(),
            severity: finding.severity,
            what: finding.what.clone(),
            evidence: finding.evidence.clone(),
            remedies: finding.remedies().iter().map(RemedyView::of).collect(),
        }
    }

    fn tree(&self) -> Branch {
        let Self { cause, severity, what, evidence, remedies } = self;
        let line =
            Text::styled(style(*severity), severity.as_str()).and(format!(" {cause}: ")).and(what);
        let mut tree = Branch::new(line);
        for seen in evidence {
            tree.push(Text::styled(FAINT, "seen: ").and(seen));
        }
        let mut advice = Branch::new(Text::plain("what to do, safest first"));
        for remedy in remedies {
            advice.push(remedy.tree());
        }
        tree.push_unless_bare(advice);
        tree
    }
}

impl RemedyView {
    fn of(remedy: &Remedy) -> Self {
        let Remedy { risk, advice, command, costs } = remedy;
        Self { risk: *risk, advice: advice.clone(), command: command.clone(), costs: costs.clone() }
    }

    fn tree(&self) -> Branch {
        let mut tree = Branch::new(Text::plain(&self.advice));
        if let Some(costs) = &self.costs {
            tree.push(Text::styled(CAREFUL, "costs: ").and(costs));
        }
        if let Some(command) = &self.command {
            tree.push(Text::styled(FAINT, command));
        }
        tree
    }
}

impl BlindSpot {
    fn of(unseen: &Unseen) -> Self {
        Self { kind: unseen.kind.clone(), why: unseen.why.clone() }
    }
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Note => FAINT,
        Severity::Likely => CAREFUL,
        Severity::Blocks => BAD,
    }
}
