//! The directory of `keystead dev`: well-known credentials, no set-up.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use keystead_sigv4::{Credential, Credentials, Secret};
use keystead_types::{AccessKeyId, AccountId};

use crate::Bearer;

use crate::limits::DEVELOPMENT_CREDENTIALS;

/// The access key id of account 000000000000's root user, and everybody's secret.
const WELL_KNOWN: &str = "test";
/// The account of the well-known access key.
const ACCOUNT: &str = "000000000000";

/// Access key id `test` is the root user of account 000000000000; any twelve digits are the root
/// user of that account; `service_s3` is the service `s3.amazonaws.com` acting for account
/// 000000000000, and `service_s3_111122223333` the same for that account. The secret is `test`. Signatures are checked all the same. For loopback
/// only: everyone who reaches the port is everyone.
#[derive(Default)]
pub struct DevelopmentDirectory {
    known: RwLock<HashMap<AccessKeyId, Arc<Credential<Arc<Bearer>>>>>,
}

/// A service that acts for an account.
fn service(access_key_id: &str) -> Option<Credential<Arc<Bearer>>> {
    let rest = access_key_id.strip_prefix("service_")?;
    let (label, account) = rest.split_once('_').unwrap_or((rest, ACCOUNT));
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if label.is_empty() || !label.bytes().all(good) {
        return None;
    }
    let name = format!("{label}.amazonaws.com").into();
    let account = AccountId::parse(account).ok()?;
    Some(credential(Bearer::service(
        name,
        account,
        access_key_id.into(),
    )))
}

fn credential(bearer: Bearer) -> Credential<Arc<Bearer>> {
    Credential {
        identity: Arc::new(bearer),
        secret: Secret::new(WELL_KNOWN.to_owned()),
        session: None,
    }
}

impl Credentials<Arc<Bearer>> for DevelopmentDirectory {
    fn find(&self, access_key_id: &str, _: Option<&[u8]>) -> Option<Arc<Credential<Arc<Bearer>>>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(credential) = known.get(access_key_id) {
            return Some(credential.clone());
        }
        let room = known.len() < DEVELOPMENT_CREDENTIALS;
        drop(known);
        let id: AccessKeyId = access_key_id.into();
        let account = match access_key_id {
            WELL_KNOWN => ACCOUNT,
            digits => digits,
        };
        let found = match AccountId::parse(account) {
            Ok(account) => credential(Bearer::root(account, id.clone())),
            Err(_) => service(access_key_id)?,
        };
        let found = Arc::new(found);
        if room {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            return Some(known.entry(id).or_insert(found).clone());
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use keystead_types::Principal;

    use super::*;

    #[test]
    fn test_and_any_account_number_are_known_and_nothing_else() {
        let directory = DevelopmentDirectory::default();
        let account = |id| {
            directory
                .find(id, None)
                .map(|found| found.identity.caller.account.to_string())
        };
        assert_eq!(account("test").as_deref(), Some("000000000000"));
        assert_eq!(account("111122223333").as_deref(), Some("111122223333"));
        for unknown in [
            "",
            "Test",
            "11112222333",
            "1111222233334",
            "AKIAIOSFODNN7EXAMPLE",
        ] {
            assert_eq!(account(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn services_act_for_accounts() {
        let directory = DevelopmentDirectory::default();
        for (id, account) in [
            ("service_s3", "000000000000"),
            ("service_s3_111122223333", "111122223333"),
        ] {
            let credential = directory.find(id, None).unwrap();
            let caller = &credential.identity.caller;
            assert_eq!(caller.account.as_str(), account);
            let name = "s3.amazonaws.com".into();
            assert_eq!(caller.principal, Principal::Service { name });
        }
        for unknown in [
            "service_s3_",
            "service_s3_1",
            "service_",
            "service_S3",
            "s3",
            "service_s3_111122223333_1",
        ] {
            assert!(directory.find(unknown, None).is_none(), "{unknown}");
        }
    }

    #[test]
    fn one_account_has_one_credential() {
        let directory = DevelopmentDirectory::default();
        let once = directory.find("111122223333", None).unwrap();
        assert!(Arc::ptr_eq(
            &once,
            &directory.find("111122223333", None).unwrap()
        ));
    }
}
