//! The account itself: its alias and its figures.

use keystead_api::iam::{self as api, model::SummaryKeyType};
use keystead_store::records::{AccountRecord, IdentityRecord};
use keystead_types::Fault;

use crate::asks::{Ask, Asks};
use crate::call::Call;
use crate::limits;
use crate::operation::Operation;
use crate::refusals;
use crate::scene::Scene;

fn alias_of(call: &Call<'_, '_>) -> Option<String> {
    let record = call.account().record();
    record.and_then(|record| record.alias.clone())
}

fn set_alias(call: &mut Call<'_, '_>, alias: Option<String>) -> Result<(), Fault> {
    let record = match call.account().record() {
        Some(record) => AccountRecord {
            alias,
            ..record.clone()
        },
        None => AccountRecord {
            account: call.account_id(),
            alias,
            created: call.now,
        },
    };
    call.put(IdentityRecord::Account(record))
}

/// One alias at most: a new one takes the place of the old.
impl Operation for api::CreateAccountAlias {
    fn asks(_: &Self::Input, _: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(Ask::anything().into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        if call
            .world()
            .account_by_alias(&input.account_alias)
            .is_some()
        {
            return Err(refusals::alias_exists(&input.account_alias));
        }
        set_alias(call, Some(input.account_alias.clone()))
    }
}

impl Operation for api::DeleteAccountAlias {
    fn asks(_: &Self::Input, _: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(Ask::anything().into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        if alias_of(call).as_ref() != Some(&input.account_alias) {
            return Err(refusals::no_alias(&input.account_alias));
        }
        set_alias(call, None)
    }
}

impl Operation for api::ListAccountAliases {
    fn asks(_: &Self::Input, _: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(Ask::anything().into())
    }

    fn run(_: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        Ok(api::list_account_aliases::Output {
            account_aliases: alias_of(call).into_iter().collect(),
            is_truncated: Some(false),
            marker: None,
        })
    }
}

/// What exists here and its quotas. What does not exist here, such as server certificates, is
/// zero.
impl Operation for api::GetAccountSummary {
    fn asks(_: &Self::Input, _: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(Ask::anything().into())
    }

    fn run(_: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        use SummaryKeyType as Key;
        let account = call.account();
        let versions = account.policies().map(|held| held.record.versions.len());
        let figures = [
            (Key::Users, account.users().len()),
            (Key::UsersQuota, limits::USERS_PER_ACCOUNT),
            (Key::Groups, account.groups().len()),
            (Key::GroupsQuota, limits::GROUPS_PER_ACCOUNT),
            (Key::Roles, account.roles().len()),
            (Key::RolesQuota, limits::ROLES_PER_ACCOUNT),
            (Key::Policies, account.policies().len()),
            (Key::PoliciesQuota, limits::POLICIES_PER_ACCOUNT),
            (Key::PolicyVersionsInUse, versions.sum()),
            (Key::VersionsPerPolicyQuota, limits::VERSIONS_PER_POLICY),
            (Key::PolicySizeQuota, limits::MANAGED_POLICY_CHARS),
            (Key::AssumeRolePolicySizeQuota, limits::TRUST_POLICY_CHARS),
            (Key::UserPolicySizeQuota, limits::USER_POLICY_CHARS),
            (Key::GroupPolicySizeQuota, limits::GROUP_POLICY_CHARS),
            (Key::RolePolicySizeQuota, limits::ROLE_POLICY_CHARS),
            (Key::GroupsPerUserQuota, limits::GROUPS_PER_USER),
            (Key::AccessKeysPerUserQuota, limits::ACCESS_KEYS_PER_USER),
            (Key::AttachedPoliciesPerUserQuota, limits::ATTACHED_POLICIES),
            (
                Key::AttachedPoliciesPerGroupQuota,
                limits::ATTACHED_POLICIES,
            ),
            (Key::AttachedPoliciesPerRoleQuota, limits::ATTACHED_POLICIES),
            (Key::Providers, account.providers().len()),
            (Key::ServerCertificates, 0),
            (Key::InstanceProfiles, 0),
            (Key::MFADevices, 0),
            (Key::MFADevicesInUse, 0),
            (Key::AccountMFAEnabled, 0),
            (Key::AccountPasswordPresent, 0),
            (Key::AccountSigningCertificatesPresent, 0),
        ];
        let figure = |(key, count): (Key, usize)| (key, u32::try_from(count).unwrap_or(u32::MAX));
        Ok(api::get_account_summary::Output {
            summary_map: Some(figures.into_iter().map(figure).collect()),
        })
    }
}
