//! What the HSM process counted, for audit records.

use keystead_audit::{Entry, ReceiptNote};
use keystead_wall::Receipt;

/// Notes the receipts of one event, in the order of their commands.
pub(crate) fn note(entry: &mut Entry, receipts: &[Receipt]) {
    for receipt in receipts {
        let Receipt {
            epoch,
            lane,
            counter,
            digest,
        } = *receipt;
        entry.receipt(ReceiptNote {
            epoch,
            lane,
            counter,
            digest,
        });
    }
}
