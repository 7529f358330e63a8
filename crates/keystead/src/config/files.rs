//! What a configuration refers to: files with policies.

use std::path::Path;
use std::sync::Arc;

use keystead_identity::Endpoint;
use keystead_policy::{NamedPolicy, Policy, PolicyKind};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Reads and compiles a policy. `name` is how people know it.
pub(super) fn policy(kind: PolicyKind, path: &Path, name: &str) -> Result<NamedPolicy, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the policy {shown}: {error}"))?;
    let policy = Policy::compile(kind, &text)
        .map_err(|error| format!("the policy {shown} is not valid: {error}"))?;
    Ok(NamedPolicy {
        name: Arc::from(name),
        policy: Arc::new(policy),
    })
}

/// An address of its own that stands for a VPC endpoint: whatever comes in there has
/// `aws:SourceVpce` and `aws:SourceVpc`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenEndpoint {
    /// Address and port.
    #[serde(deserialize_with = "super::listen::address")]
    address: SocketAddr,
    /// `vpce-…`
    id: String,
    /// `vpc-…`
    vpc: String,
    /// The endpoint policy; without one it lets everything through.
    policy: Option<PathBuf>,
}

impl ListenEndpoint {
    /// Checks the names and reads the policy.
    pub(super) fn listener(&self) -> Result<keystead_server::Listener, String> {
        let Self {
            address,
            id,
            vpc,
            policy: file,
        } = self;
        let good = |text: &str, prefix: &str| {
            let rest = text.strip_prefix(prefix).unwrap_or_default();
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=ENDPOINT_NAME_MAX_CHARS).contains(&rest.len()) && rest.bytes().all(fits)
        };
        if !good(id, "vpce-") {
            return Err(format!(
                "listen.endpoint.id = {id:?} does not look like vpce-0123456789abcdef0"
            ));
        }
        if !good(vpc, "vpc-") {
            return Err(format!(
                "listen.endpoint.vpc = {vpc:?} does not look like vpc-0123456789abcdef0"
            ));
        }
        let read = |path: &PathBuf| policy(PolicyKind::Endpoint, path, id);
        Ok(keystead_server::Listener {
            address: *address,
            endpoint: Some(Arc::new(Endpoint {
                id: Arc::from(id.as_str()),
                vpc: Arc::from(vpc.as_str()),
                policy: file.as_ref().map(read).transpose()?,
            })),
        })
    }
}

/// Longest name of an endpoint or VPC behind its prefix. Ours; AWS's have 17 characters.
const ENDPOINT_NAME_MAX_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Result<keystead_server::Listener, String> {
        toml::from_str::<ListenEndpoint>(text).unwrap().listener()
    }

    #[test]
    fn endpoints_have_sound_names_and_valid_policies() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("policy.json");
        let text = |id: &str, vpc: &str| {
            format!(
                "address = \"127.0.0.1:1\"\nid = \"{id}\"\nvpc = \"{vpc}\"\npolicy = \"{}\"",
                file.display()
            )
        };
        assert!(
            endpoint(&text("vpce-1", "vpc-1"))
                .unwrap_err()
                .contains("cannot read")
        );
        std::fs::write(&file, "{}").unwrap();
        assert!(
            endpoint(&text("vpce-1", "vpc-1"))
                .unwrap_err()
                .contains("not valid")
        );
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
        std::fs::write(&file, document).unwrap();
        let listener = endpoint(&text("vpce-1", "vpc-1")).unwrap();
        let endpoint_of_it = listener.endpoint.unwrap();
        assert_eq!(&*endpoint_of_it.id, "vpce-1");
        assert_eq!(&*endpoint_of_it.policy.as_ref().unwrap().name, "vpce-1");
        for (id, vpc) in [
            ("vpc-1", "vpc-1"),
            ("vpce-", "vpc-1"),
            ("vpce-1", "vpce-1"),
            ("vpce-A", "vpc-1"),
        ] {
            assert!(
                endpoint(&text(id, vpc))
                    .unwrap_err()
                    .contains("does not look like")
            );
        }
    }
}
