//! Imports and replicas as the front end asks for them, and the use of what came in.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code outside of test functions"
)]

mod common;

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use common::{Client, Key, binding, region};
use keystead_types::{
    KeyId, KeySpec, KeyUsage, MacAlgorithm, Origin, Timestamp, WrappingAlgorithm, WrappingKeySpec,
};
use keystead_wall::{Command, KeyBinding, Refusal, Reply, Supply, WrappedKey};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const MATERIAL: [u8; 128] = [0x5a; 128];

fn target() -> KeyBinding {
    KeyBinding {
        key_id: KeyId::parse("mrk-1234abcd12ab34cd56ef1234567890ab").unwrap(),
        spec: KeySpec::Hmac384,
        usage: KeyUsage::GenerateVerifyMac,
        origin: Origin::External,
        ..binding("eu-central-1", 1)
    }
}

fn prepare(
    client: &mut Client,
    target: &KeyBinding,
    wrapping_spec: WrappingKeySpec,
    supply: Supply,
) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
    let command = Command::PrepareImport {
        target,
        algorithm: WrappingAlgorithm::RsaesOaepSha256,
        wrapping_spec,
        valid_to: NOW.plus_days(1),
        supply,
    };
    match client.run(command)? {
        Reply::ImportParameters { public_key, token } => Ok((public_key, token)),
        other => panic!("{other:?}"),
    }
}

fn new_key(binding: &KeyBinding, reply: Result<Reply, Refusal>) -> Key {
    match reply {
        Ok(Reply::NewKey {
            material_id,
            wrapped,
            public_key: None,
        }) => Key {
            binding: KeyBinding {
                material_id,
                ..binding.clone()
            },
            wrapped,
        },
        other => panic!("{other:?}"),
    }
}

fn mac(client: &mut Client, key: &Key) -> Vec<u8> {
    let made = client.run(Command::GenerateMac {
        key: key.handle(),
        algorithm: MacAlgorithm::HmacSha384,
        message: b"message",
    });
    match made {
        Ok(Reply::Signature(mac)) => mac,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_imported_key_serves_here_and_in_another_region() {
    let mut client = Client::new();
    client.create_domain("us-east-1");
    let target = target();
    let spec = WrappingKeySpec::Rsa2048;
    // Nothing makes keys ahead here.
    let none = prepare(&mut client, &target, spec, Supply::Prepared);
    assert_eq!(none, Err(Refusal::NonePrepared));
    // What is not served is refused before a key is taken or made for it.
    let sm2 = prepare(&mut client, &target, WrappingKeySpec::Sm2, Supply::Prepared);
    assert_eq!(sm2, Err(Refusal::InvalidArgument));
    let (public_key, token) = prepare(&mut client, &target, spec, Supply::Made).unwrap();

    let public_key = PublicEncryptingKey::from_der(&public_key).unwrap();
    let public_key = OaepPublicEncryptingKey::new(public_key).unwrap();
    let mut encrypted = vec![0; public_key.ciphertext_size()];
    public_key
        .encrypt(&OAEP_SHA256_MGF1SHA256, &MATERIAL, &mut encrypted, None)
        .unwrap();
    let import = Command::ImportKey {
        target: &target,
        token: &token,
        now: NOW,
        encrypted: &encrypted,
    };
    let key = new_key(&target, client.run(import));
    let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA384, &MATERIAL), b"message");
    assert_eq!(mac(&mut client, &key), expected.as_ref());

    let exported = client.run(Command::ExportKey {
        key: key.handle(),
        to: &region("us-east-1"),
    });
    let Ok(Reply::Sealed(transport)) = exported else {
        panic!("{exported:?}");
    };
    let there = KeyBinding {
        region: region("us-east-1"),
        ..key.binding.clone()
    };
    let adopted = client.run(Command::AdoptKey {
        binding: &there,
        from: &region("eu-central-1"),
        transport: &transport,
    });
    let replica = new_key(&there, adopted);
    assert_eq!(replica.binding, there);
    assert_eq!(mac(&mut client, &replica), expected.as_ref());
    // The primary's wrapped key is of no use in the other Region.
    let stolen = Key {
        binding: there,
        wrapped: WrappedKey(key.wrapped.0.clone()),
    };
    let refused = client.run(Command::GenerateMac {
        key: stolen.handle(),
        algorithm: MacAlgorithm::HmacSha384,
        message: b"message",
    });
    assert_eq!(refused.err(), Some(Refusal::WrappedKeyDamaged));
}
