//! The real clock and the real randomness.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use keystead_types::{Clock, Entropy, Timestamp};

/// The wall clock of the machine.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Randomness for ids, from the cryptographic library's generator. Ids are unique, not secret, so
/// each thread draws them from a small stock.
pub(crate) struct SystemEntropy;

/// Bytes that a thread draws at once: ids of 32 requests.
const STOCK_BYTES: usize = 1024;

thread_local! {
    static STOCK: RefCell<([u8; STOCK_BYTES], usize)> =
        const { RefCell::new(([0; STOCK_BYTES], STOCK_BYTES)) };
}

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        STOCK.with_borrow_mut(|(stock, used)| {
            if out.len() > STOCK_BYTES {
                return draw(out);
            }
            if STOCK_BYTES - *used < out.len() {
                draw(stock);
                *used = 0;
            }
            if let Some(taken) = stock.get(*used..*used + out.len()) {
                out.copy_from_slice(taken);
            }
            *used += out.len();
        });
    }
}

/// Fills from the generator. It seeds itself from the kernel and does not fail once the process
/// runs; were it to, an id of zeros would collide and the request be refused, not weakened.
fn draw(out: &mut [u8]) {
    if aws_lc_rs::rand::fill(out).is_err() {
        out.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_are_given_twice() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let mut id = [0; 16];
            SystemEntropy.fill(&mut id);
            assert!(seen.insert(id));
        }
        let mut large = [0; STOCK_BYTES + 1];
        SystemEntropy.fill(&mut large);
        assert!(large.windows(16).all(|window| window != [0; 16]));
    }
}
