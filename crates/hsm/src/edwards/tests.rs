use super::*;

use SigningAlgorithm as A;
use keystead_types::MessageType as T;

const SPEC: KeySpec = KeySpec::EccNistEdwards25519;

fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// RFC 8032, section 7.1, test 3.
#[test]
fn ed25519_known_answer() {
    let seed = hex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
    let public = hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
    let want = hex(
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
         18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    );
    let key = SigningKey::parse(SPEC, &seed).unwrap();
    assert_eq!(key.public(), public);
    let made = key.sign(A::Ed25519Sha512, T::Raw, &[0xaf, 0x82]).unwrap();
    assert_eq!(made, want);
    let verify = |message: &[u8]| key.verify(A::Ed25519Sha512, T::Raw, message, &want);
    assert_eq!(verify(&[0xaf, 0x82]), Ok(()));
    assert_eq!(verify(&[0xaf, 0x83]), Err(Refusal::SignatureInvalid));
}

/// RFC 8032, section 7.3.
const PH_SEED: &str = "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42";
/// Signature of `abc` with that key.
const PH_ABC: &str = "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41\
                      31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406";
/// Signature of SHA-512 of `abc`, hashed again. Source: the formulas of RFC 8032, section 5.1.6,
/// in Python; the same program gives [`PH_ABC`].
const PH_HASH: &str = "914dc6538ac512db8ffbdfbbf9c2fd2c1e5c915ff5d708751ad2d3a1425f0c9b\
                       fa3f1da6d93e5c7fc5b106b536f7263a3db68e4a285f30e4bd7e8b9f93d42f0e";

#[test]
fn ed25519ph_known_answer() {
    let key = SigningKey::parse(SPEC, &hex(PH_SEED)).unwrap();
    let public = "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf";
    assert_eq!(key.public(), hex(public));
    let hash = |message: &[u8]| -> [u8; 64] {
        let hash = digest::digest(&digest::SHA512, message);
        hash.as_ref().try_into().unwrap()
    };
    let made = gaps::ed25519ph_sign(&hash(b"abc"), &key.private).unwrap();
    assert_eq!(made.to_vec(), hex(PH_ABC));
    let public = key.public().try_into().unwrap();
    assert!(gaps::ed25519ph_verify(&hash(b"abc"), &made, public).is_ok());
    assert!(gaps::ed25519ph_verify(&hash(b"abd"), &made, public).is_err());
}

#[test]
fn the_digest_that_a_caller_sends_is_hashed_again() {
    let key = SigningKey::parse(SPEC, &hex(PH_SEED)).unwrap();
    let sent = digest::digest(&digest::SHA512, b"abc");
    let made = key.sign(A::Ed25519PhSha512, T::Digest, sent.as_ref());
    assert_eq!(made.unwrap(), hex(PH_HASH));
    let verify = |message: &[u8], signature: &[u8]| {
        key.verify(A::Ed25519PhSha512, T::Digest, message, signature)
    };
    assert_eq!(verify(sent.as_ref(), &hex(PH_HASH)), Ok(()));
    let invalid = Err(Refusal::SignatureInvalid);
    assert_eq!(verify(sent.as_ref(), &hex(PH_ABC)), invalid);
    assert_eq!(verify(&[0; 64], &hex(PH_HASH)), invalid);
    assert_eq!(verify(sent.as_ref(), &hex(PH_HASH)[..63]), invalid);
    assert_eq!(verify(sent.as_ref(), &[]), invalid);
}

#[test]
fn neither_variant_verifies_the_other() {
    let key = SigningKey::parse(SPEC, &[7; 32]).unwrap();
    let message = [9; 64];
    let raw = key.sign(A::Ed25519Sha512, T::Raw, &message).unwrap();
    let ph = key.sign(A::Ed25519PhSha512, T::Digest, &message).unwrap();
    let invalid = Err(Refusal::SignatureInvalid);
    let crossed = key.verify(A::Ed25519Sha512, T::Raw, &message, &ph);
    assert_eq!(crossed, invalid);
    let crossed = key.verify(A::Ed25519PhSha512, T::Digest, &message, &raw);
    assert_eq!(crossed, invalid);
}

#[test]
fn messages_and_algorithms_that_do_not_go_together_are_refused() {
    let key = SigningKey::parse(SPEC, &[7; 32]).unwrap();
    let argument = Err(Refusal::InvalidArgument);
    assert_eq!(key.sign(A::Ed25519Sha512, T::Digest, &[0; 64]), argument);
    assert_eq!(key.sign(A::Ed25519PhSha512, T::Raw, &[0; 64]), argument);
    for length in [0, 63, 65] {
        let message = vec![0; length];
        assert_eq!(key.sign(A::Ed25519PhSha512, T::Digest, &message), argument);
    }
    for message_type in T::ALL.iter().copied() {
        for algorithm in A::ALL.iter().copied() {
            let good = matches!(
                (algorithm, message_type),
                (A::Ed25519Sha512, T::Raw) | (A::Ed25519PhSha512, T::Digest)
            );
            let made = key.sign(algorithm, message_type, &[0; 64]);
            assert_eq!(made.is_ok(), good, "{algorithm} {message_type}");
            let verified = key.verify(algorithm, message_type, &[0; 64], &[0; 64]);
            assert_eq!(verified == Err(Refusal::SignatureInvalid), good);
        }
    }
}

/// RFC 8410, sections 10.1 (public key) and 10.3 (private key).
#[test]
fn encodings_are_those_of_rfc_8410() {
    let seed = hex("d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842");
    let public = hex(
        "302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1",
    );
    let private = hex("302e020100300506032b657004220420\
         d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842");
    assert_eq!(public_key(SPEC, &seed).unwrap(), public);
    assert_eq!(pkcs8(SPEC, &seed).unwrap().to_vec(), private);
    let parsed = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&private).unwrap();
    assert_eq!(parsed.public_key().as_ref(), &public[12..]);
}

#[test]
fn keys_are_random_seeds_with_their_public_key() {
    let arena = Arena::new().unwrap();
    let (one, two) = (
        generate(SPEC, &arena).unwrap(),
        generate(SPEC, &arena).unwrap(),
    );
    assert_eq!(one.bytes.expose().len(), 32);
    assert_ne!(one.bytes.expose(), two.bytes.expose());
    let public = public_key(SPEC, one.bytes.expose()).unwrap();
    assert_eq!(one.public_key, Some(public));
}

#[test]
fn other_specs_and_lengths_are_refused() {
    let arena = Arena::new().unwrap();
    for spec in KeySpec::ALL.iter().copied().filter(|spec| *spec != SPEC) {
        let unsupported = Some(Refusal::UnsupportedSpec);
        assert_eq!(generate(spec, &arena).err(), unsupported);
        assert_eq!(public_key(spec, &[7; 32]).err(), unsupported);
        assert_eq!(pkcs8(spec, &[7; 32]).err(), unsupported);
    }
    for length in [0, 31, 33, 64] {
        let bytes = vec![7; length];
        let invalid = Some(Refusal::WrappedKeyDamaged);
        assert_eq!(SigningKey::parse(SPEC, &bytes).err(), invalid);
        assert_eq!(pkcs8(SPEC, &bytes).err(), invalid);
    }
}
