//! Forgetting bytes that held a caller's plaintext.

/// Overwrites the bytes with zeros in a way that the optimiser keeps.
pub(crate) fn wipe(bytes: &mut [u8]) {
    // A `fill` is a memset; `zeroize` on a slice writes byte by byte, which costs more than the
    // rest of the frame's handling.
    bytes.fill(0);
    zeroize::optimization_barrier(bytes);
}

/// Makes room for `extra` bytes without leaving a copy of the present ones behind.
pub(crate) fn reserve(out: &mut Vec<u8>, extra: usize) {
    let need = out.len().saturating_add(extra);
    if need <= out.capacity() {
        return;
    }
    let mut grown = Vec::with_capacity(need.max(out.capacity().saturating_mul(2)));
    grown.extend_from_slice(out);
    let mut old = std::mem::replace(out, grown);
    wipe(&mut old);
}

/// Overwrites and empties a buffer, keeping its capacity.
pub(crate) fn wipe_and_clear(bytes: &mut Vec<u8>) {
    wipe(bytes);
    bytes.clear();
}
