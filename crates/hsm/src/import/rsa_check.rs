//! RSA private keys from outside. AWS-LC checks that the numbers go together; what it does not
//! look at is whether they are good ones.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use keystead_types::KeySpec;
use zeroize::Zeroizing;

use super::pkcs8::PrivateKeyInfo;
use crate::arena::Arena;
use crate::der::{self, Reader};
use crate::limits::{RSA_EXPONENT_MIN, RSA_PRIMES_DIFFERENCE_BITS};
use crate::material::Fresh;
use crate::{gaps, rsa};

/// 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// The odd primes up to 167.
const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// The numbers of an RSAPrivateKey (RFC 8017, A.1.2) that are checked here, big endian without
/// leading zeros.
struct Numbers<'a> {
    modulus: &'a [u8],
    public_exponent: &'a [u8],
    private_exponent: &'a [u8],
    primes: [&'a [u8]; 2],
}

/// Parses PKCS#8. `None`: it is not a two-prime key with exactly the spec's modulus, its numbers
/// do not go together, or they are weak.
pub(crate) fn parse(spec: KeySpec, plaintext: &[u8], arena: &Arc<Arena>) -> Option<Fresh> {
    let mut info = PrivateKeyInfo::parse(plaintext)?;
    // RFC 8017, A.1: the parameters are NULL. The public key is in the private key.
    let parameters = info.parameters.read(der::NULL)?;
    info.parameters.end()?;
    let foreign = info.algorithm != RSA_ENCRYPTION || !parameters.is_empty();
    if foreign || info.public_key.is_some() {
        return None;
    }
    let numbers = numbers(info.key)?;
    check(&numbers, rsa::size(spec).ok()?.len())?;
    let key = RsaKeyPair::from_der(info.key).ok()?;
    if !numbers.primes.into_iter().all(gaps::is_prime) {
        return None;
    }
    // The last word has the key itself: the library verifies what it signs.
    let mut signature = Zeroizing::new(vec![0; key.public_modulus_len()]);
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &[], &mut signature)
        .ok()?;
    Some(rsa::fresh(&key, arena))
}

fn numbers(key: &[u8]) -> Option<Numbers<'_>> {
    let mut outer = Reader::new(key);
    let mut key = outer.nested(der::SEQUENCE)?;
    outer.end()?;
    // Version 0 has two primes; version 1 has more.
    if !key.unsigned()?.is_empty() {
        return None;
    }
    let numbers = Numbers {
        modulus: key.unsigned()?,
        public_exponent: key.unsigned()?,
        private_exponent: key.unsigned()?,
        primes: [key.unsigned()?, key.unsigned()?],
    };
    for _crt in 0..3 {
        key.unsigned()?;
    }
    key.end()?;
    Some(numbers)
}

/// FIPS 186-5, A.1.1: a modulus of the length, an exponent above 2^16, primes of half the length
/// that are not close to each other, a private exponent longer than half the length.
fn check(numbers: &Numbers<'_>, modulus_bytes: usize) -> Option<()> {
    let prime_bytes = modulus_bytes / 2;
    let exactly = |number: &[u8], bytes: usize| {
        number.len() == bytes && number.first().is_some_and(|first| *first >= 0x80)
    };
    let exponent = numbers.public_exponent;
    // Its upper limit and its parity are the library's business.
    let exponent = match exponent.len() {
        ..=8 => exponent
            .iter()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)),
        _ => return None,
    };
    let [p, q] = numbers.primes;
    let good = exactly(numbers.modulus, modulus_bytes)
        && exactly(p, prime_bytes)
        && exactly(q, prime_bytes)
        && exponent >= RSA_EXPONENT_MIN
        && numbers.private_exponent.len() > prime_bytes
        && are_apart(p, q)
        && !is_roca(numbers.modulus);
    good.then_some(())
}

/// Whether the first bits of the difference are not all zero. Closer primes are found from the
/// modulus (Fermat's method).
fn are_apart(p: &[u8], q: &[u8]) -> bool {
    let (larger, smaller) = if p > q { (p, q) } else { (q, p) };
    let mut difference = Zeroizing::new(vec![0; larger.len()]);
    let mut borrow = 0;
    let pairs = larger.iter().zip(smaller).rev();
    for (digit, (a, b)) in difference.iter_mut().rev().zip(pairs) {
        let value = i16::from(*a) - i16::from(*b) - borrow;
        borrow = i16::from(value < 0);
        // The low eight bits are the digit.
        *digit = value.to_be_bytes()[1];
    }
    let leading = difference.iter().position(|digit| *digit != 0);
    leading.is_some_and(|at| {
        let zeros = difference.get(at).map_or(0, |digit| digit.leading_zeros());
        at * 8 + (zeros as usize) < RSA_PRIMES_DIFFERENCE_BITS
    })
}

/// Whether the modulus has the fingerprint of a broken generator of smartcards and TPMs, whose
/// keys can be factored: modulo every small prime it is a power of 65537. One in 2^27 other
/// moduli has it too. Source: CVE-2017-15361; Nemec et al., "The Return of Coppersmith's Attack".
fn is_roca(modulus: &[u8]) -> bool {
    let is_power = |prime: &u32| {
        let remainder = modulus
            .iter()
            .fold(0, |sum, byte| (sum * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..*prime).any(|_| {
            power = power * 65_537 % prime;
            power == remainder
        })
    };
    ROCA_PRIMES.iter().all(is_power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_primes_and_small_exponents_are_weak() {
        let prime = |at: usize, bit: u8| {
            let mut bytes = vec![0xc0; 128];
            bytes[at] ^= bit;
            bytes
        };
        let plain = prime(127, 0);
        assert!(!are_apart(&plain, &plain));
        // Of the first 100 bits the last decides.
        for (at, bit, apart) in [(0, 0x40, true), (12, 0x10, true), (12, 0x08, false)] {
            let other = prime(at, bit);
            assert_eq!(are_apart(&plain, &other), apart);
            assert_eq!(are_apart(&other, &plain), apart);
        }
        // A borrow through every byte: 0x80 00 .. 00 less 0x7f ff .. ff is one.
        let mut high = vec![0; 128];
        high[0] = 0x80;
        let mut low = vec![0xff; 128];
        low[0] = 0x7f;
        assert!(!are_apart(&high, &low));

        let modulus = vec![0xc0; 256];
        let (p, q) = (plain, prime(0, 0x20));
        let check = |public: &[u8], private: usize| {
            let numbers = Numbers {
                modulus: &modulus,
                public_exponent: public,
                private_exponent: &vec![1; private],
                primes: [&p, &q],
            };
            check(&numbers, 256).is_some()
        };
        assert!(check(&[1, 0, 1], 129));
        assert!(!check(&[1, 0, 1], 128));
        assert!(!check(&[0xff, 0xff], 129));
        assert!(check(&[1, 0, 0, 0, 0], 129));
    }

    #[test]
    fn the_fingerprint_of_the_broken_generator_is_found() {
        // Powers of 65537 have it, other numbers do not.
        assert!(is_roca(&[1, 0, 1]));
        assert!(is_roca(&[1, 0, 2, 0, 1]));
        assert!(is_roca(&[1, 0, 3, 0, 3, 0, 1]));
        assert!(!is_roca(&[1, 0, 3]));
        assert!(!is_roca(&[0xc0; 256]));
    }
}
