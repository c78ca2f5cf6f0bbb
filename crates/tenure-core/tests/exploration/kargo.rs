//! Kargo's management controller, one request at a time.
//!
//! It decides on what its caches hold, which may be old, and writes to whatever has the name by
//! then: a finalizer as the whole list, a DELETE by nothing but the name. What a write is answered
//! with replaces what the pass knows of that object; the caches learn of it in their own time.
//! Whatever fails, the pass is done again. `docs/kargo.md` says what it was compared with.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::admission::{By, Deletion, lets_namespace_go};
use crate::cluster::{Cluster, Namespace, Project, Version};
use crate::model::Config;
use crate::together::judge_outsider;

/// A Project, as far as Kargo looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Its {
    deleting: bool,
    held: bool,
    /// Whether somebody else holds it, too.
    foreign: bool,
    /// Whether it keeps the Namespace.
    keeps: bool,
    /// Whether a Project may live in it, if it is a Namespace.
    labelled: bool,
}

impl Its {
    fn project(project: &Arc<Project>) -> Self {
        let Project { deleting, ours, foreign, says, .. } = &**project;
        let deleting = deleting.is_some();
        Self { deleting, held: *ours > 0, foreign: *foreign, keeps: says.keep, labelled: false }
    }

    fn namespace(namespace: &Arc<Namespace>) -> Self {
        let Namespace { deleting, ours, foreign, says, labelled, .. } = &**namespace;
        let (deleting, held) = (deleting.is_some(), *ours > 0);
        Self { deleting, held, foreign: *foreign, keeps: says.keep, labelled: *labelled }
    }
}

/// What it knows, and where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Kargo {
    project: Option<Its>,
    namespace: Option<Its>,
    pass: Pass,
    /// The pass of its reconciler of Namespaces.
    other: Other,
}

/// Where a pass over a Project is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Pass {
    #[default]
    Idle,
    /// The Project is held; what comes next depends on whether it is being deleted.
    Held(Its),
    /// The Namespace is let go of, and not kept.
    Deletes(Its),
    /// Its deletion was let in, as the Namespace was then.
    LetIn(Its, Version),
    /// The Namespace is done with.
    LetsGo(Its),
}

/// Where a pass over a Namespace is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Other {
    #[default]
    Idle,
    /// It has asked for the deletion of the Project.
    Asks { foreign: bool },
    /// The Project is being deleted, or gone.
    LetsGo { foreign: bool },
}

/// What it does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Its cache catches up.
    SeesProject,
    SeesNamespace,
    /// Its reconciler of Projects sends a request.
    Acts,
    /// Its reconciler of Namespaces does.
    ActsOnNamespace,
}

impl Move {
    pub(crate) const ALL: [Self; 4] =
        [Self::SeesProject, Self::SeesNamespace, Self::Acts, Self::ActsOnNamespace];
}

impl Kargo {
    pub(crate) fn hash_in<H: Hasher>(&self, cluster: &Cluster, state: &mut H) {
        self.hash(state);
        if let Pass::LetIn(_, version) = self.pass {
            (cluster.namespace.as_ref().map(|ns| ns.version) == Some(version)).hash(state);
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.pass == Pass::Idle && self.other == Other::Idle
    }

    /// Where its pass over the Project is, in a word.
    pub(crate) fn tell(&self) -> &'static str {
        match self.pass {
            Pass::Idle => "begins",
            Pass::Held(_) => "holds the Project",
            Pass::Deletes(_) => "asks for the deletion of the Namespace",
            Pass::LetIn(..) => "deletes the Namespace",
            Pass::LetsGo(_) => "lets go of the Project",
        }
    }

    /// What it would be if it had seen everything.
    pub(crate) fn caught_up(cluster: &Cluster) -> Self {
        Self {
            project: cluster.project.as_ref().map(Its::project),
            namespace: cluster.namespace.as_ref().map(Its::namespace),
            ..Self::default()
        }
    }

    /// Does it; `None` where there is nothing to do, or nothing comes of it.
    pub(crate) fn go_on(
        &mut self,
        what: Move,
        cluster: &mut Cluster,
        config: &Config,
        deletions: &mut Vec<Deletion>,
    ) -> Option<()> {
        let Self { project, namespace, .. } = Self::caught_up(cluster);
        match what {
            Move::SeesProject => {
                (self.project != project).then_some(())?;
                self.project = project;
            }
            Move::SeesNamespace => {
                (self.namespace != namespace).then_some(())?;
                self.namespace = namespace;
            }
            Move::Acts => {
                let (before, versions) = (self.pass, cluster.versions);
                self.pass = self.act(cluster, config);
                (self.pass != before || cluster.versions != versions).then_some(())?;
            }
            Move::ActsOnNamespace => self.other = self.act_on_namespace(cluster, deletions)?,
        }
        Some(())
    }

    /// The deletion of the Project that it waits for was answered.
    pub(crate) fn is_answered(&mut self, deleted: bool) {
        if let Other::Asks { foreign } = self.other {
            self.other = if deleted { Other::LetsGo { foreign } } else { Other::Idle };
        }
    }

    fn act(&self, cluster: &mut Cluster, config: &Config) -> Pass {
        match self.pass {
            Pass::Idle => match self.project {
                None => Pass::Idle,
                Some(project) if !project.held => {
                    // Before it is known whether the Project is being deleted.
                    match hold(cluster, true, project.foreign) {
                        Some(project) => Pass::Held(project),
                        None => Pass::Idle,
                    }
                }
                Some(project) => self.held(project, cluster, config),
            },
            Pass::Held(project) => self.held(project, cluster, config),
            Pass::Deletes(project) => deletes(project, cluster, config),
            Pass::LetIn(project, version) => match &cluster.namespace {
                None => Pass::LetsGo(project),
                Some(namespace) if namespace.version != version => Pass::Deletes(project),
                Some(_) => {
                    cluster.delete_namespace();
                    Pass::LetsGo(project)
                }
            },
            Pass::LetsGo(project) => {
                if project.held {
                    hold(cluster, false, project.foreign);
                }
                Pass::Idle
            }
        }
    }

    fn held(&self, project: Its, cluster: &mut Cluster, config: &Config) -> Pass {
        if !project.deleting {
            self.provide(cluster);
            return Pass::Idle;
        }
        let Some(mut namespace) = self.namespace else {
            return Self { pass: Pass::LetsGo(project), ..self.clone() }.act(cluster, config);
        };
        let held = namespace.held;
        if held {
            match hold_namespace(cluster, false, namespace.foreign) {
                Some(answer) => namespace = answer,
                None => return Pass::Idle,
            }
        }
        let next = if project.keeps || namespace.keeps {
            Pass::LetsGo(project)
        } else {
            Pass::Deletes(project)
        };
        // Where there was nothing to take off, no request was sent yet.
        if held { next } else { Self { pass: next, ..self.clone() }.act(cluster, config) }
    }

    /// Makes the Namespace with what belongs into it, or puts the finalizer on it.
    fn provide(&self, cluster: &mut Cluster) {
        match self.namespace {
            None if cluster.namespace.is_none() => {
                cluster.namespaces += 1;
                let namespace = Namespace {
                    uid: cluster.namespaces,
                    version: cluster.next_version(),
                    created: cluster.now,
                    ours: 1,
                    labelled: true,
                    by_controller: true,
                    ..Namespace::default()
                };
                cluster.namespace = Some(Arc::new(namespace));
                cluster.provided.inside = Some(0);
            }
            Some(namespace) if namespace.labelled && !namespace.held => {
                hold_namespace(cluster, true, namespace.foreign);
            }
            _ => {}
        }
    }

    fn act_on_namespace(
        &self,
        cluster: &mut Cluster,
        deletions: &mut Vec<Deletion>,
    ) -> Option<Other> {
        match self.other {
            Other::Idle => {
                let namespace = self.namespace.filter(|ns| ns.deleting && ns.held)?;
                let foreign = namespace.foreign;
                Some(match Deletion::of(cluster, true) {
                    Some(deletion) => {
                        deletions.push(deletion);
                        Other::Asks { foreign }
                    }
                    None => Other::LetsGo { foreign },
                })
            }
            Other::Asks { .. } => None,
            Other::LetsGo { foreign } => {
                hold_namespace(cluster, false, foreign);
                Some(Other::Idle)
            }
        }
    }
}

/// Asks for the deletion of whatever Namespace has the name.
fn deletes(project: Its, cluster: &mut Cluster, config: &Config) -> Pass {
    let Some(version) = cluster.namespace.as_ref().map(|ns| ns.version) else {
        return Pass::LetsGo(project);
    };
    if !lets_namespace_go(cluster, config, By::Kargo) {
        return Pass::Idle;
    }
    judge_outsider(cluster, config, By::Kargo);
    Pass::LetIn(project, version)
}

/// Writes the Project's whole list of finalizers; what it is then, unless that was refused.
fn hold(cluster: &mut Cluster, held: bool, foreign: bool) -> Option<Its> {
    let project = cluster.project.as_ref()?;
    let adds = (held && project.ours == 0) || (foreign && !project.foreign);
    (!adds || project.deleting.is_none()).then_some(())?;
    let after = Its { held, foreign, ..Its::project(project) };
    if (project.ours > 0, project.foreign) != (held, foreign) {
        cluster.on_project(|project| (project.ours, project.foreign) = (held.into(), foreign));
    }
    Some(after)
}

/// The same for the Namespace.
fn hold_namespace(cluster: &mut Cluster, held: bool, foreign: bool) -> Option<Its> {
    let namespace = cluster.namespace.as_ref()?;
    let adds = (held && namespace.ours == 0) || (foreign && !namespace.foreign);
    (!adds || namespace.deleting.is_none()).then_some(())?;
    let after = Its { held, foreign, ..Its::namespace(namespace) };
    if (namespace.ours > 0, namespace.foreign) != (held, foreign) {
        cluster.on_namespace(|ns| (ns.ours, ns.foreign) = (held.into(), foreign));
    }
    Some(after)
}
