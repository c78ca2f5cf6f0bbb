//! The decision: what annotations, labels, liens, origin, identity, policies and profile make of
//! the Namespace, with everything that was considered. Without a look at the contents it is the
//! *static* decision, which is cheap and always current; with one it is the full decision.

use crate::listing::first_of;
use crate::statements::{Keep, Lien, NearMiss, Statements, Wish};
use crate::{
    Claim, CrdState, Disposition, Gate, NamespaceState, Origin, Profile, Snapshot, Source, Tenancy,
    keys,
};

/// How many of those who deploy into the Namespace a reason names.
const NAMED_MANAGERS: usize = 3;

/// What becomes of the Namespace, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The strongest claim or presumption; `Delete` where there is none.
    pub disposition: Disposition,
    /// What people and records demand, strongest first.
    pub claims: Vec<Claim>,
    /// What is demanded from what was found; a confirmation that shows it discharges it.
    pub presumptions: Vec<Claim>,
    /// Why nothing may happen now.
    pub gates: Vec<Gate>,
    /// What is probably not as its author meant it.
    pub warnings: Vec<String>,
}

impl Decision {
    /// The claim or presumption that decided, if any did.
    pub fn winner(&self) -> Option<&Claim> {
        // Claims before presumptions: what somebody said explains more than what was presumed.
        self.claims.iter().chain(&self.presumptions).find(|c| c.at_least == self.disposition)
    }

    /// Why, as one sentence.
    pub fn explain(&self) -> String {
        let fate = match self.disposition {
            Disposition::Delete => "the namespace is deleted with the Project",
            Disposition::Clean => "the namespace stays without what is the Project's",
            Disposition::Retain => "the namespace is retained",
        };
        match self.winner() {
            Some(claim) => format!("{fate}: {}", claim.reason),
            None => fate.to_owned(),
        }
    }
}

/// Which of the two objects carries an annotation.
#[derive(Clone, Copy)]
enum On {
    Project,
    Namespace,
}

impl On {
    fn word(self) -> &'static str {
        match self {
            Self::Project => "Project",
            Self::Namespace => "Namespace",
        }
    }
}

/// Decides what becomes of the Namespace.
///
/// Every rule adds claims, presumptions, gates or warnings; none takes any away. The
/// disposition is the maximum, so rules have no order.
pub fn decide(snapshot: &Snapshot) -> Decision {
    let mut found = Decision {
        disposition: Disposition::Delete,
        claims: Vec::new(),
        presumptions: Vec::new(),
        gates: Vec::new(),
        warnings: Vec::new(),
    };
    system(snapshot, &mut found);
    read_statements(On::Project, &snapshot.project, &mut found);
    match &snapshot.namespace {
        NamespaceState::Active { tenancy, statements } => {
            belonging(tenancy, snapshot, &mut found);
            shared(snapshot, &mut found);
            found.claims.extend(snapshot.demands.floor());
            read_statements(On::Namespace, statements, &mut found);
            custom_resource_definition(snapshot.crd, &mut found);
        }
        // Nothing is left to protect, and a gate would hold the Project for ever.
        NamespaceState::Absent | NamespaceState::Terminating => found.gates.clear(),
    }
    found.warnings.extend(snapshot.demands.warnings.iter().cloned());
    let presumed = found.presumptions.iter().filter(|_| !snapshot.discharged);
    found.disposition = found
        .claims
        .iter()
        .chain(presumed)
        .map(|claim| claim.at_least)
        .max()
        .unwrap_or(Disposition::Delete);
    let strongest_first = |a: &Claim, b: &Claim| (b.at_least, a).cmp(&(a.at_least, b));
    found.claims.sort_by(strongest_first);
    found.presumptions.sort_by(strongest_first);
    found.gates.sort();
    found.warnings.sort();
    found
}

fn system(snapshot: &Snapshot, found: &mut Decision) {
    if snapshot.system {
        found.claims.push(Claim {
            source: Source::SystemNamespace,
            at_least: Disposition::Retain,
            reason: "it is a system namespace, which no Project may own".to_owned(),
        });
    }
}

/// What a Namespace is presumed to deserve that others have to do with: what policies say, else
/// what the profile says.
fn presumed(by_policies: Option<Disposition>, profile: Profile) -> Disposition {
    by_policies.unwrap_or(match profile {
        Profile::Protective => Disposition::Retain,
        Profile::Kargo => Disposition::Delete,
    })
}

fn presume(source: Source, at_least: Disposition, reason: String, found: &mut Decision) {
    if at_least > Disposition::Delete {
        found.presumptions.push(Claim { source, at_least, reason });
    }
}

fn belonging(tenancy: &Tenancy, snapshot: &Snapshot, found: &mut Decision) {
    let reason = match tenancy {
        Tenancy::Owned(Origin::Created) => return,
        Tenancy::Owned(Origin::Adopted) => {
            let at_least = presumed(snapshot.demands.terms.adopted, snapshot.profile);
            let reason = "it existed before the Project moved in".to_owned();
            return presume(Source::Adopted, at_least, reason, found);
        }
        Tenancy::Unrecorded(_) => "no record says yet that it is the Project's".to_owned(),
        Tenancy::NotOwned(why) => why.reason(),
    };
    found.claims.push(Claim { source: Source::NotOurs, at_least: Disposition::Retain, reason });
}

fn shared(snapshot: &Snapshot, found: &mut Decision) {
    if snapshot.foreign.is_empty() {
        return;
    }
    let named = first_of(snapshot.foreign.iter(), NAMED_MANAGERS);
    let reason = format!("{named} deploy into it too");
    let at_least = presumed(snapshot.demands.terms.shared, snapshot.profile);
    presume(Source::Shared, at_least, reason, found);
}

fn custom_resource_definition(crd: CrdState, found: &mut Decision) {
    let reason = match crd {
        CrdState::Established => return,
        CrdState::Terminating => {
            "the CustomResourceDefinition of Projects is being deleted, which nobody who deletes \
             it can mean for every namespace"
        }
        CrdState::Unusable => {
            "the CustomResourceDefinition of Projects could not be found, is not served, or may \
             not be read by Tenure"
        }
    };
    found.gates.push(Gate { source: Source::ProjectCrd, reason: reason.to_owned() });
}

fn read_statements(on: On, statements: &Statements, found: &mut Decision) {
    let Statements { keep, wish, liens, near_misses } = statements;
    let (keep_source, wish_source, lien_source) = match on {
        On::Project => (Source::KeepOnProject, Source::DispositionOnProject, Source::LienOnProject),
        On::Namespace => {
            (Source::KeepOnNamespace, Source::DispositionOnNamespace, Source::LienOnNamespace)
        }
    };
    let word = on.word();
    match keep {
        Keep::Absent | Keep::No => {}
        Keep::Yes => found.claims.push(Claim {
            source: keep_source,
            at_least: Disposition::Retain,
            reason: format!("the {word} says {}: \"true\"", keys::KEEP_NAMESPACE),
        }),
        Keep::Illegible(value) => {
            illegible(
                keep_source,
                word,
                keys::KEEP_NAMESPACE,
                value,
                r#""true" or "false""#,
                found,
            );
        }
    }
    match wish {
        Wish::Absent => {}
        Wish::AtLeast(at_least) => found.claims.push(Claim {
            source: wish_source,
            at_least: *at_least,
            reason: format!("the {word} says {}: {at_least}", keys::DISPOSITION),
        }),
        Wish::Illegible(value) => {
            illegible(wish_source, word, keys::DISPOSITION, value, "Clean or Retain", found);
        }
    }
    for lien in liens {
        found.gates.push(held(lien_source, word, lien));
    }
    for miss in near_misses {
        near_miss(word, miss, found);
    }
}

fn held(source: Source, word: &str, lien: &Lien) -> Gate {
    let reason = if lien.reason.is_empty() { "no reason given" } else { &lien.reason };
    Gate {
        source,
        reason: format!("the {word} is held by {}{}: {reason}", keys::LIEN_PREFIX, lien.name),
    }
}

fn near_miss(word: &str, miss: &NearMiss, found: &mut Decision) {
    let what = if miss.label { "label" } else { "annotation" };
    found.claims.push(Claim {
        source: Source::NearMiss,
        at_least: Disposition::Retain,
        reason: format!("the {word} has the {what} {:.80}, close to keep-namespace", miss.key),
    });
    found.warnings.push(format!(
        "{what} {:.80} on the {word} is not read by Kargo; the annotation is {}",
        miss.key,
        keys::KEEP_NAMESPACE
    ));
}

/// A value that is no legal one was meant to say something, and cannot be read: retain, and warn.
fn illegible(
    source: Source,
    word: &str,
    key: &str,
    value: &str,
    legal: &str,
    found: &mut Decision,
) {
    found.claims.push(Claim {
        source,
        at_least: Disposition::Retain,
        reason: format!("the {word} says {key}: {value}, which is not {legal}"),
    });
    found.warnings.push(format!("{key}: {value} on the {word} must be {legal}"));
}
