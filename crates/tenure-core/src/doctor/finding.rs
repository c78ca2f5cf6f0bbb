//! What was found, and what a person can do about it.

use serde::Serialize;

/// Something that keeps a Namespace from going, or would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which cause it is.
    pub cause: Cause,
    /// How sure it is, and how bad.
    pub severity: Severity,
    /// What it is about, as a sentence.
    pub what: String,
    /// What was seen.
    pub evidence: Vec<String>,
    remedies: Vec<Remedy>,
}

/// How sure, and how bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Severity {
    /// It is worth knowing, and by itself holds nothing up.
    Note,
    /// What was seen suggests that it holds the Namespace up.
    Likely,
    /// It holds the Namespace up, or would.
    Blocks,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "Note",
            Self::Likely => "Likely",
            Self::Blocks => "Blocks",
        }
    }
}

/// Why a Namespace hangs, or what is wrong with Tenure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Cause {
    /// The server behind an APIService does not answer.
    ApiServiceDown,
    /// A group version cannot be read.
    GroupVersionUnreadable,
    /// A CustomResourceDefinition's conversion webhook is gone.
    ConversionWebhookGone,
    /// A webhook without which nothing is admitted is gone.
    WebhookGone,
    /// Requests to delete objects are rejected.
    DeletionRejected,
    /// A policy engine does not let finalizers be taken off.
    PolicyBlocks,
    /// What takes a finalizer off is gone, or does not run.
    ControllerGone,
    /// What takes a finalizer off runs in the Namespace itself.
    ControllerGoesToo,
    /// What takes a finalizer off may not.
    ControllerLacksRights,
    /// A pod's node does not say that it has ended.
    NodeGone,
    /// A claim is still mounted.
    ClaimMounted,
    /// A load balancer was not given back.
    LoadBalancerRemains,
    /// A tool goes on writing into the Namespace.
    StillSynced,
    /// Objects are left.
    ObjectsRemain,
    /// The Namespace carries finalizers itself.
    NamespaceFinalizers,
    /// Nobody looks after Namespaces.
    NoNamespaceController,
    /// Something of Tenure is not installed.
    NotInstalled,
    /// Tenure's server does not act.
    ServerAway,
    /// The API server does not ask Tenure before deletions.
    NotAsked,
    /// The breaker is open.
    BreakerOpen,
    /// Whoever asks lacks rights that commands need.
    RightsLacking,
    /// Projects hang in their deletion, for nobody lets go of them.
    ProjectsHeld,
    /// A stamp stands on a Project that is not being deleted.
    StampLeft,
}

impl Cause {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiServiceDown => "ApiServiceDown",
            Self::GroupVersionUnreadable => "GroupVersionUnreadable",
            Self::ConversionWebhookGone => "ConversionWebhookGone",
            Self::WebhookGone => "WebhookGone",
            Self::DeletionRejected => "DeletionRejected",
            Self::PolicyBlocks => "PolicyBlocks",
            Self::ControllerGone => "ControllerGone",
            Self::ControllerGoesToo => "ControllerGoesToo",
            Self::ControllerLacksRights => "ControllerLacksRights",
            Self::NodeGone => "NodeGone",
            Self::ClaimMounted => "ClaimMounted",
            Self::LoadBalancerRemains => "LoadBalancerRemains",
            Self::StillSynced => "StillSynced",
            Self::ObjectsRemain => "ObjectsRemain",
            Self::NamespaceFinalizers => "NamespaceFinalizers",
            Self::NoNamespaceController => "NoNamespaceController",
            Self::NotInstalled => "NotInstalled",
            Self::ServerAway => "ServerAway",
            Self::NotAsked => "NotAsked",
            Self::BreakerOpen => "BreakerOpen",
            Self::RightsLacking => "RightsLacking",
            Self::ProjectsHeld => "ProjectsHeld",
            Self::StampLeft => "StampLeft",
        }
    }
}

/// Something that a person can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// What is put at risk by it.
    pub risk: Risk,
    /// What to do.
    pub advice: String,
    /// The command for it, where there is one.
    pub command: Option<String>,
    /// What is given up by it; where nothing is, nothing.
    pub costs: Option<String>,
}

/// What a remedy puts at risk: the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Risk {
    /// Nothing: it looks, or waits.
    None,
    /// It mends what is broken.
    Mends,
    /// It gives up what somebody relies on.
    GivesUp,
    /// It takes something away that is still there, unseen.
    Forces,
}

impl Risk {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Mends => "Mends",
            Self::GivesUp => "GivesUp",
            Self::Forces => "Forces",
        }
    }
}

impl Finding {
    /// Something that was found, and the remedy that puts nothing at risk.
    pub(super) fn new(cause: Cause, severity: Severity, what: String, look: Remedy) -> Self {
        Self { cause, severity, what, evidence: Vec::new(), remedies: vec![look] }
    }

    /// With something that was seen.
    #[must_use]
    pub(super) fn seen(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// With one more thing that a person can do.
    #[must_use]
    pub(super) fn or(mut self, remedy: Remedy) -> Self {
        let at = self.remedies.partition_point(|known| known.risk <= remedy.risk);
        self.remedies.insert(at, remedy);
        self
    }

    /// What a person can do: the safest first.
    pub fn remedies(&self) -> &[Remedy] {
        &self.remedies
    }
}

impl Remedy {
    /// To look or to wait.
    pub(super) fn look(advice: impl Into<String>) -> Self {
        Self { risk: Risk::None, advice: advice.into(), command: None, costs: None }
    }

    /// To mend what is broken.
    pub(super) fn mend(advice: impl Into<String>) -> Self {
        Self { risk: Risk::Mends, ..Self::look(advice) }
    }

    /// To give up what somebody relies on.
    pub(super) fn give_up(advice: impl Into<String>, costs: impl Into<String>) -> Self {
        Self { risk: Risk::GivesUp, costs: Some(costs.into()), ..Self::look(advice) }
    }

    /// To finalize the Namespace, whatever is left in it.
    pub(super) fn finalize(namespace: &str) -> Self {
        Self {
            risk: Risk::Forces,
            advice: "as the last resort, finalize the namespace by force".to_owned(),
            command: Some(format!(
                "kubectl get namespace {namespace} -o json | jq '.spec.finalizers = []' | kubectl \
                 replace --raw /api/v1/namespaces/{namespace}/finalize -f -"
            )),
            costs: Some(
                "what is left in it stays stored, unseen, and comes back with the next namespace \
                 of that name; what finalizers would have cleaned up outside stays for ever"
                    .to_owned(),
            ),
        }
    }

    /// With the command for it.
    #[must_use]
    pub(super) fn by(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedies_are_ordered_by_what_they_put_at_risk_however_they_come() {
        let finding = Finding::new(
            Cause::ObjectsRemain,
            Severity::Blocks,
            "objects are left".to_owned(),
            Remedy::look("wait"),
        )
        .or(Remedy::finalize("n"))
        .or(Remedy::give_up("take it off", "its clean-up"))
        .or(Remedy::mend("start it"));
        let risks: Vec<_> = finding.remedies().iter().map(|remedy| remedy.risk).collect();
        assert_eq!(risks, [Risk::None, Risk::Mends, Risk::GivesUp, Risk::Forces]);
    }
}
