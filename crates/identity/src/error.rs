//! Why the directory could not be read or written.

use keystead_store::StoreError;
use keystead_types::AccessKeyId;
use keystead_wall::{Refusal, WallError};
use thiserror::Error;

use crate::BadDocument;

/// Why the directory could not be read or written.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// The store failed. [`StoreError::Conflict`] means that another server changed it meanwhile
    /// and nothing happened: the next draft shows its state.
    #[error("the store of identities failed: {0}")]
    Store(#[from] StoreError),
    /// The HSM process did not answer.
    #[error("the HSM process did not answer: {0}")]
    Wall(#[from] WallError),
    /// A sealed secret does not open.
    #[error("the sealed secret of access key {0} does not open: {1}")]
    Sealed(AccessKeyId, Refusal),
    /// The HSM would not seal.
    #[error("the HSM process would not seal the secret: {0}")]
    Refused(Refusal),
    /// Two credentials have the same access key id.
    #[error("two credentials have the access key id {0}")]
    Twice(AccessKeyId),
    /// A secret is not text, or the answer was of another kind.
    #[error("access key {0} has a damaged secret")]
    Damaged(AccessKeyId),
    /// The HSM process answered another kind of reply.
    #[error("the HSM process answered another kind of reply")]
    Reply,
    /// A change of a record that is damaged in the store.
    #[error("{0} is damaged in the store and is not overwritten; restore it from a backup")]
    DamagedRecord(String),
    /// A stored policy document does not compile.
    #[error(transparent)]
    Document(#[from] BadDocument),
    /// The stored key of session tokens does not open or is damaged.
    #[error("the key of session tokens is damaged: {0}")]
    SessionKey(String),
}

impl DirectoryError {
    /// Whether the stored secret of one access key is damaged, and not the HSM process in trouble.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Sealed(_, why) => matches!(why, Refusal::SealBroken | Refusal::InvalidArgument),
            Self::Damaged(_) => true,
            _ => false,
        }
    }
}

/// Why no session was issued.
#[derive(Debug, Error)]
pub enum IssueError {
    /// Its policies and tags take too much room: so many percent of it. STS:
    /// PackedPolicyTooLarge.
    #[error("the session's policies and tags take {0} % of their room")]
    TooLarge(u32),
    /// The inline session policy does not compile.
    #[error(transparent)]
    Document(#[from] BadDocument),
    /// There is no managed policy with that ARN.
    #[error("there is no managed policy {0}")]
    NoSuchPolicy(String),
    /// The HSM process did not give what was needed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}
