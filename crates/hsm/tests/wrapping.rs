//! Wrapped keys, domain keys and sealed secrets in the hands of a hostile front end.
#![allow(clippy::panic, reason = "test code outside of test functions")]

mod common;

use std::sync::Arc;

use common::{Client, Key, binding, region};
use keystead_hsm::{Core, IfMissing, Root};
use keystead_types::{AccountId, Hex32, KeyId, KeySpec, KeyUsage, Origin, Plaintext};
use keystead_wall::{Command, KeyBinding, Refusal, Reply, Supply, WrappedKey};

const DAMAGED: Refusal = Refusal::WrappedKeyDamaged;

/// Every field of the binding that a front end may lie about, with usage and spec kept usable:
/// those two are refused earlier, and `usage_and_spec_are_bound` shows that they are bound too.
#[test]
fn a_binding_that_differs_in_one_field_does_not_open() {
    let mut client = Client::new();
    client.create_domain("us-east-1");
    let key = client.generate(binding("eu-central-1", 1));
    let changes: [fn(&mut KeyBinding); 7] = [
        |b| b.region = region("us-east-1"),
        |b| b.account = AccountId::parse("111122223334").unwrap(),
        |b| b.key_id = KeyId::from_random([2; 16]),
        |b| b.key_id = KeyId::parse("mrk-01010101010141018101010101010101").unwrap(),
        |b| b.origin = Origin::External,
        |b| b.origin = Origin::ExternalKeyStore,
        |b| b.material_id = Hex32([0; 32]),
    ];
    for change in changes {
        let mut other = key.clone();
        change(&mut other.binding);
        assert_eq!(
            client.encrypt(&other, &[], b"x"),
            Err(DAMAGED),
            "{other:?}",
            other = other.binding
        );
    }
    assert!(client.encrypt(&key, &[], b"x").is_ok());
}

#[test]
fn keys_cannot_be_swapped() {
    let mut client = Client::new();
    let one = client.generate(binding("eu-central-1", 1));
    let two = client.generate(binding("eu-central-1", 2));
    let rotated = client.generate(binding("eu-central-1", 1));
    for wrapped in [&two.wrapped, &rotated.wrapped] {
        let mixed = Key {
            wrapped: wrapped.clone(),
            ..one.clone()
        };
        assert_eq!(client.encrypt(&mixed, &[], b"x"), Err(DAMAGED));
    }
}

#[test]
fn a_wrapped_key_cannot_be_changed_cut_or_extended() {
    let mut client = Client::new();
    let key = client.generate(binding("eu-central-1", 1));
    let good = key.wrapped.0.clone();
    assert_eq!(good.len(), 65);
    let mut refused = |bytes: Vec<u8>| {
        let bad = Key {
            wrapped: WrappedKey(bytes),
            ..key.clone()
        };
        assert_eq!(client.encrypt(&bad, &[], b"x"), Err(DAMAGED));
    };
    for at in 0..good.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            refused(bad);
        }
        refused(good[..at].to_vec());
    }
    for more in 0..=255 {
        refused([good.as_slice(), &[more]].concat());
    }
}

/// A secret sealed for the server is under the same domain key, but is never a key, nor the
/// reverse.
#[test]
fn secrets_and_keys_are_kept_apart() {
    let mut client = Client::new();
    let key = client.generate(binding("eu-central-1", 1));
    let sealed = seal(&mut client, b"label", &[7; 32]).unwrap();
    assert_eq!(sealed.len(), key.wrapped.0.len());
    let disguised = Key {
        wrapped: WrappedKey(sealed),
        ..key.clone()
    };
    assert_eq!(client.encrypt(&disguised, &[], b"x"), Err(DAMAGED));
    let mut canonical = Vec::new();
    key.binding.canonical(&mut canonical);
    for label in [b"".as_slice(), canonical.as_slice()] {
        let opened = open(&mut client, label, &key.wrapped.0);
        assert_eq!(opened, Err(Refusal::SealBroken));
    }
}

#[test]
fn only_keys_that_make_sense_are_made() {
    let mut client = Client::new();
    let mut generate = |change: &dyn Fn(&mut KeyBinding)| {
        let mut wanted = binding("eu-central-1", 1);
        change(&mut wanted);
        let command = Command::GenerateKey {
            binding: &wanted,
            supply: Supply::Prepared,
        };
        client.run(command).map(|_| ())
    };
    assert_eq!(generate(&|_| ()), Ok(()));
    for spec in KeySpec::ALL.iter().copied() {
        for usage in KeyUsage::ALL.iter().copied() {
            let made = generate(&|b| (b.spec, b.usage) = (spec, usage));
            let want = match spec.allows(usage) {
                false => Err(Refusal::WrongUsage),
                // Nothing makes any ahead in this core.
                true if spec.is_rsa() => Err(Refusal::NonePrepared),
                true => Ok(()),
            };
            assert_eq!(made, want, "{spec} {usage}");
        }
    }
    for origin in Origin::ALL.iter().filter(|o| **o != Origin::AwsKms) {
        let refused = Err(Refusal::InvalidArgument);
        assert_eq!(generate(&|b| b.origin = *origin), refused);
    }
    let refused = Err(Refusal::DomainMissing);
    assert_eq!(generate(&|b| b.region = region("us-east-1")), refused);
}

fn seal(client: &mut Client, label: &[u8], secret: &[u8]) -> Result<Vec<u8>, Refusal> {
    let command = Command::SealSecret {
        region: &region("eu-central-1"),
        label,
        secret: &Plaintext::new(secret.to_vec()),
    };
    match client.run(command)? {
        Reply::Sealed(sealed) => Ok(sealed),
        other => panic!("{other:?}"),
    }
}

fn open(client: &mut Client, label: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Refusal> {
    let command = Command::OpenSecret {
        region: &region("eu-central-1"),
        label,
        sealed,
    };
    match client.run(command)? {
        Reply::Plaintext(secret) => Ok(secret.expose().to_vec()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_secret_opens_under_its_label_only() {
    const BROKEN: Result<Vec<u8>, Refusal> = Err(Refusal::SealBroken);
    let mut client = Client::new();
    let sealed = seal(&mut client, b"user/alice", b"secret").unwrap();
    assert_eq!(
        open(&mut client, b"user/alice", &sealed).unwrap(),
        b"secret"
    );
    for label in [b"".as_slice(), b"user/alic", b"user/alice2", b"User/alice"] {
        assert_eq!(open(&mut client, label, &sealed), BROKEN);
    }
    for at in 0..sealed.len() {
        let mut bad = sealed.clone();
        bad[at] ^= 0x40;
        assert_eq!(open(&mut client, b"user/alice", &bad), BROKEN);
        assert_eq!(open(&mut client, b"user/alice", &sealed[..at]), BROKEN);
    }
    for (label, secret) in [(0, 0), (0, 1025), (513, 1)] {
        let refused = seal(&mut client, &vec![b'l'; label], &vec![b's'; secret]);
        assert_eq!(refused, Err(Refusal::InvalidArgument));
    }
    let whole = seal(&mut client, &[b'l'; 512], &[b's'; 1024]).unwrap();
    assert_eq!(open(&mut client, &[b'l'; 512], &whole).unwrap().len(), 1024);
}

/// A domain that was stored opens in the next process, under its Region and its root only.
#[test]
fn a_domain_survives_a_restart_and_nothing_else_opens_it() {
    let directory = tempfile::tempdir().unwrap();
    let root = |name: &str| Root::KeyFile {
        path: directory.path().join(name),
        missing: IfMissing::Create,
    };
    let start = |name: &str| Arc::new(Core::new(&root(name)).unwrap());
    let mut first = Client(start("one").lane(0).unwrap());
    let sealed = first.create_domain("eu-central-1");
    let key = first.generate(binding("eu-central-1", 1));
    let blob = first.encrypt(&key, &[], b"text").unwrap();
    drop(first);

    let core = start("one");
    let mut second = Client(core.lane(0).unwrap());
    assert_eq!(
        second.decrypt(&key, &[], &blob),
        Err(Refusal::DomainMissing)
    );
    let open = |client: &mut Client, name: &str, sealed: &[u8]| {
        let region = region(name);
        let command = Command::OpenDomain {
            region: &region,
            sealed,
        };
        client.run(command).map(|_| ())
    };
    for at in 0..sealed.len() {
        let mut bad = sealed.clone();
        bad[at] ^= 1;
        let refused = Err(Refusal::SealBroken);
        assert_eq!(open(&mut second, "eu-central-1", &bad), refused);
        let refused = Err(Refusal::SealBroken);
        assert_eq!(open(&mut second, "eu-central-1", &sealed[..at]), refused);
    }
    let refused = Err(Refusal::SealBroken);
    assert_eq!(open(&mut second, "us-east-1", &sealed), refused);
    assert_eq!(open(&mut second, "eu-central-1", &sealed), Ok(()));
    assert_eq!(open(&mut second, "eu-central-1", &sealed), Ok(()));
    assert_eq!(second.decrypt(&key, &[], &blob).unwrap(), b"text");

    let stranger = start("two");
    let error = stranger.open_domain(&region("eu-central-1"), &sealed);
    let text = error.unwrap_err().to_string();
    assert!(text.contains("sealed by root key"), "{text}");
}

/// A new domain key that was perhaps never stored wraps nothing, and the old one keeps working.
#[test]
fn a_second_domain_key_wraps_only_after_it_was_given_back() {
    let mut client = Client::new();
    let old = client.generate(binding("eu-central-1", 1));
    let sealed = client.create_domain("eu-central-1");
    let between = client.generate(binding("eu-central-1", 2));
    assert_eq!(old.wrapped.0[1..5], between.wrapped.0[1..5]);
    let command = Command::OpenDomain {
        region: &region("eu-central-1"),
        sealed: &sealed,
    };
    assert!(matches!(client.run(command), Ok(Reply::Done)));
    let new = client.generate(binding("eu-central-1", 3));
    assert_eq!(new.wrapped.0[1..5], sealed[1..5]);
    for key in [&old, &between, &new] {
        let blob = client.encrypt(key, &[], b"x").unwrap();
        assert_eq!(client.decrypt(key, &[], &blob).unwrap(), b"x");
    }
}

#[test]
fn the_material_id_depends_on_material_and_key() {
    let mut client = Client::new();
    let one = client.generate(binding("eu-central-1", 1));
    let two = client.generate(binding("eu-central-1", 1));
    assert_ne!(one.binding.material_id, two.binding.material_id);
    assert_ne!(one.binding.material_id, Hex32([0; 32]));
}

#[test]
fn a_root_key_file_that_is_missing_is_not_replaced_unless_asked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let root = |missing| Root::KeyFile {
        path: path.clone(),
        missing,
    };
    let error = Core::new(&root(IfMissing::Fail)).err().unwrap().to_string();
    assert!(error.contains("does not exist"), "{error}");
    assert!(!path.exists());
    assert!(Core::new(&root(IfMissing::Create)).is_ok());
    assert!(Core::new(&root(IfMissing::Fail)).is_ok());
}
