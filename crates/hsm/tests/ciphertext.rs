//! Symmetric ciphertexts against traps 1, 2, 3 and 5, and hostile inputs G1–G6 and G9.
#![allow(clippy::panic, reason = "test code outside of test functions")]

mod common;

use common::{Client, Key, binding, context};
use keystead_types::{AccountId, Hex32, KeyId, KeySpec, KeyUsage, Plaintext};
use keystead_wall::{Command, Delivered, Delivery, Refusal, Reply};
use proptest::prelude::{ProptestConfig, any, prop, proptest};

const HEADER_BYTES: usize = 58 + "eu-central-1".len();
const OVERHEAD: usize = HEADER_BYTES + 76;

fn client_and_key() -> (Client, Key) {
    let mut client = Client::new();
    let key = client.generate(binding("eu-central-1", 1));
    (client, key)
}

#[test]
fn lengths_are_exact_and_bounded() {
    let (mut client, key) = client_and_key();
    for len in [1, 2, 31, 4095, 4096] {
        let plaintext = vec![0x5a; len];
        let blob = client.encrypt(&key, &[], &plaintext).unwrap();
        assert_eq!(blob.len(), len + OVERHEAD);
        assert!(blob.len() <= 6144);
        assert_eq!(client.decrypt(&key, &[], &blob).unwrap(), plaintext);
    }
    for len in [0, 4097] {
        let refused = client.encrypt(&key, &[], &vec![0; len]);
        assert_eq!(refused, Err(Refusal::InvalidArgument));
    }
    let long = vec![0; keystead_hsm::limits::CONTEXT_MAX_BYTES + 1];
    assert_eq!(
        client.encrypt(&key, &long, b"x"),
        Err(Refusal::InvalidArgument)
    );
    let blob = client.encrypt(&key, &long[1..], b"x").unwrap();
    assert_eq!(client.decrypt(&key, &long[1..], &blob).unwrap(), b"x");
}

/// Trap 1; G1, G2.
#[test]
fn the_context_is_framed_and_every_byte_of_it_counts() {
    let (mut client, key) = client_and_key();
    let sealed_with = context(&[("a", "bc"), ("d", "e")]);
    let blob = client.encrypt(&key, &sealed_with, b"text").unwrap();
    let same = context(&[("d", "e"), ("a", "bc")]);
    assert_eq!(client.decrypt(&key, &same, &blob).unwrap(), b"text");
    let others = [
        context(&[]),
        context(&[("a", "bc")]),
        context(&[("ab", "c"), ("d", "e")]),
        context(&[("a", "bcde")]),
        context(&[("a", "Bc"), ("d", "e")]),
        context(&[("bc", "a"), ("d", "e")]),
        context(&[("a", "bc"), ("d", "e"), ("f", "")]),
        [sealed_with.as_slice(), &[0]].concat(),
        sealed_with[1..].to_vec(),
    ];
    for other in others {
        assert_eq!(
            client.decrypt(&key, &other, &blob),
            Err(Refusal::InvalidCiphertext)
        );
    }
}

/// A context that continues the bytes of the clear part, or a blob that takes bytes of the
/// context over, gives other associated data.
#[test]
fn bytes_do_not_move_between_blob_and_context() {
    let (mut client, key) = client_and_key();
    let blob = client.encrypt(&key, b"", b"0123456789").unwrap();
    let clear = OVERHEAD - 16;
    for moved in 1..8 {
        let mut shorter = blob.clone();
        let taken: Vec<u8> = shorter.drain(clear..clear + moved).collect();
        assert_eq!(
            client.decrypt(&key, &taken, &shorter),
            Err(Refusal::InvalidCiphertext)
        );
    }
}

/// Trap 2; G4, G5.
#[test]
fn no_byte_can_be_changed_cut_or_added() {
    let (mut client, key) = client_and_key();
    let blob = client.encrypt(&key, b"ctx", b"sixteen bytes ok").unwrap();
    const REFUSED: Result<Vec<u8>, Refusal> = Err(Refusal::InvalidCiphertext);
    for at in 0..blob.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bad = blob.clone();
            bad[at] ^= flip;
            assert_eq!(client.decrypt(&key, b"ctx", &bad), REFUSED, "byte {at}");
        }
    }
    for cut in 0..blob.len() {
        assert_eq!(client.decrypt(&key, b"ctx", &blob[..cut]), REFUSED);
        assert_eq!(client.decrypt(&key, b"ctx", &blob[cut + 1..]), REFUSED);
    }
    for more in 0..=255 {
        let longer = [blob.as_slice(), &[more]].concat();
        assert_eq!(client.decrypt(&key, b"ctx", &longer), REFUSED);
    }
    for len in [0, 1, 100, 6144, 6145, 16 * 1024] {
        assert_eq!(client.decrypt(&key, b"ctx", &vec![0; len]), REFUSED);
    }
    assert_eq!(
        client.decrypt(&key, b"ctx", &blob).unwrap(),
        b"sixteen bytes ok"
    );
}

/// G9: parts of two good blobs of one key.
#[test]
fn spliced_blobs_do_not_open() {
    let (mut client, key) = client_and_key();
    let one = client.encrypt(&key, &[], b"aaaaaaaaaaaaaaaa").unwrap();
    let two = client.encrypt(&key, &[], b"bbbbbbbbbbbbbbbb").unwrap();
    for at in HEADER_BYTES + 1..one.len() {
        let spliced = [&one[..at], &two[at..]].concat();
        assert_eq!(
            client.decrypt(&key, &[], &spliced),
            Err(Refusal::InvalidCiphertext),
            "{at}"
        );
    }
}

/// Trap 3: the plaintext's bytes are in the blob neither as they are nor in base64.
#[test]
fn the_plaintext_is_not_visible() {
    let (mut client, key) = client_and_key();
    let plaintext = b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC the same text twice, the same text twice";
    let blob = client.encrypt(&key, &[], plaintext).unwrap();
    for window in plaintext.windows(5) {
        assert!(!blob.windows(5).any(|part| part == window));
    }
    // Base64 of any depth keeps to 64 of 256 byte values; random bytes do not.
    let body = &blob[HEADER_BYTES..];
    let outside = |byte: &&u8| !(byte.is_ascii_alphanumeric() || b"+/=".contains(byte));
    assert!(body.iter().filter(outside).count() > body.len() / 3);
}

#[test]
fn the_same_message_never_gives_the_same_blob() {
    let (mut client, key) = client_and_key();
    let mut bodies = std::collections::HashSet::new();
    for _ in 0..64 {
        let blob = client.encrypt(&key, &[], b"same").unwrap();
        assert!(bodies.insert(blob[HEADER_BYTES..].to_vec()));
    }
}

/// Traps 4 and 5; G6: Region, account, key and material all keep blobs apart, even if a front end
/// forges the header to match.
#[test]
fn five_levels_of_separation_hold() {
    let (mut client, key) = client_and_key();
    client.create_domain("us-east-1");
    let blob = client.encrypt(&key, &[], b"mine").unwrap();
    let mut foreign = binding("eu-central-1", 1);
    foreign.account = AccountId::parse("999999999999").unwrap();
    let others = [
        binding("us-east-1", 1),
        foreign,
        binding("eu-central-1", 2),
        // The same key after a rotation: other material, other id.
        binding("eu-central-1", 1),
    ];
    for other in others {
        let other = client.generate(other);
        assert_ne!(other.binding.material_id, key.binding.material_id);
        assert_eq!(
            client.decrypt(&other, &[], &blob),
            Err(Refusal::InvalidCiphertext)
        );
        // The header of the other key before the body of this one.
        let like = client.encrypt(&other, &[], b"mine").unwrap();
        let body = &blob[HEADER_BYTES..];
        let forged = [&like[..like.len() - body.len()], body].concat();
        assert_eq!(
            client.decrypt(&other, &[], &forged),
            Err(Refusal::InvalidCiphertext)
        );
    }
    // Another installation: another root and domain key, the same names.
    let mut stranger = Client::new();
    assert_eq!(
        stranger.decrypt(&key, &[], &blob),
        Err(Refusal::WrappedKeyDamaged)
    );
    assert_eq!(client.decrypt(&key, &[], &blob).unwrap(), b"mine");
}

/// A binding that differs from the blob's header in one field is refused before any key is used.
#[test]
fn the_header_must_name_the_binding() {
    let (mut client, key) = client_and_key();
    let blob = client.encrypt(&key, &[], b"mine").unwrap();
    let changes: [fn(&mut Key); 4] = [
        |k| k.binding.region = common::region("eu-central-2"),
        |k| k.binding.account = AccountId::parse("111122223334").unwrap(),
        |k| k.binding.key_id = KeyId::from_random([9; 16]),
        |k| k.binding.material_id = Hex32([9; 32]),
    ];
    for change in changes {
        let mut other = key.clone();
        change(&mut other);
        assert_eq!(
            client.decrypt(&other, &[], &blob),
            Err(Refusal::InvalidCiphertext)
        );
    }
}

#[test]
fn usage_and_spec_are_checked_again_here() {
    let (mut client, key) = client_and_key();
    let blob = client.encrypt(&key, &[], b"x").unwrap();
    for usage in KeyUsage::ALL {
        let mut other = key.clone();
        other.binding.usage = *usage;
        let allowed = *usage == KeyUsage::EncryptDecrypt;
        assert_eq!(client.encrypt(&other, &[], b"x").is_ok(), allowed);
        if !allowed {
            let refused = Err(Refusal::WrongUsage);
            assert_eq!(client.encrypt(&other, &[], b"x"), refused.clone());
            let refused = Err(Refusal::WrongUsage);
            assert_eq!(client.decrypt(&other, &[], &blob), refused);
        }
    }
    for spec in KeySpec::ALL
        .iter()
        .filter(|s| **s != KeySpec::SymmetricDefault)
    {
        let mut other = key.clone();
        other.binding.spec = *spec;
        let refused = Err(Refusal::WrongUsage);
        assert_eq!(client.encrypt(&other, &[], b"x"), refused);
    }
}

fn re_encrypt(
    client: &mut Client,
    from: (&Key, &[u8]),
    blob: &[u8],
    to: (&Key, &[u8]),
) -> Result<Vec<u8>, Refusal> {
    let command = Command::ReEncrypt {
        source: from.0.cipher(from.1),
        ciphertext: blob,
        destination: to.0.cipher(to.1),
    };
    match client.run(command)? {
        Reply::Ciphertext(blob) => Ok(blob),
        other => panic!("{other:?}"),
    }
}

#[test]
fn re_encryption_moves_key_and_context_in_one_step() {
    let (mut client, one) = client_and_key();
    let two = client.generate(binding("eu-central-1", 2));
    for len in [1, 4096] {
        let plaintext = vec![3; len];
        let blob = client.encrypt(&one, b"from", &plaintext).unwrap();
        let moved = re_encrypt(&mut client, (&one, b"from"), &blob, (&two, b"to")).unwrap();
        assert_eq!(client.decrypt(&two, b"to", &moved).unwrap(), plaintext);
        assert!(client.decrypt(&two, b"from", &moved).is_err());
        assert!(client.decrypt(&one, b"to", &moved).is_err());

        let refused = Err(Refusal::InvalidCiphertext);
        let wrong = re_encrypt(&mut client, (&one, b"to"), &blob, (&two, b"to"));
        assert_eq!(wrong, refused);
        let mut damaged = two.clone();
        damaged.wrapped.0[40] ^= 1;
        assert_eq!(
            re_encrypt(&mut client, (&one, b"from"), &blob, (&damaged, b"to")),
            Err(Refusal::WrappedKeyDamaged)
        );
        // Within one key, only the context changes.
        let again = re_encrypt(&mut client, (&one, b"from"), &blob, (&one, b"new")).unwrap();
        assert_eq!(client.decrypt(&one, b"new", &again).unwrap(), plaintext);
    }
}

#[test]
fn data_keys_open_to_what_was_returned_and_only_then_return_it() {
    let (mut client, key) = client_and_key();
    for delivery in [Delivery::Clear, Delivery::Withheld] {
        for length in [1, 16, 32, 64, 1024] {
            let made = client.run(Command::GenerateDataKey {
                key: key.handle(),
                context: b"c",
                length,
                delivery,
            });
            let Ok(Reply::DataKey {
                ciphertext,
                plaintext,
            }) = made
            else {
                panic!("{made:?}");
            };
            let opened = client.decrypt(&key, b"c", &ciphertext).unwrap();
            assert_eq!(opened.len(), usize::from(length));
            match (delivery, plaintext) {
                (Delivery::Clear, Delivered::Clear(clear)) => assert_eq!(clear.expose(), opened),
                (Delivery::Withheld, Delivered::Withheld) => {}
                other => panic!("{other:?}"),
            }
            if length >= 16 {
                assert!(opened.iter().any(|byte| *byte != 0));
            }
        }
    }
    for length in [0, 1025, u16::MAX] {
        let made = client.run(Command::GenerateDataKey {
            key: key.handle(),
            context: b"",
            length,
            delivery: Delivery::Clear,
        });
        assert_eq!(made.map(|_| ()), Err(Refusal::InvalidArgument));
        let random = client.run(Command::GenerateRandom {
            length,
            recipient: None,
        });
        assert_eq!(random.map(|_| ()), Err(Refusal::InvalidArgument));
    }
}

#[test]
fn random_bytes_have_their_length_and_differ() {
    let mut client = Client::new();
    let mut random = |length| match client.run(Command::GenerateRandom {
        length,
        recipient: None,
    }) {
        Ok(Reply::Plaintext(bytes)) => bytes.expose().to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(random(1).len(), 1);
    assert_eq!(random(1024).len(), 1024);
    assert_ne!(random(32), random(32));
}

#[test]
fn receipts_count_successes_and_refusals() {
    let (mut client, key) = client_and_key();
    let plaintext = Plaintext::new(vec![1]);
    let good = Command::Encrypt {
        cipher: key.cipher(b""),
        plaintext: &plaintext,
    };
    let bad = Command::GenerateRandom {
        length: 0,
        recipient: None,
    };
    let first = client.0.execute(&good);
    let second = client.0.execute(&bad);
    let third = client.0.execute(&good);
    assert!(second.result.is_err());
    let counters = [&first, &second, &third].map(|outcome| outcome.receipt.counter);
    assert_eq!(counters, [3, 4, 5]);
    assert_eq!(first.receipt.epoch, third.receipt.epoch);
    assert_ne!(first.receipt.digest, third.receipt.digest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn everything_opens_again_and_nothing_else_does(
        plaintext in prop::collection::vec(any::<u8>(), 1..600),
        sealed_with in prop::collection::vec(any::<u8>(), 0..200),
        other in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (mut client, key) = client_and_key();
        let blob = client.encrypt(&key, &sealed_with, &plaintext).unwrap();
        assert_eq!(client.decrypt(&key, &sealed_with, &blob), Ok(plaintext));
        if other != sealed_with {
            let refused = Err(Refusal::InvalidCiphertext);
            assert_eq!(client.decrypt(&key, &other, &blob), refused);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused(
        blob in prop::collection::vec(any::<u8>(), 0..400),
        wrapped in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let (mut client, key) = client_and_key();
        let refused = Err(Refusal::InvalidCiphertext);
        assert_eq!(client.decrypt(&key, &[], &blob), refused);
        let damaged = Key { wrapped: keystead_wall::WrappedKey(wrapped), ..key };
        let refused = Err(Refusal::WrappedKeyDamaged);
        assert_eq!(client.encrypt(&damaged, &[], b"x"), refused);
    }
}
