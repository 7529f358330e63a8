//! Commands to outcomes.

use std::path::PathBuf;
use std::sync::Arc;

use keystead_types::{Plaintext, Region};
use keystead_wall::{Command, KeyHandle, Outcome, Refusal, Reply};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::arena::{Arena, Protection};
use crate::domains::{DomainError, Domains};
use crate::limits::{BLOB_MAX_BYTES, GENERATED_MAX_BYTES};
use crate::receipts::Receipts;
use crate::roots::{Ephemeral, KeyFile, RootError, RootOfTrust};
use crate::selftest::{self, SelfTestError};
use crate::symmetric::{self, Blob, Scratch};
use crate::{aead, halt, secrets, wrapping};

/// Where the root key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// A file; see `docs/formats/root-key-file.md`.
    KeyFile {
        /// Its path.
        path: PathBuf,
        /// What to do if it is not there.
        missing: IfMissing,
    },
    /// Random, in memory, lost with the process: for development without a data directory.
    Ephemeral,
}

/// What to do when there is no root key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// Make one. Only right when nothing is sealed under a root key yet.
    Create,
    /// Fail.
    Fail,
}

/// Why the core does not come up.
#[derive(Debug, Error)]
pub enum CoreError {
    /// The memory for keys could not be mapped.
    #[error("no memory for keys: {0}")]
    Memory(#[from] std::io::Error),
    /// A self-test.
    #[error(transparent)]
    SelfTest(#[from] SelfTestError),
    /// The root key.
    #[error(transparent)]
    Root(#[from] RootError),
    /// A domain key.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// Randomness for the epoch.
    #[error("the random generator failed")]
    Random,
    /// No key memory is left for a lane.
    #[error("no key memory is left for another lane")]
    Lanes,
}

/// All that the HSM process holds: arena, root of trust, domain keys.
///
/// Only the HSM process and tests may use it (invariant 1): a process that has a `Core` has
/// plaintext keys.
pub struct Core {
    arena: Arc<Arena>,
    root: Box<dyn RootOfTrust>,
    domains: Domains,
    epoch: u64,
}

impl Core {
    /// Maps the key memory, runs the self-tests and opens the root of trust. No domain key is
    /// loaded yet.
    pub fn new(root: &Root) -> Result<Self, CoreError> {
        let arena = Arena::new()?;
        selftest::run(&arena)?;
        let root = match root {
            Root::Ephemeral => Ephemeral::create(&arena)?,
            Root::KeyFile { path, missing } => match KeyFile::open(path, &arena) {
                Err(RootError::Missing(_)) if *missing == IfMissing::Create => {
                    KeyFile::create(path, &arena)?
                }
                other => other?,
            },
        };
        Self::with_root(arena, Box::new(root))
    }

    pub(crate) fn with_root(
        arena: Arc<Arena>,
        root: Box<dyn RootOfTrust>,
    ) -> Result<Self, CoreError> {
        let mut epoch = [0; 8];
        aead::random(&mut epoch).map_err(|_| CoreError::Random)?;
        Ok(Self {
            arena,
            root,
            domains: Domains::new(),
            epoch: u64::from_be_bytes(epoch),
        })
    }

    /// Loads a domain key that `CreateDomain` made. The last one loaded for a Region wraps its
    /// new keys.
    pub fn open_domain(&self, region: &Region, sealed: &[u8]) -> Result<(), DomainError> {
        self.domains
            .open(region, sealed, self.root.as_ref(), &self.arena)
    }

    /// How well the key memory is kept from others.
    pub fn protection(&self) -> Protection {
        self.arena.protection()
    }

    /// The random number of this core that its receipts carry.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A lane that runs commands of this core. `number`: for its receipts; no two lanes of a core
    /// may have the same.
    pub fn lane(self: &Arc<Self>, number: u16) -> Result<LaneCore, CoreError> {
        Ok(LaneCore {
            scratch: Scratch::new(&self.arena).ok_or(CoreError::Lanes)?,
            receipts: Receipts::new(self.epoch, number),
            core: Arc::clone(self),
        })
    }
}

/// One lane's own state: scratch memory and receipts.
pub struct LaneCore {
    core: Arc<Core>,
    scratch: Scratch,
    receipts: Receipts,
}

impl LaneCore {
    /// Runs one command and counts it.
    pub fn execute(&mut self, command: &Command<'_>) -> Outcome {
        let result = self.run(command);
        self.scratch.wipe();
        let receipt = self.receipts.count(command, &result);
        Outcome { result, receipt }
    }

    /// Nothing is known of when the next command comes: gives up what is only for the moment.
    pub fn rest(&mut self) {
        self.scratch.rest();
    }

    fn run(&mut self, command: &Command<'_>) -> Result<Reply, Refusal> {
        let core = Arc::clone(&self.core);
        let (domains, scratch) = (&core.domains, &mut self.scratch);
        match *command {
            Command::Encrypt {
                key,
                context,
                plaintext,
            } => {
                let bytes = plaintext.expose();
                symmetric::seal(domains, scratch, key, context, bytes.len(), |_, body| {
                    body.copy_from_slice(bytes);
                    Ok(())
                })
                .map(Reply::Ciphertext)
            }
            Command::Decrypt {
                key,
                context,
                ciphertext,
            } => symmetric::open(domains, scratch, key, context, ciphertext).map(Reply::Plaintext),
            Command::ReEncrypt {
                source,
                source_context,
                ciphertext,
                destination,
                destination_context,
            } => {
                let blob = Blob::parse(ciphertext, source.binding)?;
                let len = blob.plaintext_len();
                symmetric::seal(
                    domains,
                    scratch,
                    destination,
                    destination_context,
                    len,
                    |scratch, body| blob.open_into(domains, scratch, source, source_context, body),
                )
                .map(Reply::Ciphertext)
            }
            Command::GenerateDataKey {
                key,
                context,
                length,
                with_plaintext,
            } => data_key(domains, scratch, key, context, length, with_plaintext),
            Command::GenerateRandom { length } => {
                let mut out = Zeroizing::new(vec![0; generated_len(length)?]);
                aead::random(&mut out).unwrap_or_else(|_| halt());
                Ok(Reply::Plaintext(Plaintext::new(std::mem::take(&mut *out))))
            }
            Command::GenerateKey { binding } => wrapping::generate(domains, &core.arena, binding),
            Command::SealSecret {
                region,
                label,
                secret,
            } => secrets::seal(domains, region, label, secret.expose()).map(Reply::Sealed),
            Command::OpenSecret {
                region,
                label,
                sealed,
            } => secrets::open(domains, region, label, sealed).map(Reply::Plaintext),
            Command::CreateDomain { region } => domains
                .create(region, core.root.as_ref(), &core.arena)
                .map(Reply::Sealed),
            Command::OpenDomain { region, sealed } => core
                .open_domain(region, sealed)
                .map(|()| Reply::Done)
                .map_err(|error| match error {
                    DomainError::TooMany => Refusal::InvalidArgument,
                    DomainError::Root { .. } | DomainError::UnknownForm(_) => Refusal::SealBroken,
                }),
        }
    }
}

fn data_key(
    domains: &Domains,
    scratch: &mut Scratch,
    key: KeyHandle<'_>,
    context: &[u8],
    length: u16,
    with_plaintext: bool,
) -> Result<Reply, Refusal> {
    let len = generated_len(length)?;
    let mut plaintext = None;
    let ciphertext = symmetric::seal(domains, scratch, key, context, len, |_, body| {
        aead::random(body).unwrap_or_else(|_| halt());
        plaintext = with_plaintext.then(|| Plaintext::new(body.to_vec()));
        Ok(())
    })?;
    Ok(Reply::DataKey {
        ciphertext,
        plaintext,
    })
}

fn generated_len(length: u16) -> Result<usize, Refusal> {
    let len = usize::from(length);
    match (1..=GENERATED_MAX_BYTES).contains(&len) {
        true => Ok(len),
        false => Err(Refusal::InvalidArgument),
    }
}

/// The largest blob that this crate makes fits what Decrypt accepts.
const _: () = assert!(58 + 32 + 76 + crate::limits::ENCRYPT_MAX_BYTES <= BLOB_MAX_BYTES);
