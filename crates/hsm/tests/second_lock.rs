//! What a front end that lies or errs gets: every command with every key spec, usage and
//! algorithm, and asymmetric keys whose records were changed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code outside of test functions"
)]

mod common;

use common::{Client, Key, binding, region};
use keystead_types::{
    AccountId, EncryptionAlgorithm, Hex32, KeyId, KeySpec, KeyUsage, MacAlgorithm, MessageType,
    Origin, Plaintext, SigningAlgorithm,
};
use keystead_wall::{
    Cipher, Command, Delivery, KeyBinding, KeyHandle, Refusal, Reply, Supply, WrappedKey,
};

const DAMAGED: Refusal = Refusal::WrappedKeyDamaged;

/// A message that the algorithm takes as it is.
fn message(algorithm: SigningAlgorithm) -> (MessageType, &'static [u8]) {
    match algorithm.takes(MessageType::Raw) {
        true => (MessageType::Raw, &[7; 64]),
        false => (MessageType::Digest, &[7; 64]),
    }
}

/// Runs every command that uses a key, with every algorithm; `check` gets the command's name, the
/// usage and whether usage and algorithm go with the spec, and what came of it.
fn every_use(
    client: &mut Client,
    key: KeyHandle<'_>,
    mut check: impl FnMut(&str, bool, Result<Reply, Refusal>),
) {
    let KeyBinding { spec, usage, .. } = *key.binding;
    let plaintext = Plaintext::new(vec![1; 16]);
    for algorithm in EncryptionAlgorithm::ALL.iter().copied() {
        let right = spec.encryption_algorithms(usage).contains(&algorithm);
        let cipher = Cipher {
            key,
            algorithm,
            context: &[],
        };
        let plaintext = &plaintext;
        let made = client.run(Command::Encrypt { cipher, plaintext });
        let blob = match &made {
            Ok(Reply::Ciphertext(blob)) => blob.clone(),
            _ => vec![0; 256],
        };
        check("Encrypt", right, made);
        let ciphertext = blob.as_slice();
        let opened = client.run(Command::Decrypt {
            cipher,
            ciphertext,
            recipient: None,
        });
        check("Decrypt", right, opened);
        let moved = client.run(Command::ReEncrypt {
            source: cipher,
            ciphertext,
            destination: cipher,
        });
        check("ReEncrypt", right, moved);
    }
    for algorithm in SigningAlgorithm::ALL.iter().copied() {
        let right = spec.signing_algorithms(usage).contains(&algorithm);
        let (message_type, message) = message(algorithm);
        let made = client.run(Command::Sign {
            key,
            algorithm,
            message_type,
            message,
        });
        let signature = match &made {
            Ok(Reply::Signature(signature)) => signature.clone(),
            _ => vec![0; 256],
        };
        check("Sign", right, made);
        let verified = client.run(Command::Verify {
            key,
            algorithm,
            message_type,
            message,
            signature: &signature,
        });
        check("Verify", right, verified);
    }
    every_other_use(client, key, check);
}

fn every_other_use(
    client: &mut Client,
    key: KeyHandle<'_>,
    mut check: impl FnMut(&str, bool, Result<Reply, Refusal>),
) {
    let KeyBinding { spec, usage, .. } = *key.binding;
    for algorithm in MacAlgorithm::ALL.iter().copied() {
        let right = usage == KeyUsage::GenerateVerifyMac && spec.mac_algorithm() == Some(algorithm);
        let message = b"message".as_slice();
        let made = client.run(Command::GenerateMac {
            key,
            algorithm,
            message,
        });
        let mac = match &made {
            Ok(Reply::Signature(mac)) => mac.clone(),
            _ => vec![0; 32],
        };
        check("GenerateMac", right, made);
        let verified = client.run(Command::VerifyMac {
            key,
            algorithm,
            message,
            mac: &mac,
        });
        check("VerifyMac", right, verified);
    }
    let symmetric = spec == KeySpec::SymmetricDefault && usage == KeyUsage::EncryptDecrypt;
    let made = client.run(Command::GenerateDataKey {
        key,
        context: b"",
        length: 32,
        delivery: Delivery::Withheld,
    });
    check("GenerateDataKey", symmetric, made);
    let made = client.run(Command::GenerateKeyPair {
        key,
        context: b"",
        spec: KeySpec::EccNistP256,
        delivery: Delivery::Withheld,
        supply: Supply::Made,
    });
    check("GenerateKeyPair", symmetric, made);

    let agrees = usage == KeyUsage::KeyAgreement && spec.allows(usage);
    let peer = KeyBinding {
        spec,
        usage,
        ..binding("eu-central-1", 9)
    };
    let peer = agrees.then(|| client.generate_with_public(peer).1.unwrap());
    let derived = client.run(Command::DeriveSharedSecret {
        key,
        public_key: peer.as_deref().unwrap_or(&[0; 91]),
        recipient: None,
    });
    check("DeriveSharedSecret", agrees, derived);
    let kem = usage == KeyUsage::EncapsulateDecapsulate && spec.allows(usage);
    let made = client.run(Command::Encapsulate { key });
    let ciphertext = match &made {
        Ok(Reply::Encapsulated { ciphertext, .. }) => ciphertext.clone(),
        _ => vec![0; 768],
    };
    check("Encapsulate", kem, made);
    let ciphertext = ciphertext.as_slice();
    let opened = client.run(Command::Decapsulate { key, ciphertext });
    check("Decapsulate", kem, opened);
}

/// Specs of which one key is quickly made, and RSA once.
fn specs() -> impl Iterator<Item = (KeySpec, KeyUsage)> {
    let slow = [KeySpec::Rsa3072, KeySpec::Rsa4096];
    let specs = KeySpec::ALL.iter().filter(move |s| !slow.contains(s));
    let usages = |spec: &KeySpec| {
        let spec = *spec;
        KeyUsage::ALL.iter().map(move |usage| (spec, *usage))
    };
    specs
        .flat_map(usages)
        .filter(|(spec, usage)| spec.allows(*usage))
}

#[test]
fn each_command_works_with_its_keys_and_algorithms_and_with_no_other() {
    let mut client = Client::new();
    for (spec, usage) in specs() {
        let key = client.generate_of(spec, usage);
        let (mut worked, mut refused) = (0, 0);
        every_use(&mut client, key.handle(), |name, right, result| {
            match (right, result) {
                (true, Ok(_)) => worked += 1,
                (false, Err(Refusal::WrongUsage)) => refused += 1,
                other => panic!("{name} {spec} {usage}: {other:?}"),
            }
        });
        assert!(worked >= 1 && refused >= 30, "{spec} {usage}");
    }
}

/// The record says another usage or spec: what the lie would allow does not open.
#[test]
fn usage_and_spec_are_bound_to_every_key() {
    let mut client = Client::new();
    for (spec, usage) in specs() {
        let key = client.generate_of(spec, usage);
        let lies = specs().filter(|lie| *lie != (spec, usage));
        for (spec, usage) in lies {
            let binding = KeyBinding {
                spec,
                usage,
                ..key.binding.clone()
            };
            let handle = KeyHandle {
                binding: &binding,
                wrapped: &key.wrapped,
            };
            every_use(&mut client, handle, |name, right, result| {
                let want = match right {
                    true => [DAMAGED, Refusal::InvalidCiphertext],
                    false => [Refusal::WrongUsage; 2],
                };
                let got = result.unwrap_err();
                assert!(want.contains(&got), "{name} {spec} {usage}: {got:?}");
            });
        }
    }
}

fn sign(client: &mut Client, key: &Key) -> Result<(), Refusal> {
    let spec = key.binding.spec;
    let algorithm = spec.signing_algorithms(KeyUsage::SignVerify)[0];
    let command = Command::Sign {
        key: key.handle(),
        algorithm,
        message_type: MessageType::Raw,
        message: b"message",
    };
    client.run(command).map(|_| ())
}

const SIGNING: [KeySpec; 5] = [
    KeySpec::Rsa2048,
    KeySpec::EccNistP256,
    KeySpec::EccSecgP256k1,
    KeySpec::EccNistEdwards25519,
    KeySpec::MlDsa44,
];

/// Also right after the good record was used, when its key is kept parsed.
#[test]
fn a_changed_record_of_a_signing_key_does_not_open() {
    let mut client = Client::new();
    client.create_domain("us-east-1");
    for spec in SIGNING {
        let key = client.generate_of(spec, KeyUsage::SignVerify);
        let changes: [fn(&mut KeyBinding); 6] = [
            |b| b.region = region("us-east-1"),
            |b| b.account = AccountId::parse("111122223334").unwrap(),
            |b| b.key_id = KeyId::from_random([2; 16]),
            |b| b.key_id = KeyId::parse("mrk-01010101010141018101010101010101").unwrap(),
            |b| b.origin = Origin::External,
            |b| b.material_id = Hex32([0; 32]),
        ];
        for change in changes {
            let mut other = key.clone();
            change(&mut other.binding);
            assert_eq!(sign(&mut client, &other), Err(DAMAGED), "{spec}");
            assert_eq!(sign(&mut client, &key), Ok(()));
            assert_eq!(sign(&mut client, &other), Err(DAMAGED), "{spec}");
        }
        let good = key.wrapped.0.clone();
        let mut refused = |bytes: Vec<u8>| {
            let wrapped = WrappedKey(bytes);
            let bad = Key {
                wrapped,
                ..key.clone()
            };
            assert_eq!(sign(&mut client, &bad), Err(DAMAGED), "{spec}");
        };
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            refused(bad);
            refused(good[..at].to_vec());
        }
        refused([good.as_slice(), &[0]].concat());
        let two = client.generate_of(spec, KeyUsage::SignVerify);
        let swapped = Key {
            wrapped: two.wrapped,
            ..key.clone()
        };
        assert_eq!(sign(&mut client, &swapped), Err(DAMAGED));
        assert_eq!(sign(&mut client, &key), Ok(()));
    }
}
