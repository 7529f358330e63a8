use super::*;
use crate::core::{Core, Root};

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
