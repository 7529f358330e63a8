use keystead_types::{AccountId, EncryptionAlgorithm, KeyId, Origin, Region};
use keystead_wall::{Cipher, Command, Reply, WrappedKey};

use super::*;
use crate::core::{Core, LaneCore, Root};
use crate::material::Fresh;

#[test]
fn keys_of_a_message_are_wiped_and_differ_by_nonce_and_header() {
    let arena = Arena::new().unwrap();
    let mut scratch = Scratch::new(&arena).unwrap();
    scratch.material.expose_mut().fill(7);
    let derived = |scratch: &mut Scratch, header: &[u8], nonce: u8| {
        let keys = scratch.derive(header, &[nonce; DERIVATION_NONCE_BYTES]);
        (keys.encryption.to_vec(), keys.commitment.to_vec())
    };
    let one = derived(&mut scratch, b"header", 1);
    assert_eq!(one, derived(&mut scratch, b"header", 1));
    assert_ne!(one.0, one.1);
    for (header, nonce) in [(b"header", 2), (b"Header", 1)] {
        let other = derived(&mut scratch, header, nonce);
        assert_ne!(one.0, other.0);
        assert_ne!(one.1, other.1);
    }
    scratch.wipe();
    assert_eq!(scratch.material.expose(), [0; AES_256_KEY_BYTES]);
    assert_eq!(scratch.derived.expose(), [0; DERIVED_BYTES]);
}

#[test]
fn one_core_has_one_epoch_and_another_has_another() {
    let one = Core::new(&Root::Ephemeral).unwrap();
    let two = Core::new(&Root::Ephemeral).unwrap();
    assert_ne!(one.epoch(), two.epoch());
}

/// A key of one id and material in two Regions.
struct Replicas {
    lane: LaneCore,
    keys: [(KeyBinding, WrappedKey); 2],
}

fn replicas(key_id: KeyId, material: [&[u8]; 2]) -> Replicas {
    let core = Arc::new(Core::new(&Root::Ephemeral).unwrap());
    let mut lane = core.lane(0).unwrap();
    let places = [("us-east-1", material[0]), ("eu-west-1", material[1])];
    let keys = places.map(|(name, material)| {
        let region = Region::parse(name).unwrap();
        let command = Command::CreateDomain { region: &region };
        lane.execute(&command).result.unwrap();
        let fresh = Fresh {
            bytes: KeyMaterial::copied(&core.arena, material).unwrap(),
            public_key: None,
        };
        let mut binding = KeyBinding {
            region,
            account: AccountId::parse("111122223333").unwrap(),
            key_id,
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            material_id: keystead_types::Hex32([0; 32]),
        };
        let made = wrapping::wrap_fresh(&core.domains, &binding, &fresh);
        let Ok(Reply::NewKey {
            material_id,
            wrapped,
            ..
        }) = made
        else {
            panic!("{made:?}");
        };
        binding.material_id = material_id;
        (binding, wrapped)
    });
    Replicas { lane, keys }
}

fn cipher((binding, wrapped): &(KeyBinding, WrappedKey)) -> Cipher<'_> {
    Cipher {
        key: KeyHandle { binding, wrapped },
        algorithm: EncryptionAlgorithm::SymmetricDefault,
        context: b"context",
    }
}

impl Replicas {
    fn encrypt(&mut self, at: usize) -> Vec<u8> {
        let plaintext = Plaintext::new(b"it travels".to_vec());
        let command = Command::Encrypt {
            cipher: cipher(&self.keys[at]),
            plaintext: &plaintext,
        };
        match self.lane.execute(&command).result {
            Ok(Reply::Ciphertext(blob)) => blob,
            other => panic!("{other:?}"),
        }
    }

    fn decrypt(&mut self, at: usize, ciphertext: &[u8]) -> Result<Vec<u8>, Refusal> {
        let command = Command::Decrypt {
            cipher: cipher(&self.keys[at]),
            ciphertext,
            recipient: None,
        };
        match self.lane.execute(&command).result? {
            Reply::Plaintext(opened) => Ok(opened.expose().to_vec()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_multi_region_ciphertext_opens_in_every_region_of_its_key() {
    let mut key = replicas(KeyId::multi_region_from_random([1; 16]), [&[7; 32]; 2]);
    assert_eq!(key.keys[0].0.material_id, key.keys[1].0.material_id);
    for from in [0, 1] {
        let blob = key.encrypt(from);
        for to in [0, 1] {
            assert_eq!(key.decrypt(to, &blob).as_deref(), Ok(&b"it travels"[..]));
        }
        // The Region in the header is authenticated all the same.
        let mut moved = blob.clone();
        let other = key.keys[1 - from].0.region.as_str().as_bytes();
        moved[58..58 + other.len()].copy_from_slice(other);
        for to in [0, 1] {
            let refused = Err(Refusal::InvalidCiphertext);
            assert_eq!(key.decrypt(to, &moved), refused);
        }
    }
    // In the middle of a rotation: the other Region's material is another one.
    let key_id = KeyId::multi_region_from_random([1; 16]);
    let mut rotated = replicas(key_id, [&[7; 32], &[8; 32]]);
    let blob = rotated.encrypt(0);
    assert_eq!(rotated.decrypt(1, &blob), Err(Refusal::InvalidCiphertext));
    rotated.keys[1].0.account = AccountId::parse("111122223334").unwrap();
    rotated.keys[1].0.material_id = rotated.keys[0].0.material_id;
    assert_eq!(rotated.decrypt(1, &blob), Err(Refusal::InvalidCiphertext));
}

#[test]
fn a_ciphertext_of_a_single_region_key_stays_in_its_region() {
    let mut key = replicas(KeyId::from_random([1; 16]), [&[7; 32]; 2]);
    assert_eq!(key.keys[0].0.material_id, key.keys[1].0.material_id);
    let blob = key.encrypt(0);
    assert!(key.decrypt(0, &blob).is_ok());
    assert_eq!(key.decrypt(1, &blob), Err(Refusal::InvalidCiphertext));
}
