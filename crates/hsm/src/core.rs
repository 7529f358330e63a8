//! What the HSM process holds, and the lanes that count what it does.

use std::path::PathBuf;
use std::sync::Arc;

use keystead_types::{KeySpec, Region};
use keystead_wall::{Command, KeyHandle, Outcome, Refusal, Supply};
use thiserror::Error;

use crate::aead;
use crate::arena::{Arena, Protection};
use crate::domains::{DomainError, Domains};
use crate::material::{self, Fresh};
use crate::parsed::{Parsed, ParsedKeys};
use crate::prepared::Prepared;
use crate::receipts::Receipts;
use crate::roots::{Ephemeral, KeyFile, RootError, RootOfTrust};
use crate::selftest::{self, SelfTestError};
use crate::symmetric::Scratch;

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

/// All that the HSM process holds: arena, root of trust, domain keys, parsed and prepared keys.
///
/// Only the HSM process and tests may use it (invariant 1): a process that has a `Core` has
/// plaintext keys.
pub struct Core {
    pub(crate) arena: Arc<Arena>,
    pub(crate) root: Box<dyn RootOfTrust>,
    pub(crate) domains: Domains,
    pub(crate) parsed: ParsedKeys,
    pub(crate) prepared: Prepared,
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
            parsed: ParsedKeys::new(),
            prepared: Prepared::new(),
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
        let result = self.core.run(&mut self.scratch, command);
        self.scratch.wipe();
        let receipt = self.receipts.count(command, &result);
        Outcome { result, receipt }
    }

    /// What the lane has counted so far.
    pub(crate) fn counter(&self) -> u64 {
        self.receipts.counter()
    }

    /// Nothing is known of when the next command comes: gives up what is only for the moment.
    pub fn rest(&mut self) {
        self.scratch.rest();
    }
}

impl Core {
    /// The parsed form of a key. Refusals: those of [`ParsedKeys::get`].
    pub(crate) fn parsed(&self, key: KeyHandle<'_>) -> Result<Arc<Parsed>, Refusal> {
        self.parsed.get(&self.domains, &self.arena, key)
    }

    /// New key material: RSA keys from those made ahead or as `supply` says, others made now.
    ///
    /// Refusals: `NonePrepared`, `UnsupportedSpec`.
    pub(crate) fn fresh(&self, spec: KeySpec, supply: Supply) -> Result<Fresh, Refusal> {
        match spec.is_rsa() {
            true => self.prepared.take(spec, supply, &self.arena),
            false => material::generate(spec, &self.arena),
        }
    }
}
