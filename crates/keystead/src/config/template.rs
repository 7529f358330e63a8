//! The configuration that `init` writes.

use std::path::Path;

use keystead_types::{AccountId, Region};

use super::DEFAULT_LISTEN;

/// What `init` writes for `serve`.
pub(crate) fn template(
    data_dir: &Path,
    regions: &[Region],
    account: AccountId,
    root_key: Option<&Path>,
) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let names: Vec<String> = regions
        .iter()
        .map(|region| quoted(region.as_str()))
        .collect();
    let root = root_key.map_or_else(String::new, |file| {
        format!("\n[root]\nkey_file = {}\n", quoted(&file.to_string_lossy()))
    });
    format!(
        "# Keystead. Every setting: docs/configuration.md\n\
         data_dir = {}\n\
         # The first is the home Region, which keeps the access keys.\n\
         regions = [{}]\n\n\
         [listen]\n\
         address = \"{DEFAULT_LISTEN}\"\n\n\
         # Needed to listen beyond loopback.\n\
         # [tls]\n\
         # certificate_chain = \"/etc/keystead/tls.pem\"\n\
         # private_key = \"/etc/keystead/tls.key\"\n\n\
         # Hosts with certificates of this authority may get sessions of roles.\n\
         # [[trust_anchor]]\n\
         # name = \"hosts\"\n\
         # account = \"{account}\"\n\
         # certificates = \"/etc/keystead/hosts-ca.pem\"\n\
         # [[certificate_role]]\n\
         # trust_anchor = \"hosts\"\n\
         # role_arn = \"arn:aws:iam::{account}:role/host\"\n\
         # common_name = \"*.hosts.example.com\"\n{root}",
        quoted(&data_dir.to_string_lossy()),
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Durability, File};
    use super::*;

    #[test]
    fn the_template_is_a_valid_configuration() {
        let regions = [Region::parse("eu-central-1").unwrap()];
        let account = AccountId::parse("000000000001").unwrap();
        let dir = Path::new("/srv/a \"b\"");
        let text = template(dir, &regions, account, Some(Path::new("/k/r")));
        let file: File = toml::from_str(&text).unwrap();
        assert_eq!(file.root.key_file.as_deref(), Some(Path::new("/k/r")));
        assert_eq!(file.data_dir, Path::new("/srv/a \"b\""));
        assert_eq!(file.parsed_regions().unwrap(), regions);
        assert_eq!(file.audit.durability, Durability::Write);
    }

    #[test]
    fn what_it_comments_out_is_valid_too() {
        let regions = [Region::parse("eu-central-1").unwrap()];
        let account = AccountId::parse("000000000001").unwrap();
        let text = template(Path::new("/srv"), &regions, account, None);
        let setting = |line: &str| line.contains(" = ") || line.starts_with('[');
        let uncommented: String = text
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|rest| setting(rest))
                    .unwrap_or(line)
            })
            .fold(String::new(), |all, line| all + line + "\n");
        let file: File = toml::from_str(&uncommented).unwrap();
        assert!(file.tls.is_some());
        let (authorities, sessions) = file.certificates(&regions[0]).unwrap();
        assert_eq!((authorities.len(), sessions.unwrap().roles.len()), (1, 1));
    }
}
