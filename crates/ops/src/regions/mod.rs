//! Multi-Region keys: making replicas, and choosing which key of a set is the primary one.

mod replicate_key;
mod update_primary_region;

pub use replicate_key::ReplicateKey;
pub use update_primary_region::UpdatePrimaryRegion;

use keystead_engine::{KeyEntry, KeyRecord, MultiRegionRole};
use keystead_types::{Fault, FaultKind};

/// Refuses keys that are not the primary key of a set.
///
/// Errors: UnsupportedOperationException.
fn require_primary(key: &KeyEntry) -> Result<(), Fault> {
    let set = key.record().multi_region.as_ref();
    if set.is_some_and(|set| set.role == MultiRegionRole::Primary) {
        return Ok(());
    }
    Err(not_primary(key))
}

/// Refuses the replicas of a set: what they share is set on their primary key.
///
/// Errors: UnsupportedOperationException.
pub(crate) fn refuse_replica(key: &KeyEntry) -> Result<(), Fault> {
    let set = key.record().multi_region.as_ref();
    match set.map(|set| set.role) {
        Some(MultiRegionRole::Replica) => Err(not_primary(key)),
        _ => Ok(()),
    }
}

fn not_primary(key: &KeyEntry) -> Fault {
    let arn = key.arn_text();
    Fault::new(
        FaultKind::UnsupportedOperation,
        format!("{arn} is not a multi-region primary key."),
    )
}

/// Refuses a primary key that hands its role over: what a set shares rests meanwhile.
///
/// Errors: KMSInvalidStateException.
pub(crate) fn refuse_handover(record: &KeyRecord, arn: &str) -> Result<(), Fault> {
    let set = record.multi_region.as_ref();
    if set.is_none_or(|set| set.handover.is_none()) {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::KMSInvalidState,
        format!("{arn} is updating."),
    ))
}
