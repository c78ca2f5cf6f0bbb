//! What would become of a Namespace if its Project were deleted now, without a write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tenure_core::Step;
use tenure_core::contents::{Contents, Unseen};
use tenure_core::lifecycle::{Preview, preview};
use tenure_core::plan::Requester;

use crate::RequestError;
use crate::gather::Cluster;
use crate::world::World;

/// What would be decided, and what was read for it.
pub struct Outlook {
    /// What was read.
    pub world: World,
    /// What would be decided; `None` if there is nothing to decide.
    pub preview: Option<Preview>,
    /// Whether what is in the Namespace would have taken too long to see.
    pub hurried: bool,
}

/// What one of the two objects is supposed to say, instead of what it says.
pub enum Supposed {
    /// Annotations of the Project.
    OnProject(BTreeMap<String, String>),
    /// Annotations of the Namespace.
    OnNamespace(BTreeMap<String, String>),
}

impl Cluster {
    /// Says what would become of the Namespace if the Project of that name were deleted now, by
    /// that person if it is known who asks: nothing is written. Contents that are not known within
    /// `patience` count as not seen.
    ///
    /// # Errors
    /// If anything else could not be read.
    pub async fn outlook(
        &self,
        name: &str,
        requester: Option<Requester>,
        patience: Duration,
    ) -> Result<Outlook, RequestError> {
        let began = Instant::now();
        // Some requests at once are too large to be part of every future that looks.
        let world = Box::pin(async {
            let mut world = self.read_objects(name).await?;
            if world.has_nothing_left() {
                // Whatever else cannot be read: nothing is left to protect.
                return Ok(world);
            }
            let of = match world.project() {
                Some(project) => Some(project.uid.clone()),
                None => self.planned_project(&world),
            };
            self.read_what_decides(&mut world, of.as_ref()).await?;
            self.look_into_archive(&mut world);
            world.requester = requester;
            Ok::<_, RequestError>(world)
        })
        .await?;
        self.decide(world, patience.saturating_sub(began.elapsed())).await
    }

    /// Says what would become of the Namespace if one of the objects that were read said something
    /// else. What else was read is not read again.
    ///
    /// # Errors
    /// If what is supposed cannot be read, or what is in the Namespace matters only now, and could
    /// not be read.
    pub async fn suppose(
        &self,
        mut world: World,
        supposed: Supposed,
    ) -> Result<Outlook, RequestError> {
        match supposed {
            Supposed::OnProject(annotations) => {
                let mut project = world.project.take();
                if let Some(project) = &mut project {
                    project.metadata.annotations = Some(annotations);
                }
                world.set_project(project, &self.settings)?;
            }
            Supposed::OnNamespace(annotations) => {
                let mut namespace = world.namespace.take();
                if let Some(namespace) = &mut namespace {
                    namespace.metadata.annotations = Some(annotations);
                }
                world.set_namespace(namespace)?;
            }
        }
        Box::pin(self.decide(world, Duration::MAX)).await
    }

    /// Decides by what was read, and looks at the contents if they matter.
    async fn decide(&self, mut world: World, patience: Duration) -> Result<Outlook, RequestError> {
        let began = Instant::now();
        let mut hurried = false;
        loop {
            let seen = world.observe(&self.settings, None);
            let step = match preview(&seen, self.now()) {
                Ok(preview) => {
                    drop(seen);
                    return Ok(Outlook { world, preview, hurried });
                }
                Err(step) => step,
            };
            drop(seen);
            debug_assert_eq!(step, Step::ReadContents);
            let left = patience.saturating_sub(began.elapsed());
            match tokio::time::timeout(left, self.execute(&step, &mut world)).await {
                Ok(outcome) => outcome?,
                Err(_) => {
                    hurried = true;
                    world.contents = Some(Arc::new(unseen(patience)));
                }
            }
        }
    }
}

fn unseen(patience: Duration) -> Contents {
    let why = format!("it takes longer than {} s", patience.as_secs());
    let everything = Unseen { kind: "everything".to_owned(), why, temporary: false };
    Contents { unseen: vec![everything], ..Contents::default() }
}
