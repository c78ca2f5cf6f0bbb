//! Carrying out one step, and bringing the world up to date with the answer.
//!
//! A step that fails leaves the world as it was read; the caller reads again and asks the
//! lifecycle again. Nothing here decides or retries.

mod access;
mod contents;
mod namespace;
mod plan;
mod project;

use kube::api::{Patch, PatchParams, PostParams};
use tenure_core::{Step, keys};

use crate::RequestError;
use crate::gather::Cluster;
use crate::world::World;

impl Cluster {
    /// Carries out a step.
    ///
    /// # Errors
    /// If the request failed or nobody knows whether it succeeded.
    pub async fn execute(&self, step: &Step, world: &mut World) -> Result<(), RequestError> {
        if !step.keeps_reads_fresh() && !step.is_rest() {
            world.fresh = false;
        }
        match step {
            Step::Done | Step::Wait(_) => Ok(()),
            Step::ReadAccess => self.read_access(world).await,
            Step::ReadBlockers => self.read_blockers(world).await,
            Step::ReadContents => self.look_at_contents(world).await,
            Step::ReadRemaining(cleaning) => self.look_at_remaining(cleaning, world).await,
            Step::RecordPlan(plan) => self.record_plan(plan, None, world).await,
            Step::RecordProject => self.record_project(world).await,
            Step::AdvancePlan(status) => self.advance_plan(status, world).await,
            Step::Archive => {
                self.archive(world).await;
                Ok(())
            }
            Step::OpenBreaker(why) => self.open_breaker(why, world).await,
            Step::CloseBreaker(by) => self.close_breaker(by, world).await,
            Step::RestoreProject => self.restore_project(world).await,
            Step::RebindNamespace => self.rebind_namespace(world).await,
            Step::CleanWave(cleaning, wave) => self.clean_wave(cleaning, *wave, world).await,
            Step::HoldProject => self.hold_project(world).await,
            Step::BindProject(uid) => self.bind_project(uid, world).await,
            Step::UnbindProject => self.unbind_project(world).await,
            Step::LetGoOfProject => self.let_go_of_project(world).await,
            Step::DeleteProject(uid) => self.delete_project(uid, world).await,
            Step::ReportStatus(report) => self.report_status(report, world).await,
            Step::StampProject(plan) => self.stamp_project(plan, world).await,
            Step::WithdrawStamp => self.withdraw_stamp(world).await,
            Step::GiveLeave(plan) => self.give_leave(plan, world).await,
            Step::TakeLeave => self.take_leave(world).await,
            Step::CreateNamespace { finalizer } => self.create_namespace(*finalizer, world).await,
            Step::RecordNamespace { origin, ledger, finalizer } => {
                self.record_namespace(*origin, ledger, *finalizer, world).await
            }
            Step::AddNamespaceFinalizer => self.add_namespace_finalizer(world).await,
            Step::RemoveNamespaceFinalizer => self.remove_namespace_finalizer(world).await,
            Step::StripOwnerReference => self.strip_owner_reference(world).await,
            Step::DeleteNamespace { uid, resource_version } => {
                self.delete_namespace(uid, resource_version, world).await
            }
            Step::ReleaseNamespace(what) => self.release_namespace(*what, world).await,
            Step::Provision(keys) => self.provision(keys, world).await,
            Step::Repair(keys) => self.repair(keys, world).await,
            Step::RemoveAccess(keys) => self.remove_access(keys, world).await,
        }
    }
}

/// Every write carries our name.
pub(crate) fn post() -> PostParams {
    PostParams { field_manager: Some(keys::FIELD_MANAGER.to_owned()), ..Default::default() }
}

/// Every write carries our name.
fn patch() -> PatchParams {
    PatchParams { field_manager: Some(keys::FIELD_MANAGER.to_owned()), ..Default::default() }
}

/// Whether a patch would change nothing.
fn is_empty(patch: &Patch<()>) -> bool {
    let Patch::Json(patch) = patch else { return false };
    patch.0.iter().all(|operation| matches!(operation, json_patch::PatchOperation::Test(_)))
}
