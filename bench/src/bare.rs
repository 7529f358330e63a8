//! Signatures of the cryptographic library alone, on one core: what signing through the server is
//! measured against. None of the product's code is involved.

use crate::limits;
use crate::workload::Signing;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, ML_DSA_65_SIGNING, PqdsaKeyPair,
    RSA_PSS_SHA256, RsaKeyPair,
};
use std::io;
use std::time::{Duration, Instant};

type Sign = Box<dyn FnMut() -> Result<(), Unspecified>>;

/// Signatures per second of this thread's processor time, over `duration` of the clock.
///
/// # Errors
/// When the library refuses, or the kernel does not tell the thread's time.
pub(crate) fn rate(signing: Signing, duration: Duration) -> io::Result<f64> {
    let refused = |_| io::Error::other("the library does not sign");
    let mut sign = signer(signing).map_err(refused)?;
    // The first call prepares what the key keeps for the next ones.
    sign().map_err(refused)?;
    let (began, before) = (Instant::now(), on_processor()?);
    let mut done = 0_u32;
    while began.elapsed() < duration {
        sign().map_err(refused)?;
        done += 1;
    }
    let spent = on_processor()?.saturating_sub(before).as_secs_f64();
    Ok(f64::from(done) / spent.max(f64::EPSILON))
}

fn signer(signing: Signing) -> Result<Sign, Unspecified> {
    const MESSAGE: [u8; limits::MESSAGE_BYTES] = [0x5a; limits::MESSAGE_BYTES];
    let random = SystemRandom::new();
    let rsa = |size| -> Result<Sign, Unspecified> {
        let key = RsaKeyPair::generate(size)?;
        let mut out = vec![0; key.public_modulus_len()];
        Ok(Box::new(move || {
            key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), &MESSAGE, &mut out)
        }))
    };
    match signing {
        Signing::Rsa2048 => rsa(KeySize::Rsa2048),
        Signing::Rsa4096 => rsa(KeySize::Rsa4096),
        Signing::P256 => {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
            Ok(Box::new(move || key.sign(&random, &MESSAGE).map(drop)))
        }
        Signing::Ed25519 => {
            let key = Ed25519KeyPair::generate()?;
            Ok(Box::new(move || key.try_sign(&MESSAGE).map(drop)))
        }
        Signing::MlDsa65 => {
            let key = PqdsaKeyPair::generate(&ML_DSA_65_SIGNING)?;
            let mut out = vec![0; ML_DSA_65_SIGNING.signature_len()];
            Ok(Box::new(move || key.sign(&MESSAGE, &mut out).map(drop)))
        }
    }
}

/// Time that this thread has been on a processor (Linux `Documentation/scheduler/sched-stats.rst`,
/// first field): the machine may have other work.
fn on_processor() -> io::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().and_then(|n| n.parse().ok());
    let nanoseconds =
        nanoseconds.ok_or_else(|| io::Error::other("unreadable /proc/thread-self/schedstat"))?;
    Ok(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_signs_and_longer_keys_take_longer() {
        let rate = |signing| rate(signing, Duration::from_millis(50)).unwrap();
        for signing in [Signing::P256, Signing::Ed25519, Signing::MlDsa65] {
            assert!(rate(signing) > 1.0, "{signing:?}");
        }
        assert!(rate(Signing::Rsa2048) > 2.0 * rate(Signing::Rsa4096));
    }
}
