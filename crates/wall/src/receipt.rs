//! Proof that the HSM process ran a command.

/// The HSM's own count of what it did. The audit entry stores it, so that a use of a key without
/// an audit entry shows as a gap in the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Random number of this HSM process; a restart begins a new one.
    pub epoch: u64,
    /// The lane (socket) that counted.
    pub lane: u16,
    /// 1 for the first command of the lane, then one more each.
    pub counter: u64,
    /// Running digest: SHA-256 over the previous digest of the lane, the counter, the command's
    /// kind, its key's material id and whether it succeeded; truncated to 16 bytes.
    pub digest: [u8; 16],
}
