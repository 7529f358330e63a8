//! Versions of managed policies, and who uses a policy.

use keystead_api::iam::{self as api, model};
use keystead_identity::Account;
use keystead_store::records::{IdentityRecord, PolicyRecord, PolicyVersionRecord};
use keystead_types::{Fault, FaultKind};

use crate::asks::Asks;
use crate::call::Call;
use crate::documents;
use crate::limits::VERSIONS_PER_POLICY;
use crate::managed::{self, Managed};
use crate::operation::Operation;
use crate::paging::{self, Paging};
use crate::policies::{self, version_id};
use crate::refusals;
use crate::scene::Scene;

/// One version as answers show it; lists leave the document out.
fn shown(
    record: &PolicyRecord,
    version: &PolicyVersionRecord,
    whole: bool,
) -> model::PolicyVersion {
    model::PolicyVersion {
        document: whole.then(|| documents::encoded(&version.document)),
        version_id: Some(version_id(version.number)),
        is_default_version: Some(version.number == record.default_version),
        create_date: Some(version.created),
    }
}

/// `v12` is 12. The model's pattern allows a tail that no version here has.
fn number(id: &str) -> Option<u32> {
    id.strip_prefix('v')?.parse().ok()
}

fn place(record: &PolicyRecord, arn: &str, id: &str) -> Result<usize, Fault> {
    let wanted = number(id);
    let mut versions = record.versions.iter();
    let found = versions.position(|version| Some(version.number) == wanted);
    found.ok_or_else(|| refusals::no_policy_version(arn, id))
}

impl Operation for api::CreatePolicyVersion {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(policies::ask(scene, &input.policy_arn)?.into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let mut record = policies::find(&call.scene(), &input.policy_arn)?
            .record
            .clone();
        policies::check(&input.policy_document)?;
        if record.versions.len() >= VERSIONS_PER_POLICY {
            return Err(Fault::new(
                FaultKind::LimitExceeded,
                format!(
                    "A managed policy can have up to {VERSIONS_PER_POLICY} versions. Before you \
                     create a new version, you must delete an existing version."
                ),
            ));
        }
        let number = record.last_version.checked_add(1);
        let number = number.ok_or_else(|| Fault::internal("a policy ran out of versions"))?;
        let version = PolicyVersionRecord {
            number,
            document: input.policy_document.clone(),
            created: call.now,
        };
        record.versions.push(version.clone());
        record.last_version = number;
        record.updated = call.now;
        if input.set_as_default == Some(true) {
            record.default_version = number;
        }
        let shown = shown(&record, &version, false);
        call.put(IdentityRecord::Policy(record))?;
        Ok(api::create_policy_version::Output {
            policy_version: Some(shown),
        })
    }
}

impl Operation for api::GetPolicyVersion {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(policies::ask(scene, &input.policy_arn)?.into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let (arn, id) = (&input.policy_arn, &input.version_id);
        let found = managed::find(&call.scene(), arn)?;
        let version = match found.ok_or_else(|| refusals::no_policy(arn))? {
            Managed::Own(held) => {
                let at = place(&held.record, arn, id)?;
                let version = held.record.versions.get(at);
                version.map(|version| shown(&held.record, version, true))
            }
            Managed::Aws(policy, _) if number(id) == Some(1) => Some(model::PolicyVersion {
                document: Some(documents::encoded(policy.document)),
                version_id: Some(version_id(1)),
                is_default_version: Some(true),
                create_date: None,
            }),
            Managed::Aws(..) => return Err(refusals::no_policy_version(arn, id)),
        };
        Ok(api::get_policy_version::Output {
            policy_version: version,
        })
    }
}

impl Operation for api::ListPolicyVersions {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(policies::ask(scene, &input.policy_arn)?.into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let arn = &input.policy_arn;
        let found = managed::find(&call.scene(), arn)?;
        // The newest first, as IAM does.
        let versions: Vec<_> = match found.ok_or_else(|| refusals::no_policy(arn))? {
            Managed::Own(held) => {
                let record = &held.record;
                let newest_first = record.versions.iter().rev();
                newest_first
                    .map(|version| shown(record, version, false))
                    .collect()
            }
            Managed::Aws(..) => vec![model::PolicyVersion {
                document: None,
                version_id: Some(version_id(1)),
                is_default_version: Some(true),
                create_date: None,
            }],
        };
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: input.max_items,
        };
        let page = paging::by_place(versions, paging)?;
        Ok(api::list_policy_versions::Output {
            is_truncated: page.truncated(),
            versions: Some(page.items),
            marker: page.marker,
        })
    }
}

impl Operation for api::DeletePolicyVersion {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(policies::ask(scene, &input.policy_arn)?.into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let (arn, id) = (&input.policy_arn, &input.version_id);
        let mut record = policies::find(&call.scene(), arn)?.record.clone();
        let at = place(&record, arn, id)?;
        if number(id) == Some(record.default_version) {
            return Err(Fault::new(
                FaultKind::DeleteConflict,
                "Cannot delete the default version of a policy.",
            ));
        }
        record.versions.remove(at);
        record.updated = call.now;
        call.put(IdentityRecord::Policy(record))
    }
}

impl Operation for api::SetDefaultPolicyVersion {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(policies::ask(scene, &input.policy_arn)?.into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let (arn, id) = (&input.policy_arn, &input.version_id);
        let mut record = policies::find(&call.scene(), arn)?.record.clone();
        let at = place(&record, arn, id)?;
        let version = record.versions.get(at).map(|version| version.number);
        record.default_version = version.unwrap_or(record.default_version);
        record.updated = call.now;
        call.put(IdentityRecord::Policy(record))
    }
}

/// Who has a policy, in the order groups, roles, users.
enum UsedBy<'a> {
    Group(&'a str, &'a str),
    Role(&'a str, &'a str),
    User(&'a str, &'a str),
}

impl UsedBy<'_> {
    /// Unique in the account, so that pages can go on after it.
    fn place(&self) -> String {
        match self {
            Self::Group(name, _) => format!("group/{name}"),
            Self::Role(name, _) => format!("role/{name}"),
            Self::User(name, _) => format!("user/{name}"),
        }
    }
}

/// Which uses of a policy are asked for.
struct Wanted<'a> {
    arn: &'a str,
    path_prefix: &'a str,
    attached: bool,
    boundary: bool,
}

fn users<'a>(account: &'a Account, wanted: &Wanted<'_>, kind: Option<&str>) -> Vec<UsedBy<'a>> {
    let uses = |attached: &[String], boundary: Option<&str>, path: &str| {
        let attached = wanted.attached && attached.iter().any(|arn| arn == wanted.arn);
        let boundary = wanted.boundary && boundary == Some(wanted.arn);
        (attached || boundary) && path.starts_with(wanted.path_prefix)
    };
    let asked = |of: &str| kind.is_none_or(|kind| kind == of);
    let mut all = Vec::new();
    if asked("Group") {
        let groups = account.groups().map(|held| &held.record);
        let groups = groups.filter(|group| uses(&group.policies.attached, None, &group.path));
        all.extend(groups.map(|group| UsedBy::Group(&group.name, &group.unique_id)));
    }
    if asked("Role") {
        let roles = account.roles().map(|held| &held.record);
        let roles = roles.filter(|role| {
            uses(
                &role.policies.attached,
                role.boundary.as_deref(),
                &role.path,
            )
        });
        all.extend(roles.map(|role| UsedBy::Role(&role.name, &role.unique_id)));
    }
    if asked("User") {
        let users = account.users().map(|held| &held.record);
        let users = users.filter(|user| {
            uses(
                &user.policies.attached,
                user.boundary.as_deref(),
                &user.path,
            )
        });
        all.extend(users.map(|user| UsedBy::User(&user.name, &user.unique_id)));
    }
    all
}

impl Operation for api::ListEntitiesForPolicy {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(policies::ask(scene, &input.policy_arn)?.into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let found = managed::find(&call.scene(), &input.policy_arn)?;
        let found = found.ok_or_else(|| refusals::no_policy(&input.policy_arn))?;
        let filter = input.entity_filter.as_ref().map(|filter| filter.as_str());
        let usage = input
            .policy_usage_filter
            .as_ref()
            .map(|usage| usage.as_str());
        let managed_of = match filter {
            Some("LocalManagedPolicy") => matches!(found, Managed::Own(_)),
            Some("AWSManagedPolicy") => matches!(found, Managed::Aws(..)),
            _ => true,
        };
        let kind = filter.filter(|kind| matches!(*kind, "User" | "Role" | "Group"));
        let wanted = Wanted {
            arn: found.arn(),
            path_prefix: input.path_prefix.as_deref().unwrap_or("/"),
            attached: managed_of && usage != Some("PermissionsBoundary"),
            boundary: managed_of && usage != Some("PermissionsPolicy"),
        };
        let all = users(call.account(), &wanted, kind);
        let all = all.into_iter().map(|user| (user.place(), user));
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: input.max_items,
        };
        let page = paging::by_name(all, |(place, _)| place, paging)?;
        let mut answer = api::list_entities_for_policy::Output {
            is_truncated: page.truncated(),
            marker: page.marker,
            policy_groups: Some(Vec::new()),
            policy_roles: Some(Vec::new()),
            policy_users: Some(Vec::new()),
        };
        for (_, user) in page.items {
            match user {
                UsedBy::Group(name, id) => {
                    answer
                        .policy_groups
                        .get_or_insert_default()
                        .push(model::PolicyGroup {
                            group_name: Some(name.to_owned()),
                            group_id: Some(id.to_owned()),
                        });
                }
                UsedBy::Role(name, id) => {
                    answer
                        .policy_roles
                        .get_or_insert_default()
                        .push(model::PolicyRole {
                            role_name: Some(name.to_owned()),
                            role_id: Some(id.to_owned()),
                        });
                }
                UsedBy::User(name, id) => {
                    answer
                        .policy_users
                        .get_or_insert_default()
                        .push(model::PolicyUser {
                            user_name: Some(name.to_owned()),
                            user_id: Some(id.to_owned()),
                        });
                }
            }
        }
        Ok(answer)
    }
}
