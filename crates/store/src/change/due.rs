//! When something is due for a key.

use keystead_types::KeyState;

use crate::layout::{Due, DueKind};
use crate::records::{KeyRecord, MultiRegionRole};

/// The due entries of a key: only what its state lets happen, so that a job which takes the
/// earliest entries is never held up by those that must wait. Material expires and replicas are
/// brought in line in every state.
pub(crate) fn dues_of(record: &KeyRecord) -> Vec<Due> {
    let entry = |due, kind| Due {
        due,
        account: record.account,
        key_id: record.key_id,
        kind,
    };
    let deletion = match (record.state, record.deletion) {
        (KeyState::PendingDeletion, Some(deletion)) => Some(deletion.due),
        _ => None,
    };
    let set = record.multi_region.as_ref();
    // Replicas share the setting; the primary key rotates for all.
    let follows = set.is_some_and(|set| set.role == MultiRegionRole::Replica);
    let rotation = match (record.state, record.rotation) {
        (KeyState::Enabled | KeyState::Updating, Some(setting)) if !follows => Some(setting.next),
        _ => None,
    };
    let held = record.materials.iter().filter(|one| one.wrapped.is_some());
    let expiry = held.filter_map(|one| one.import.as_ref()?.valid_to).min();
    let sync = set.and_then(|set| set.sync_due);
    let dues = [
        (deletion, DueKind::Deletion),
        (rotation, DueKind::Rotation),
        (expiry, DueKind::Expiry),
        (sync, DueKind::Sync),
    ];
    let dues = dues.into_iter();
    dues.filter_map(|(due, kind)| Some(entry(due?, kind)))
        .collect()
}
