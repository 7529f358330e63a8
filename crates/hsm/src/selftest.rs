//! Known answers and a round trip, before any key is touched.

use std::sync::Arc;

use keystead_types::{
    AccountId, EncryptionAlgorithm, KeyId, KeySpec, KeyUsage, Origin, Plaintext, Region,
};
use keystead_wall::{Cipher, Command, KeyBinding, KeyHandle, Refusal, Reply, Supply};
use thiserror::Error;

use crate::aead;
use crate::arena::Arena;
use crate::core::{Core, CoreError};
use crate::roots::Ephemeral;

/// A self-test failed: the library or the machine cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the self-test of {0} failed")]
pub struct SelfTestError(pub &'static str);

mod asymmetric;

/// Runs all of them: about 8 ms, and some 25 ms more for the library to gather entropy at the first
/// use of its generator.
pub(crate) fn run(arena: &Arc<Arena>) -> Result<(), SelfTestError> {
    check("HMAC", asymmetric::hmac())?;
    check("the key derivation (SP 800-108)", derivation())?;
    check("AES-256-GCM", aes_256_gcm())?;
    check("the random generator", random())?;
    check("RSA signatures", asymmetric::rsa_signing())?;
    check("RSA-OAEP", asymmetric::rsa_encryption())?;
    check("ECDSA", asymmetric::ecdsa())?;
    check("ECDH", asymmetric::ecdh())?;
    check("Ed25519", asymmetric::ed25519())?;
    check("ML-DSA", asymmetric::ml_dsa())?;
    check("ML-KEM", asymmetric::ml_kem())?;
    check("SM2", asymmetric::sm2())?;
    check("encryption and decryption", round_trip(arena))
}

fn check(name: &'static str, passed: Option<bool>) -> Result<(), SelfTestError> {
    match passed {
        Some(true) => Ok(()),
        _ => Err(SelfTestError(name)),
    }
}

/// NIST CAVP, KDFCTR_gen.rsp: HMAC_SHA256, counter of 32 bits before the fixed input, L = 128,
/// count 0. And 512 bits of our own label, computed with Python's `hmac`.
fn derivation() -> Option<bool> {
    let key = hex::<32>("dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0")?;
    let fixed = hex::<60>(
        "01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b864a145fab25e517b08f8683d\
         0315bb2911d80a0e8aba17f3b413faac",
    )?;
    let mut out = [0; 16];
    aead::derive(&key, &fixed, &mut out).ok()?;
    let nist = out == hex("10621342bfb0fd40046c0e29f2cfdbf0")?;

    let mut input = Vec::new();
    aead::fixed_input(&mut input, b"keystead ciphertext v1", &[b"context"], 512);
    let mut out = [0; 64];
    aead::derive(&key, &input, &mut out).ok()?;
    let ours = out == hex::<64>(OWN_DERIVATION)?;
    Some(nist && ours)
}

const OWN_DERIVATION: &str = "f0c94d26a8a20a0ab6fd87f1e8fb183a929063f0dd410f4c988ed30d588e57e4\
     2fd717f4f909da9b17dbe2ad43effdc63243b945836df8afbd9ce42fad8dfe17";

/// The Galois/Counter Mode of Operation (McGrew, Viega), test case 16.
fn aes_256_gcm() -> Option<bool> {
    let key = hex::<32>("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")?;
    let nonce = hex("cafebabefacedbaddecaf888")?;
    let aad = hex::<20>("feedfacedeadbeeffeedfacedeadbeefabaddad2")?;
    let plaintext = hex::<60>(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24\
         49a6b525b16aedf5aa0de657ba637b39",
    )?;
    let ciphertext = hex::<60>(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10\
         56828838c5f61e6393ba7a0abcc9f662",
    )?;
    let tag = hex("76fc6ece0f4e1768cddf8853bb2d551b")?;
    let mut buffer = plaintext;
    let made = aead::seal_in_place(&key, nonce, &aad, &mut buffer).ok()?;
    let sealed = buffer == ciphertext && made == tag;
    let opened = aead::open(&key, nonce, &aad, &ciphertext, &tag, &mut buffer).is_ok();
    let mut wrong = tag;
    wrong.iter_mut().for_each(|byte| *byte ^= 1);
    let mut rest = [0; 60];
    let refused = aead::open(&key, nonce, &aad, &ciphertext, &wrong, &mut rest).is_err();
    Some(sealed && opened && buffer == plaintext && refused)
}

/// Not a statistical test: finds a generator that is stuck.
fn random() -> Option<bool> {
    let (mut one, mut two) = ([0; 32], [0; 32]);
    aead::random(&mut one).ok()?;
    aead::random(&mut two).ok()?;
    Some(one != two && one != [0; 32])
}

/// A key of its own through the same code that serves.
fn round_trip(arena: &Arc<Arena>) -> Option<bool> {
    let root = Ephemeral::create(arena).ok()?;
    let core: Result<Core, CoreError> = Core::with_root(Arc::clone(arena), Box::new(root));
    let mut lane = Arc::new(core.ok()?).lane(0).ok()?;
    let mut run = |command: Command<'_>| lane.execute(&command).result;
    let region = Region::parse("self-test-1").ok()?;
    run(Command::CreateDomain { region: &region }).ok()?;
    let mut binding = KeyBinding {
        region,
        account: AccountId::from_number(0)?,
        key_id: KeyId::from_random([0; 16]),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        material_id: keystead_types::Hex32([0; 32]),
    };
    let made = run(Command::GenerateKey {
        binding: &binding,
        supply: Supply::Made,
    })
    .ok()?;
    let Reply::NewKey {
        material_id,
        wrapped,
        ..
    } = made
    else {
        return None;
    };
    binding.material_id = material_id;
    let key = KeyHandle {
        binding: &binding,
        wrapped: &wrapped,
    };
    let plaintext = Plaintext::new(b"self-test".to_vec());
    let cipher = Cipher {
        key,
        algorithm: EncryptionAlgorithm::SymmetricDefault,
        context: b"context",
    };
    let sealed = run(Command::Encrypt {
        cipher,
        plaintext: &plaintext,
    });
    let Ok(Reply::Ciphertext(mut ciphertext)) = sealed else {
        return None;
    };
    let opened = run(Command::Decrypt {
        cipher,
        ciphertext: &ciphertext,
        recipient: None,
    });
    let Ok(Reply::Plaintext(opened)) = opened else {
        return None;
    };
    let same = opened.expose() == plaintext.expose();
    *ciphertext.last_mut()? ^= 1;
    let refused = run(Command::Decrypt {
        cipher,
        ciphertext: &ciphertext,
        recipient: None,
    });
    Some(same && matches!(refused, Err(Refusal::InvalidCiphertext)))
}

/// Constants of the tests.
fn hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let digits = digits.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_pass_and_a_wrong_answer_would_show() {
        let arena = Arena::new().unwrap();
        let began = std::time::Instant::now();
        assert_eq!(run(&arena), Ok(()));
        // Some milliseconds when optimised.
        assert!(began.elapsed().as_secs() < 2);
        assert!(check("x", Some(false)).is_err());
        assert!(check("x", None).is_err());
        assert_eq!(hex::<2>("0aff"), Some([10, 255]));
        assert_eq!(hex::<2>("0a"), None);
    }
}
