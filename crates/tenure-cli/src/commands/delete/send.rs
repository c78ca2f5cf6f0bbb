//! Sending one deletion that was agreed to, until it is accepted or refused, or somebody interrupts it.

use std::time::Duration;

use tenure_api::Project;
use tenure_core::Uid;

use super::carry_out::{Sent, Written, carry_out};
use super::prepare::Prepared;
use super::{ATTEMPTS, Task};
use crate::arguments::DryRun;
use crate::exit::{Failure, Kind, Outcome};
use crate::printer::Printer;

/// For how long somebody who interrupts waits for what they interrupt to be taken back.
const GIVES_UP_WITHIN: Duration = Duration::from_secs(5);

impl Task<'_> {
    /// Asks for the deletion. If it is refused, what was written for it is taken back, unless
    /// others have yet to agree to exactly that.
    pub(super) async fn send(&self, prepared: &Prepared, printer: &Printer) -> Outcome<String> {
        let mut written = Written::default();
        let sent = tokio::select! {
            sent = Box::pin(self.try_to_send(prepared, &mut written, printer)) => Some(sent),
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(sent) = sent else {
            self.interrupted.set(true);
            return Err(self.gives_up(prepared, &written).await);
        };
        if let Err(failure) = &sent
            && matches!(failure.kind, Kind::Refused | Kind::PlanChanged)
            && !prepared.awaits_approvals()
            && let Err(failure) = written.take_back(&prepared.look.name, &self.session).await
        {
            printer.warn(failure.message);
        }
        sent
    }

    /// Whoever interrupts it does not want it any more. What was written is taken back, which ends
    /// the version that a DELETE on its way holds for, and then it is looked whether that came first.
    async fn gives_up(&self, prepared: &Prepared, written: &Written) -> Failure {
        let name = &prepared.look.name;
        let looks = tokio::time::timeout(GIVES_UP_WITHIN, async {
            written.take_back(name, &self.session).await?;
            self.session.project(name).await
        });
        let plans = format!("kubectl tenure plans {name}");
        let stands = |project: &Project| {
            let meta = &project.metadata;
            meta.deletion_timestamp.is_none()
                && meta.uid.as_deref() == prepared.world_uid().map(Uid::as_str)
        };
        match looks.await {
            Ok(Ok(Some(project))) if stands(&project) => Failure::declined(format!(
                "interrupted; project/{name} is not deleted, and what was written for that is taken \
                 back"
            )),
            Ok(Ok(_)) => Failure::new(
                Kind::TimedOut,
                format!(
                    "interrupted; the deletion of project/{name} was accepted before, and goes on"
                ),
            )
            .next(plans)
            .next(format!("kubectl tenure cancel project/{name}")),
            Ok(Err(_)) | Err(_) => Failure::error(format!(
                "interrupted; whether the deletion of project/{name} was accepted is not known"
            ))
            .next(plans),
        }
    }

    /// Asks for the deletion. Where the Project changed meanwhile it is looked at again, and what
    /// was agreed to is done, or nothing.
    async fn try_to_send(
        &self,
        prepared: &Prepared,
        written: &mut Written,
        printer: &Printer,
    ) -> Outcome<String> {
        let name = &prepared.look.name;
        if prepared.goes_on() {
            return Ok("its deletion was accepted before".to_owned());
        }
        match self.arguments.dry_run {
            DryRun::Client => return Ok("nothing was sent (dry run)".to_owned()),
            DryRun::Server | DryRun::None => {}
        }
        let dry = self.arguments.dry_run == DryRun::Server;
        let agreed = prepared.plan().map(|plan| plan.digest());
        let mut again: Option<Prepared> = None;
        for _ in 0..ATTEMPTS {
            let now = again.as_ref().unwrap_or(prepared);
            let sent = carry_out(now, &self.session, dry, written).await;
            if let Err(refusal) = &sent
                && dry
                && now.lacks_only_what_it_confirms(refusal)
            {
                return Ok("it would be confirmed first, which a dry run is not".to_owned());
            }
            match sent? {
                Sent::Accepted if dry => return Ok("it would be accepted (dry run)".to_owned()),
                Sent::Accepted => return Ok("its deletion is accepted".to_owned()),
                Sent::Changed => {}
            }
            let looked = self.look(name, printer).await?;
            let same = looked.plan().map(|plan| plan.digest()) == agreed
                && looked.world_uid() == prepared.world_uid();
            if !same {
                return Err(Failure::new(
                    Kind::PlanChanged,
                    format!("the plan for Project {name} changed before it was deleted"),
                )
                .next(format!("kubectl tenure plan project/{name}")));
            }
            again = Some(looked);
        }
        Err(Failure::error(format!("Project {name} keeps changing; it was not deleted")))
    }
}
