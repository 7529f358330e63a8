//! Secrets of access keys, sealed by the HSM process.

use keystead_types::{AccessKeyId, AccountId, Plaintext, Region};
use keystead_wall::{Command, Hsm, Receipt, Reply};

use crate::DirectoryError;

/// What a sealed secret is bound to, so that secrets cannot be exchanged in the store.
pub(crate) struct Sealing<'a> {
    pub(crate) region: &'a Region,
    pub(crate) account: AccountId,
    pub(crate) access_key_id: &'a AccessKeyId,
}

impl Sealing<'_> {
    fn label(&self) -> Vec<u8> {
        [
            b"access-key\0",
            self.account.as_str().as_bytes(),
            b"\0",
            self.access_key_id.as_bytes(),
        ]
        .concat()
    }
}

/// Seals the secret of an access key.
pub(crate) async fn seal_secret(
    hsm: &dyn Hsm,
    sealing: &Sealing<'_>,
    secret: &Plaintext,
) -> Result<Vec<u8>, DirectoryError> {
    let (sealed, _) = seal_secret_counted(hsm, sealing, secret).await?;
    Ok(sealed)
}

/// Seals the secret of an access key. With it comes the receipt of the HSM process.
pub(crate) async fn seal_secret_counted(
    hsm: &dyn Hsm,
    sealing: &Sealing<'_>,
    secret: &Plaintext,
) -> Result<(Vec<u8>, Receipt), DirectoryError> {
    let label = sealing.label();
    let command = Command::SealSecret {
        region: sealing.region,
        label: &label,
        secret,
    };
    let outcome = hsm.call(command).await?;
    match outcome.result {
        Ok(Reply::Sealed(sealed)) => Ok((sealed, outcome.receipt)),
        Ok(_) => Err(DirectoryError::Reply),
        Err(refusal) => Err(DirectoryError::Refused(refusal)),
    }
}

/// Opens the secret of an access key.
pub(crate) async fn open_secret(
    hsm: &dyn Hsm,
    sealing: &Sealing<'_>,
    sealed: &[u8],
) -> Result<Plaintext, DirectoryError> {
    let label = sealing.label();
    let command = Command::OpenSecret {
        region: sealing.region,
        label: &label,
        sealed,
    };
    let id = || sealing.access_key_id.clone();
    match hsm.call(command).await?.result {
        Ok(Reply::Plaintext(secret)) => Ok(secret),
        Ok(_) => Err(DirectoryError::Reply),
        Err(refusal) => Err(DirectoryError::Sealed(id(), refusal)),
    }
}

/// Random bytes of the HSM process.
pub(crate) async fn random(hsm: &dyn Hsm, length: u16) -> Result<Plaintext, DirectoryError> {
    let (random, _) = random_counted(hsm, length).await?;
    Ok(random)
}

/// Random bytes of the HSM process, with its receipt.
pub(crate) async fn random_counted(
    hsm: &dyn Hsm,
    length: u16,
) -> Result<(Plaintext, Receipt), DirectoryError> {
    let command = Command::GenerateRandom {
        length,
        recipient: None,
    };
    let outcome = hsm.call(command).await?;
    match outcome.result {
        Ok(Reply::Plaintext(random)) if random.len() == usize::from(length) => {
            Ok((random, outcome.receipt))
        }
        Ok(_) => Err(DirectoryError::Reply),
        Err(refusal) => Err(DirectoryError::Refused(refusal)),
    }
}

/// The text of a secret.
pub(crate) fn secret_text(id: &AccessKeyId, secret: &Plaintext) -> Result<String, DirectoryError> {
    let text = std::str::from_utf8(secret.expose());
    text.map(str::to_owned)
        .map_err(|_| DirectoryError::Damaged(id.clone()))
}
