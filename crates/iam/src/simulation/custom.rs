//! Simulations of policies that are sent, and what they ask for.

use keystead_api::iam as api;
use keystead_policy::PolicyKind;
use keystead_types::{Fault, Principal};

use crate::asks::{Ask, Asks};
use crate::call::Call;
use crate::operation::Operation;
use crate::paging::Paging;
use crate::refusals;
use crate::scene::Scene;
use crate::simulation::entries::Entries;
use crate::simulation::keys::Keys;
use crate::simulation::sources::Source;
use crate::simulation::trial::Trial;
use crate::simulation::{caller, facts, owner, resource_policy};

impl Operation for api::SimulateCustomPolicy {
    fn asks(_: &Self::Input, _: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(Ask::anything().into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let scene = call.scene();
        let (principal, unique_id) = match &input.caller_arn {
            Some(arn) => caller(&scene, arn)?,
            // Nobody in particular: no name of a user is empty.
            None if input.resource_policy.is_none() => {
                let account = call.account_id();
                let name = "".into();
                (Principal::User { account, name }, None)
            }
            None => {
                return Err(refusals::invalid(
                    "CallerArn is required when a ResourcePolicy is given.",
                ));
            }
        };
        let default_owner = principal.account().unwrap_or_else(|| call.account_id());
        let facts = match &input.caller_arn {
            Some(_) => facts(&scene, &principal, unique_id),
            None => Vec::new(),
        };
        let boundary = input.permissions_boundary_policy_input_list.as_deref();
        let boundary = boundary.map(|list| {
            Source::given(
                "PermissionsBoundaryPolicyInputList",
                PolicyKind::Identity,
                list,
            )
        });
        let levels = input.ordered_organization_policy_input_list.as_deref();
        let levels = levels.unwrap_or_default().iter().map(|level| {
            let list = level.service_control_policy_input_list.as_deref();
            let name = "ServiceControlPolicyInputList";
            Source::given(name, PolicyKind::ServiceControl, list.unwrap_or_default())
        });
        let trial = Trial {
            partition: scene.partition,
            unique_id,
            owner: owner(input.resource_owner.as_deref(), default_owner)?,
            identity: Source::given(
                "PolicyInputList",
                PolicyKind::Identity,
                &input.policy_input_list,
            )?,
            boundary: boundary.transpose()?,
            resource: resource_policy(input.resource_policy.as_deref(), &input.action_names)?,
            given_levels: levels.collect::<Result<_, Fault>>()?,
            levels: &[],
            entries: Entries::new(input.context_entries.as_deref().unwrap_or_default(), facts)?,
            principal,
        };
        let paging = Paging {
            marker: input.marker.as_deref(),
            max_items: input.max_items,
        };
        let resources = input.resource_arns.as_deref();
        let page = trial.run(&input.action_names, resources, paging)?;
        Ok(api::simulate_custom_policy::Output {
            is_truncated: page.truncated(),
            evaluation_results: Some(page.items),
            marker: page.marker,
        })
    }
}

impl Operation for api::GetContextKeysForCustomPolicy {
    fn asks(_: &Self::Input, _: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(Ask::anything().into())
    }

    fn run(input: &Self::Input, _: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let list = &input.policy_input_list;
        let sources = Source::given("PolicyInputList", PolicyKind::Identity, list)?;
        let mut keys = Keys::default();
        sources.iter().for_each(|source| keys.add(&source.document));
        Ok(api::get_context_keys_for_custom_policy::Output {
            context_key_names: Some(keys.into_names()),
        })
    }
}
