use super::*;

use SigningAlgorithm as A;
use keystead_types::MessageType as T;

/// Spec, bytes of the raw public key, bytes of a signature. Source: FIPS 204, table 2.
const SETS: [(KeySpec, usize, usize); 3] = [
    (KeySpec::MlDsa44, 1312, 2420),
    (KeySpec::MlDsa65, 1952, 3309),
    (KeySpec::MlDsa87, 2592, 4627),
];

/// DER of id-ml-dsa-44, -65 and -87: 2.16.840.1.101.3.4.3.17, .18, .19. Source: RFC 9881.
fn oid(spec: KeySpec) -> [u8; 11] {
    let last = match spec {
        KeySpec::MlDsa44 => 17,
        KeySpec::MlDsa65 => 18,
        _ => 19,
    };
    [6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, last]
}

#[test]
fn sizes_and_encodings_are_the_standards() {
    for (spec, public_bytes, signature_bytes) in SETS {
        let public = public_key(spec, &[7; 32]).unwrap();
        assert_eq!(public.len(), public_bytes + 22);
        assert_eq!(public[6..17], oid(spec));
        assert_eq!(public[17..22], [3, 0x82, public[19], public[20], 0]);

        let private = pkcs8(spec, &[7; 32]).unwrap();
        let head = [0x30, 52, 2, 1, 0, 0x30, 11];
        let tail = [4, 34, 0x80, 32];
        let want = [&head[..], &oid(spec), &tail, &[7; 32]].concat();
        assert_eq!(private.to_vec(), want);

        let key = SigningKey::parse(spec, &[7; 32]).unwrap();
        let made = key.sign(A::MlDsaShake256, T::Raw, b"message").unwrap();
        assert_eq!(made.len(), signature_bytes);
        let made = key.sign(A::MlDsaShake256, T::ExternalMu, &[7; 64]).unwrap();
        assert_eq!(made.len(), signature_bytes);
    }
}

#[test]
fn signatures_are_hedged_and_verify() {
    for (spec, ..) in SETS {
        let key = SigningKey::parse(spec, &[7; 32]).unwrap();
        for (message_type, message) in [(T::Raw, [1; 64]), (T::ExternalMu, [2; 64])] {
            let sign = || key.sign(A::MlDsaShake256, message_type, &message).unwrap();
            let (one, two) = (sign(), sign());
            assert_ne!(one, two);
            let verify = |message: &[u8], signature: &[u8]| {
                key.verify(A::MlDsaShake256, message_type, message, signature)
            };
            assert_eq!(verify(&message, &one), Ok(()));
            assert_eq!(verify(&message, &two), Ok(()));
            let invalid = Err(Refusal::SignatureInvalid);
            assert_eq!(verify(&[3; 64], &one), invalid);
            assert_eq!(verify(&message, &one[1..]), invalid);
            assert_eq!(verify(&message, &[&one[..], &[0]].concat()), invalid);
            assert_eq!(verify(&message, &[]), invalid);
            let mut wrong = one;
            wrong[100] ^= 1;
            assert_eq!(verify(&message, &wrong), invalid);
        }
    }
}

#[test]
fn a_signature_of_one_kind_of_message_is_none_of_the_other() {
    let key = SigningKey::parse(KeySpec::MlDsa44, &[7; 32]).unwrap();
    let bytes = [5; 64];
    let of_message = key.sign(A::MlDsaShake256, T::Raw, &bytes).unwrap();
    let taken_for_mu = key.verify(A::MlDsaShake256, T::ExternalMu, &bytes, &of_message);
    assert_eq!(taken_for_mu, Err(Refusal::SignatureInvalid));
}

#[test]
fn messages_and_algorithms_that_do_not_go_together_are_refused() {
    let key = SigningKey::parse(KeySpec::MlDsa65, &[7; 32]).unwrap();
    let argument = Err(Refusal::InvalidArgument);
    assert_eq!(key.sign(A::MlDsaShake256, T::Digest, &[0; 64]), argument);
    for length in [0, 63, 65] {
        let mu = vec![0; length];
        assert_eq!(key.sign(A::MlDsaShake256, T::ExternalMu, &mu), argument);
        let verified = key.verify(A::MlDsaShake256, T::ExternalMu, &mu, &[0; 3309]);
        assert_eq!(verified, Err(Refusal::InvalidArgument));
    }
    for algorithm in A::ALL.iter().copied() {
        let made = key.sign(algorithm, T::Raw, b"message");
        let good = algorithm == A::MlDsaShake256;
        assert_eq!(made.is_ok(), good);
        assert_eq!(made.err(), (!good).then_some(Refusal::WrongUsage));
    }
}

#[test]
fn keys_are_random_seeds_with_their_public_key() {
    let arena = Arena::new().unwrap();
    for (spec, ..) in SETS {
        let (one, two) = (
            generate(spec, &arena).unwrap(),
            generate(spec, &arena).unwrap(),
        );
        assert_eq!(one.bytes.expose().len(), 32);
        assert_ne!(one.bytes.expose(), two.bytes.expose());
        let public = public_key(spec, one.bytes.expose()).unwrap();
        assert_eq!(one.public_key, Some(public));
    }
}

#[test]
fn other_specs_and_lengths_are_refused() {
    let arena = Arena::new().unwrap();
    for spec in KeySpec::ALL.iter().copied() {
        if SETS.iter().any(|(known, ..)| *known == spec) {
            let invalid = Some(Refusal::WrappedKeyDamaged);
            for length in [0, 31, 33, 2560, 4032, 4896] {
                assert_eq!(SigningKey::parse(spec, &vec![7; length]).err(), invalid);
            }
        } else {
            let unsupported = Some(Refusal::UnsupportedSpec);
            assert_eq!(generate(spec, &arena).err(), unsupported);
            assert_eq!(public_key(spec, &[7; 32]).err(), unsupported);
            assert_eq!(pkcs8(spec, &[7; 32]).err(), unsupported);
        }
    }
}
