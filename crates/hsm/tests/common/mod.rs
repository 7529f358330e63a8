//! What the integration tests share: a core with one key, and a caller's view of it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "test code outside of test functions"
)]

use std::sync::Arc;

use keystead_hsm::{Core, LaneCore, Root};
use keystead_types::{
    AccountId, EncryptionContext, Hex32, KeyId, KeySpec, KeyUsage, Origin, Plaintext, Region,
};
use keystead_wall::{Command, KeyBinding, KeyHandle, Refusal, Reply, WrappedKey};

pub fn region(name: &str) -> Region {
    Region::parse(name).unwrap()
}

pub fn binding(region_name: &str, key: u8) -> KeyBinding {
    KeyBinding {
        region: region(region_name),
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::from_random([key; 16]),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        material_id: Hex32([0; 32]),
    }
}

pub fn context(pairs: &[(&str, &str)]) -> Vec<u8> {
    let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
    EncryptionContext::new(pairs.iter().map(owned).collect()).canonical()
}

/// A key as the store would hold it.
#[derive(Clone)]
pub struct Key {
    pub binding: KeyBinding,
    pub wrapped: WrappedKey,
}

impl Key {
    pub fn handle(&self) -> KeyHandle<'_> {
        KeyHandle {
            binding: &self.binding,
            wrapped: &self.wrapped,
        }
    }
}

pub struct Client(pub LaneCore);

impl Client {
    /// An ephemeral core with a domain key for eu-central-1.
    pub fn new() -> Self {
        let core = Arc::new(Core::new(&Root::Ephemeral).unwrap());
        let mut client = Self(core.lane(0).unwrap());
        client.create_domain("eu-central-1");
        client
    }

    pub fn run(&mut self, command: Command<'_>) -> Result<Reply, Refusal> {
        self.0.execute(&command).result
    }

    pub fn create_domain(&mut self, name: &str) -> Vec<u8> {
        match self.run(Command::CreateDomain {
            region: &region(name),
        }) {
            Ok(Reply::Sealed(sealed)) => sealed,
            other => panic!("{other:?}"),
        }
    }

    pub fn generate(&mut self, mut binding: KeyBinding) -> Key {
        match self.run(Command::GenerateKey { binding: &binding }) {
            Ok(Reply::NewKey {
                material_id,
                wrapped,
            }) => {
                binding.material_id = material_id;
                Key { binding, wrapped }
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn encrypt(&mut self, key: &Key, context: &[u8], bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        let plaintext = Plaintext::new(bytes.to_vec());
        let command = Command::Encrypt {
            key: key.handle(),
            context,
            plaintext: &plaintext,
        };
        match self.run(command)? {
            Reply::Ciphertext(blob) => Ok(blob),
            other => panic!("{other:?}"),
        }
    }

    pub fn decrypt(&mut self, key: &Key, context: &[u8], blob: &[u8]) -> Result<Vec<u8>, Refusal> {
        let command = Command::Decrypt {
            key: key.handle(),
            context,
            ciphertext: blob,
        };
        match self.run(command)? {
            Reply::Plaintext(plaintext) => Ok(plaintext.expose().to_vec()),
            other => panic!("{other:?}"),
        }
    }
}
