use keystead_types::KeyUsage;

use super::*;
use crate::limits::AES_256_KEY_BYTES;

#[test]
fn the_material_id_is_the_documented_one() {
    let key_id = KeyId::parse("1234abcd-12ab-34cd-56ef-1234567890ab").unwrap();
    let material: Vec<u8> = (0x80..0xa0).collect();
    let golden = include_str!("../../tests/golden/material-id-v1.hex").trim();
    assert_eq!(
        material_id(KeySpec::SymmetricDefault, &material, &key_id).to_string(),
        golden
    );
    let other = KeyId::from_random([1; 16]);
    assert_ne!(
        material_id(KeySpec::SymmetricDefault, &material, &other).to_string(),
        golden
    );
    // Made with Python's `hmac`, as `docs/formats/wrapped-key.md` says for the other specs.
    for spec in [KeySpec::Hmac256, KeySpec::EccNistP256] {
        assert_eq!(
            material_id(spec, &material, &key_id).to_string(),
            "800fa43cc310c405342bb2fbba259a8be88ab45ec2485f4d2749303e0dfd94f4"
        );
    }
}

/// Usage and spec are refused before the wrapping is looked at; they are bound nevertheless.
#[test]
fn usage_and_spec_are_bound() {
    let arena = Arena::new().unwrap();
    let root = crate::roots::Ephemeral::create(&arena).unwrap();
    let domains = Domains::new();
    let region = keystead_types::Region::parse("eu-central-1").unwrap();
    domains.create(&region, &root, &arena).unwrap();
    let mut binding = KeyBinding {
        region,
        account: keystead_types::AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::from_random([1; 16]),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        material_id: keystead_types::Hex32([0; 32]),
    };
    let fresh = Fresh::random(&arena, 32);
    let made = wrap_fresh(&domains, &binding, &fresh).unwrap();
    let Reply::NewKey {
        material_id,
        wrapped,
        ..
    } = made
    else {
        panic!("no key");
    };
    binding.material_id = material_id;
    let mut out = KeyMaterial::zeroed(&arena, AES_256_KEY_BYTES).unwrap();
    let mut opens = |binding: &KeyBinding| {
        let key = KeyHandle {
            binding,
            wrapped: &wrapped,
        };
        unwrap(&domains, key, &mut Vec::new(), &mut out)
    };
    assert_eq!(opens(&binding), Ok(()));
    let hmac = KeyBinding {
        spec: KeySpec::Hmac256,
        ..binding.clone()
    };
    assert_eq!(opens(&hmac), Err(Refusal::WrappedKeyDamaged));
    let mac = KeyBinding {
        usage: KeyUsage::GenerateVerifyMac,
        ..binding.clone()
    };
    assert_eq!(opens(&mac), Err(Refusal::WrappedKeyDamaged));
    assert_eq!(out.expose(), [0; AES_256_KEY_BYTES]);
}
