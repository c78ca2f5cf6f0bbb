//! Steps on what is in the Namespace.

use std::sync::Arc;

use tenure_core::contents::clean::{Cleaning, Wave};

use crate::RequestError;
use crate::contents::Refusal;
use crate::error::Failure;
use crate::gather::Cluster;
use crate::world::World;

impl Cluster {
    pub(super) async fn look_at_contents(&self, world: &mut World) -> Result<(), RequestError> {
        let managers = world.subject(&self.settings).map(|p| p.managers).unwrap_or_default();
        let contents = self.look_into(&world.name, &managers).await?;
        world.contents = Some(Arc::new(contents));
        Ok(())
    }

    pub(super) async fn look_at_remaining(
        &self,
        cleaning: &Cleaning,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let remaining = self.read_remaining(&world.name, cleaning).await?;
        world.remaining = Some(Arc::new(remaining));
        Ok(())
    }

    pub(super) async fn clean_wave(
        &self,
        cleaning: &Cleaning,
        wave: Wave,
        world: &mut World,
    ) -> Result<(), RequestError> {
        let cleaned = self.delete_wave(&world.name, cleaning, wave).await?;
        world.remaining = Some(Arc::new(cleaned.remaining));
        // Asked again at once, what is refused would be refused again.
        match cleaned.refusals.into_iter().next() {
            Some(Refusal { object, why, temporary }) => Err(RequestError {
                doing: format!("delete {object} in {}", world.name),
                failure: if temporary { Failure::Unknown(why) } else { Failure::Denied(why) },
            }),
            None => Ok(()),
        }
    }
}
