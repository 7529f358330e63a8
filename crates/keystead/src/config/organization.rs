//! The organisation: `[organization]`.

use std::path::PathBuf;

use keystead_identity::{Guardrails, MemberAccount, Organizations};
use keystead_policy::{NamedPolicy, PolicyKind};
use keystead_types::AccountId;
use serde::Deserialize;

use super::files;

/// Accounts in units, with guardrails on every level.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Organization {
    /// `o-…`
    id: String,
    /// The account that guardrails do not touch; it stands in the tree like the others.
    management_account: String,
    /// The tree.
    root: Unit,
}

/// The root or a unit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unit {
    /// `r-…` for the root, `ou-…` for a unit.
    id: String,
    /// Accounts in it that have no guardrails of their own.
    #[serde(default)]
    accounts: Vec<String>,
    /// Files with service control policies.
    #[serde(default)]
    service_control: Vec<PathBuf>,
    /// Files with resource control policies.
    #[serde(default)]
    resource_control: Vec<PathBuf>,
    /// Whether `FullAWSAccess` is attached too.
    #[serde(default = "yes")]
    full_access: bool,
    /// Accounts in it that have.
    #[serde(default)]
    account: Vec<Account>,
    /// The units in it.
    #[serde(default)]
    unit: Vec<Unit>,
}

/// An account with guardrails of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    id: String,
    #[serde(default)]
    service_control: Vec<PathBuf>,
    #[serde(default)]
    resource_control: Vec<PathBuf>,
    #[serde(default = "yes")]
    full_access: bool,
}

fn yes() -> bool {
    true
}

/// Reads the tree and its policies.
pub(super) fn read(organization: Option<&Organization>) -> Result<Organizations, String> {
    let Some(organization) = organization else {
        return Ok(Organizations::default());
    };
    let id = &organization.id;
    if !is_id(id, "o-") {
        return Err(format!(
            "organization.id = {id:?} does not look like o-a1b2c3d4e5"
        ));
    }
    let root = &organization.root.id;
    if !is_id(root, "r-") {
        return Err(format!(
            "organization.root.id = {root:?} does not look like r-ab12"
        ));
    }
    let management_account = account(&organization.management_account)?;
    let names = Names {
        prefix: format!("arn:aws:organizations::{management_account}:policy/{id}"),
    };
    let read = keystead_identity::Organization {
        id: id.clone(),
        management_account,
        root: names.unit(&organization.root)?,
    };
    Organizations::new(&[read]).map_err(|error| error.to_string())
}

/// Source: Organizations API reference, `Id` of Organization, Root and OrganizationalUnit.
fn is_id(id: &str, prefix: &str) -> bool {
    let rest = id.strip_prefix(prefix).unwrap_or_default();
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (4..=68).contains(&rest.len()) && rest.bytes().all(good)
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(|error| format!("account {text} of the organization: {error}"))
}

/// Gives policies the ARNs by which refusals name them.
struct Names {
    prefix: String,
}

impl Names {
    fn unit(&self, unit: &Unit) -> Result<keystead_identity::Unit, String> {
        let plain = unit.accounts.iter().map(|text| {
            Ok(MemberAccount {
                account: account(text)?,
                guardrails: Guardrails::default(),
            })
        });
        let own = unit.account.iter().map(|one| {
            Ok(MemberAccount {
                account: account(&one.id)?,
                guardrails: self.guardrails(
                    &one.service_control,
                    &one.resource_control,
                    one.full_access,
                )?,
            })
        });
        let units = unit.unit.iter().map(|inner| {
            if is_id(&inner.id, "ou-") {
                return self.unit(inner);
            }
            Err(format!(
                "organization unit {:?} does not look like ou-ab12-11111111",
                inner.id
            ))
        });
        Ok(keystead_identity::Unit {
            id: unit.id.clone(),
            guardrails: self.guardrails(
                &unit.service_control,
                &unit.resource_control,
                unit.full_access,
            )?,
            accounts: plain.chain(own).collect::<Result<_, String>>()?,
            units: units.collect::<Result<_, String>>()?,
        })
    }

    fn guardrails(
        &self,
        service: &[PathBuf],
        resource: &[PathBuf],
        full_access: bool,
    ) -> Result<Guardrails, String> {
        Ok(Guardrails {
            service_control: self.policies(
                PolicyKind::ServiceControl,
                "service_control_policy",
                service,
            )?,
            resource_control: self.policies(
                PolicyKind::ResourceControl,
                "resource_control_policy",
                resource,
            )?,
            full_access,
        })
    }

    fn policies(
        &self,
        kind: PolicyKind,
        word: &str,
        paths: &[PathBuf],
    ) -> Result<Vec<NamedPolicy>, String> {
        let read = |path: &PathBuf| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{}/{word}/p-{stem}", self.prefix);
            files::policy(kind, path, &name)
        };
        paths.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> Result<Organizations, String> {
        read(Some(&toml::from_str(text).unwrap()))
    }

    #[test]
    fn a_tree_is_read_with_its_policies() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("no-deletion.json");
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:ScheduleKeyDeletion","Resource":"*"}]}"#;
        std::fs::write(&file, document).unwrap();
        let text = format!(
            "id = \"o-a1b2c3d4e5\"\nmanagement_account = \"000000000001\"\n\
             [root]\nid = \"r-ab12\"\naccounts = [\"000000000001\"]\n\
             [[root.unit]]\nid = \"ou-ab12-11111111\"\nservice_control = [\"{}\"]\naccounts = [\"000000000002\"]\n\
             [[root.unit.account]]\nid = \"000000000003\"\nfull_access = false\n",
            file.display()
        );
        let read = outcome(&text).unwrap();
        let of = |account: &str| read.membership(AccountId::parse(account).unwrap());
        assert!(of("000000000001").service_control.is_empty());
        let guarded = of("000000000002");
        assert_eq!(
            guarded.path.as_deref(),
            Some("o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/")
        );
        let names: Vec<&str> = guarded.service_control[0]
            .iter()
            .map(|one| &*one.name)
            .collect();
        let own = "arn:aws:organizations::000000000001:policy/o-a1b2c3d4e5/service_control_policy/p-no-deletion";
        assert!(names.contains(&own), "{names:?}");
        assert_eq!(of("000000000003").service_control.len(), 2);
        assert!(of("000000000009").organization.is_none());
        for (from, to, part) in [
            ("o-a1b2c3d4e5", "a1b2c3d4e5", "does not look like o-"),
            ("r-ab12", "ab12", "does not look like r-"),
            ("ou-ab12-11111111", "unit", "does not look like ou-"),
            ("\"000000000002\"", "\"2\"", "account 2"),
            ("\"000000000003\"", "\"000000000002\"", "two places"),
            ("no-deletion", "nothing", "cannot read"),
        ] {
            let error = outcome(&text.replace(from, to)).err().unwrap();
            assert!(error.contains(part), "{error}");
        }
    }
}
