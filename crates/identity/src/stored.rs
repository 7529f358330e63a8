//! The directory of `keystead serve`: access keys of the store, their secrets sealed at rest.

use std::collections::HashMap;
use std::string::FromUtf8Error;
use std::sync::Arc;

use keystead_sigv4::{Credential, Credentials, Secret};
use keystead_store::records::CredentialRecord;
use keystead_store::{Change, Records, StoreError};
use keystead_types::{AccessKeyId, AccountId, Region, Timestamp};
use keystead_wall::{Command, Hsm, Refusal, Reply, WallError};
use thiserror::Error;

use crate::Bearer;
use crate::access_key::AccessKey;
use crate::limits::CREDENTIALS_PAGE;

/// Why the directory could not be read or written.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// The store failed.
    #[error("the store of access keys failed: {0}")]
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
}

/// Access keys, read once. Nothing changes them while the server runs.
pub struct StoredDirectory {
    known: HashMap<AccessKeyId, Arc<Credential<Arc<Bearer>>>>,
}

/// What a sealed secret is bound to, so that secrets cannot be exchanged in the store.
fn label(id: &str, account: AccountId) -> Vec<u8> {
    [
        b"access-key\0",
        account.as_str().as_bytes(),
        b"\0",
        id.as_bytes(),
    ]
    .concat()
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
    let label = label(&key.id, account);
    let seal = Command::SealSecret {
        region,
        label: &label,
        secret: &key.secret,
    };
    let sealed_secret = match hsm.call(seal).await?.result {
        Ok(Reply::Sealed(sealed)) => sealed,
        Ok(_) => return Err(DirectoryError::Damaged(key.id.clone())),
        Err(refusal) => return Err(DirectoryError::Refused(refusal)),
    };
    let record = CredentialRecord {
        account,
        sealed_secret,
        created: now,
    };
    let access_key_id = key.id.clone();
    records
        .apply(vec![Change::PutCredential {
            access_key_id,
            record,
            previous: None,
        }])
        .await?;
    Ok(())
}

impl StoredDirectory {
    /// Reads all access keys and opens their secrets.
    pub async fn load(
        records: &Records,
        hsm: &dyn Hsm,
        region: &Region,
    ) -> Result<Self, DirectoryError> {
        let mut known = HashMap::new();
        let mut after: Option<AccessKeyId> = None;
        loop {
            let page = records
                .credentials_page(after.as_deref(), CREDENTIALS_PAGE)
                .await?;
            for (id, record) in page.0 {
                let credential = open(hsm, region, &id, &record).await?;
                known.insert(id.clone(), Arc::new(credential));
                after = Some(id);
            }
            if !page.1 {
                return Ok(Self { known });
            }
        }
    }
}

/// The credential of a registered service, which acts for one account.
pub struct ServiceCredential {
    /// Its access key.
    pub key: AccessKey,
    /// Its principal, such as `s3.amazonaws.com`.
    pub principal: Arc<str>,
    /// The account that it acts for.
    pub account: AccountId,
}

impl StoredDirectory {
    /// Adds the credentials of services.
    ///
    /// Errors: an access key id that is there already, by its text.
    pub fn with_services(
        mut self,
        services: Vec<ServiceCredential>,
    ) -> Result<Self, DirectoryError> {
        for service in services {
            let AccessKey { id, secret } = service.key;
            let secret = String::from_utf8(secret.expose().to_vec())
                .map_err(|_: FromUtf8Error| DirectoryError::Damaged(id.clone()))?;
            let bearer = Bearer::service(service.principal, service.account, id.clone());
            let credential = Credential {
                identity: Arc::new(bearer),
                secret: Secret::new(secret),
                session: None,
            };
            if self
                .known
                .insert(id.clone(), Arc::new(credential))
                .is_some()
            {
                return Err(DirectoryError::Twice(id));
            }
        }
        Ok(self)
    }
}

async fn open(
    hsm: &dyn Hsm,
    region: &Region,
    id: &AccessKeyId,
    record: &CredentialRecord,
) -> Result<Credential<Arc<Bearer>>, DirectoryError> {
    let account = record.account;
    let label = label(id, account);
    let command = Command::OpenSecret {
        region,
        label: &label,
        sealed: &record.sealed_secret,
    };
    let damaged = || DirectoryError::Damaged(id.clone());
    let secret = match hsm.call(command).await?.result {
        Ok(Reply::Plaintext(secret)) => {
            String::from_utf8(secret.expose().to_vec()).map_err(|_: FromUtf8Error| damaged())?
        }
        Ok(_) => return Err(damaged()),
        Err(refusal) => return Err(DirectoryError::Sealed(id.clone(), refusal)),
    };
    Ok(Credential {
        identity: Arc::new(Bearer::root(account, id.clone())),
        secret: Secret::new(secret),
        session: None,
    })
}

impl Credentials<Arc<Bearer>> for StoredDirectory {
    fn find(&self, access_key_id: &str, _: Option<&[u8]>) -> Option<Arc<Credential<Arc<Bearer>>>> {
        self.known.get(access_key_id).cloned()
    }
}
