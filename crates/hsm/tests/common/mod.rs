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
    AccountId, EncryptionAlgorithm, EncryptionContext, Hex32, KeyId, KeySpec, KeyUsage, Origin,
    Plaintext, Region,
};
use keystead_wall::{Cipher, Command, KeyBinding, KeyHandle, Refusal, Reply, Supply, WrappedKey};

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

    /// Symmetric, with a context.
    pub fn cipher<'a>(&'a self, context: &'a [u8]) -> Cipher<'a> {
        Cipher {
            key: self.handle(),
            algorithm: EncryptionAlgorithm::SymmetricDefault,
            context,
        }
    }

    /// With an algorithm, without a context.
    pub fn with(&self, algorithm: EncryptionAlgorithm) -> Cipher<'_> {
        Cipher {
            key: self.handle(),
            algorithm,
            context: &[],
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

    pub fn generate(&mut self, binding: KeyBinding) -> Key {
        self.generate_with_public(binding).0
    }

    /// A new key and its public key.
    pub fn generate_with_public(&mut self, mut binding: KeyBinding) -> (Key, Option<Vec<u8>>) {
        let command = Command::GenerateKey {
            binding: &binding,
            supply: Supply::Made,
        };
        match self.run(command) {
            Ok(Reply::NewKey {
                material_id,
                wrapped,
                public_key,
            }) => {
                binding.material_id = material_id;
                (Key { binding, wrapped }, public_key)
            }
            other => panic!("{other:?}"),
        }
    }

    /// A key of that spec and usage in eu-central-1.
    pub fn generate_of(&mut self, spec: KeySpec, usage: KeyUsage) -> Key {
        self.generate(KeyBinding {
            spec,
            usage,
            ..binding("eu-central-1", 1)
        })
    }

    pub fn encrypt(&mut self, key: &Key, context: &[u8], bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        let plaintext = Plaintext::new(bytes.to_vec());
        let command = Command::Encrypt {
            cipher: key.cipher(context),
            plaintext: &plaintext,
        };
        match self.run(command)? {
            Reply::Ciphertext(blob) => Ok(blob),
            other => panic!("{other:?}"),
        }
    }

    pub fn decrypt(&mut self, key: &Key, context: &[u8], blob: &[u8]) -> Result<Vec<u8>, Refusal> {
        let command = Command::Decrypt {
            cipher: key.cipher(context),
            ciphertext: blob,
            recipient: None,
        };
        match self.run(command)? {
            Reply::Plaintext(plaintext) => Ok(plaintext.expose().to_vec()),
            other => panic!("{other:?}"),
        }
    }
}
