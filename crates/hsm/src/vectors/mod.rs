//! Known answers of others for the primitives as this crate uses them: Wycheproof, RFCs.
//!
//! A Wycheproof case is `valid`, `invalid`, or `acceptable`, which leaves it to the implementation.
//! What is done here with the acceptable ones stands at each test.

mod agreement;
mod encryption;
mod macs;
mod signatures;

/// What ran of a file.
#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
}

impl Tally {
    /// Notes a case that had to be accepted or refused, and whether it was accepted.
    fn note(&mut self, case: usize, wanted: bool, accepted: bool) {
        assert_eq!(accepted, wanted, "case {case}");
        match accepted {
            true => self.accepted += 1,
            false => self.refused += 1,
        }
    }

    /// A file that was not read, or whose cases were all left out, proves nothing.
    fn ran(&self, name: impl std::fmt::Debug) {
        let Self { accepted, refused } = self;
        assert!(*accepted > 0, "{name:?}: nothing was accepted");
        assert!(*refused > 0, "{name:?}: nothing was refused");
    }
}

fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks_exact(2);
    assert!(pairs.remainder().is_empty());
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
