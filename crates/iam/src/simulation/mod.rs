//! Simulations: what would be decided, and by which statements.
//!
//! They go through the one function that decides real requests. Source: IAM API reference,
//! SimulateCustomPolicy and SimulatePrincipalPolicy.

mod custom;
mod entries;
mod keys;
mod positions;
mod principal;
mod service_access;
mod sources;
mod trial;

use keystead_policy::{NamedPrincipal, PolicyKind};
use keystead_types::{AccountId, Fault, Principal};

use crate::refusals;
use crate::scene::Scene;
use crate::simulation::sources::Source;

/// The policy of the simulated resource: a role's trust policy when only STS is asked about, else
/// one like a key's.
fn resource_policy(document: Option<&str>, actions: &[String]) -> Result<Option<Source>, Fault> {
    let is_sts = |action: &String| action.to_ascii_lowercase().starts_with("sts:");
    let kind = if !actions.is_empty() && actions.iter().all(is_sts) {
        PolicyKind::Trust
    } else {
        PolicyKind::Key
    };
    let source = |document| {
        let id = "ResourcePolicy".to_owned();
        let of = keystead_api::iam::model::PolicySourceType::Resource;
        Source::new(id, of, kind, document)
    };
    document.map(source).transpose()
}

/// `ResourceOwner`: an account's ARN or number.
///
/// Errors: InvalidInput.
fn owner(given: Option<&str>, default: AccountId) -> Result<AccountId, Fault> {
    let Some(text) = given else {
        return Ok(default);
    };
    let account = match NamedPrincipal::parse_principal_arn(text) {
        Some(NamedPrincipal::Account { account, .. }) => Some(account),
        _ => AccountId::parse(text).ok(),
    };
    account.ok_or_else(|| refusals::invalid(format!("Invalid ResourceOwner {text}.")))
}

/// `CallerArn`: the ARN of a user. Its unique id, when it is one of the account; who exists in
/// others is not told.
///
/// Errors: InvalidInput.
fn caller<'a>(scene: &Scene<'a>, arn: &str) -> Result<(Principal, Option<&'a str>), Fault> {
    match NamedPrincipal::parse_principal_arn(arn) {
        Some(NamedPrincipal::User { account, name, .. }) => {
            let last = name.rsplit('/').next().unwrap_or_default();
            let held = scene.account().user(last);
            let own = account == scene.account_id();
            let held = held.filter(|held| own && *held.path_name == *name);
            let id = held.map(|held| held.record.unique_id.as_str());
            let name = (*name).into();
            Ok((Principal::User { account, name }, id))
        }
        _ => Err(refusals::invalid(format!(
            "Invalid CallerArn {arn}: it must be the ARN of an IAM user."
        ))),
    }
}

/// What the principal itself gives a simulation, for those keys that the request does not give.
fn facts(
    scene: &Scene<'_>,
    principal: &Principal,
    unique_id: Option<&str>,
) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |key: &str, value: &str| facts.push((key.to_owned(), value.to_owned()));
    let Some(account) = principal.account() else {
        return facts;
    };
    let partition = scene.partition;
    fact("aws:PrincipalAccount", account.as_str());
    match principal {
        Principal::User { name, .. } => {
            fact("aws:PrincipalArn", &principal.arn(partition).to_string());
            fact("aws:PrincipalType", "User");
            fact("aws:username", name.rsplit('/').next().unwrap_or_default());
            unique_id.into_iter().for_each(|id| fact("aws:userid", id));
        }
        Principal::RoleSession { role, .. } => {
            let arn = format!("arn:{partition}:iam::{account}:role/{role}");
            fact("aws:PrincipalArn", &arn);
            fact("aws:PrincipalType", "AssumedRole");
        }
        Principal::Root { .. } | Principal::FederatedUser { .. } | Principal::Service { .. } => {}
    }
    facts
}
