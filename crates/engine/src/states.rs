//! The table of key state × operation. Source: KMS Developer Guide, "Key states of AWS KMS keys".

use keystead_types::{Fault, FaultKind, KeyState};

/// Rows of the table that share their answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum States {
    /// Every state works: descriptions, listings, policies, aliases going away.
    Any,
    /// Cryptography and CreateGrant: only a key that is usable now.
    Usable,
    /// All but keys on their way out: CreateAlias, tags, description.
    NotPendingDeletion,
    /// EnableKey and DisableKey.
    Switchable,
    /// CancelKeyDeletion.
    PendingDeletion,
    /// ScheduleKeyDeletion.
    Deletable,
    /// EnableKeyRotation and DisableKeyRotation.
    Rotatable,
    /// RotateKeyOnDemand.
    RotatableNow,
    /// GetKeyRotationStatus.
    RotationShown,
    /// GetPublicKey.
    PublicKey,
    /// GetParametersForImport.
    ImportPreparable,
    /// ImportKeyMaterial.
    Importable,
    /// DeleteImportedKeyMaterial.
    MaterialDeletable,
    /// ReplicateKey.
    Replicable,
}

impl States {
    /// Refuses the states in which the row does not work, with KMS's error.
    pub(crate) fn admit(self, state: KeyState, arn: &str) -> Result<(), Fault> {
        use KeyState as S;
        let leaving = matches!(state, S::PendingDeletion | S::PendingReplicaDeletion);
        let invalid = |what| {
            Err(Fault::new(
                FaultKind::KMSInvalidState,
                format!("{arn} is {what}."),
            ))
        };
        let disabled = || {
            Err(Fault::new(
                FaultKind::Disabled,
                format!("{arn} is disabled."),
            ))
        };
        let going = match state {
            S::PendingReplicaDeletion => "pending replica deletion",
            _ => "pending deletion",
        };
        let external = || {
            Err(Fault::new(
                FaultKind::UnsupportedOperation,
                format!("{arn} origin is EXTERNAL which is not valid for this operation."),
            ))
        };
        match self {
            Self::Any => Ok(()),
            Self::RotationShown => match state {
                S::PendingImport => external(),
                _ => Ok(()),
            },
            Self::MaterialDeletable => match state {
                S::Creating => invalid("creating"),
                S::Updating => invalid("updating"),
                _ => Ok(()),
            },
            Self::PendingDeletion if leaving => Ok(()),
            Self::PendingDeletion => invalid("not pending deletion"),
            _ if leaving => invalid(going),
            Self::NotPendingDeletion => Ok(()),
            Self::Deletable => match state {
                S::Updating => invalid("updating"),
                _ => Ok(()),
            },
            Self::Switchable => match state {
                S::PendingImport => invalid("pending import"),
                S::Creating => invalid("creating"),
                S::Updating => invalid("updating"),
                _ => Ok(()),
            },
            Self::Usable => match state {
                S::Enabled | S::Updating => Ok(()),
                S::Disabled => disabled(),
                S::PendingImport => invalid("pending import"),
                S::Unavailable => invalid("unavailable"),
                _ => invalid("creating"),
            },
            Self::Rotatable | Self::RotatableNow => match state {
                S::Disabled => disabled(),
                S::Creating => invalid("creating"),
                S::PendingImport if self == Self::RotatableNow => invalid("pending import"),
                S::PendingImport => external(),
                _ => Ok(()),
            },
            Self::PublicKey | Self::Importable => match state {
                S::Creating => invalid("creating"),
                S::Unavailable => invalid("unavailable"),
                _ => Ok(()),
            },
            Self::ImportPreparable => match state {
                S::Creating => invalid("creating"),
                S::Updating => invalid("updating"),
                _ => Ok(()),
            },
            Self::Replicable => match state {
                S::Enabled => Ok(()),
                S::Disabled => disabled(),
                S::PendingImport => invalid("pending import"),
                S::Updating => invalid("updating"),
                S::Unavailable => invalid("unavailable"),
                _ => invalid("creating"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:k";

    fn answer(row: States, state: KeyState) -> String {
        row.admit(state, ARN)
            .map_or_else(|fault| fault.to_string(), |()| "ok".to_owned())
    }

    /// The table of the Developer Guide, for the states in its order: Enabled, Disabled,
    /// PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable, Creating, Updating.
    #[test]
    fn the_table_is_the_guides() {
        const STATES: [KeyState; 8] = [
            KeyState::Enabled,
            KeyState::Disabled,
            KeyState::PendingDeletion,
            KeyState::PendingReplicaDeletion,
            KeyState::PendingImport,
            KeyState::Unavailable,
            KeyState::Creating,
            KeyState::Updating,
        ];
        let pd = "KMSInvalidStateException: arn:k is pending deletion.";
        let prd = "KMSInvalidStateException: arn:k is pending replica deletion.";
        let not = "KMSInvalidStateException: arn:k is not pending deletion.";
        let import = "KMSInvalidStateException: arn:k is pending import.";
        let creating = "KMSInvalidStateException: arn:k is creating.";
        let updating = "KMSInvalidStateException: arn:k is updating.";
        let unavailable = "KMSInvalidStateException: arn:k is unavailable.";
        let disabled = "DisabledException: arn:k is disabled.";
        let origin = "UnsupportedOperationException: arn:k origin is EXTERNAL which is not valid for this operation.";
        let rows = [
            (States::Any, ["ok"; 8]),
            (
                States::Usable,
                ["ok", disabled, pd, prd, import, unavailable, creating, "ok"],
            ),
            (
                States::NotPendingDeletion,
                ["ok", "ok", pd, prd, "ok", "ok", "ok", "ok"],
            ),
            (
                States::Switchable,
                ["ok", "ok", pd, prd, import, "ok", creating, updating],
            ),
            (
                States::PendingDeletion,
                [not, not, "ok", "ok", not, not, not, not],
            ),
            (
                States::Deletable,
                ["ok", "ok", pd, prd, "ok", "ok", "ok", updating],
            ),
            (
                States::Rotatable,
                ["ok", disabled, pd, prd, origin, "ok", creating, "ok"],
            ),
            (
                States::RotatableNow,
                ["ok", disabled, pd, prd, import, "ok", creating, "ok"],
            ),
            (
                States::RotationShown,
                ["ok", "ok", "ok", "ok", origin, "ok", "ok", "ok"],
            ),
            (
                States::PublicKey,
                ["ok", "ok", pd, prd, "ok", unavailable, creating, "ok"],
            ),
            (
                States::ImportPreparable,
                ["ok", "ok", pd, prd, "ok", "ok", creating, updating],
            ),
            (
                States::Importable,
                ["ok", "ok", pd, prd, "ok", unavailable, creating, "ok"],
            ),
            (
                States::MaterialDeletable,
                ["ok", "ok", "ok", "ok", "ok", "ok", creating, updating],
            ),
            (
                States::Replicable,
                [
                    "ok",
                    disabled,
                    pd,
                    prd,
                    import,
                    unavailable,
                    creating,
                    updating,
                ],
            ),
        ];
        for (row, expected) in rows {
            for (state, expected) in STATES.into_iter().zip(expected) {
                assert_eq!(answer(row, state), expected, "{row:?} in {state}");
            }
        }
    }
}
