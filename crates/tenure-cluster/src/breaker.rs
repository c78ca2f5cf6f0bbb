//! The breaker's ConfigMap.

use k8s_openapi::api::core::v1::ConfigMap;
use tenure_core::keys;
use tenure_core::plan::BreakerRecord;

/// When it opened.
pub(crate) const OPENED: &str = "opened";
/// Why.
pub(crate) const WHY: &str = "why";
/// When it was closed.
pub(crate) const CLOSED: &str = "closed";
/// By whom.
pub(crate) const CLOSED_BY: &str = "closedBy";

/// What the ConfigMap says. One that cannot be read says that the breaker is open: whoever wrote
/// it meant something by it.
pub fn record(map: &ConfigMap) -> BreakerRecord {
    let field = |name: &str| map.data.as_ref().and_then(|data| data.get(name));
    let time = |name: &str| field(name).and_then(|text| text.parse().ok());
    let annotations = map.metadata.annotations.as_ref();
    BreakerRecord {
        opened: time(OPENED).unwrap_or_default(),
        why: field(WHY).cloned().unwrap_or_else(|| "its ConfigMap cannot be read".to_owned()),
        closed: time(CLOSED).map(|at| (at, field(CLOSED_BY).cloned().unwrap_or_default())),
        asked_by: annotations.and_then(|a| a.get(keys::CLOSED_BY)).cloned(),
    }
}
