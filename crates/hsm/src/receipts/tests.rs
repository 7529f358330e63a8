use keystead_types::{
    AccountId, EncryptionAlgorithm, KeyId, KeySpec, KeyUsage, MacAlgorithm, MessageType, Origin,
    Plaintext, Region, SigningAlgorithm, Timestamp,
};
use keystead_wall::codec::FrameId;
use keystead_wall::{Cipher, Delivery, KeyBinding, KeyHandle, Supply, WrappedKey};

use super::*;

#[test]
fn counters_are_gapless_and_digests_depend_on_everything() {
    let command = Command::GenerateRandom {
        length: 1,
        recipient: None,
    };
    let good = Ok(Reply::Done);
    let bad = Err(Refusal::InvalidArgument);
    let mut one = Receipts::new(7, 3);
    let mut two = Receipts::new(7, 3);
    let first = one.count(&command, &good);
    assert_eq!(first, two.count(&command, &good));
    assert_eq!((first.epoch, first.lane, first.counter), (7, 3, 1));
    let second = one.count(&command, &good);
    assert_eq!(second.counter, 2);
    assert_ne!(second.digest, first.digest);
    assert_ne!(two.count(&command, &bad).digest, second.digest);
    for (epoch, lane) in [(8, 3), (7, 4)] {
        let other = Receipts::new(epoch, lane).count(&command, &good);
        assert_ne!(other.digest, first.digest);
    }
}

#[test]
fn the_first_digest_is_the_documented_one() {
    let command = Command::GenerateRandom {
        length: 1,
        recipient: None,
    };
    let receipt = Receipts::new(1, 2).count(&command, &Ok(Reply::Done));
    let mut input = vec![0; 16];
    input.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 2]);
    input.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 5]);
    input.extend_from_slice(&[0; 32]);
    input.push(1);
    let want = digest::digest(&digest::SHA256, &input);
    assert_eq!(receipt.digest, want.as_ref()[..16]);
}

fn binding(material: u8) -> KeyBinding {
    KeyBinding {
        region: Region::parse("eu-central-1").unwrap(),
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::from_random([1; 16]),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        material_id: keystead_types::Hex32([material; 32]),
    }
}

/// The digest of the documented input after the counter.
fn documented(kind: u8, materials: &[u8], success: u8) -> [u8; 16] {
    let mut input = vec![0; 16];
    input.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 2]);
    input.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, kind]);
    for material in materials {
        input.extend_from_slice(&[*material; 32]);
    }
    input.push(success);
    let want = digest::digest(&digest::SHA256, &input);
    *want.as_ref().first_chunk().unwrap()
}

/// The kind is that of the wall's frame, and the material that of the key.
#[test]
fn every_command_with_a_key_is_counted_under_its_kind_and_material() {
    let (one, two) = (binding(1), binding(2));
    let wrapped = WrappedKey(Vec::new());
    let handle = |binding| KeyHandle {
        binding,
        wrapped: &wrapped,
    };
    let cipher = |binding| Cipher {
        key: handle(binding),
        algorithm: EncryptionAlgorithm::SymmetricDefault,
        context: b"",
    };
    let key = handle(&one);
    let plaintext = Plaintext::new(vec![1]);
    let (algorithm, message_type) = (SigningAlgorithm::EcdsaSha256, MessageType::Raw);
    let (mac, message) = (MacAlgorithm::HmacSha256, b"m".as_slice());
    let region = one.region.clone();
    let commands: [(Command<'_>, &[u8]); 14] = [
        (
            Command::Encrypt {
                cipher: cipher(&one),
                plaintext: &plaintext,
            },
            &[1],
        ),
        (
            Command::Decrypt {
                cipher: cipher(&one),
                ciphertext: b"c",
                recipient: None,
            },
            &[1],
        ),
        (
            Command::ReEncrypt {
                source: cipher(&one),
                ciphertext: b"c",
                destination: cipher(&two),
            },
            &[1, 2],
        ),
        (
            Command::GenerateDataKey {
                key,
                context: b"",
                length: 1,
                delivery: Delivery::Withheld,
            },
            &[1],
        ),
        (
            Command::GenerateKeyPair {
                key,
                context: b"",
                spec: KeySpec::EccNistP256,
                delivery: Delivery::Withheld,
                supply: Supply::Made,
            },
            &[1],
        ),
        (
            Command::Sign {
                key,
                algorithm,
                message_type,
                message,
            },
            &[1],
        ),
        (
            Command::Verify {
                key,
                algorithm,
                message_type,
                message,
                signature: b"s",
            },
            &[1],
        ),
        (
            Command::GenerateMac {
                key,
                algorithm: mac,
                message,
            },
            &[1],
        ),
        (
            Command::VerifyMac {
                key,
                algorithm: mac,
                message,
                mac: b"m",
            },
            &[1],
        ),
        (
            Command::DeriveSharedSecret {
                key,
                public_key: b"p",
                recipient: None,
            },
            &[1],
        ),
        (Command::Encapsulate { key }, &[1]),
        (
            Command::Decapsulate {
                key,
                ciphertext: b"c",
            },
            &[1],
        ),
        (Command::ExportKey { key, to: &region }, &[1]),
        (Command::CreateDomain { region: &region }, &[0]),
    ];
    for (command, materials) in &commands {
        let kind = frame_kind(command);
        let refused = Receipts::new(1, 2).count(command, &Err(Refusal::WrongUsage));
        assert_eq!(refused.digest, documented(kind, materials, 0), "{kind}");
        let done = Receipts::new(1, 2).count(command, &Ok(Reply::Done));
        assert_eq!(done.digest, documented(kind, materials, 1), "{kind}");
    }
    let mut kinds: Vec<u8> = commands.iter().map(|(c, _)| frame_kind(c)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), commands.len());
}

/// Byte 12 of a frame, after its length and id.
fn frame_kind(command: &Command<'_>) -> u8 {
    let mut frame = Vec::new();
    keystead_wall::codec::encode_command(command, FrameId(1), &mut frame).unwrap();
    frame[12]
}

#[test]
fn new_material_is_counted_and_a_refusal_counts_zeros() {
    let binding = binding(9);
    let region = binding.region.clone();
    let commands = [
        Command::GenerateKey {
            binding: &binding,
            supply: Supply::Made,
        },
        Command::ImportKey {
            target: &binding,
            token: b"t",
            now: Timestamp::from_millis(0),
            encrypted: b"e",
        },
        Command::AdoptKey {
            binding: &binding,
            from: &region,
            transport: b"t",
        },
    ];
    for command in commands {
        let kind = frame_kind(&command);
        let made = Ok(Reply::NewKey {
            material_id: keystead_types::Hex32([3; 32]),
            wrapped: WrappedKey(Vec::new()),
            public_key: None,
        });
        let receipt = Receipts::new(1, 2).count(&command, &made);
        assert_eq!(receipt.digest, documented(kind, &[3], 1));
        let refused = Err(Refusal::InvalidArgument);
        let receipt = Receipts::new(1, 2).count(&command, &refused);
        assert_eq!(receipt.digest, documented(kind, &[0], 0));
    }
}
