//! Services with credentials of their own: `[[service]]`.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use keystead_identity::{AccessKey, ServiceCredential};
use keystead_types::{AccountId, Plaintext};
use serde::Deserialize;
use zeroize::Zeroizing;

/// A service that acts for accounts, with a credential of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// Its principal, such as `s3.amazonaws.com`.
    principal: String,
    /// The account that it acts for.
    account: Option<String>,
    /// The accounts that it acts for, when there are several.
    #[serde(default)]
    accounts: Vec<String>,
    /// Its access key id, 16–128 letters and digits.
    access_key_id: String,
    /// The file that holds its secret access key, of mode 0600.
    secret_file: PathBuf,
}

impl Service {
    /// Checks the names and reads the secret.
    pub(crate) fn credential(&self) -> Result<ServiceCredential, String> {
        let Self {
            principal,
            account,
            accounts,
            access_key_id,
            secret_file,
        } = self;
        let label = principal.strip_suffix(".amazonaws.com").unwrap_or_default();
        // Requests to these are ours to answer: their signatures must not be anybody's to forward.
        if matches!(label, "kms" | "iam" | "sts" | "rolesanywhere") {
            return Err(format!(
                "service principal {principal} in the configuration is Keystead itself; give the service a name of its own"
            ));
        }
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if label.is_empty() || !label.bytes().all(good) {
            return Err(format!(
                "service principal {principal} in the configuration does not look like \
                 s3.amazonaws.com"
            ));
        }
        let id_good = (16..=128).contains(&access_key_id.len())
            && access_key_id.bytes().all(|b| b.is_ascii_alphanumeric());
        if !id_good {
            return Err(format!(
                "access_key_id of service {principal} does not have 16 to 128 letters and digits"
            ));
        }
        let named = account.iter().chain(accounts).map(|account| {
            AccountId::parse(account)
                .map_err(|error| format!("account {account} of service {principal}: {error}"))
        });
        let accounts = named.collect::<Result<Vec<_>, _>>()?;
        let (&account, more_accounts) = accounts.split_first().ok_or_else(|| {
            format!(
                "service {principal} acts for no account; name one with account, or several with accounts"
            )
        })?;
        let shown = secret_file.display();
        let facts = std::fs::metadata(secret_file)
            .map_err(|error| format!("cannot read the service secret {shown}: {error}"))?;
        let mode = facts.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!(
                "the service secret {shown} has mode {mode:03o}; only its owner may have access \
                 (chmod 600)"
            ));
        }
        let text = std::fs::read_to_string(secret_file)
            .map_err(|error| format!("cannot read the service secret {shown}: {error}"))?;
        let text = Zeroizing::new(text);
        let secret = text.trim();
        if !(SERVICE_SECRET_CHARS.contains(&secret.len())) {
            return Err(format!(
                "the service secret {shown} does not have {} to {} characters",
                SERVICE_SECRET_CHARS.start(),
                SERVICE_SECRET_CHARS.end()
            ));
        }
        Ok(ServiceCredential {
            key: AccessKey {
                id: access_key_id.as_str().into(),
                secret: Plaintext::new(secret.as_bytes().to_vec()),
            },
            principal: principal.as_str().into(),
            account,
            more_accounts: more_accounts.to_vec(),
        })
    }
}

/// Length of a service's secret access key. Ours: 32 characters of base64 are 192 bits.
const SERVICE_SECRET_CHARS: std::ops::RangeInclusive<usize> = 32..=128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_need_a_private_secret_and_sound_names() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
        let mode = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let service = |principal: &str, account: &str, id: &str| Service {
            principal: principal.to_owned(),
            account: Some(account.to_owned()),
            accounts: vec!["444455556666".to_owned()],
            access_key_id: id.to_owned(),
            secret_file: file.clone(),
        };
        let (principal, account, id) = ("s3.amazonaws.com", "111122223333", "KSERVICE00000001");
        mode(0o644);
        let open = service(principal, account, id).credential();
        assert!(open.err().unwrap().contains("mode 644"));
        mode(0o600);
        let credential = service(principal, account, id).credential().unwrap();
        assert_eq!(credential.key.secret.len(), 32);
        assert_eq!(credential.account.as_str(), account);
        assert_eq!(credential.more_accounts.len(), 1);
        let nobody = Service {
            account: None,
            accounts: Vec::new(),
            ..service(principal, account, id)
        };
        assert!(nobody.credential().err().unwrap().contains("no account"));
        for wrong in [
            service("s3.example.com", account, id),
            service(principal, "1", id),
            service(principal, account, "short"),
        ] {
            assert!(wrong.credential().is_err());
        }
        std::fs::write(&file, "short").unwrap();
        for own in ["kms", "iam", "sts", "rolesanywhere"] {
            let service = service(&format!("{own}.amazonaws.com"), account, id);
            let refused = service.credential().err().unwrap();
            assert!(refused.contains("Keystead itself"), "{refused}");
        }
        assert!(service(principal, account, id).credential().is_err());
    }
}
