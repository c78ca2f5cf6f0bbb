//! The canary: a Namespace whose deletion, asked for in a dry run, shows whether the API server
//! asks us at all.

use tenure_api::install::CANARY as NAME;

use super::review::Request;
use super::verdict::Verdict;

/// Its name.
pub(crate) const CANARY: &str = NAME;

/// Refuses a dry run, unless it orphans: so that one that is refused and one that passes can both
/// be tried. A real deletion passes: it is uninstalled.
pub(crate) fn verdict(request: &Request) -> Verdict {
    if request.is_dry_run() && !request.orphans() {
        Verdict::forbidden("the canary sings: admission is guarded")
    } else {
        Verdict::allowed()
    }
}
