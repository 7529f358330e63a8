use keystead_types::{AccountId, KeyId, Origin, Region};
use keystead_wall::{KeyBinding, Reply, WrappedKey};

use super::*;
use crate::core::{Core, Root};
use crate::material;

fn core() -> Arc<Core> {
    let core = Core::new(&Root::Ephemeral).unwrap();
    let region = Region::parse("eu-central-1").unwrap();
    let root = crate::roots::Ephemeral::create(&core.arena).unwrap();
    core.domains.create(&region, &root, &core.arena).unwrap();
    Arc::new(core)
}

fn new_key(core: &Core, spec: KeySpec, usage: KeyUsage) -> (KeyBinding, WrappedKey) {
    let mut binding = KeyBinding {
        region: Region::parse("eu-central-1").unwrap(),
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::from_random([1; 16]),
        spec,
        usage,
        origin: Origin::AwsKms,
        material_id: keystead_types::Hex32([0; 32]),
    };
    let fresh = material::generate(spec, &core.arena).unwrap();
    match crate::wrapping::wrap_fresh(&core.domains, &binding, &fresh) {
        Ok(Reply::NewKey {
            material_id,
            wrapped,
            ..
        }) => {
            binding.material_id = material_id;
            (binding, wrapped)
        }
        other => panic!("{other:?}"),
    }
}

fn get(core: &Core, key: &(KeyBinding, WrappedKey)) -> Result<Arc<Parsed>, Refusal> {
    let (binding, wrapped) = key;
    core.parsed(KeyHandle { binding, wrapped })
}

#[test]
fn a_key_is_parsed_once_and_a_changed_record_misses() {
    let core = core();
    let key = new_key(&core, KeySpec::EccNistP256, KeyUsage::SignVerify);
    let first = get(&core, &key).unwrap();
    assert!(Arc::ptr_eq(&first, &get(&core, &key).unwrap()));
    assert_eq!(core.parsed.count(), (0, 1));
    // Every field of the binding, and every byte of the wrapping.
    let changes: [fn(&mut KeyBinding); 7] = [
        |b| b.region = Region::parse("us-east-1").unwrap(),
        |b| b.account = AccountId::parse("111122223334").unwrap(),
        |b| b.key_id = KeyId::from_random([2; 16]),
        |b| b.spec = KeySpec::EccSecgP256k1,
        |b| b.usage = KeyUsage::KeyAgreement,
        |b| b.origin = Origin::External,
        |b| b.material_id = keystead_types::Hex32([1; 32]),
    ];
    for change in changes {
        let mut other = key.clone();
        change(&mut other.0);
        assert!(get(&core, &other).is_err(), "{:?}", other.0);
    }
    for at in 0..key.1.0.len() {
        let mut other = key.clone();
        other.1.0[at] ^= 1;
        assert!(get(&core, &other).is_err());
    }
    assert_eq!(core.parsed.count(), (0, 1));
    let second = new_key(&core, KeySpec::EccNistP256, KeyUsage::SignVerify);
    assert!(!Arc::ptr_eq(&first, &get(&core, &second).unwrap()));
}

/// One material under two usages: the kept key of one is never that of the other.
#[test]
fn usages_of_the_same_material_are_kept_apart() {
    let core = core();
    let fresh = material::generate(KeySpec::EccNistP256, &core.arena).unwrap();
    for usage in [KeyUsage::SignVerify, KeyUsage::KeyAgreement] {
        let (mut binding, _) = new_key(&core, KeySpec::EccNistP256, usage);
        let made = crate::wrapping::wrap_fresh(&core.domains, &binding, &fresh);
        let Ok(Reply::NewKey {
            material_id,
            wrapped,
            ..
        }) = made
        else {
            panic!("no key");
        };
        binding.material_id = material_id;
        let parsed = get(&core, &(binding, wrapped)).unwrap();
        match usage {
            KeyUsage::SignVerify => assert!(matches!(*parsed, Parsed::EcSigning(_))),
            _ => assert!(matches!(*parsed, Parsed::EcAgreement(_))),
        }
    }
}

#[test]
fn symmetric_keys_are_never_kept() {
    let core = core();
    for (spec, usage) in [
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt),
        (KeySpec::Hmac256, KeyUsage::GenerateVerifyMac),
    ] {
        let key = new_key(&core, spec, usage);
        assert_eq!(get(&core, &key).err(), Some(Refusal::WrongUsage));
    }
    assert_eq!(core.parsed.count(), (0, 0));
}

#[test]
fn the_number_of_kept_keys_is_bounded_and_the_oldest_goes() {
    let core = core();
    let parsed = ParsedKeys::new();
    let key = new_key(&core, KeySpec::EccNistP256, KeyUsage::SignVerify);
    let kept = get(&core, &key).unwrap();
    let start = Instant::now();
    let most = PARSED_RSA_MAX / PARSED_SHARDS;
    for n in 0..most * 2 {
        let mut identity = [0; 32];
        identity[1..9].copy_from_slice(&n.to_be_bytes());
        let now = start + Duration::from_millis(u64::try_from(n).unwrap());
        // The first one is used again and again.
        parsed.find(&[0; 32], KeySpec::Rsa2048, now);
        let gone = parsed.keep(identity, KeySpec::Rsa2048, Arc::clone(&kept), now);
        assert_eq!(gone.is_some(), n >= most);
    }
    assert_eq!(parsed.count(), (most, 0));
    let now = start + Duration::from_secs(1);
    assert!(parsed.find(&[0; 32], KeySpec::Rsa2048, now).is_some());
    let mut second = [0; 32];
    second[8] = 1;
    assert!(parsed.find(&second, KeySpec::Rsa2048, now).is_none());
    // The other types have room of their own.
    let gone = parsed.keep([0; 32], KeySpec::EccNistP256, kept, now);
    assert!(gone.is_none());
    assert_eq!(parsed.count(), (most, 1));
}

#[test]
fn a_key_that_is_not_used_is_dropped() {
    let core = core();
    let parsed = ParsedKeys::new();
    let key = new_key(&core, KeySpec::EccNistP256, KeyUsage::SignVerify);
    let kept = get(&core, &key).unwrap();
    let start = Instant::now();
    parsed.keep([0; 32], KeySpec::EccNistP256, Arc::clone(&kept), start);
    let later = start + PARSED_KEPT;
    assert!(parsed.find(&[0; 32], KeySpec::EccNistP256, later).is_some());
    parsed.drop_old(later + PARSED_KEPT);
    assert_eq!(parsed.count(), (0, 1));
    let late = later + PARSED_KEPT + Duration::from_millis(1);
    assert!(parsed.find(&[0; 32], KeySpec::EccNistP256, late).is_none());
    let others = Arc::strong_count(&kept);
    parsed.drop_old(late);
    assert_eq!(parsed.count(), (0, 0));
    assert_eq!(Arc::strong_count(&kept), others - 1);
}
