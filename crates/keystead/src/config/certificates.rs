//! Roles for client certificates: `[[trust_anchor]]` and `[[certificate_role]]`.

use std::path::PathBuf;
use std::sync::Arc;

use keystead_server::{
    CertificateRole, CertificateSessions, ClientAuthority, HolderPattern,
    limits::{SESSION_DEFAULT_SECONDS, SESSION_SECONDS},
};
use keystead_types::{AccountId, Region};
use serde::Deserialize;

/// An authority whose certificates clients may show to get a session of a role.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustAnchor {
    /// Its name, also the end of its ARN: letters, digits, `-` and `_`.
    name: String,
    /// The account that it belongs to.
    account: String,
    /// Its root certificates, as PEM.
    certificates: PathBuf,
    /// Lists of revoked certificates, as PEM.
    #[serde(default)]
    revocations: Vec<PathBuf>,
}

/// Which certificates may ask for a session of a role; its trust policy decides after it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Role {
    /// The name of the trust anchor.
    trust_anchor: String,
    /// The ARN of the role.
    role_arn: String,
    /// What the certificate must say; `*` and `?` stand for any text and any character.
    common_name: Option<String>,
    organization: Option<String>,
    organizational_unit: Option<String>,
    dns_name: Option<String>,
    uri: Option<String>,
    /// The longest session, seconds.
    #[serde(default = "default_seconds")]
    max_duration_seconds: u32,
    /// Whether clients may name their sessions.
    #[serde(default)]
    accept_session_name: bool,
}

fn default_seconds() -> u32 {
    SESSION_DEFAULT_SECONDS
}

/// Authorities for the handshake, and sessions; `None` without a trust anchor.
pub(super) fn read(
    anchors: &[TrustAnchor],
    roles: &[Role],
    home: &Region,
) -> Result<(Vec<ClientAuthority>, Option<CertificateSessions>), String> {
    let mut authorities: Vec<ClientAuthority> = Vec::new();
    let mut known = Vec::new();
    for anchor in anchors {
        let name = &anchor.name;
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.is_empty() || !name.bytes().all(good) {
            return Err(format!(
                "trust_anchor.name = {name:?} is not of letters, digits, - and _"
            ));
        }
        let name: Arc<str> = Arc::from(name.as_str());
        if authorities.iter().any(|other| other.name == name) {
            return Err(format!("two trust anchors have the name {name}"));
        }
        let account = AccountId::parse(&anchor.account)
            .map_err(|error| format!("account of trust anchor {name}: {error}"))?;
        let partition = keystead_types::partition_of(home);
        known.push(keystead_server::TrustAnchor {
            name: name.clone(),
            arn: format!("arn:{partition}:rolesanywhere:{home}:{account}:trust-anchor/{name}"),
            account,
        });
        authorities.push(ClientAuthority {
            name,
            certificates: anchor.certificates.clone(),
            revocations: anchor.revocations.clone(),
        });
    }
    let roles = roles.iter().map(|role| role.read(&known));
    let roles = roles.collect::<Result<Vec<_>, _>>()?;
    let sessions = (!known.is_empty()).then(|| CertificateSessions {
        anchors: known,
        roles,
        region: home.clone(),
    });
    Ok((authorities, sessions))
}

impl Role {
    fn read(&self, anchors: &[keystead_server::TrustAnchor]) -> Result<CertificateRole, String> {
        let (name, arn) = (&self.trust_anchor, &self.role_arn);
        let mut same = anchors.iter().filter(|anchor| *anchor.name == **name);
        let anchor = same.next().ok_or_else(|| {
            format!(
                "certificate_role of {arn} names the trust anchor {name}, but no [[trust_anchor]] has this name"
            )
        })?;
        let account = arn.strip_prefix("arn:").and_then(|rest| {
            let (_, rest) = rest.split_once(":iam::")?;
            let (account, role) = rest.split_once(":role/")?;
            AccountId::parse(account).ok().filter(|_| !role.is_empty())
        });
        let account = account.ok_or_else(|| {
            format!(
                "certificate_role.role_arn = {arn:?} does not look like arn:aws:iam::111122223333:role/name"
            )
        })?;
        // STS would refuse each of its sessions.
        if account != anchor.account {
            return Err(format!(
                "certificate_role of {arn}: the role is of account {account}, its trust anchor {name} of account {}; both must be of the same account",
                anchor.account
            ));
        }
        let seconds = self.max_duration_seconds;
        if !SESSION_SECONDS.contains(&seconds) {
            return Err(format!(
                "certificate_role of {arn}: max_duration_seconds = {seconds} is not between {} and {}",
                SESSION_SECONDS.start(),
                SESSION_SECONDS.end()
            ));
        }
        Ok(CertificateRole {
            anchor: anchor.name.clone(),
            role_arn: arn.clone(),
            holder: HolderPattern {
                common_name: self.common_name.clone(),
                organization: self.organization.clone(),
                organizational_unit: self.organizational_unit.clone(),
                dns_name: self.dns_name.clone(),
                uri: self.uri.clone(),
            },
            max_seconds: seconds,
            accepts_session_name: self.accept_session_name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Both {
        #[serde(default)]
        trust_anchor: Vec<TrustAnchor>,
        #[serde(default)]
        certificate_role: Vec<Role>,
    }

    fn outcome(text: &str) -> Result<(Vec<ClientAuthority>, Option<CertificateSessions>), String> {
        let both: Both = toml::from_str(text).unwrap();
        let home = Region::parse("eu-central-1").unwrap();
        read(&both.trust_anchor, &both.certificate_role, &home)
    }

    const ANCHOR: &str = "[[trust_anchor]]\nname = \"hosts\"\naccount = \"111122223333\"\ncertificates = \"ca.pem\"\n";

    #[test]
    fn anchors_get_arns_and_roles_their_anchor() {
        assert!(outcome("").unwrap().1.is_none());
        let role = "[[certificate_role]]\ntrust_anchor = \"hosts\"\nrole_arn = \"arn:aws:iam::111122223333:role/web\"\ncommon_name = \"web-*\"\n";
        let (authorities, sessions) = outcome(&format!("{ANCHOR}{role}")).unwrap();
        let sessions = sessions.unwrap();
        assert_eq!(authorities.len(), 1);
        assert_eq!(
            sessions.anchors[0].arn,
            "arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/hosts"
        );
        assert_eq!(sessions.roles[0].max_seconds, 3600);
        for (wrong, part) in [
            (
                role.replace("\"hosts\"", "\"other\""),
                "no [[trust_anchor]] has this name",
            ),
            (role.replace(":role/web", ":user/web"), "does not look like"),
            (
                role.replace("111122223333", "444455556666"),
                "the role is of account 444455556666, its trust anchor hosts of account 111122223333",
            ),
            (format!("{role}max_duration_seconds = 60\n"), "not between"),
            (ANCHOR.to_owned(), "two trust anchors"),
        ] {
            let error = outcome(&format!("{ANCHOR}{wrong}")).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
