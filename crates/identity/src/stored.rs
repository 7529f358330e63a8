//! The access keys of root users in the store of a Region, and the credentials of services.

use std::collections::HashMap;
use std::sync::Arc;

use keystead_sigv4::{Credential, Credentials};
use keystead_store::records::CredentialRecord;
use keystead_store::{Change, Records};
use keystead_types::{AccessKeyId, AccountId, Region, Timestamp};
use keystead_wall::Hsm;

use crate::access_key::AccessKey;
use crate::directory::{load_root_credentials, long_term};
use crate::secret::{Sealing, seal_secret, secret_text};
use crate::{Bearer, DirectoryError};

/// Access keys of root users and services, read once. Nothing changes them while the server runs.
pub struct StoredDirectory {
    known: HashMap<AccessKeyId, Arc<Credential<Arc<Bearer>>>>,
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
        for root in load_root_credentials(records, hsm, region).await? {
            let id = root.access_key_id;
            let bearer = Bearer::root(root.account, id.clone());
            known.insert(
                id.clone(),
                long_term(bearer, secret_text(&id, &root.secret)?),
            );
        }
        Ok(Self { known })
    }
}

/// The credential of a registered service.
pub struct ServiceCredential {
    /// Its access key.
    pub key: AccessKey,
    /// Its principal, such as `s3.amazonaws.com`.
    pub principal: Arc<str>,
    /// The account that it acts for, and that its own requests count for.
    pub account: AccountId,
    /// Further accounts whose callers it may act for.
    pub more_accounts: Vec<AccountId>,
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
            let id = service.key.id;
            let secret = secret_text(&id, &service.key.secret)?;
            let bearer = Bearer::service(service.principal, service.account, id.clone());
            let added = self.known.insert(id.clone(), long_term(bearer, secret));
            if added.is_some() {
                return Err(DirectoryError::Twice(id));
            }
        }
        Ok(self)
    }
}

impl Credentials<Arc<Bearer>> for StoredDirectory {
    fn find(&self, access_key_id: &str, _: Option<&[u8]>) -> Option<Arc<Credential<Arc<Bearer>>>> {
        self.known.get(access_key_id).cloned()
    }
}
