//! Known answers of the algorithms with key pairs. Keys, signatures, ciphertexts and secrets were
//! made once by an independent program (Python's `cryptography`, on OpenSSL); the keys protect
//! nothing.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use keystead_types::{EncryptionAlgorithm, KeySpec, MessageType, SigningAlgorithm};
use keystead_wall::Refusal;

use super::hex;
use crate::{ec, edwards, mac, ml_dsa, ml_kem, rsa, sm2};

const RSA_2048: &[u8] = include_bytes!("vectors/rsa-2048.der");
const RSA_2048_OAEP_SHA_256: &[u8] = include_bytes!("vectors/rsa-2048-oaep-sha-256.bin");
const RSA_2048_PSS_SHA_256: &[u8] = include_bytes!("vectors/rsa-2048-pss-sha-256.bin");
const MESSAGE: &[u8] = b"self-test";
const RAW: MessageType = MessageType::Raw;
const INVALID: Result<(), Refusal> = Err(Refusal::SignatureInvalid);

/// RFC 4231, section 4.3 (test case 2), the four hashes.
pub(super) fn hmac() -> Option<bool> {
    use keystead_types::MacAlgorithm as A;
    let right = |algorithm, want: &[u8]| {
        let message = b"what do ya want for nothing?";
        mac::generate(algorithm, b"Jefe", message) == want
            && mac::verify(algorithm, b"Jefe", message, want) == Ok(())
            && mac::verify(algorithm, b"jefe", message, want) == Err(Refusal::MacInvalid)
    };
    let sha_224 = hex::<28>("a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44")?;
    let sha_256 = hex::<32>("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")?;
    let sha_384 = hex::<48>(
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ec\
         fab21649",
    )?;
    let sha_512 = hex::<64>(
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65\
         f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    )?;
    // The library's own shape of it, for the derivations that do not go through `mac`.
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
    let same = hmac::sign(&key, b"what do ya want for nothing?").as_ref() == sha_256;
    Some(
        same && right(A::HmacSha224, &sha_224)
            && right(A::HmacSha256, &sha_256)
            && right(A::HmacSha384, &sha_384)
            && right(A::HmacSha512, &sha_512),
    )
}

/// PKCS#1 v1.5 gives the known signature; PSS, which is random, verifies a known and its own.
pub(super) fn rsa_signing() -> Option<bool> {
    use SigningAlgorithm::{RsassaPkcs1V15Sha256, RsassaPssSha256};
    let key = rsa::SigningKey::parse(KeySpec::Rsa2048, RSA_2048).ok()?;
    let signature = key.sign(RsassaPkcs1V15Sha256, RAW, MESSAGE).ok()?;
    let want = hex::<32>("b0dd57a4971875de79c75b9777331f1f2dc158edd05db7f82e70b5beefda0306")?;
    let known = digest(&SHA256, &signature).as_ref() == want;
    let verify = |message, signature| key.verify(RsassaPssSha256, RAW, message, signature);
    let own = key.sign(RsassaPssSha256, RAW, MESSAGE).ok()?;
    Some(
        known
            && verify(MESSAGE, RSA_2048_PSS_SHA_256) == Ok(())
            && verify(MESSAGE, &own) == Ok(())
            && verify(b"another", &own) == INVALID,
    )
}

/// A known ciphertext opens, and so does its own.
pub(super) fn rsa_encryption() -> Option<bool> {
    const OAEP: EncryptionAlgorithm = EncryptionAlgorithm::RsaesOaepSha256;
    let key = rsa::DecryptingKey::parse(KeySpec::Rsa2048, RSA_2048).ok()?;
    let known = key.decrypt(OAEP, RSA_2048_OAEP_SHA_256).ok()?;
    let own = key.encrypt(OAEP, MESSAGE).ok()?;
    let opened = key.decrypt(OAEP, &own).ok()?;
    let wrong = key.decrypt(EncryptionAlgorithm::RsaesOaepSha1, &own);
    let refused = matches!(wrong, Err(Refusal::InvalidCiphertext));
    Some(known.expose() == MESSAGE && opened.expose() == MESSAGE && refused)
}

/// The bytes 1, 2, 3, … with a zero before them for P-521, whose order does not fill them.
fn scalar(spec: KeySpec) -> Vec<u8> {
    match spec {
        KeySpec::EccNistP384 => (1..=48).collect(),
        KeySpec::EccNistP521 => (0..66).collect(),
        _ => (1..=32).collect(),
    }
}

/// On each curve a known signature verifies, and so does its own.
pub(super) fn ecdsa() -> Option<bool> {
    use SigningAlgorithm::{EcdsaSha256, EcdsaSha384, EcdsaSha512};
    let right = |spec, algorithm, known: &[u8]| {
        let key = ec::SigningKey::parse(spec, &scalar(spec)).ok()?;
        let verify = |message, signature| key.verify(algorithm, RAW, message, signature);
        let own = key.sign(algorithm, RAW, MESSAGE).ok()?;
        Some(
            verify(MESSAGE, known) == Ok(())
                && verify(MESSAGE, &own) == Ok(())
                && verify(b"another", &own) == INVALID,
        )
    };
    let p256 = right(
        KeySpec::EccNistP256,
        EcdsaSha256,
        &hex::<72>(P256_SIGNATURE)?,
    )?;
    let p384 = right(
        KeySpec::EccNistP384,
        EcdsaSha384,
        &hex::<102>(P384_SIGNATURE)?,
    )?;
    let p521 = right(
        KeySpec::EccNistP521,
        EcdsaSha512,
        &hex::<139>(P521_SIGNATURE)?,
    )?;
    let k1 = right(
        KeySpec::EccSecgP256k1,
        EcdsaSha256,
        &hex::<70>(P256K1_SIGNATURE)?,
    )?;
    Some(p256 && p384 && p521 && k1)
}

/// On each NIST curve the known secret.
pub(super) fn ecdh() -> Option<bool> {
    let right = |spec, peer: &[u8], want: &[u8]| {
        let key = ec::AgreementKey::parse(spec, &scalar(spec)).ok()?;
        Some(key.derive(peer).ok()?.expose() == want)
    };
    let (peer, want) = (hex::<91>(P256_PEER)?, hex::<32>(P256_SECRET)?);
    let p256 = right(KeySpec::EccNistP256, &peer, &want)?;
    let (peer, want) = (hex::<120>(P384_PEER)?, hex::<48>(P384_SECRET)?);
    let p384 = right(KeySpec::EccNistP384, &peer, &want)?;
    let (peer, want) = (hex::<158>(P521_PEER)?, hex::<66>(P521_SECRET)?);
    let p521 = right(KeySpec::EccNistP521, &peer, &want)?;
    Some(p256 && p384 && p521)
}

/// The known signature of the key of RFC 8032, section 7.1, test 1; Ed25519ph verifies its own.
pub(super) fn ed25519() -> Option<bool> {
    use SigningAlgorithm::{Ed25519PhSha512, Ed25519Sha512};
    let seed = hex::<32>("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")?;
    let want = hex::<64>(
        "4909eb8f7b8bc8314aac940043caa140291a996d0754f2599bcd09edce40d47fc10d32f68fb56bd8a7e3d204\
         9eff4a810ce58ac1a8591bc642314f6c20ba6e0c",
    )?;
    let key = edwards::SigningKey::parse(KeySpec::EccNistEdwards25519, &seed).ok()?;
    let own = key.sign(Ed25519Sha512, RAW, MESSAGE).ok()?;
    let verify = |message, signature: &[u8]| key.verify(Ed25519Sha512, RAW, message, signature);
    let hashed = MessageType::Digest;
    let ph = key.sign(Ed25519PhSha512, hashed, &[7; 64]).ok()?;
    Some(
        own == want
            && verify(MESSAGE, &own) == Ok(())
            && verify(b"another", &own) == INVALID
            && key.verify(Ed25519PhSha512, hashed, &[7; 64], &ph) == Ok(())
            && key.verify(Ed25519PhSha512, hashed, &[8; 64], &ph) == INVALID,
    )
}

/// The known public key of a seed, and a signature that is random.
pub(super) fn ml_dsa() -> Option<bool> {
    const SHAKE: SigningAlgorithm = SigningAlgorithm::MlDsaShake256;
    const SPEC: KeySpec = KeySpec::MlDsa44;
    let seed: Vec<u8> = (0..32).collect();
    let spki = ml_dsa::public_key(SPEC, &seed).ok()?;
    let want = hex::<32>("9f107644c1084526af3bc8098680b05499a2325a644e388fb4f970e058d19d46")?;
    let known = digest(&SHA256, spki.last_chunk::<1312>()?).as_ref() == want;
    let key = ml_dsa::SigningKey::parse(SPEC, &seed).ok()?;
    let own = key.sign(SHAKE, RAW, MESSAGE).ok()?;
    let good = key.verify(SHAKE, RAW, MESSAGE, &own) == Ok(());
    let bad = key.verify(SHAKE, RAW, b"another", &own) == INVALID;
    Some(known && good && bad)
}

/// The known public key of a seed, and an encapsulation that is random.
pub(super) fn ml_kem() -> Option<bool> {
    const SPEC: KeySpec = KeySpec::MlKem768;
    let seed: Vec<u8> = (0..64).collect();
    let spki = ml_kem::public_key(SPEC, &seed).ok()?;
    let want = hex::<32>("0b7934c83125c788995e2ba6bd761e33046b3e40571be53e023309a29f398cc9")?;
    let known = digest(&SHA256, spki.last_chunk::<1184>()?).as_ref() == want;
    let (mut ciphertext, secret) = ml_kem::encapsulate(SPEC, &seed).ok()?;
    let opened = ml_kem::decapsulate(SPEC, &seed, &ciphertext).ok()?;
    *ciphertext.last_mut()? ^= 1;
    let other = ml_kem::decapsulate(SPEC, &seed, &ciphertext).ok()?;
    let same = opened.expose() == secret.expose();
    Some(known && same && other.expose() != secret.expose())
}

/// A signature and an encryption, both random.
pub(super) fn sm2() -> Option<bool> {
    const DSA: SigningAlgorithm = SigningAlgorithm::Sm2Dsa;
    let scalar = scalar(KeySpec::Sm2);
    let key = sm2::SigningKey::parse(KeySpec::Sm2, &scalar).ok()?;
    let own = key.sign(DSA, RAW, MESSAGE).ok()?;
    let good = key.verify(DSA, RAW, MESSAGE, &own) == Ok(());
    let bad = key.verify(DSA, RAW, b"another", &own) == INVALID;
    let ciphertext = sm2::encrypt(&scalar, MESSAGE).ok()?;
    let opened = sm2::decrypt(&scalar, &ciphertext).ok()?;
    Some(good && bad && opened.expose() == MESSAGE)
}

const P256_SIGNATURE: &str = "3046022100fd0ab8ee2a3d8c7699120e516baefab5d7c27f8261986c432c6c04ce20\
    e41f31022100e8e1557094e5d17bda8fe3a981146c50440277171a4215515ba057583d1f628a";
const P256_PEER: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200048e533b6fa0bf7b4625b\
    b30667c01fb607ef9f8b8a80fef5b300628703187b2a373eb1dbde03318366d069f83a6f5900053c73633cb041b21c\
    55e1a86c1f400b4";
const P256_SECRET: &str = "30403f44c1c02ff9d7a9a22d8ddcbdf95576660e7448603acc97b142f7c4cc34";
const P384_SIGNATURE: &str = "30640230597d2f2bae25ed790aba53c06ba94702f795c5abad55606b0a9240f1605a\
    e63f99790b8ee48d4a0e049f55f989a8fb5c023004f8e3b4e596cd8cedd4fcfc3d17e08c6a7c66e1b98d7d12c9eb87\
    c636f2d468f503b0a997239e8e8c540ca917b04b32";
const P384_PEER: &str = "3076301006072a8648ce3d020106052b8104002203620004283c1d7365ce4788f29f8ebf2\
    34edffead6fe997fbea5ffa2d58cc9dfa7b1c508b05526f55b9ebb2040f05b48fb6d0e19475c99061e41b88ba52efd\
    b8c1690471a61d867ed799729d9c92cd01dbd225630d84ede32a78f9e64664cdac512ef8c";
const P384_SECRET: &str = "4f4c5f0b1f482eaf07a26b5e7452ecbaf1d2a5534afd7a91920a7f88b4331da22dfa5e9\
    a168a125824078bafd870213a";
const P521_SIGNATURE: &str = "308188024201694ab499f32ed7f641683b17aa25a371750866afe6958c4ef5e960bf\
    1ffd82f5fd863ad8d0ab11be5b5de0e104a40be940f29b7fad6536bbe8c79a61ddc1d2cf83024200a26343416eb625\
    f7c12dbdd6f93e5d5167e1a6c7ec661f08b82600bf7e0569f2413349ed3483dc7d54d84bbc678e7b0edabf32f34cea\
    6522c4f02daf474e3438b7";
const P521_PEER: &str = "30819b301006072a8648ce3d020106052b8104002303818600040056d5d1d99d5b7f6346e\
    eb65fda0b073a0c5f22e0e8f5483228f018d2c2f7114c5d8c308d0abfc698d8c9a6df30dce3bbc46f953f50fdc2619\
    a01cead882816ecd4003d2d1b7d9baaa2a110d1d8317a39d68478b5c582d02824f0dd71dbd98a26cbde556bd0f293c\
    dec9e2b9523a34591ce1a5f9e76712a5ddefc7b5c6b8bc90525251b";
const P521_SECRET: &str = "002810c3299f8cc3d353514c445920d1e69543b7fca33a4e0c933e02639b0058eb4e9ff\
    f64a2a514686defe34f92e4b5060bcfb9a6e09f6f31a133eb1065553c9817";
const P256K1_SIGNATURE: &str = "3044022046d4023462ea8449656b054c2fed1e5f4f1f5692824a1bfa92a06313c1\
    09a5b202207f0481cad667b8e0e27e0a0b5be6f86966f3c500d7af580d7a7e04432ed251ca";
