//! Customer managed policies, and AWS's as far as they can be looked at.

use std::collections::HashMap;
use std::sync::Arc;

use keystead_api::iam::{self as api, model};
use keystead_identity::{Account, HeldPolicy};
use keystead_policy::Version;
use keystead_store::IdentityKind;
use keystead_store::records::{IdentityRecord, PolicyRecord, PolicyVersionRecord};
use keystead_types::{Fault, FaultKind};

use crate::asks::{Ask, Asks};
use crate::call::Call;
use crate::documents;
use crate::limits::{MANAGED_POLICY_CHARS, POLICIES_PER_ACCOUNT};
use crate::managed::{self, Managed};
use crate::operation::Operation;
use crate::paging::{self, Paging};
use crate::refusals;
use crate::scene::Scene;
use crate::tags;
use keystead_identity::{UniqueKind, new_unique_id};

/// A managed policy as a resource, by its ARN.
///
/// Errors: InvalidInput for what is no ARN of a policy.
pub(crate) fn ask(scene: &Scene<'_>, arn: &str) -> Result<Ask, Fault> {
    scene.policy_name(arn)?;
    let ask = Ask::on(arn).shown(format!("policy {arn}"));
    Ok(match scene.world.customer_policy(arn) {
        Some(held) => ask.tagged(&held.record.tags),
        None => ask,
    })
}

/// A policy that the account may change.
///
/// Errors: NoSuchEntity; AccessDenied for AWS's.
pub(crate) fn find<'a>(scene: &Scene<'a>, arn: &str) -> Result<&'a Arc<HeldPolicy>, Fault> {
    if scene.policy_name(arn)?.is_none() {
        return Err(Fault::new(
            FaultKind::AccessDenied,
            "Cannot modify AWS managed policies.",
        ));
    }
    let found = scene.world.customer_policy(arn);
    found.ok_or_else(|| refusals::no_policy(arn))
}

/// Errors: MalformedPolicyDocument; LimitExceeded.
pub(crate) fn check(document: &str) -> Result<(), Fault> {
    // First, or a longer one would be measured against what no identity policy may have.
    if documents::counted_chars(document) > MANAGED_POLICY_CHARS {
        return Err(refusals::quota("PolicySize", MANAGED_POLICY_CHARS));
    }
    let policy = documents::identity(document)?;
    if policy.version() == Version::V2008 {
        return Err(Fault::new(
            FaultKind::MalformedPolicyDocument,
            "Policy document must be version 2012-10-17 or greater.",
        ));
    }
    Ok(())
}

/// How often each managed policy is attached, and how often it is a boundary, by ARN. One pass
/// over the account.
pub(crate) struct Uses<'a> {
    counts: HashMap<&'a str, (u32, u32)>,
}

impl<'a> Uses<'a> {
    pub(crate) fn of(account: &'a Account) -> Self {
        let users = || account.users().map(|held| &held.record);
        let groups = || account.groups().map(|held| &held.record);
        let roles = || account.roles().map(|held| &held.record);
        let attached = users().flat_map(|user| &user.policies.attached);
        let attached = attached.chain(groups().flat_map(|group| &group.policies.attached));
        let attached = attached.chain(roles().flat_map(|role| &role.policies.attached));
        let boundaries = users().filter_map(|user| user.boundary.as_deref());
        let boundaries = boundaries.chain(roles().filter_map(|role| role.boundary.as_deref()));
        let mut counts: HashMap<&str, (u32, u32)> = HashMap::new();
        attached.for_each(|arn| counts.entry(arn).or_default().0 += 1);
        boundaries.for_each(|arn| counts.entry(arn).or_default().1 += 1);
        Self { counts }
    }

    /// Attachments, and uses as a boundary.
    pub(crate) fn count(&self, arn: &str) -> (u32, u32) {
        self.counts.get(arn).copied().unwrap_or_default()
    }
}

/// `v1`
pub(crate) fn version_id(number: u32) -> String {
    format!("v{number}")
}

/// A policy as answers show it. Lists leave out description and tags.
pub(crate) fn shown(policy: &Managed, uses: &Uses<'_>, whole: bool) -> model::Policy {
    let (attached, boundary) = uses.count(policy.arn());
    let mut shown = model::Policy {
        arn: Some(policy.arn().to_owned()),
        policy_name: Some(policy.name().to_owned()),
        path: Some(policy.path().to_owned()),
        attachment_count: Some(attached),
        permissions_boundary_usage_count: Some(boundary),
        is_attachable: Some(true),
        ..model::Policy::default()
    };
    match policy {
        Managed::Own(held) => {
            let record = &held.record;
            shown.policy_id = Some(record.unique_id.clone());
            shown.default_version_id = Some(version_id(record.default_version));
            shown.create_date = Some(record.created);
            shown.update_date = Some(record.updated);
            if whole {
                shown.description.clone_from(&record.description);
                shown.tags = tags::shown(&record.tags);
            }
        }
        Managed::Aws(policy, _) => {
            shown.policy_id = Some(policy.unique_id.to_owned());
            shown.default_version_id = Some(version_id(1));
            if whole {
                shown.description = Some(policy.description.to_owned());
            }
        }
    }
    shown
}

impl Operation for api::CreatePolicy {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        let path = input.path.as_deref().unwrap_or("/");
        let arn = scene.arn(&format!("policy{path}{}", input.policy_name));
        let tags = input.tags.as_deref().unwrap_or_default();
        let ask = Ask::on(arn).bringing(tags::pairs(tags));
        let tagging = ask.clone().action("iam:TagPolicy");
        let asks = Asks::from(ask);
        Ok(match tags {
            [] => asks,
            _ => asks.and(tagging),
        })
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        check(&input.policy_document)?;
        let tags = tags::given(input.tags.as_deref())?;
        let account = call.account();
        if account.policy(&input.policy_name).is_some() {
            return Err(refusals::policy_exists(&input.policy_name));
        }
        if account.policies().len() >= POLICIES_PER_ACCOUNT {
            return Err(refusals::quota("PoliciesPerAccount", POLICIES_PER_ACCOUNT));
        }
        let record = PolicyRecord {
            account: call.account_id(),
            name: input.policy_name.clone(),
            path: input.path.clone().unwrap_or_else(|| "/".to_owned()),
            unique_id: new_unique_id(call.entropy(), UniqueKind::Policy),
            created: call.now,
            updated: call.now,
            description: input.description.clone(),
            tags,
            versions: vec![PolicyVersionRecord {
                number: 1,
                document: input.policy_document.clone(),
                created: call.now,
            }],
            default_version: 1,
            last_version: 1,
        };
        call.put(IdentityRecord::Policy(record))?;
        let made = call.account().policy(&input.policy_name).cloned();
        let made = made.ok_or_else(|| Fault::internal("the new policy is not in the draft"))?;
        let policy = shown(&Managed::Own(made), &Uses::of(call.account()), true);
        Ok(api::create_policy::Output {
            policy: Some(policy),
        })
    }
}

impl Operation for api::GetPolicy {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(ask(scene, &input.policy_arn)?.into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let found = managed::find(&call.scene(), &input.policy_arn)?;
        let found = found.ok_or_else(|| refusals::no_policy(&input.policy_arn))?;
        Ok(api::get_policy::Output {
            policy: Some(shown(&found, &Uses::of(call.account()), true)),
        })
    }
}

impl Operation for api::ListPolicies {
    fn asks(_: &Self::Input, _: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(Ask::anything().shown("policy path /").into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let scope = input.scope.as_ref().map_or("All", |scope| scope.as_str());
        let usage = input
            .policy_usage_filter
            .as_ref()
            .map(|usage| usage.as_str());
        let only_attached = input.only_attached.unwrap_or(false);
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let scene = call.scene();
        let uses = Uses::of(scene.account());
        let own = scene.account().policies();
        let own = own.filter(|_| scope != "AWS").cloned().map(Managed::Own);
        let aws = managed::of_aws(&scene).filter(|_| scope != "Local");
        let wanted = own.chain(aws).filter(|policy| {
            let (attached, boundary) = uses.count(policy.arn());
            let used = match usage {
                Some("PermissionsPolicy") => attached > 0 || !only_attached,
                Some("PermissionsBoundary") => boundary > 0,
                _ => attached > 0 || boundary > 0 || !only_attached,
            };
            used && policy.path().starts_with(prefix)
        });
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: input.max_items,
        };
        // By ARN: a customer's policy may have the name of one of AWS's.
        let page = paging::by_name(wanted, Managed::arn, paging)?;
        let page = page.map(|policy| shown(&policy, &uses, false));
        Ok(api::list_policies::Output {
            is_truncated: page.truncated(),
            policies: Some(page.items),
            marker: page.marker,
        })
    }
}

impl Operation for api::DeletePolicy {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(ask(scene, &input.policy_arn)?.into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let record = find(&call.scene(), &input.policy_arn)?.record.clone();
        let conflict = |text| Err(Fault::new(FaultKind::DeleteConflict, text));
        if Uses::of(call.account()).count(&input.policy_arn) != (0, 0) {
            return conflict("Cannot delete a policy attached to entities.");
        }
        if record.versions.len() > 1 {
            return conflict(
                "This policy has more than one version. Before you delete a policy, you must \
                 delete the policy's versions. The default version is deleted with the policy.",
            );
        }
        call.remove(IdentityKind::Policy, &record.name)
    }
}
