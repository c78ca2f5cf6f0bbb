//! Reading trails: from plans, and from an archive.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::core::{Expression, SelectorExt as _};
use tenure_api::DeletionPlan;
use tenure_archive::Archive;
use tenure_core::trail::{Entry, Head, verify};

use crate::arguments::GlobalArguments;
use crate::commands::plans::all;
use crate::exit::{Failure, Outcome};
use crate::session::Session;

/// Trails that are read at once.
const AT_ONCE: usize = 8;

/// The trail of a plan.
#[derive(Clone, Debug)]
pub(super) struct Trail {
    /// Whose it is: the plan's name.
    pub(super) subject: String,
    /// The Project.
    pub(super) project: String,
    /// How far the plan is, where it was read.
    pub(super) phase: Option<String>,
    /// Labels that the Project had, where the plan was read.
    labels: BTreeMap<String, String>,
    /// What is there.
    pub(super) entries: Vec<Entry>,
    /// Why not all of it can be read.
    pub(super) illegible: Option<String>,
}

impl Trail {
    /// Where the trail ends, or why it is not whole.
    pub(super) fn judge(&self) -> Result<Head, String> {
        match &self.illegible {
            Some(why) => Err(why.clone()),
            None => verify(&self.subject, &self.entries).map_err(|fault| fault.to_string()),
        }
    }

    /// The last entry.
    pub(super) fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// Whether the Project had such labels.
    pub(super) fn has_labels(&self, wanted: &[Expression]) -> bool {
        wanted.iter().all(|expression| expression.matches(&self.labels))
    }

    /// Whether the plan has ended.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.phase.as_deref(), Some("Done" | "Void"))
    }

    fn of_plan(plan: &DeletionPlan) -> Self {
        let subject = plan.name_any();
        let project = &plan.spec.project;
        let (phase, entries, illegible) = match plan.facts() {
            Ok(read) => (Some(read.status.phase.as_str().to_owned()), read.status.history, None),
            Err(error) => (None, Vec::new(), Some(format!("it cannot be read: {error}"))),
        };
        Self {
            subject,
            project: project.name.clone(),
            phase,
            labels: project.labels.clone(),
            entries,
            illegible,
        }
    }

    async fn of_archive(archive: &Archive, subject: String) -> Self {
        let (entries, illegible) = match archive.read(&subject).await {
            Ok(entries) => (entries, None),
            // Which comes first, what is illegible or what does not follow, the archive says.
            Err(error) => {
                let first = archive.verify(&subject).await.err();
                (Vec::new(), Some(first.unwrap_or(error).to_string()))
            }
        };
        Self {
            project: project_of(&subject).to_owned(),
            subject,
            phase: None,
            labels: BTreeMap::new(),
            entries,
            illegible,
        }
    }
}

/// The trails of the plans, by name, and the time.
pub(super) async fn of_plans(global: &GlobalArguments) -> Outcome<(Vec<Trail>, Timestamp)> {
    let session = Session::open(global).await?;
    let plans = all(&session).await?;
    Ok((plans.iter().map(Trail::of_plan).collect(), session.now()))
}

/// The trails of an archive, by name.
pub(super) async fn of_archive(url: &str) -> Outcome<Vec<Trail>> {
    let archive = Archive::open(url, std::env::vars()).map_err(failed)?;
    let subjects = archive.subjects().await.map_err(failed)?;
    let archive = &archive;
    let reads = subjects
        .into_iter()
        .map(|subject| async move { Trail::of_archive(archive, subject).await });
    Ok(futures::stream::iter(reads).buffered(AT_ONCE).collect().await)
}

fn failed(error: tenure_archive::ArchiveError) -> Failure {
    Failure::error(format!("failed to {error}"))
}

/// The trail of that name, or of which it is the beginning and of no other; or the newest of the
/// Project of that name.
pub(super) fn find<'a>(trails: &'a [Trail], name: &str) -> Outcome<&'a Trail> {
    let name = name.strip_prefix("deletionplan/").unwrap_or(name);
    let project = name.strip_prefix("project/").unwrap_or(name);
    let begun = |trail: &&Trail| trail.entries.first().map(|first| first.at);
    let newest = trails.iter().filter(|trail| trail.project == project).max_by_key(begun);
    if let Some(newest) = newest {
        return Ok(newest);
    }
    let of_name: Vec<_> = trails.iter().filter(|trail| trail.subject.starts_with(name)).collect();
    match of_name.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::error(format!(
            "there is no trail of {name:?}, and none of a Project of that name"
        ))),
        several => Err(Failure::usage(format!(
            "{} trails begin with {name:?}; write more of it",
            several.len()
        ))),
    }
}

/// The Project in the name of its plan, `PROJECT.UID`.
fn project_of(subject: &str) -> &str {
    subject.rsplit_once('.').map_or(subject, |(project, _)| project)
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A trail as it was read.
    pub(in super::super) fn trail(
        subject: &str,
        phase: Option<&str>,
        entries: Vec<Entry>,
    ) -> Trail {
        Trail {
            subject: subject.to_owned(),
            project: project_of(subject).to_owned(),
            phase: phase.map(str::to_owned),
            labels: BTreeMap::new(),
            entries,
            illegible: None,
        }
    }
}
