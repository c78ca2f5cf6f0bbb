//! The canary: a Namespace whose deletion, asked for in a dry run, shows whether the API server
//! asks us at all.

use tenure_api::webhooks::CANARY_REFUSAL;

use super::review::Request;
use super::verdict::Verdict;

/// Refuses a dry run, unless it orphans: so that one that is refused and one that passes can both
/// be tried. A real deletion passes: it is uninstalled.
pub(crate) fn verdict(request: &Request) -> Verdict {
    if request.is_dry_run() && !request.orphans() {
        Verdict::forbidden(CANARY_REFUSAL)
    } else {
        Verdict::allowed()
    }
}
