//! Access keys of root users, in the store of a Region.

use keystead_store::records::CredentialRecord;
use keystead_store::{Change, Records};
use keystead_types::{AccessKeyId, AccountId, Plaintext, Region, Timestamp};
use keystead_wall::Hsm;

use crate::limits::CREDENTIALS_PAGE;
use crate::secret::{Sealing, open_secret, seal_secret};
use crate::{AccessKey, DirectoryError};

/// An access key of the root user of an account, opened.
pub struct RootCredential {
    /// The account.
    pub account: AccountId,
    /// Its id.
    pub access_key_id: AccessKeyId,
    /// Its secret, 40 characters.
    pub secret: Plaintext,
}

/// Seals an access key's secret, to be stored for the root user of `account`. Gives the change that
/// stores it.
pub async fn seal_access_key(
    hsm: &dyn Hsm,
    region: &Region,
    account: AccountId,
    key: &AccessKey,
    now: Timestamp,
) -> Result<Change, DirectoryError> {
    let access_key_id = key.id.clone();
    let sealing = Sealing {
        region,
        account,
        access_key_id: &access_key_id,
    };
    let record = CredentialRecord {
        account,
        sealed_secret: seal_secret(hsm, &sealing, &key.secret).await?,
        created: now,
    };
    Ok(Change::PutCredential {
        access_key_id,
        record,
        previous: None,
    })
}

/// Seals an access key's secret and stores it for the root user of `account`.
pub async fn store_access_key(
    records: &Records,
    hsm: &dyn Hsm,
    region: &Region,
    account: AccountId,
    key: &AccessKey,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    let change = seal_access_key(hsm, region, account, key, now).await?;
    records.apply(vec![change]).await?;
    Ok(())
}

/// Reads the access keys of root users that `keystead init` and its like stored, and opens their
/// secrets. `region` is the Region of that store. One that is damaged is logged and left out: it
/// alone is refused.
///
/// Errors: the store or the HSM process fails.
pub async fn load_root_credentials(
    records: &Records,
    hsm: &dyn Hsm,
    region: &Region,
) -> Result<Vec<RootCredential>, DirectoryError> {
    let mut found = Vec::new();
    let mut after: Option<AccessKeyId> = None;
    loop {
        let (page, more) = records
            .credentials_and_damage(after.as_deref(), CREDENTIALS_PAGE)
            .await?;
        for (access_key_id, record) in page {
            after = Some(access_key_id.clone());
            let record = match record {
                Ok(record) => record,
                Err(why) => {
                    left_out(&access_key_id, &why);
                    continue;
                }
            };
            let sealing = Sealing {
                region,
                account: record.account,
                access_key_id: &access_key_id,
            };
            let secret = match open_secret(hsm, &sealing, &record.sealed_secret).await {
                Ok(secret) => secret,
                Err(error) if error.is_damage() => {
                    left_out(&access_key_id, &error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            found.push(RootCredential {
                account: record.account,
                access_key_id,
                secret,
            });
        }
        if !more {
            return Ok(found);
        }
    }
}

fn left_out(access_key_id: &AccessKeyId, why: &str) {
    tracing::error!(%access_key_id, why, "a root user's access key is damaged: it alone is refused");
}
