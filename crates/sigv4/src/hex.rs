//! Lower-case hex of 32-byte digests, without a branch per digit.

const DIGITS: &[u8; 16] = b"0123456789abcdef";
const NOT_HEX: u8 = 0xff;

/// The value of each byte as a lower-case hex digit, [`NOT_HEX`] for every other byte.
const VALUES: [u8; 256] = values();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler: it cannot fail at run time"
)]
const fn values() -> [u8; 256] {
    let mut table = [NOT_HEX; 256];
    let mut value = 0u8;
    while value < 16 {
        table[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    table
}

/// The 64 lower-case hex digits of 32 bytes; missing bytes count as zero.
pub(crate) fn encode(bytes: &[u8]) -> [u8; 64] {
    let mut out = [b'0'; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            *high = digit(byte >> 4);
            *low = digit(byte & 0x0f);
        }
    }
    out
}

/// The bytes of exactly 64 lower-case hex digits.
pub(crate) fn decode(digits: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = digits.try_into().ok()?;
    let mut out = [0; 32];
    let mut seen = 0;
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let (high, low) = (value(*high), value(*low));
        seen |= high | low;
        *byte = high << 4 | low & 0x0f;
    }
    (seen < 16).then_some(out)
}

fn digit(value: u8) -> u8 {
    DIGITS.get(usize::from(value)).copied().unwrap_or(b'0')
}

fn value(digit: u8) -> u8 {
    VALUES.get(usize::from(digit)).copied().unwrap_or(NOT_HEX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip() {
        let bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 8 + 3).unwrap());
        assert_eq!(decode(&encode(&bytes)), Some(bytes));
        assert_eq!(&encode(&[0xab; 32])[..4], b"abab");
    }

    #[test]
    fn only_64_lower_case_digits_are_hex() {
        for at in 0..64 {
            for bad in (0..=255u8).filter(|b| !b"0123456789abcdef".contains(b)) {
                let mut digits = [b'7'; 64];
                digits[at] = bad;
                assert_eq!(decode(&digits), None, "{bad} at {at}");
            }
        }
        assert_eq!(decode(&[b'0'; 63]), None);
        assert_eq!(decode(&[b'0'; 65]), None);
        assert_eq!(decode(b""), None);
    }
}
