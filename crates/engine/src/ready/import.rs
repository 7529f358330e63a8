//! What a key of origin EXTERNAL can do with its material.

use keystead_store::records::{KeyRecord, MaterialState, WrappedKeyBytes};
use keystead_types::{
    Fault, FaultKind, KeyState, MaterialId, Origin, Timestamp, WrappingAlgorithm, WrappingKeySpec,
};
use keystead_wall::{Command, Refusal, Reply, Supply};

use super::{Ready, refused, wrong_reply};
use crate::entry::NO_MATERIAL;
use crate::target::{AnyUse, OneKey};

/// What a client needs to wrap material for an import.
pub struct ImportParameters {
    /// The wrapping public key, DER SPKI.
    pub public_key: Vec<u8>,
    /// Opaque to the client.
    pub token: Vec<u8>,
}

/// Material that came out of its wrapping.
pub struct Imported {
    /// Its id: the same material under the same key always has the same.
    pub id: MaterialId,
    /// The material under the domain key.
    pub wrapped: WrappedKeyBytes,
    /// The public key of asymmetric material.
    pub public_key: Option<Vec<u8>>,
}

/// Puts an imported key in the state that its material allows: all that ever came into use must
/// be there. A key on its way out stays so, and one that is whole again is enabled.
/// Source: KMS Developer Guide, "Key states of AWS KMS keys", PendingImport.
pub fn settle_import_state(record: &mut KeyRecord) {
    use MaterialState as S;
    let mut used = record.materials.iter();
    let mut used = used
        .by_ref()
        .filter(|one| matches!(one.state, S::Current | S::NonCurrent))
        .peekable();
    let whole = used.peek().is_some() && used.all(|one| one.wrapped.is_some());
    record.state = match record.state {
        KeyState::PendingImport if whole => KeyState::Enabled,
        KeyState::Enabled | KeyState::Disabled if !whole => KeyState::PendingImport,
        other => other,
    };
}

impl Ready<'_, OneKey<AnyUse>> {
    /// Refuses keys whose material is made here.
    ///
    /// Errors: UnsupportedOperationException.
    pub fn require_external_origin(&self) -> Result<(), Fault> {
        let (arn, origin) = (self.arn_text(), self.key().origin);
        if origin == Origin::External {
            return Ok(());
        }
        Err(Fault::new(
            FaultKind::UnsupportedOperation,
            format!("{arn} origin is {origin} which is not valid for this operation."),
        ))
    }

    /// Makes a wrapping key pair and the token that belongs to it.
    pub async fn import_parameters(
        &mut self,
        algorithm: WrappingAlgorithm,
        wrapping_spec: WrappingKeySpec,
        valid_to: Timestamp,
    ) -> Result<ImportParameters, Fault> {
        let target = &self.held.binding(NO_MATERIAL);
        let command = |supply| Command::PrepareImport {
            target,
            algorithm,
            wrapping_spec,
            valid_to,
            supply,
        };
        let prepared = self.ask_raw(command(Supply::Prepared)).await?;
        let reply = match prepared {
            Err(Refusal::NonePrepared) => self.ask(command(Supply::Made)).await?,
            other => other.map_err(refused)?,
        };
        match reply {
            Reply::ImportParameters { public_key, token } => {
                Ok(ImportParameters { public_key, token })
            }
            _ => Err(wrong_reply()),
        }
    }

    /// Unwraps material.
    ///
    /// Errors: InvalidImportTokenException, ExpiredImportTokenException,
    /// InvalidCiphertextException, IncorrectKeyMaterialException.
    pub async fn import(&mut self, token: &[u8], encrypted: &[u8]) -> Result<Imported, Fault> {
        let target = &self.held.binding(NO_MATERIAL);
        let command = Command::ImportKey {
            target,
            token,
            now: self.now(),
            encrypted,
        };
        match self.ask(command).await? {
            Reply::NewKey {
                material_id,
                wrapped,
                public_key,
            } => Ok(Imported {
                id: material_id,
                wrapped: WrappedKeyBytes(wrapped.0),
                public_key,
            }),
            _ => Err(wrong_reply()),
        }
    }
}
