//! Files of format version 1, made once by an independent program (Python's `cryptography` and
//! `hmac`) with fixed keys and nonces. They must open for ever.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use common::{Client, Key, context, region};
use keystead_hsm::{Core, IfMissing, Root};
use keystead_types::{AccountId, Hex32, KeyId, KeySpec, KeyUsage, Origin};
use keystead_wall::{Command, KeyBinding, Reply, WrappedKey};

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| u8::from_str_radix(&char::from(byte).to_string(), 16).unwrap_or(0);
    digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, d| byte << 4 | digit(*d)))
        .collect()
}

#[test]
fn version_1_opens_from_root_key_to_plaintext() {
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
    let mut client = Client(Arc::new(core).lane(0).unwrap());

    let key = Key {
        binding: KeyBinding {
            region: region("eu-central-1"),
            account: AccountId::parse("111122223333").unwrap(),
            key_id: KeyId::parse("1234abcd-12ab-34cd-56ef-1234567890ab").unwrap(),
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            material_id: Hex32::parse(include_str!("golden/material-id-v1.hex").trim()).unwrap(),
        },
        wrapped: WrappedKey(unhex(include_str!("golden/wrapped-key-v1.hex"))),
    };
    let blob = unhex(include_str!("golden/ciphertext-v1.hex"));
    let pairs = context(&[("purpose", "golden"), ("department", "finance")]);
    assert_eq!(
        client.decrypt(&key, &pairs, &blob).unwrap(),
        b"the golden plaintext of version 1"
    );
    let sealed = unhex(include_str!("golden/secret-v1.hex"));
    let opened = client.run(Command::OpenSecret {
        region: &region("eu-central-1"),
        label: b"golden label",
        sealed: &sealed,
    });
    let Ok(Reply::Plaintext(secret)) = opened else {
        panic!("{opened:?}");
    };
    assert_eq!(secret.expose(), b"golden secret");
}
