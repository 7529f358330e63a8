//! An import token and a transport of format version 1, made once by an independent program
//! (Python's `cryptography` and `hmac`) under the keys of the other goldens. They must open for
//! ever.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code outside of test functions"
)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use common::{Client, region};
use keystead_hsm::{Core, IfMissing, Root};
use keystead_types::{AccountId, Hex32, KeyId, KeySpec, KeyUsage, Origin, Timestamp};
use keystead_wall::{Command, KeyBinding, KeyHandle, Refusal, Reply};

const END: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks_exact(2).map(byte).collect()
}

/// A core of eu-central-1 with the root key and the domain key of the goldens.
fn client() -> Client {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let file = unhex(include_str!("golden/root-key-file-v1.hex"));
    std::fs::write(&path, file).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let root = Root::KeyFile {
        path,
        missing: IfMissing::Fail,
    };
    let core = Core::new(&root).unwrap();
    let domain = unhex(include_str!("golden/domain-key-v1.hex"));
    core.open_domain(&region("eu-central-1"), &domain).unwrap();
    Client(Arc::new(core).lane(0).unwrap())
}

fn binding(key_id: &str, origin: Origin, material_id: &str) -> KeyBinding {
    KeyBinding {
        region: region("eu-central-1"),
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::parse(key_id).unwrap(),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin,
        material_id: Hex32::parse(material_id).unwrap(),
    }
}

#[test]
fn a_token_of_version_1_opens() {
    let mut client = client();
    let target = binding(
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        Origin::External,
        &"0".repeat(64),
    );
    let token = unhex(include_str!("golden/import-token-v1.hex"));
    let encrypted = unhex(include_str!("golden/import-material-v1.hex"));
    let mut import = |now| {
        client.run(Command::ImportKey {
            target: &target,
            token: &token,
            now,
            encrypted: &encrypted,
        })
    };
    let Ok(Reply::NewKey { material_id, .. }) = import(END.plus_millis(-1)) else {
        panic!("not imported");
    };
    // The material of the other goldens.
    let expected = include_str!("golden/material-id-v1.hex").trim();
    assert_eq!(material_id.to_string(), expected);
    assert_eq!(import(END).err(), Some(Refusal::ImportTokenExpired));
}

#[test]
fn a_transport_of_version_1_opens() {
    let mut client = client();
    let id = "96affdbb70e09b8161d812bb534c8157b029e7755d702590159607895885f4b2";
    let binding = binding("mrk-1234abcd12ab34cd56ef1234567890ab", Origin::AwsKms, id);
    let transport = unhex(include_str!("golden/transport-v1.hex"));
    let adopted = client.run(Command::AdoptKey {
        binding: &binding,
        from: &region("us-east-1"),
        transport: &transport,
    });
    let Ok(Reply::NewKey {
        material_id,
        wrapped,
        public_key: None,
    }) = adopted
    else {
        panic!("{adopted:?}");
    };
    assert_eq!(material_id.to_string(), id);
    let key = KeyHandle {
        binding: &binding,
        wrapped: &wrapped,
    };
    let made = client.run(Command::GenerateDataKey {
        key,
        context: &[],
        length: 32,
        delivery: keystead_wall::Delivery::Withheld,
    });
    assert!(matches!(made, Ok(Reply::DataKey { .. })), "{made:?}");
}
