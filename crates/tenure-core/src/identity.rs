//! Whose a Namespace is: ownership is proved by records, never by name.

use jiff::{SignedDuration, Timestamp};

use crate::{NamespaceFacts, ProjectFacts, Uid};

/// How the Project came by its Namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The Project created it.
    Created,
    /// It existed before; the Project moved in.
    Adopted,
}

impl Origin {
    /// The word for it, as the annotation `tenure.dev/origin` holds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Adopted => "Adopted",
        }
    }

    /// Reads the annotation's value.
    ///
    /// # Errors
    /// Gives an illegible value back.
    pub fn parse(value: &str) -> Result<Self, String> {
        match value {
            "Created" => Ok(Self::Created),
            "Adopted" => Ok(Self::Adopted),
            other => Err(other.to_owned()),
        }
    }
}

/// Whether the Namespace is this Project's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenancy {
    /// Recorded as created or adopted by this very Project.
    Owned(Origin),
    /// Labelled and free, with no record yet; this is how the record would read.
    Unrecorded(Origin),
    /// Not this Project's, and why.
    NotOwned(NotOwned),
}

/// Why a Namespace is not this Project's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOwned {
    /// It lacks the label `kargo.akuity.io/project: "true"`.
    Unlabelled {
        /// Whether its record names this Project all the same, so that what its ledger
        /// lists can be taken back.
        recorded: bool,
    },
    /// Its record names another Project.
    OtherProject(Uid),
    /// It is not the incarnation this Project is bound to.
    Replaced {
        /// The one it is bound to.
        bound: Uid,
    },
    /// Its record cannot be read; this says which part.
    Illegible(String),
}

/// How much older than its Project a Namespace may be that the Project's creation made:
/// Kargo's webhook makes it first, and the API server gives a webhook 10 s unless told otherwise.
const WEBHOOK_TIMEOUT: SignedDuration = SignedDuration::from_secs(10);

/// Says whose the Namespace is, by the records on both sides.
pub fn tenancy(project: &ProjectFacts, namespace: &NamespaceFacts) -> Tenancy {
    if let Some(why) = illegible(namespace) {
        return Tenancy::NotOwned(NotOwned::Illegible(why));
    }
    if let Some(other) = namespace.project_uid.as_ref().filter(|uid| **uid != project.uid) {
        return Tenancy::NotOwned(NotOwned::OtherProject(other.clone()));
    }
    let mut bound = project.bound().into_iter().chain(namespace.recorded_on().cloned());
    if let Some(bound) = bound.find(|bound| *bound != namespace.uid) {
        return Tenancy::NotOwned(NotOwned::Replaced { bound });
    }
    let recorded = namespace.project_uid.is_some();
    if !namespace.labelled {
        return Tenancy::NotOwned(NotOwned::Unlabelled { recorded });
    }
    match &namespace.origin {
        Some(Ok(origin)) => Tenancy::Owned(*origin),
        // Opened for whoever comes, so it was there before.
        _ if namespace.ledger.is_some() => Tenancy::Unrecorded(Origin::Adopted),
        _ => Tenancy::Unrecorded(infer_origin(project.created, namespace)),
    }
}

/// Which part of the record cannot be read. A record is whole or absent: a part of one is as
/// illegible as a corrupted one.
fn illegible(namespace: &NamespaceFacts) -> Option<String> {
    match (&namespace.project_uid, &namespace.origin, &namespace.ledger) {
        (None, None, None) | (Some(_), Some(Ok(_)), Some(Ok(_))) => None,
        // What was opened for a Project that has yet to come.
        (None, None, Some(Ok(ledger))) if ledger.opened() => None,
        (_, Some(Err(value)), _) => {
            Some(format!("{} is {value:.40?}, not Created or Adopted", crate::keys::ORIGIN))
        }
        (_, _, Some(Err(error))) => Some(format!("{}: {error}", crate::keys::LEDGER)),
        (None, ..) => Some(format!("{} is missing", crate::keys::PROJECT_UID)),
        (_, None, _) => Some(format!("{} is missing", crate::keys::ORIGIN)),
        (_, _, None) => Some(format!("{} is missing", crate::keys::LEDGER)),
    }
}

/// Infers the origin of a Namespace that has no record: created by its Project only if a
/// controller labelled it and it is not older than the Project's creation explains.
pub fn infer_origin(project_created: Timestamp, namespace: &NamespaceFacts) -> Origin {
    let age_before = project_created.duration_since(namespace.created);
    if namespace.labelled && namespace.labelled_by_controller && age_before <= WEBHOOK_TIMEOUT {
        Origin::Created
    } else {
        Origin::Adopted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ledger, ResourceVersion, Statements};

    fn project() -> ProjectFacts {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        ProjectFacts {
            uid: Uid::new("project"),
            resource_version: ResourceVersion::new("1"),
            generation: 1,
            created: now,
            deleting: None,
            finalizer: false,
            statements: Statements::default(),
            bound_by_annotation: None,
            labels: Default::default(),
            managers: Default::default(),
            confirm: None,
            cancel: crate::Cancel::No,
            restored_from: None,
            stamp: None,
            keeps: false,
            conditions: Vec::new(),
            stats: None,
        }
    }

    /// A Namespace that somebody opened for a Project, and that is not older than it.
    fn opened(ledger: &Ledger) -> NamespaceFacts {
        NamespaceFacts {
            uid: Uid::new("namespace"),
            resource_version: ResourceVersion::new("1"),
            created: project().created,
            deleting: None,
            labelled: true,
            labelled_by_controller: true,
            finalizer: false,
            leave: false,
            owner_reference: false,
            statements: Statements::default(),
            labels: Default::default(),
            project_uid: None,
            origin: None,
            ledger: Some(Ok(ledger.clone())),
        }
    }

    #[test]
    fn who_moves_into_a_namespace_that_was_opened_for_it_adopts_it() {
        let namespace = opened(&Ledger::for_whoever_comes());
        assert_eq!(tenancy(&project(), &namespace), Tenancy::Unrecorded(Origin::Adopted));
        let unlabelled = NamespaceFacts { labelled: false, ..namespace };
        let why = NotOwned::Unlabelled { recorded: false };
        assert_eq!(tenancy(&project(), &unlabelled), Tenancy::NotOwned(why));
    }

    /// Out of a backup, annotations and all, under a Project that is not bound to anything.
    #[test]
    fn a_record_that_was_written_on_another_namespace_makes_this_one_nobodys() {
        let recorded_on = |uid| {
            let ledger = Ledger { namespace: Some(Uid::new(uid)), ..Ledger::default() };
            let namespace = NamespaceFacts {
                project_uid: Some(project().uid),
                origin: Some(Ok(Origin::Created)),
                ..opened(&ledger)
            };
            tenancy(&project(), &namespace)
        };
        assert_eq!(recorded_on("namespace"), Tenancy::Owned(Origin::Created));
        let bound = Uid::new("before");
        assert_eq!(recorded_on("before"), Tenancy::NotOwned(NotOwned::Replaced { bound }));
    }

    #[test]
    fn any_other_part_of_a_record_stays_illegible() {
        let illegible = |namespace: &NamespaceFacts| {
            matches!(tenancy(&project(), namespace), Tenancy::NotOwned(NotOwned::Illegible(_)))
        };
        assert!(illegible(&opened(&Ledger::default())));
        let inherited = vec!["Role/kargo-admin".to_owned()];
        assert!(illegible(&opened(&Ledger { label: true, inherited, namespace: None })));
        let origin = Some(Ok(Origin::Adopted));
        assert!(illegible(&NamespaceFacts { origin, ..opened(&Ledger::for_whoever_comes()) }));
    }
}
