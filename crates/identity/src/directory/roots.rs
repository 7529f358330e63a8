//! Access keys of root users, in the store of a Region.

use keystead_store::Records;
use keystead_types::{AccessKeyId, Region};
use keystead_wall::Hsm;

use super::RootCredential;
use crate::DirectoryError;
use crate::limits::CREDENTIALS_PAGE;
use crate::secret::{Sealing, open_secret};

/// Reads the access keys of root users that `keystead init` and its like stored, and opens their
/// secrets. `region` is the Region of that store.
pub async fn load_root_credentials(
    records: &Records,
    hsm: &dyn Hsm,
    region: &Region,
) -> Result<Vec<RootCredential>, DirectoryError> {
    let mut found = Vec::new();
    let mut after: Option<AccessKeyId> = None;
    loop {
        let (page, more) = records
            .credentials_page(after.as_deref(), CREDENTIALS_PAGE)
            .await?;
        for (access_key_id, record) in page {
            let sealing = Sealing {
                region,
                account: record.account,
                access_key_id: &access_key_id,
            };
            let secret = open_secret(hsm, &sealing, &record.sealed_secret).await?;
            found.push(RootCredential {
                account: record.account,
                access_key_id: access_key_id.clone(),
                secret,
            });
            after = Some(access_key_id);
        }
        if !more {
            return Ok(found);
        }
    }
}
