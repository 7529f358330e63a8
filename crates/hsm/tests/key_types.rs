//! Every key spec with every algorithm, against the library's own view of the public key.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code outside of test functions"
)]

mod common;

use aws_lc_rs::agreement::{self, UnparsedPublicKey as Peer};
use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use common::{Client, Key, binding};
use keystead_types::{
    EncryptionAlgorithm, KeySpec, KeyUsage, MacAlgorithm, MessageType, Plaintext, SigningAlgorithm,
};
use keystead_wall::{Cipher, Command, Delivered, Delivery, KeyBinding, Refusal, Reply, Supply};

fn new_key(client: &mut Client, spec: KeySpec, usage: KeyUsage) -> (Key, Vec<u8>) {
    let (key, public) = client.generate_with_public(KeyBinding {
        spec,
        usage,
        ..binding("eu-central-1", 1)
    });
    (key, public.unwrap_or_default())
}

#[derive(Clone, Copy)]
struct Message<'a>(SigningAlgorithm, MessageType, &'a [u8]);

fn sign(client: &mut Client, key: &Key, message: Message<'_>) -> Result<Vec<u8>, Refusal> {
    let command = Command::Sign {
        key: key.handle(),
        algorithm: message.0,
        message_type: message.1,
        message: message.2,
    };
    match client.run(command)? {
        Reply::Signature(signature) => Ok(signature),
        other => panic!("{other:?}"),
    }
}

fn verify(
    client: &mut Client,
    key: &Key,
    message: Message<'_>,
    signature: &[u8],
) -> Result<(), Refusal> {
    let command = Command::Verify {
        key: key.handle(),
        algorithm: message.0,
        message_type: message.1,
        message: message.2,
        signature,
    };
    match client.run(command)? {
        Reply::Done => Ok(()),
        other => panic!("{other:?}"),
    }
}

/// How the library verifies, and the hash.
fn verifier(
    spec: KeySpec,
    algorithm: SigningAlgorithm,
) -> Option<(
    &'static dyn VerificationAlgorithm,
    &'static digest::Algorithm,
)> {
    use SigningAlgorithm as A;
    let verifier: &'static dyn VerificationAlgorithm = match (algorithm, spec) {
        (A::RsassaPssSha256, _) => &signature::RSA_PSS_2048_8192_SHA256,
        (A::RsassaPssSha384, _) => &signature::RSA_PSS_2048_8192_SHA384,
        (A::RsassaPssSha512, _) => &signature::RSA_PSS_2048_8192_SHA512,
        (A::RsassaPkcs1V15Sha256, _) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (A::RsassaPkcs1V15Sha384, _) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (A::RsassaPkcs1V15Sha512, _) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (A::EcdsaSha256, KeySpec::EccNistP256) => &signature::ECDSA_P256_SHA256_ASN1,
        (A::EcdsaSha256, _) => &signature::ECDSA_P256K1_SHA256_ASN1,
        (A::EcdsaSha384, _) => &signature::ECDSA_P384_SHA384_ASN1,
        (A::EcdsaSha512, _) => &signature::ECDSA_P521_SHA512_ASN1,
        (A::Ed25519Sha512, _) => &signature::ED25519,
        (A::MlDsaShake256, KeySpec::MlDsa44) => &signature::ML_DSA_44,
        (A::MlDsaShake256, KeySpec::MlDsa65) => &signature::ML_DSA_65,
        (A::MlDsaShake256, _) => &signature::ML_DSA_87,
        (A::Ed25519PhSha512 | A::Sm2Dsa, _) => return None,
    };
    let hash = match algorithm {
        A::RsassaPssSha256 | A::RsassaPkcs1V15Sha256 | A::EcdsaSha256 => &digest::SHA256,
        A::RsassaPssSha384 | A::RsassaPkcs1V15Sha384 | A::EcdsaSha384 => &digest::SHA384,
        _ => &digest::SHA512,
    };
    Some((verifier, hash))
}

#[test]
fn every_signing_algorithm_signs_every_message_type_it_takes_and_no_other() {
    let mut client = Client::new();
    for spec in KeySpec::ALL.iter().copied() {
        let usage = KeyUsage::SignVerify;
        if !spec.allows(usage) {
            continue;
        }
        let (key, public) = new_key(&mut client, spec, usage);
        let (other, _) = new_key(&mut client, spec, usage);
        for algorithm in spec.signing_algorithms(usage).iter().copied() {
            for kind in MessageType::ALL.iter().copied() {
                let length = algorithm.message_bytes(kind).unwrap_or(100);
                let bytes = vec![0x61; length];
                let message = Message(algorithm, kind, &bytes);
                let made = sign(&mut client, &key, message);
                if !algorithm.takes(kind) {
                    assert_eq!(made, Err(Refusal::InvalidArgument), "{algorithm} {kind}");
                    let verified = verify(&mut client, &key, message, &[0; 64]);
                    assert_eq!(verified, Err(Refusal::InvalidArgument));
                    continue;
                }
                let made = made.unwrap();
                every_change_shows(&mut client, &key, &other, message, &made);
                if let (Some((verifier, _)), MessageType::Raw) = (verifier(spec, algorithm), kind) {
                    let public = UnparsedPublicKey::new(verifier, &public);
                    public.verify(&bytes, &made).unwrap();
                }
            }
        }
    }
}

fn every_change_shows(
    client: &mut Client,
    key: &Key,
    other: &Key,
    message: Message<'_>,
    made: &[u8],
) {
    const INVALID: Result<(), Refusal> = Err(Refusal::SignatureInvalid);
    let Message(algorithm, kind, bytes) = message;
    assert_eq!(verify(client, key, message, made), Ok(()), "{algorithm}");
    assert_eq!(
        verify(client, other, message, made),
        INVALID,
        "another key, {algorithm}"
    );
    let mut changed = bytes.to_vec();
    changed[0] ^= 1;
    let changed = Message(algorithm, kind, &changed);
    assert_eq!(verify(client, key, changed, made), INVALID);
    for at in [0, made.len() / 2, made.len() - 1] {
        let mut bad = made.to_vec();
        bad[at] ^= 1;
        assert_eq!(verify(client, key, message, &bad), INVALID);
    }
    assert_eq!(verify(client, key, message, &made[1..]), INVALID);
    let longer = [made, &[0]].concat();
    assert_eq!(verify(client, key, message, &longer), INVALID);
    let refused = Refusal::InvalidArgument;
    assert_eq!(verify(client, key, message, &[]), Err(refused));
    let lengths = match algorithm.message_bytes(kind) {
        Some(length) => vec![0, length - 1, length + 1],
        None => vec![0, 4097],
    };
    for length in lengths {
        let bytes = vec![1; length];
        let wrong = Message(algorithm, kind, &bytes);
        assert_eq!(sign(client, key, wrong), Err(refused), "{algorithm} {kind}");
        assert_eq!(verify(client, key, wrong, made), Err(refused));
    }
    // Nor under another algorithm of the same key.
    let usage = KeyUsage::SignVerify;
    for second in key.binding.spec.signing_algorithms(usage) {
        if *second != algorithm && second.takes(MessageType::Raw) {
            let message = Message(*second, MessageType::Raw, bytes);
            assert_eq!(verify(client, key, message, made), INVALID);
        }
    }
}

/// A digest that the caller made gives a signature of the message.
#[test]
fn a_digest_is_signed_as_its_message() {
    let mut client = Client::new();
    for spec in [
        KeySpec::Rsa2048,
        KeySpec::EccNistP256,
        KeySpec::EccNistP384,
        KeySpec::EccNistP521,
        KeySpec::EccSecgP256k1,
    ] {
        let usage = KeyUsage::SignVerify;
        let (key, public) = new_key(&mut client, spec, usage);
        for algorithm in spec.signing_algorithms(usage).iter().copied() {
            let (verifier, hash) = verifier(spec, algorithm).unwrap();
            let whole = vec![7; 4096];
            let hashed = digest::digest(hash, &whole);
            let message = Message(algorithm, MessageType::Raw, &whole);
            let hashed = Message(algorithm, MessageType::Digest, hashed.as_ref());
            let one = sign(&mut client, &key, message).unwrap();
            let two = sign(&mut client, &key, hashed).unwrap();
            for made in [&one, &two] {
                assert_eq!(verify(&mut client, &key, message, made), Ok(()));
                assert_eq!(verify(&mut client, &key, hashed, made), Ok(()));
                let public = UnparsedPublicKey::new(verifier, &public);
                public.verify(&whole, made).unwrap();
            }
        }
    }
}

#[test]
fn public_keys_have_the_documented_lengths() {
    let mut client = Client::new();
    for (spec, length) in [
        (KeySpec::Rsa2048, 294),
        (KeySpec::Rsa3072, 422),
        (KeySpec::Rsa4096, 550),
        (KeySpec::EccNistP256, 91),
        (KeySpec::EccNistP384, 120),
        (KeySpec::EccNistP521, 158),
        (KeySpec::EccSecgP256k1, 88),
        (KeySpec::EccNistEdwards25519, 44),
        (KeySpec::MlDsa44, 1334),
        (KeySpec::MlDsa65, 1974),
        (KeySpec::MlDsa87, 2614),
    ] {
        let (_, public) = new_key(&mut client, spec, KeyUsage::SignVerify);
        assert_eq!(public.len(), length, "{spec}");
    }
    let usage = KeyUsage::EncapsulateDecapsulate;
    for (spec, length) in [
        (KeySpec::MlKem512, 822),
        (KeySpec::MlKem768, 1206),
        (KeySpec::MlKem1024, 1590),
    ] {
        let (_, public) = new_key(&mut client, spec, usage);
        assert_eq!(public.len(), length, "{spec}");
    }
    for (spec, usage) in [
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt),
        (KeySpec::Hmac256, KeyUsage::GenerateVerifyMac),
    ] {
        assert!(new_key(&mut client, spec, usage).1.is_empty());
    }
}

fn encrypt(client: &mut Client, cipher: Cipher<'_>, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let plaintext = Plaintext::new(bytes.to_vec());
    let plaintext = &plaintext;
    match client.run(Command::Encrypt { cipher, plaintext })? {
        Reply::Ciphertext(ciphertext) => Ok(ciphertext),
        other => panic!("{other:?}"),
    }
}

fn decrypt(client: &mut Client, cipher: Cipher<'_>, blob: &[u8]) -> Result<Vec<u8>, Refusal> {
    let command = Command::Decrypt {
        cipher,
        ciphertext: blob,
        recipient: None,
    };
    match client.run(command)? {
        Reply::Plaintext(plaintext) => Ok(plaintext.expose().to_vec()),
        other => panic!("{other:?}"),
    }
}

const RSA: [KeySpec; 3] = [KeySpec::Rsa2048, KeySpec::Rsa3072, KeySpec::Rsa4096];

#[test]
fn rsa_encrypts_as_oaep_with_the_hash_of_the_algorithm() {
    const INVALID: Result<Vec<u8>, Refusal> = Err(Refusal::InvalidCiphertext);
    let mut client = Client::new();
    for spec in RSA {
        let usage = KeyUsage::EncryptDecrypt;
        let (key, public) = new_key(&mut client, spec, usage);
        let (other, _) = new_key(&mut client, KeySpec::Rsa2048, usage);
        let (one, two) = (
            EncryptionAlgorithm::RsaesOaepSha1,
            EncryptionAlgorithm::RsaesOaepSha256,
        );
        for (algorithm, wrong, oaep) in [
            (one, two, &OAEP_SHA1_MGF1SHA1),
            (two, one, &OAEP_SHA256_MGF1SHA256),
        ] {
            let longest = spec.plaintext_max_bytes(algorithm).unwrap();
            for length in [1, longest] {
                let plaintext = vec![9; length];
                let blob = encrypt(&mut client, key.with(algorithm), &plaintext).unwrap();
                let opened = decrypt(&mut client, key.with(algorithm), &blob);
                assert_eq!(opened, Ok(plaintext));
                assert_eq!(decrypt(&mut client, key.with(wrong), &blob), INVALID);
                assert_eq!(decrypt(&mut client, other.with(algorithm), &blob), INVALID);
                for at in [0, 1, blob.len() - 1] {
                    let mut bad = blob.clone();
                    bad[at] ^= 1;
                    assert_eq!(decrypt(&mut client, key.with(algorithm), &bad), INVALID);
                }
                let shorter = decrypt(&mut client, key.with(algorithm), &blob[1..]);
                assert_eq!(shorter, INVALID);
                let longer = [&[0], blob.as_slice()].concat();
                assert_eq!(decrypt(&mut client, key.with(algorithm), &longer), INVALID);
            }
            let long = vec![9; longest + 1];
            let refused = encrypt(&mut client, key.with(algorithm), &long);
            assert_eq!(refused, Err(Refusal::PlaintextTooLong));
            let refused = encrypt(&mut client, key.with(algorithm), &[]);
            assert_eq!(refused, Err(Refusal::InvalidArgument));
            let with_context = Cipher {
                context: b"context",
                ..key.with(algorithm)
            };
            let refused = encrypt(&mut client, with_context, b"x");
            assert_eq!(refused, Err(Refusal::InvalidArgument));

            // What others encrypt with the public key alone, with the empty label only.
            let public = PublicEncryptingKey::from_der(&public).unwrap();
            let public = OaepPublicEncryptingKey::new(public).unwrap();
            let mut blob = vec![0; public.ciphertext_size()];
            for (label, want) in [(None, Ok(b"x".to_vec())), (Some(&b"l"[..]), INVALID)] {
                public.encrypt(oaep, b"x", &mut blob, label).unwrap();
                assert_eq!(decrypt(&mut client, key.with(algorithm), &blob), want);
            }
        }
    }
}

#[test]
fn re_encryption_crosses_algorithms() {
    let mut client = Client::new();
    let (rsa, _) = new_key(&mut client, KeySpec::Rsa2048, KeyUsage::EncryptDecrypt);
    let symmetric = client.generate(binding("eu-central-1", 2));
    let oaep = rsa.with(EncryptionAlgorithm::RsaesOaepSha256);
    let mut move_over = |source: Cipher<'_>, blob: &[u8], destination: Cipher<'_>| {
        let command = Command::ReEncrypt {
            source,
            ciphertext: blob,
            destination,
        };
        match client.run(command)? {
            Reply::Ciphertext(blob) => Ok(blob),
            other => panic!("{other:?}"),
        }
    };
    let mut other = Client::new();
    assert!(encrypt(&mut other, oaep, b"x").is_err());
    let sealed = move_over(symmetric.cipher(b"c"), &[], oaep);
    assert_eq!(sealed, Err(Refusal::InvalidCiphertext));
    for (length, fits) in [(190, true), (191, false)] {
        let plaintext = vec![4; length];
        let blob = client.encrypt(&symmetric, b"c", &plaintext).unwrap();
        let command = Command::ReEncrypt {
            source: symmetric.cipher(b"c"),
            ciphertext: &blob,
            destination: oaep,
        };
        match client.run(command) {
            Ok(Reply::Ciphertext(moved)) if fits => {
                let opened = decrypt(&mut client, oaep, &moved);
                assert_eq!(opened.as_ref(), Ok(&plaintext));
                let command = Command::ReEncrypt {
                    source: oaep,
                    ciphertext: &moved,
                    destination: symmetric.cipher(b"d"),
                };
                let Ok(Reply::Ciphertext(back)) = client.run(command) else {
                    panic!("no way back");
                };
                assert_eq!(client.decrypt(&symmetric, b"d", &back), Ok(plaintext));
            }
            Err(Refusal::PlaintextTooLong) if !fits => {}
            other => panic!("{other:?}"),
        }
    }
}

/// RFC 4231, test case 2, would need its own key; that one is in the self-test. Here: lengths.
#[test]
fn macs_are_as_long_as_the_digest_and_bound_to_their_key() {
    let mut client = Client::new();
    for (spec, length) in [
        (KeySpec::Hmac224, 28),
        (KeySpec::Hmac256, 32),
        (KeySpec::Hmac384, 48),
        (KeySpec::Hmac512, 64),
    ] {
        let (key, _) = new_key(&mut client, spec, KeyUsage::GenerateVerifyMac);
        let (other, _) = new_key(&mut client, spec, KeyUsage::GenerateVerifyMac);
        let algorithm = spec.mac_algorithm().unwrap();
        let made = mac(&mut client, &key, algorithm, &[1; 4096]).unwrap();
        assert_eq!(made.len(), length);
        let mut check = |key: &Key, message: &[u8], mac: &[u8]| {
            let command = Command::VerifyMac {
                key: key.handle(),
                algorithm,
                message,
                mac,
            };
            client.run(command).map(|_| ())
        };
        assert_eq!(check(&key, &[1; 4096], &made), Ok(()));
        let invalid = Err(Refusal::MacInvalid);
        assert_eq!(check(&other, &[1; 4096], &made), invalid);
        assert_eq!(check(&key, &[1; 4095], &made), invalid);
        assert_eq!(check(&key, &[1; 4096], &made[..16]), invalid);
        assert_eq!(check(&key, &[1; 4096], &[]), invalid);
        for length in [0, 4097] {
            let refused = mac(&mut client, &key, algorithm, &vec![1; length]);
            assert_eq!(refused, Err(Refusal::InvalidArgument));
        }
    }
}

fn mac(
    client: &mut Client,
    key: &Key,
    algorithm: MacAlgorithm,
    message: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let command = Command::GenerateMac {
        key: key.handle(),
        algorithm,
        message,
    };
    match client.run(command)? {
        Reply::Signature(mac) => Ok(mac),
        other => panic!("{other:?}"),
    }
}

fn derive(client: &mut Client, key: &Key, public_key: &[u8]) -> Result<Vec<u8>, Refusal> {
    let command = Command::DeriveSharedSecret {
        key: key.handle(),
        public_key,
        recipient: None,
    };
    match client.run(command)? {
        Reply::Plaintext(secret) => Ok(secret.expose().to_vec()),
        other => panic!("{other:?}"),
    }
}

const NIST: [(KeySpec, &agreement::Algorithm, usize); 3] = [
    (KeySpec::EccNistP256, &agreement::ECDH_P256, 32),
    (KeySpec::EccNistP384, &agreement::ECDH_P384, 48),
    (KeySpec::EccNistP521, &agreement::ECDH_P521, 66),
];

#[test]
fn both_sides_derive_the_same_secret() {
    let mut client = Client::new();
    for (spec, algorithm, length) in NIST {
        let usage = KeyUsage::KeyAgreement;
        let (one, public_one) = new_key(&mut client, spec, usage);
        let (two, public_two) = new_key(&mut client, spec, usage);
        let secret = derive(&mut client, &one, &public_two).unwrap();
        assert_eq!(secret.len(), length);
        assert_eq!(derive(&mut client, &two, &public_one), Ok(secret));
        // Somebody outside, who sends both forms of the point.
        let outside = agreement::PrivateKey::generate(algorithm).unwrap();
        let public = outside.compute_public_key().unwrap();
        let spki: PublicKeyX509Der<'_> = public.as_der().unwrap();
        let theirs = Peer::new(algorithm, &public_one);
        let want = agreement::agree(&outside, theirs, (), |z| Ok(z.to_vec())).unwrap();
        let derived = derive(&mut client, &one, spki.as_ref());
        assert_eq!(derived.as_ref(), Ok(&want));
        let short = compressed(spki.as_ref(), length);
        assert_eq!(derive(&mut client, &one, &short), Ok(want));
    }
}

/// The same key with its point compressed: lengths of both sequences and of the bit string change.
fn compressed(spki: &[u8], coordinate: usize) -> Vec<u8> {
    let point = spki.len() - 2 * coordinate;
    let (head, xy) = spki.split_at(point);
    let (x, y) = xy.split_at(coordinate);
    let algorithm_at = head.iter().position(|b| *b == 6).unwrap() - 2;
    // From the bit string's tag on: tag, length (one or two bytes), unused bits, form.
    let bits_at = algorithm_at + 2 + usize::from(head[algorithm_at + 1]);
    let algorithm = &head[algorithm_at..bits_at];
    let sign = 2 + (y.last().unwrap() & 1);
    let bits_len = u8::try_from(coordinate + 2).unwrap();
    let whole_len = u8::try_from(algorithm.len() + 2 + coordinate + 2).unwrap();
    let mut out = vec![0x30, whole_len];
    out.extend_from_slice(algorithm);
    out.extend_from_slice(&[3, bits_len, 0, sign]);
    out.extend_from_slice(x);
    out
}

#[test]
fn public_keys_that_are_not_on_the_curve_are_refused() {
    const INVALID: Result<Vec<u8>, Refusal> = Err(Refusal::PublicKeyInvalid);
    let mut client = Client::new();
    let keys = NIST.map(|(spec, ..)| new_key(&mut client, spec, KeyUsage::KeyAgreement));
    let (k1, k1_public) = new_key(&mut client, KeySpec::EccSecgP256k1, KeyUsage::SignVerify);
    drop(k1);
    for (at, (key, _)) in keys.iter().enumerate() {
        let mut refused = |spki: &[u8]| assert_eq!(derive(&mut client, key, spki), INVALID);
        for (other, (_, public)) in keys.iter().enumerate() {
            if other != at {
                refused(public);
            }
        }
        refused(&k1_public);
        let (_, good) = &keys[(at + 1) % 3];
        refused(good);
        let own = &keys[at].1;
        refused(&[]);
        refused(&[0; 8193]);
        // Trailing bytes, cuts, and every byte of form changed.
        refused(&[own.as_slice(), &[0]].concat());
        for cut in 0..own.len() {
            refused(&own[..cut]);
        }
        for byte in 0..own.len() {
            for flip in [1, 0x80] {
                let mut bad = own.clone();
                bad[byte] ^= flip;
                refused(&bad);
            }
        }
        let coordinates = own.len() - 2 * NIST[at].2;
        // The point alone, the hybrid form, the origin, and the point at infinity.
        refused(&own[coordinates - 1..]);
        for hybrid in [6, 7] {
            let mut bad = own.clone();
            bad[coordinates - 1] = hybrid;
            refused(&bad);
        }
        let mut origin = own.clone();
        origin[coordinates..].fill(0);
        refused(&origin);
        let mut infinity = compressed(own, NIST[at].2);
        let point = infinity.len() - NIST[at].2 - 1;
        infinity.truncate(point + 1);
        infinity[point] = 0;
        refused(&infinity);
    }
}

#[test]
fn data_key_pairs_open_to_pkcs8_of_the_public_key() {
    let mut client = Client::new();
    let key = client.generate(binding("eu-central-1", 1));
    for spec in KeySpec::ALL.iter().copied() {
        // RSA keys take long to make.
        let deliveries = [Delivery::Clear, Delivery::Withheld];
        for delivery in deliveries.into_iter().skip(spec.is_rsa().into()) {
            let made = client.run(Command::GenerateKeyPair {
                key: key.handle(),
                context: b"c",
                spec,
                delivery,
                supply: Supply::Made,
            });
            if !spec.is_data_key_pair() {
                assert_eq!(made.map(|_| ()), Err(Refusal::InvalidArgument), "{spec}");
                continue;
            }
            let Ok(Reply::KeyPair {
                ciphertext,
                plaintext,
                public_key,
            }) = made
            else {
                panic!("{spec} {made:?}");
            };
            let private = client.decrypt(&key, b"c", &ciphertext).unwrap();
            assert!(client.decrypt(&key, b"d", &ciphertext).is_err());
            match (delivery, plaintext) {
                (Delivery::Clear, Delivered::Clear(clear)) => assert_eq!(clear.expose(), private),
                (Delivery::Withheld, Delivered::Withheld) => {}
                other => panic!("{other:?}"),
            }
            pair_matches(spec, &private, &public_key);
        }
    }
    let made = client.run(Command::GenerateKeyPair {
        key: key.handle(),
        context: b"",
        spec: KeySpec::Rsa2048,
        delivery: Delivery::Clear,
        supply: Supply::Prepared,
    });
    assert_eq!(made.map(|_| ()), Err(Refusal::NonePrepared));
}

/// A signature by the PKCS#8 verifies under the SPKI.
fn pair_matches(spec: KeySpec, private: &[u8], public: &[u8]) {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature as s;
    let algorithm = match spec {
        KeySpec::EccNistP256 => &s::ECDSA_P256_SHA256_ASN1_SIGNING,
        KeySpec::EccNistP384 => &s::ECDSA_P384_SHA384_ASN1_SIGNING,
        KeySpec::EccNistP521 => &s::ECDSA_P521_SHA512_ASN1_SIGNING,
        KeySpec::EccSecgP256k1 => &s::ECDSA_P256K1_SHA256_ASN1_SIGNING,
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => {
            let pair = s::RsaKeyPair::from_pkcs8(private).unwrap();
            let mut made = vec![0; pair.public_modulus_len()];
            let random = SystemRandom::new();
            pair.sign(&s::RSA_PSS_SHA256, &random, b"m", &mut made)
                .unwrap();
            let public = UnparsedPublicKey::new(&s::RSA_PSS_2048_8192_SHA256, public);
            return public.verify(b"m", &made).unwrap();
        }
        KeySpec::EccNistEdwards25519 => {
            let pair = s::Ed25519KeyPair::from_pkcs8_maybe_unchecked(private).unwrap();
            let made = pair.sign(b"m");
            let public = UnparsedPublicKey::new(&s::ED25519, public);
            return public.verify(b"m", made.as_ref()).unwrap();
        }
        KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => {
            assert_eq!(private.len(), 86);
            return;
        }
        _ => return,
    };
    let pair = s::EcdsaKeyPair::from_pkcs8(algorithm, private).unwrap();
    let made = pair.sign(&SystemRandom::new(), b"m").unwrap();
    let verifier = verifier(spec, spec.signing_algorithms(KeyUsage::SignVerify)[0]);
    let public = UnparsedPublicKey::new(verifier.unwrap().0, public);
    public.verify(b"m", made.as_ref()).unwrap();
}

/// With a recipient, nothing leaves in clear. What is in the envelope is tested where it is made.
#[test]
fn a_recipient_gets_an_envelope_and_the_caller_nothing_else() {
    let mut client = Client::new();
    let key = client.generate(binding("eu-central-1", 1));
    let (rsa, recipient) = new_key(&mut client, KeySpec::Rsa2048, KeyUsage::EncryptDecrypt);
    let (agreeing, peer) = new_key(&mut client, KeySpec::EccNistP256, KeyUsage::KeyAgreement);
    let blob = client.encrypt(&key, b"", b"text").unwrap();
    let oaep = rsa.with(EncryptionAlgorithm::RsaesOaepSha256);
    let rsa_blob = encrypt(&mut client, oaep, b"text").unwrap();
    for (recipient, works) in [(recipient.as_slice(), true), (peer.as_slice(), false)] {
        let delivery = Delivery::Enveloped(recipient);
        let commands = [
            Command::Decrypt {
                cipher: key.cipher(b""),
                ciphertext: &blob,
                recipient: Some(recipient),
            },
            Command::Decrypt {
                cipher: oaep,
                ciphertext: &rsa_blob,
                recipient: Some(recipient),
            },
            Command::GenerateRandom {
                length: 4,
                recipient: Some(recipient),
            },
            Command::DeriveSharedSecret {
                key: agreeing.handle(),
                public_key: &peer,
                recipient: Some(recipient),
            },
            Command::GenerateDataKey {
                key: key.handle(),
                context: b"",
                length: 32,
                delivery,
            },
            Command::GenerateKeyPair {
                key: key.handle(),
                context: b"",
                spec: KeySpec::EccNistP256,
                delivery,
                supply: Supply::Prepared,
            },
        ];
        for command in commands {
            let shown = format!("{command:?}");
            let envelope = match client.run(command) {
                Ok(
                    Reply::Enveloped(envelope)
                    | Reply::DataKey {
                        plaintext: Delivered::Enveloped(envelope),
                        ..
                    }
                    | Reply::KeyPair {
                        plaintext: Delivered::Enveloped(envelope),
                        ..
                    },
                ) if works => envelope,
                Err(Refusal::RecipientInvalid) if !works => continue,
                other => panic!("{shown}: {other:?}"),
            };
            assert_eq!(envelope.first(), Some(&0x30), "{shown}");
            assert!(envelope.len() > 256);
            assert!(!envelope.windows(4).any(|part| part == b"text"), "{shown}");
        }
    }
}
