//! Projects that hang in their deletion, and those that carry stamps.

use jiff::Timestamp;
use kube::{Api, ResourceExt as _};
use tenure_api::{Project, project_facts};

use crate::not_found::read_if_served;
use crate::{Cluster, RequestError};

/// Projects, by name, and since when.
pub(super) type Since = Vec<(String, Timestamp)>;

impl Cluster {
    /// Projects whose deletion was asked for and that somebody holds; and those that are not being
    /// deleted and carry a stamp.
    pub(super) async fn lingering_projects(&self) -> Result<(Since, Since), RequestError> {
        let projects: Api<Project> = Api::all(self.client.clone());
        let every = Default::default();
        let listed = read_if_served::<Project, _>(&self.client, projects.list(&every));
        let listed = self.within("list projects", listed).await?;
        let (mut held, mut stamped) = (Vec::new(), Vec::new());
        for project in listed.iter().flatten() {
            // One that cannot be read is told of by whoever decides about it.
            let Ok(facts) = project_facts(project, &self.settings) else { continue };
            match (facts.deleting, facts.stamp) {
                (Some(since), _) if facts.finalizer => held.push((project.name_any(), since)),
                (None, Some(stamp)) => stamped.push((project.name_any(), stamp.at)),
                _ => {}
            }
        }
        Ok((held, stamped))
    }

    /// Whether there is a Project of that name.
    pub(super) async fn has_project(&self, name: &str) -> Result<bool, RequestError> {
        let projects: Api<Project> = Api::all(self.client.clone());
        let read = read_if_served::<Project, _>(&self.client, projects.get_metadata_opt(name));
        Ok(self.within("read the project", read).await?.flatten().is_some())
    }
}
